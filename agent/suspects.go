package agent

import (
	"time"

	"socketha/agent/status"
	"socketha/peer/speaker"
	"socketha/peer/transport"
)

// suspicionStands is how long a finding about whoever is on the link stands after
// it was last seen: whoever causes it tries again every second.
const suspicionStands = 30 * time.Second

// suspects is what is remembered of those who came to the link and were not, or
// not quite, the peer. It belongs to one goroutine.
type suspects struct {
	// serials are the ones first shown under each key, for a key may not change
	// its Socket. It holds no more keys than there are pins.
	serials map[[32]byte]string

	refusals [2]refusals // by us, by the peer
}

// refusals watches one count grow.
type refusals struct {
	n    uint64
	last time.Time
}

func (r *refusals) observe(n uint64, now time.Time) (standing bool) {
	if n > r.n {
		r.n, r.last = n, now
	}
	return !r.last.IsZero() && now.Sub(r.last) < suspicionStands
}

// maxSerials bounds the memory of serials; only an authenticated peer adds one.
const maxSerials = 16

// findings lists what is wrong with the identities of the pair now: ours is the
// serial of our certificate and file that of our serial file.
func (s *suspects) findings(now time.Time, ours, file string, snapshot *speaker.Snapshot, stats transport.Stats) []status.IdentityFinding {
	var found []status.IdentityFinding
	if file != "" && file != ours {
		found = append(found, status.IdentityFinding{Kind: status.OurFactsDiffer, Serial: file, Expected: ours})
	}
	if f := stats.IdentityConflict; f != nil && (stats.Side == transport.SideNone || stands(now, f, stats)) {
		kind := status.PeerShowsOurKey
		if f.Reason == transport.ReasonOwnSerial {
			kind = status.PeerShowsOurSerial
		}
		found = append(found, status.IdentityFinding{Kind: kind, Serial: f.Serial})
	}
	if f := stats.PeerReplaced; f != nil && stands(now, f, stats) {
		found = append(found, status.IdentityFinding{Kind: status.PeerReplaced, Serial: f.Serial})
	}
	if first := s.firstSerial(snapshot); first != snapshot.PeerSerial {
		found = append(found, status.IdentityFinding{Kind: status.PeerReplaced, Serial: snapshot.PeerSerial, Expected: first})
	}
	if c := snapshot.IdentityConflict; c != nil {
		kind := status.FactsDifferFromIdentity
		if c.Facts == ours {
			kind = status.PeerShowsOurSerial
		}
		found = append(found, status.IdentityFinding{Kind: kind, Serial: c.Facts, Expected: c.Certificate})
	}
	return found
}

// stands reports whether f is recent and no authenticated connection has come
// since.
func stands(now time.Time, f *transport.Finding, stats transport.Stats) bool {
	return f.At.After(stats.LastEstablished) && now.Sub(f.At) < suspicionStands
}

// firstSerial returns the serial that the peer's key first came with.
func (s *suspects) firstSerial(snapshot *speaker.Snapshot) string {
	if !snapshot.Known {
		return snapshot.PeerSerial
	}
	first, ok := s.serials[snapshot.PeerKey]
	if !ok {
		first = snapshot.PeerSerial
		if s.serials == nil {
			s.serials = make(map[[32]byte]string)
		}
		if len(s.serials) < maxSerials {
			s.serials[snapshot.PeerKey] = first
		}
	}
	return first
}

// distrusted are the reasons for which we refuse who is on the link, and not how
// it talks.
var distrusted = [...]transport.Reason{
	transport.ReasonPinMismatch, transport.ReasonUntrustedCA, transport.ReasonSerialMismatch,
	transport.ReasonTenantMismatch, transport.ReasonExpired, transport.ReasonNotYetValid,
	transport.ReasonNoCertificate, transport.ReasonBadCertificate,
}

// trouble tells what keeps the two agents from meeting; setup is why the link or
// the discovery does not work here, empty if it does.
func (s *suspects) trouble(now time.Time, setup string, stats transport.Stats) (status.Trouble, string) {
	if setup != "" {
		return status.TroubleSetup, setup
	}
	var here uint64
	worst := transport.Reason("")
	for _, reason := range distrusted {
		if n := stats.Rejected[reason]; n > 0 {
			here += n
			if worst == "" || n > stats.Rejected[worst] {
				worst = reason
			}
		}
	}
	refusedHere := s.refusals[0].observe(here, now)
	refusedThere := s.refusals[1].observe(stats.Rejected[transport.ReasonRefusedByPeer], now)
	switch {
	case refusedHere:
		return status.RefusedHere, string(worst)
	case refusedThere:
		return status.RefusedThere, ""
	}
	return status.NoTrouble, ""
}
