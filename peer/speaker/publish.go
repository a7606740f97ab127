package speaker

import (
	"time"

	"socketha/peer"
	"socketha/peer/compat"
	"socketha/peer/session"
)

// publish makes what is known visible to others.
func (l *loop) publish() {
	sp := l.sp
	l.count.Counters = l.s.Counters()
	sp.tally.mu.Lock()
	sp.tally.loop = l.count
	sp.tally.mu.Unlock()
	v := l.s.View()
	sp.rtt.Store(int64(v.RTT))
	v.RTT, v.LastReceived = 0, time.Time{}
	v.Heard, v.RemoteState, v.Discriminator = false, 0, 0
	if !l.dirty && v == l.shown {
		return
	}
	l.dirty, l.shown = false, v
	sp.snapshot.Store(l.compose(&v))
	notify(sp.changed)
}

func (l *loop) compose(v *session.View) *Snapshot {
	x := &l.x
	s := &Snapshot{
		State: v.State, Diag: v.Diag, Since: v.Since, PlannedStop: v.PlannedStop,
		TxInterval: v.TxInterval, RxInterval: v.RxInterval, DetectTime: v.DetectTime,
		PeerSerial: l.serial, PeerKey: l.key,
		Facts:        x.facts,
		Capabilities: x.set, CapabilitiesDigest: x.setDigest,
		ProtocolMismatch: l.mismatch, IdentityConflict: l.conflict,
	}
	if l.heard != nil {
		s.Known, s.Heartbeat = true, *l.heard
		s.CurrentFacts = x.facts != nil && x.factsDigest == l.heard.Facts
		s.CurrentCapabilities = x.setDigest == l.heard.Capabilities
	}
	if k := l.newest(); k != nil {
		s.Path = &Path{
			PeerSerial: k.conn.PeerSerial(), PeerKey: k.conn.PeerKey(),
			Local: k.conn.LocalAddr(), Remote: k.conn.RemoteAddr(), Since: k.since,
		}
	}
	return s
}

// shown makes what came from a peer safe for a log.
func shown(raw string) string { return compat.Show(raw) }

func (l *loop) logTransition(a *session.Action) {
	l.log.Info("session changed", "from", a.From.String(), "to", a.To.String(), "reason", a.Diag.String(),
		"peer_serial", shown(l.serial))
}

func (l *loop) logLink(msg string, k *link) {
	//nolint:sloglint // both messages are constants of the callers
	l.log.Info(msg, "peer_serial", shown(k.conn.PeerSerial()),
		"local", k.conn.LocalAddr().String(), "remote", k.conn.RemoteAddr().String())
}

func (l *loop) logFacts(f *peer.Facts) {
	l.log.Info("facts received", "serial", shown(f.Serial), "model", shown(f.Model), "site", shown(f.Site),
		"agent_version", shown(f.AgentVersion))
}
