package agent

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/speaker"
	"socketha/platform/appliance"
	"socketha/platform/link"
)

// input gathers all that the status document is made from.
func (o *observer) input(facts *appliance.Facts, snapshot *speaker.Snapshot) status.Input {
	stats, now := o.path.stats(), time.Now()
	l := o.linkInput(snapshot)
	state, source, detail := haState(o.role)
	l.Trouble, l.TroubleDetail = o.suspects.trouble(now, cmp.Or(o.path.setupError(), stats.SocketError, o.path.discovery().Error), stats)
	if stats.PathMTU != nil {
		l.LosesAbove = max(stats.PathMTU.Passed, 1)
	}
	in := status.Input{
		Now:          o.clock.now(),
		AgentVersion: o.build.Version,
		AgentStart:   o.start,
		Site:         status.Site{ID: facts.SiteID, Name: facts.SiteName},
		Self: status.Self{
			Serial:       o.fixed.serial,
			Model:        facts.Model,
			Version:      facts.Version,
			VersionFault: fault(facts.Err(appliance.Version)),
			Role:         o.fixed.role,
			HAState:      state,
			HASource:     source,
			HADetail:     detail,
			Capabilities: advertised(facts),
		},
		Peer:       o.peer(snapshot),
		Link:       l,
		Upstream:   o.upstream.input(),
		Identity:   o.suspects.findings(now, o.fixed.serial, facts.Serial, snapshot, stats),
		Expiring:   o.expiring(now, snapshot.PeerSerial),
		ClockUnset: now.Before(o.build.CommitTime),
		PairModels: o.fixed.models,
	}
	if !in.Peer.Known {
		mismatch := in.Peer.Mismatch
		in.Peer = o.life.lastKnown(in.Now)
		in.Peer.Mismatch = mismatch
	}
	in.SameInputs = in.Peer.Fresh && inputsDigest(in.Self, in.Upstream.State, in.Peer) == snapshot.Heartbeat.Inputs
	in.Impact = o.cost.impact(&in, facts, snapshot)
	return in
}

// warnBefore is how long before its end a certificate is warned of.
const warnBefore = 30 * 24 * time.Hour

// expiring lists the certificates that end soon or have ended, the sooner first.
// Those that the command makes have no end; a CA's have.
func (o *observer) expiring(now time.Time, peerSerial string) []status.Expiry {
	all := []status.Expiry{{Serial: o.fixed.serial, NotAfter: o.fixed.expires}}
	if t := o.path.expires.Load(); t != nil {
		all = append(all, status.Expiry{Peer: true, Serial: peerSerial, NotAfter: *t})
	}
	// A clock that is not set cannot tell; the transport judges by the same floor.
	if now.Before(o.build.CommitTime) {
		now = o.build.CommitTime
	}
	all = slices.DeleteFunc(all, func(e status.Expiry) bool { return e.NotAfter.Sub(now) > warnBefore })
	slices.SortStableFunc(all, func(a, b status.Expiry) int { return a.NotAfter.Compare(b.NotAfter) })
	return all
}

// fault is an error for the status document: our own words, escaped.
func fault(err error) string {
	if err == nil {
		return ""
	}
	quoted := strconv.Quote(err.Error())
	return quoted[1 : len(quoted)-1]
}

func (o *observer) peer(s *speaker.Snapshot) status.Peer {
	hb := &s.Heartbeat
	p := status.Peer{
		Known: s.Known, Heard: s.Known,
		Fresh:         s.State == peer.StateUp || s.State == peer.StateInit,
		PlannedStop:   s.PlannedStop,
		Serial:        s.PeerSerial,
		Version:       hb.Version,
		Role:          hb.Role,
		HAState:       hb.HAState,
		Upstream:      hb.Upstream,
		Upgrade:       status.Upgrade{Declared: hb.Flags.Has(peer.FlagUpgrading)},
		Readiness:     hb.Readiness,
		Compatibility: hb.Compatibility,
		LastHeard:     o.clock.instant(s.LastReceived),
		Protocol:      hb.Protocol,
		Mismatch:      s.ProtocolMismatch,
	}
	if s.Facts != nil {
		p.Model, p.AgentVersion = s.Facts.Model, s.Facts.AgentVersion
	}
	if s.Capabilities != nil {
		p.Capabilities = status.Capabilities{Digest: s.CapabilitiesDigest, Count: len(s.Capabilities)}
	}
	return p
}

func (o *observer) linkInput(s *speaker.Snapshot) status.Link {
	state := o.link.State()
	l := status.Link{
		Interface:  o.fixed.ifname,
		Observed:   state.Known,
		Exists:     state.Exists,
		Up:         state.Up,
		OperState:  state.OperState,
		Session:    s.State,
		Since:      o.clock.instant(s.Since),
		Local:      o.fixed.local,
		Peer:       o.fixed.remote,
		TxInterval: s.TxInterval,
		DetectTime: s.DetectTime,
	}
	if s.Path != nil {
		l.Local, l.Peer = addrPort(s.Path.Local), addrPort(s.Path.Remote)
	}
	switch state.Carrier {
	case link.CarrierYes:
		l.Carrier = status.Yes
	case link.CarrierNo:
		l.Carrier = status.No
	case link.CarrierUnknown:
	}
	return l
}

// addrPort reads the address of a UDP socket.
func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort()
	}
	return netip.AddrPort{}
}
