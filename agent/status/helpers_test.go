package status

import (
	"net/netip"
	"slices"
	"time"

	"socketha/peer"
)

// t0 is when the agent of the tests starts: a minute after boot.
const t0 = Instant(60 * time.Second)

// bootTime is the wall time of the boot in the tests.
var bootTime = time.Date(2026, 3, 1, 2, 59, 0, 0, time.UTC)

// second returns the instant n seconds after the agent's start.
func second(n float64) Instant { return t0.Add(time.Duration(n * float64(time.Second))) }

// ready is the input of a pair with nothing wrong.
func ready() Input {
	return Input{
		Now:          t0,
		AgentVersion: "0.1.0",
		AgentStart:   t0,
		Site:         Site{ID: "site-17", Name: "Zürich Büro"},
		Self: Self{
			Serial: "A1000001", Model: "X1500", Version: "18.3.3", Role: peer.RolePrimary,
			HASource: "keepalived", HAState: peer.HAActive,
			Capabilities: Capabilities{Digest: peer.Digest{0xa1, 2, 3, 4, 5, 6, 7, 8}, Count: 42},
		},
		Peer: Peer{
			Known: true, Heard: true, Fresh: true,
			Serial: "B2000002", Model: "X1500", AgentVersion: "0.1.0", Version: "18.3.3",
			Role: peer.RoleSecondary, HAState: peer.HAStandby, Upstream: peer.UpstreamNotConfigured,
			Capabilities: Capabilities{Digest: peer.Digest{0xa1, 2, 3, 4, 5, 6, 7, 8}, Count: 42},
			Readiness:    peer.Ready, Compatibility: peer.Compatible,
			LastHeard: t0, Protocol: peer.ProtocolRange{Min: 1, Max: 1},
		},
		Link: Link{
			Interface: "ha0", Observed: true, Exists: true, Up: true, Carrier: Yes, OperState: "up",
			Session: peer.StateUp, Since: t0,
			Local:      netip.MustParseAddrPort("[fe80::a%ha0]:20481"),
			Peer:       netip.MustParseAddrPort("[fe80::b%ha0]:20481"),
			TxInterval: time.Second, DetectTime: 3 * time.Second,
		},
		Upstream: &Upstream{State: peer.UpstreamNotConfigured},
	}
}

// readyWith returns the input of a good pair at an instant, after changes.
func readyWith(now Instant, changes ...func(*Input)) Input {
	in := ready()
	in.Now, in.Peer.LastHeard = now, now
	for _, change := range changes {
		change(&in)
	}
	return in
}

// lost makes the peer unheard since at.
func lost(at Instant) func(*Input) {
	return func(in *Input) {
		in.Peer.Fresh, in.Peer.LastHeard = false, at
		in.Link.Session = peer.StateDown
	}
}

// never makes the peer one that nothing is known of.
func never(in *Input) {
	in.Peer = Peer{}
	in.Link.Session, in.Link.Since = peer.StateDown, t0
	in.Link.Peer, in.Link.TxInterval, in.Link.DetectTime = netip.AddrPort{}, 0, 0
}

// remembered makes the peer one known from before the agent's start.
func remembered(in *Input) {
	lost(t0.Add(-47 * time.Hour))(in)
	in.Peer.Heard = false
}

// versions sets both versions.
func versions(ours, theirs string) func(*Input) {
	return func(in *Input) { in.Self.Version, in.Peer.Version = ours, theirs }
}

// states sets both HA states.
func states(ours, theirs peer.HAState) func(*Input) {
	return func(in *Input) { in.Self.HAState, in.Peer.HAState = ours, theirs }
}

// clouds sets how both Sockets stand with their cloud.
func clouds(ours, theirs peer.UpstreamState) func(*Input) {
	return func(in *Input) { in.Upstream, in.Peer.Upstream = &Upstream{State: ours}, theirs }
}

// codesOf returns the codes of the reasons in a document.
func codesOf(d Document) []Code {
	var list []Code
	for _, r := range d.Reasons {
		list = append(list, r.Code)
	}
	return list
}

// has reports whether a reason stands.
func has(d Document, c Code) bool { return slices.Contains(codesOf(d), c) }

// liveAt is what is filled in when a document is read at now.
func liveAt(now Instant) Live { return Live{Now: now, Boot: bootTime} }

// documentOf evaluates one input by a fresh evaluator.
func documentOf(in Input) Document {
	var e Evaluator
	return e.Evaluate(in).Document(liveAt(in.Now))
}
