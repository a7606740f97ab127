package beacon

import "time"

// Times between beacons; searching and settled ones are jittered.
const (
	searchInterval  = time.Second
	settledInterval = 30 * time.Second

	// catchUpAfter is how long after the last beacon to the group the next one
	// goes out when answers had to be withheld.
	catchUpAfter = 200 * time.Millisecond
)

// burst holds the pauses after the first beacons: they go out at 0, 40 and
// 120 ms.
var burst = [...]time.Duration{40 * time.Millisecond, 80 * time.Millisecond}

// pace says when the next beacon to the group is due, and whether it is to
// solicit. It is pure: time comes as an argument.
type pace struct {
	spread  func() float64 // in [0, 1)
	settled bool
	early   int // beacons of the burst that are sent; len(burst)+1 when it is over
	last    time.Time
	next    time.Time
}

// begin starts a burst.
func (p *pace) begin(now time.Time) { p.early, p.next = 0, now }

// sent notes that the beacon that was due went out.
func (p *pace) sent(now time.Time) {
	p.last = now
	if p.early < len(burst) {
		p.next = now.Add(burst[p.early])
		p.early++
		return
	}
	p.early = len(burst) + 1
	p.next = now.Add(p.interval())
}

// solicits reports whether the next beacon asks for answers.
func (p *pace) solicits() bool { return !p.settled || p.early <= len(burst) }

// settle says whether the session is up. Its loss begins a burst.
func (p *pace) settle(now time.Time, settled bool) {
	if settled == p.settled {
		return
	}
	p.settled = settled
	if !settled {
		p.begin(now)
		return
	}
	p.early = len(burst) + 1
	p.next = now.Add(p.interval())
}

// catchUp brings the next beacon forward, because somebody waits for it.
func (p *pace) catchUp() {
	if soon := p.last.Add(catchUpAfter); soon.Before(p.next) {
		p.next = soon
	}
}

// interval is the regular one less 10 to 25 %, so that two Sockets do not keep
// in step (RFC 5880 section 6.8.7).
func (p *pace) interval() time.Duration {
	interval := searchInterval
	if p.settled {
		interval = settledInterval
	}
	return interval - time.Duration((0.10+0.15*p.spread())*float64(interval))
}

// bucket is a token bucket: burst at once, then rate a second.
type bucket struct {
	rate, burst float64
	tokens      float64
	at          time.Time // zero: full
}

// take reports whether there is a token, and takes it.
func (b *bucket) take(now time.Time) bool {
	if b.at.IsZero() {
		b.tokens, b.at = b.burst, now
	} else if passed := now.Sub(b.at); passed > 0 {
		b.tokens, b.at = min(b.burst, b.tokens+passed.Seconds()*b.rate), now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
