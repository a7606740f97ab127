package session

import "socketha/peer"

// move is one cell of the transition table.
type move uint8

const (
	stay   move = iota // nothing to do
	tell               // stay, but the peer has not heard our state: say it again at once
	toDown             // the peer does not hear us, or is held down
	toInit             // we hear the peer
	toUp               // we hear each other
)

// table is RFC 5880 section 6.8.6: what we do, by our state (row) and the state
// the peer says it is in (column).
var table = [4][4]move{
	//                     AdminDown Down Init  Up
	peer.StateAdminDown: {stay, stay, stay, stay},
	peer.StateDown:      {stay, toInit, toUp, tell},
	peer.StateInit:      {toDown, tell, toUp, toUp},
	peer.StateUp:        {toDown, toDown, tell, stay},
}

// apply moves the session by what the peer says of itself. A new life of the
// peer knows nothing of the handshake with the old one, so it starts from Down.
func (s *Session) apply(hb *Heartbeat, newLife bool) {
	row := s.state
	if newLife {
		row = peer.StateDown
	}
	to, diag := row, DiagNone
	switch table[row][hb.State] {
	case toDown:
		to = peer.StateDown
	case toInit:
		to = peer.StateInit
	case toUp:
		to = peer.StateUp
	case tell:
		s.tell()
	case stay:
	}
	switch {
	case to == peer.StateDown && row != peer.StateDown, hb.State == peer.StateAdminDown:
		diag = whyDown(hb)
	case row != s.state:
		diag = DiagPeerRestarted
	}
	switch {
	case to != s.state || row != s.state:
		s.enter(to, diag)
	case hb.State == peer.StateAdminDown && diag != s.diag && to == peer.StateDown:
		// The silence was wanted after all.
		s.diag = diag
		s.act(Action{Kind: Changed, From: to, To: to, Diag: diag})
	}
}

func whyDown(hb *Heartbeat) Diag {
	switch {
	case hb.State != peer.StateAdminDown:
		return DiagPeerDown
	case hb.Flags.Has(peer.FlagPlannedStop):
		return DiagPeerStopped
	}
	return DiagPeerAdminDown
}

// expire is the column "silence" of the table.
func (s *Session) expire() {
	planned := s.remote.Flags.Has(peer.FlagPlannedStop)
	s.forget()
	switch s.state {
	case peer.StateInit, peer.StateUp:
		s.count.Timeouts++
		diag := DiagTimeout
		if planned {
			diag = DiagPeerStopped
		}
		s.enter(peer.StateDown, diag)
	case peer.StateAdminDown, peer.StateDown:
	}
}
