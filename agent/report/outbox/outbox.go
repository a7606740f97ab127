package outbox

import (
	"errors"
	"fmt"
	"time"

	"socketha/agent/report/schema"
	"socketha/peer"
)

// Timing.
const (
	DefaultCadence = 300 * time.Second

	// MaxAge is how old content may be to be sent again as it is.
	MaxAge = 30 * time.Second

	MaxBackoff    = 10 * time.Minute
	MaxRetryAfter = time.Hour

	jitter    = 0.2             // of the cadence, both ways
	firstWait = 2 * time.Second // upper end of the first back-off

	changeBurst, changeEvery = 16, 10 * time.Second
	raiseBurst, raiseEvery   = 4, time.Hour // each is a write to flash

	// maxForeign bounds the counters that a 409 can push us to, so that no answer
	// can use the numbers up.
	maxForeign = 1 << 52
)

// Config is what an outbox starts with.
type Config struct {
	Epoch   uint64         // of this start, from 1
	Cadence time.Duration  // between reports when nothing changes, schema.MinCadence to schema.MaxCadence
	Random  func() float64 // uniform in [0, 1)

	Saved Saved         // of the life before; zero if there is none
	Away  time.Duration // since Saved was made; 0: not known
}

// Counters count since the start, and Dropped also what was dropped before it.
type Counters struct {
	Delivered uint64
	Failed    uint64 // attempts that are made again
	Refused   uint64 // reports that the server will never take
	Conflicts uint64 // attempts answered with 409
	Dropped   uint64 // states of which the server was never told
}

// Attempt is a report to be sent now.
type Attempt struct {
	schema.Position
	Cause  schema.Cause
	NextIn time.Duration // until the next report, in whole seconds

	// Again says that the content sent last is to be sent again, unchanged.
	Again bool
}

// Box is the outbox. It has one owner.
type Box struct {
	cfg      Config
	cadence  time.Duration // in force
	position schema.Position
	counters Counters

	newest string       // meaning of the newest state
	owed   bool         // the server has not been told of it
	why    schema.Cause // cause of the report that is due; "" if none is

	periodic  time.Time // when the next one is due if nothing changes
	notBefore time.Time // the end of a back-off
	wished    bool      // notBefore is a wish of the server's
	failures  int       // in a row
	conflicts int       // in a row

	changes, raises bucket

	last      content // as sent last; sent again if nothing is newer
	flying    bool
	attempted bool // an attempt has ended
	delivered time.Time
}

// content identifies what was sent.
type content struct {
	attempt Attempt
	meaning string
	made    time.Time
	owed    bool // the server had not been told of it
}

// New returns an outbox that owes the report of the start.
func New(now time.Time, cfg Config) (*Box, error) {
	switch {
	case cfg.Epoch < 1 || cfg.Epoch > schema.MaxCounter:
		return nil, fmt.Errorf("outbox: epoch %d, accepted: 1 to %d", cfg.Epoch, int64(schema.MaxCounter))
	case cfg.Cadence < schema.MinCadence || cfg.Cadence > schema.MaxCadence:
		return nil, fmt.Errorf("outbox: cadence %v, accepted: %v to %v", cfg.Cadence, schema.MinCadence, schema.MaxCadence)
	case cfg.Random == nil:
		return nil, errors.New("outbox: no source of chance")
	}
	b := &Box{
		cfg: cfg, cadence: cfg.Cadence,
		position: schema.Position{Epoch: cfg.Epoch},
		why:      schema.CauseStart,
		periodic: now,
		changes:  bucket{size: changeBurst, every: changeEvery},
		raises:   bucket{size: raiseBurst, every: raiseEvery},
	}
	b.restore(now)
	return b, nil
}

// Observe says what the state means now. A state that replaces one the server was
// never told of counts the latter as dropped.
func (b *Box) Observe(meaning string) {
	if meaning == b.newest {
		return
	}
	// What is on its way may still arrive; its end decides.
	if b.owed && b.newest != "" && (!b.flying || b.last.meaning != b.newest) {
		b.counters.Dropped++
	}
	b.newest, b.owed = meaning, true
	if b.why == "" || b.why == schema.CausePeriodic {
		b.why = schema.CauseChange
	}
}

// due returns when the next attempt is to be made.
func (b *Box) due(now time.Time) time.Time {
	at := b.periodic
	switch b.why {
	case schema.CauseChange:
		at = b.changes.ready(now)
	case schema.CauseStart, schema.CausePeriodic:
		at = now
	}
	if at.Before(b.notBefore) {
		return b.notBefore
	}
	return at
}

// Due reports whether an attempt is to be made now.
func (b *Box) Due(now time.Time) bool { return !b.flying && !b.due(now).After(now) }

// NextDeadline returns when to come again though nothing happened: for the next
// attempt, or because time makes us disconnected.
func (b *Box) NextDeadline(now time.Time) time.Time {
	var next time.Time
	if !b.flying {
		next = b.due(now)
	}
	if b.State(now) == peer.UpstreamConnected {
		if end := b.delivered.Add(2 * b.cadence); next.IsZero() || end.Before(next) {
			next = end
		}
	}
	return next
}

// Take begins an attempt with the state as it is now. The caller sends it and says
// how it ended; until then nothing is due.
func (b *Box) Take(now time.Time, meaning string) Attempt {
	b.Observe(meaning)
	if b.why == "" {
		b.why = schema.CausePeriodic
	}
	if b.why == schema.CauseChange {
		b.changes.take(now)
	}
	b.flying = true
	if l := &b.last; l.attempt.Seq != 0 && l.meaning == meaning && now.Sub(l.made) <= MaxAge {
		l.attempt.Again = true
		return l.attempt
	}
	b.position.Seq++
	b.last = content{
		attempt: Attempt{Position: b.position, Cause: b.why, NextIn: b.interval()},
		meaning: meaning, made: now, owed: b.owed,
	}
	return b.last.attempt
}

// interval draws the time to the next report, in whole seconds.
func (b *Box) interval() time.Duration {
	f := 1 - jitter + 2*jitter*b.cfg.Random()
	return time.Duration(float64(b.cadence) * f).Round(time.Second)
}

// Delivered ends an attempt that was acknowledged. cadence is the server's wish, 0 if
// it has none.
func (b *Box) Delivered(now time.Time, cadence time.Duration) {
	b.land()
	b.counters.Delivered++
	b.delivered = now
	b.failures, b.conflicts = 0, 0
	b.notBefore, b.wished = time.Time{}, false
	next := b.last.attempt.NextIn
	if cadence == 0 {
		cadence = b.cfg.Cadence
	}
	if cadence != b.cadence {
		b.cadence = cadence
		next = b.interval()
	}
	b.periodic = now.Add(next)
	if b.last.meaning == b.newest {
		b.owed, b.why = false, ""
	} else {
		b.why = schema.CauseChange
	}
	b.last = content{}
}

// Failed ends an attempt that may be made again, not before retryAfter (0: the server
// said nothing of it).
func (b *Box) Failed(now time.Time, retryAfter time.Duration) {
	b.land()
	b.counters.Failed++
	b.superseded()
	b.backOff(now, retryAfter)
}

func (b *Box) backOff(now time.Time, retryAfter time.Duration) {
	b.failures++
	limit := min(MaxBackoff, firstWait<<min(b.failures-1, 20))
	wait := time.Duration(b.cfg.Random() * float64(limit))
	b.wished = retryAfter > 0
	b.notBefore = now.Add(max(0, min(retryAfter, MaxRetryAfter)) + wait)
}

// Refused ends an attempt whose report the server will not take, whenever it comes.
func (b *Box) Refused(now time.Time, retryAfter time.Duration) {
	b.land()
	b.counters.Refused++
	b.failures, b.conflicts = 0, 0
	b.superseded()
	if b.last.meaning == b.newest {
		if b.owed {
			b.counters.Dropped++
		}
		b.owed, b.why = false, ""
	} else {
		b.why = schema.CauseChange
	}
	b.periodic = now.Add(b.interval())
	b.notBefore, b.wished = now.Add(max(0, min(retryAfter, MaxRetryAfter))), retryAfter > 0
	b.last = content{}
}

// Conflict ends an attempt that was answered with the last position the server has
// taken. With raise it asks for an epoch above last.Epoch, made durable: call
// Raised, or Unraised if there is none; until then nothing is due. The error says that the answer makes no
// sense, or comes too often; the attempt has then failed.
func (b *Box) Conflict(now time.Time, last schema.Position) (raise bool, err error) {
	sent := b.last.attempt.Position
	switch {
	case !last.Valid(), sent.Above(last), last.Epoch > maxForeign:
		b.Failed(now, 0)
		return false, fmt.Errorf("409 with epoch %d, seq %d as the last one makes no sense after epoch %d, seq %d",
			last.Epoch, last.Seq, sent.Epoch, sent.Seq)
	}
	b.attempted = true
	b.counters.Conflicts++
	b.superseded()
	b.conflicts++
	b.last = content{} // a higher number is another content
	if last.Epoch == b.position.Epoch && last.Seq < maxForeign {
		b.position.Seq = last.Seq
		b.again(now)
		return false, nil
	}
	if b.raises.ready(now).After(now) {
		b.Unraised(now)
		return false, errors.New("409 asks for a higher epoch too often")
	}
	b.raises.take(now)
	return true, nil
}

// again goes on after a conflict: at once, unless it is one of several in a row.
func (b *Box) again(now time.Time) {
	b.flying = false
	if b.conflicts > 1 {
		b.backOff(now, 0)
	}
}

// Raised tells the epoch that Conflict asked for.
func (b *Box) Raised(now time.Time, epoch uint64) error {
	if epoch <= b.position.Epoch || epoch > schema.MaxCounter {
		b.Unraised(now)
		return fmt.Errorf("epoch %d after %d, accepted: above it and at most %d", epoch, b.position.Epoch, int64(schema.MaxCounter))
	}
	b.position = schema.Position{Epoch: epoch}
	b.again(now)
	return nil
}

// Unraised says that there is no higher epoch now.
func (b *Box) Unraised(now time.Time) {
	b.flying = false
	b.counters.Failed++
	b.backOff(now, 0)
}

// land ends an attempt.
func (b *Box) land() { b.flying, b.attempted = false, true }

// superseded counts what was on its way, did not arrive, and is not the newest.
func (b *Box) superseded() {
	if b.last.meaning != b.newest && b.last.owed {
		b.counters.Dropped++
	}
}

// State is how this Socket stands with its cloud: connected when the last report was
// delivered within two cadences, unknown until the first attempt has ended.
func (b *Box) State(now time.Time) peer.UpstreamState {
	switch {
	case !b.attempted:
		return peer.UpstreamUnknown
	case !b.delivered.IsZero() && now.Sub(b.delivered) < 2*b.cadence:
		return peer.UpstreamConnected
	}
	return peer.UpstreamDisconnected
}

// Counters returns the counters.
func (b *Box) Counters() Counters { return b.counters }

// Queued returns how many reports wait or are on their way: 0 or 1.
func (b *Box) Queued() uint64 {
	if b.why != "" || b.flying {
		return 1
	}
	return 0
}

// Cadence returns the cadence in force.
func (b *Box) Cadence() time.Duration { return b.cadence }

// LastDelivered returns when a report was acknowledged last; zero if none was.
func (b *Box) LastDelivered() time.Time { return b.delivered }

// Position returns the position of the newest content; Seq is 0 before the first.
func (b *Box) Position() schema.Position { return b.position }

// bucket grants size things in a row, then one each every.
type bucket struct {
	size  int
	every time.Duration
	full  time.Time // when all are there again
}

// ready returns when the next one may be taken, now or later.
func (b *bucket) ready(now time.Time) time.Time {
	if at := b.full.Add(-time.Duration(b.size-1) * b.every); at.After(now) {
		return at
	}
	return now
}

// take takes one.
func (b *bucket) take(now time.Time) {
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(b.every)
}
