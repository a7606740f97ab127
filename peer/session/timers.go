package session

import (
	"time"

	"socketha/peer"
)

const (
	jitterLeast = 0.10 // taken off every transmit interval at least
	jitterRange = 0.15 // and up to this much more (section 6.8.7 for a multiplier of 1)

	lockNum, lockDen  = 3, 4 // of our interval: from then on a heartbeat is answered at once
	overdueTenths     = 11   // of the interval: from then on the peer is asked
	probesPerInterval = 4    // asking
	lateParts         = 4    // of the interval: a call later than one part is an own stall
	maxSuspicions     = 5    // own stalls believed without a heartbeat in between

	firstRepeat = peer.MinInterval // before what is said on a new path is said again; doubling

	formerLifeIgnored = time.Second // what is still heard of it afterwards is alive

	rttIntervals       = 10 // between round-trip measurements, but at least
	rttEvery           = 10 * time.Second
	forgottenPollAfter = time.Second // a Final that long overdue is lost
)

// txInterval is what we send at, before jitter: section 6.8.2, and 6.8.3 while
// not Up.
func (s *Session) txInterval() time.Duration {
	interval := s.cfg.Timers.DesiredTx
	if s.heard {
		interval = max(interval, s.remote.Timers.RequiredRx)
	}
	if s.state != peer.StateUp {
		interval = max(interval, s.cfg.SlowTx)
	}
	return interval
}

// rxInterval is the longest pause the peer makes.
func (s *Session) rxInterval() time.Duration {
	return max(s.cfg.Timers.RequiredRx, s.remote.Timers.DesiredTx)
}

// detectTime is section 6.8.4; 0 before the peer was heard.
func (s *Session) detectTime() time.Duration {
	return s.rxInterval() * time.Duration(s.remote.Timers.DetectMult)
}

func (s *Session) due(t time.Time) bool { return !t.IsZero() && !s.now.Before(t) }

// runTimers deals with all that is due. Each branch moves its own timer on or
// stops it, so that the next deadline always lies ahead.
func (s *Session) runTimers() {
	if s.due(s.detectAt) {
		s.expire()
	}
	if s.due(s.probeAt) {
		s.urge = beat
		s.flags |= peer.FlagPoll
		s.probeAt = s.now.Add(s.probeInterval())
	}
	if s.due(s.nextTx) {
		s.urge = beat
	}
}

// armTx sets the next transmission after one has been made.
func (s *Session) armTx() {
	if s.state == peer.StateAdminDown {
		s.nextTx = time.Time{}
		if s.copies > 0 {
			s.nextTx = s.now.Add(stopSpacing)
		}
		return
	}
	s.nextTx = s.now.Add(s.jittered(s.pause()))
}

// pause returns the interval before the next heartbeat. On a new path it starts short
// and doubles until both sides are known to be Up, since any heartbeat of the handshake
// may be lost, and waiting for the slow interval each time would take seconds. Section
// 6.8.3 slows down a session that is not Up to spare a path that leads nowhere; this one
// has just been proven by the peer's certificate, and the hurry is over within two seconds.
func (s *Session) pause() time.Duration {
	interval, hurry := s.txInterval(), s.hurry
	if hurry == 0 || hurry >= interval {
		s.hurry = 0
		return interval
	}
	s.hurry *= 2
	return hurry
}

// settle ends the hurry once both sides are known to be Up.
func (s *Session) settle() {
	if s.hurry != 0 && s.state == peer.StateUp && s.remote.State == peer.StateUp {
		s.hurry = 0
		s.nextTx = s.lastTx.Add(s.jittered(s.txInterval()))
	}
}

func (s *Session) jittered(interval time.Duration) time.Duration {
	j := s.cfg.Jitter()
	if !(j >= 0 && j <= 1) { // also refuses NaN
		j = 0
	}
	return time.Duration(float64(interval) * (1 - jitterLeast - jitterRange*j))
}

// hurryTx pulls the next transmission forward when the peer's heartbeat has
// shortened the interval.
func (s *Session) hurryTx() {
	latest := s.lastTx.Add(s.txInterval() * 9 / 10)
	if s.nextTx.After(latest) {
		s.nextTx = latest
	}
}

// armDetect starts the silence anew.
func (s *Session) armDetect() {
	s.suspicions = 0
	s.detectAt = s.now.Add(s.detectTime())
	s.probeAt = time.Time{}
	if s.state == peer.StateUp {
		s.probeAt = s.now.Add(s.rxInterval() * overdueTenths / 10)
	}
}

// suspectOwnStall looks whether this call comes so late that the silence may be
// our own fault. Then the peer is asked, and judged one interval from now at
// the earliest.
func (s *Session) suspectOwnStall() {
	if s.deadline.IsZero() || s.now.Sub(s.deadline) <= s.rxInterval()/lateParts {
		return
	}
	s.count.Stalls++
	hold := s.now.Add(s.rxInterval())
	if s.detectAt.IsZero() || !s.detectAt.Before(hold) || s.suspicions >= maxSuspicions {
		return
	}
	s.suspicions++
	s.detectAt = hold // the probes are overdue by then, so the peer is asked at once
}

// earliest is the next time at which there is something to do.
func (s *Session) earliest() time.Time {
	next := s.detectAt
	if s.path {
		next = sooner(next, s.probeAt)
		next = sooner(next, s.nextTx)
	}
	return next
}

// sooner returns the earlier of two times, a zero one meaning never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// probeInterval is how long to wait for an answer before asking again: a quarter
// of the interval, and half of that while the verdict is less than an interval
// away. The contract asks every quarter; the denser end takes false alarms under
// 20 % loss from 36 in 100 hours to 1, at the same detection time, and costs
// nothing while heartbeats come.
func (s *Session) probeInterval() time.Duration {
	every := s.rxInterval() / probesPerInterval
	if s.detectAt.Sub(s.now) <= s.rxInterval() {
		every /= 2
	}
	return every
}
