package speaker

import (
	"fmt"
	"slices"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/wire"
)

// Local is what the peer is told about this Socket.
type Local struct {
	Version  string
	Role     peer.Role
	HAState  peer.HAState
	Upstream peer.UpstreamState

	Readiness     peer.Readiness
	Compatibility peer.Compatibility
	Inputs        peer.Digest // of what the verdict was made from
	Upgrading     bool
	Failover      bool               // a manual failover is declared
	UpgradeResult peer.UpgradeResult // how the last one ended; stands until the next is declared

	Facts        peer.Facts        // zero: not known yet, so none are sent
	Capabilities []peer.Capability // in any order; nil: none are advertised
}

// local is a Local with all that is derived from it, never changed.
type local struct {
	Local
	facts        peer.Digest
	capabilities peer.Digest
	parts        []peer.CapabilityPart
}

// SetLocal says what the peer is to be told from now on. The heartbeat goes out
// at once when anything but Inputs differs from before. The capabilities are kept
// and must not be changed afterwards.
//
// An error says what the peer would refuse (see [wire.AppendHeartbeat],
// [wire.AppendFacts] and [wire.SplitCapabilities]); what was set before stays.
func (sp *Speaker) SetLocal(to Local) error {
	sp.setting.Lock() // not the mailbox: the loop must not wait for a digest
	defer sp.setting.Unlock()
	sp.mail.Lock()
	old := sp.mail.local
	sp.mail.Unlock()
	made, err := sp.derive(&to, old)
	if err != nil {
		return fmt.Errorf("speaker: %w", err)
	}
	sp.mail.Lock()
	sp.mail.local = made
	sp.mail.Unlock()
	sp.poke()
	return nil
}

// derive checks l and computes digests and parts, or takes those of old where
// nothing has changed.
func (sp *Speaker) derive(l *Local, old *local) (*local, error) {
	made := &local{Local: *l}
	if err := sp.checkHeartbeat(made); err != nil {
		return nil, err
	}
	var err error
	switch {
	case l.Facts == peer.Facts{}:
	case old != nil && l.Facts == old.Facts:
		made.facts = old.facts
	default:
		if _, err = wire.AppendFacts(nil, sp.cfg.Protocol, &l.Facts); err != nil {
			return nil, err
		}
		made.facts = wire.DigestFacts(&l.Facts)
	}
	switch {
	case l.Capabilities == nil:
	case old != nil && old.Capabilities != nil && slices.Equal(l.Capabilities, old.Capabilities):
		made.capabilities, made.parts = old.capabilities, old.parts
	default:
		if made.parts, err = wire.SplitCapabilities(l.Capabilities); err != nil {
			return nil, err
		}
		made.capabilities = made.parts[0].Digest
	}
	return made, nil
}

// checkHeartbeat finds out whether a heartbeat with these contents can be sent.
func (sp *Speaker) checkHeartbeat(l *local) error {
	hb := peer.Heartbeat{Protocol: sp.cfg.Protocol, MyDiscriminator: 1, Timers: sp.cfg.Session.Timers}
	if hb.Timers == (peer.Timers{}) {
		hb.Timers = session.DefaultTimers()
	}
	l.fill(&hb)
	_, err := wire.AppendHeartbeat(nil, &hb)
	return err
}

// fill sets all that the session does not decide.
func (l *local) fill(hb *peer.Heartbeat) {
	hb.Version, hb.Role, hb.HAState, hb.Upstream = l.Version, l.Role, l.HAState, l.Upstream
	hb.Readiness, hb.Compatibility = l.Readiness, l.Compatibility
	hb.UpgradeResult = l.UpgradeResult
	hb.Facts, hb.Capabilities, hb.Inputs = l.facts, l.capabilities, l.Inputs
	if l.Upgrading {
		hb.Flags |= peer.FlagUpgrading
	}
	if l.Failover {
		hb.Flags |= peer.FlagFailover
	}
}

// sameNews reports whether a heartbeat may wait for its time: nothing that
// matters differs.
func (l *local) sameNews(old *local) bool {
	var a, b peer.Heartbeat
	l.fill(&a)
	old.fill(&b)
	a.Inputs, b.Inputs = peer.Digest{}, peer.Digest{}
	return a == b
}
