package session

import (
	"slices"
	"time"

	"socketha/peer"
)

// receive takes in one heartbeat (section 6.8.6).
func (s *Session) receive(hb *Heartbeat) {
	if why := s.screen(hb); why != 0 {
		s.act(Action{Kind: Ignored, Why: why})
		return
	}
	if hb.YourDiscriminator != 0 && hb.YourDiscriminator != s.cfg.Discriminator {
		// Meant for our own former life. The path is authenticated, so the sender is
		// our peer all the same; it just does not hear us yet, as if it were Down.
		// (Section 6.8.6 discards here, because it has many sessions to choose from.)
		hb.YourDiscriminator, hb.State = 0, min(hb.State, peer.StateDown)
	}
	newLife := s.adopt(hb)
	s.count.Received++
	s.lastRx = s.now
	s.answer(hb)
	s.apply(hb, newLife)
	s.armDetect()
	s.settle()
	s.hurryTx()
}

// screen returns why hb must not be believed, 0 if it may be.
func (s *Session) screen(hb *Heartbeat) Why {
	switch {
	case s.state == peer.StateAdminDown:
		s.confirmStop(hb)
		return s.refuse(WhyHeld)
	case !valid(hb):
		return s.refuse(WhyInvalid)
	case hb.MyDiscriminator != s.remote.MyDiscriminator:
		if s.isFormer(hb.MyDiscriminator) {
			return s.refuse(WhyFormerLife)
		}
		return 0
	}
	switch s.seqs.classify(hb.Sequence) {
	case duplicate:
		s.count.Duplicates++
		return WhyDuplicate
	case late:
		s.seqs.note(hb.Sequence)
		s.count.Late++
		s.count.Lost-- // its gap was counted when the newer one came
		return WhyLate
	case ancient:
		if s.heard {
			s.count.Late++
			return WhyLate
		}
		// A peer whose numbers went astray must not be shut out for ever.
		s.seqs = window{}
	case newer:
	}
	return 0
}

func (s *Session) refuse(why Why) Why {
	s.count.Refused++
	return why
}

// valid checks hb by itself: known state, bounded timers, and a peer that claims
// to have heard us names us (section 6.8.6).
func valid(hb *Heartbeat) bool {
	if hb.MyDiscriminator == 0 || hb.State > peer.StateUp || !validTimers(hb.Timers) {
		return false
	}
	return hb.YourDiscriminator != 0 || hb.State <= peer.StateDown
}

// isFormer is for a moment only: stragglers are that fast, and should the order in
// which we met two lives have been wrong, the living one must get through.
func (s *Session) isFormer(discriminator uint32) bool {
	return s.now.Before(s.outlaw) && slices.Contains(s.former[:], discriminator)
}

// adopt makes hb the newest word of the peer and reports whether a new life of
// it spoke while we were still dealing with the old one.
func (s *Session) adopt(hb *Heartbeat) (newLife bool) {
	if old := s.remote.MyDiscriminator; old != hb.MyDiscriminator {
		s.seqs = window{}
		if old != 0 {
			s.count.Restarts++
		}
		if newLife = s.heard; newLife {
			copy(s.former[1:], s.former[:])
			s.former[0] = old
			s.outlaw = s.now.Add(formerLifeIgnored)
		}
	}
	s.count.Lost += uint64(s.seqs.note(hb.Sequence))
	s.remote, s.heard = *hb, true
	return newLife
}

// answer deals with what asks for an answer whatever the state: Poll, Final and
// the phase lock.
func (s *Session) answer(hb *Heartbeat) {
	if hb.Flags.Has(peer.FlagFinal) {
		if s.pollsOut == 1 { // with more under way nobody knows which this answers
			s.rtt = s.now.Sub(s.pollAt)
		}
		s.pollsOut = 0
	}
	if hb.State == peer.StateAdminDown {
		return // whoever leaves wants no talk
	}
	if hb.Flags.Has(peer.FlagPoll) {
		// A reply that took the place of our next heartbeat would make the link
		// thinner just when it loses heartbeats.
		s.urge = max(s.urge, reply)
		s.flags |= peer.FlagFinal
	}
	if s.now.Sub(s.lastTx) >= s.txInterval()*lockNum/lockDen {
		s.urge = beat
	}
}

// tell repeats our state at once to a peer that has not heard it, as far as the
// shortest interval allows.
func (s *Session) tell() {
	if s.now.Sub(s.lastTx) >= peer.MinInterval {
		s.urge = beat
	}
}

// confirmStop ends the copies of the planned stop once the peer has left Up.
func (s *Session) confirmStop(hb *Heartbeat) {
	if s.confirm && hb.State <= peer.StateDown {
		s.copies = 0
		s.nextTx = time.Time{}
	}
}
