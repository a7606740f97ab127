package webui

import (
	"net/netip"
	"sync"
	"time"

	"socketha/agent/local"
	"socketha/agent/status"
	"socketha/peer"
)

// A state is an input at some instant, made by changing that of a good pair.
type state func(in *status.Input)

// uptime is how long the machine of the tests had been up when a source was made.
const uptime = 9 * time.Hour

// source is what the served pages show: what a real evaluator makes of a state
// that began 3 h 12 min ago.
type source struct {
	local.Notice
	start time.Time

	mu   sync.Mutex
	ev   *status.Evaluation
	live status.Live
	turn func(*status.Document) // changes the document behind the evaluator's back
	asks int
}

func newSource() *source {
	s := &source{start: time.Now()}
	s.show(ready, nil)
	return s
}

func (s *source) now() status.Instant { return status.Instant(uptime + time.Since(s.start)) }

// show changes the state, and the document made of it.
func (s *source) show(change state, turn func(*status.Document)) {
	var e status.Evaluator
	now := s.now()
	begun := now.Add(-192 * time.Minute)
	e.Evaluate(input(begun, change))
	e.Evaluate(input(begun.Add(time.Minute), change)) // after every grace
	in := input(now, change)
	s.mu.Lock()
	s.ev, s.turn = e.Evaluate(in), turn
	s.live = status.Live{RTT: 412 * time.Microsecond, Sent: 11520, Received: 11516, Lost: 2, LastDelivered: now.Add(-102 * time.Second)}
	s.mu.Unlock()
	s.Announce()
}

// Current implements local.Source.
func (s *source) Current() (status.Document, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	live := s.live
	live.Now = s.now()
	live.Boot = s.start.Add(-uptime)
	live.Sent, live.Received = live.Sent+uint64(s.asks), live.Received+uint64(s.asks)
	d, meaning := s.ev.Show(live)
	if s.turn != nil {
		s.turn(&d)
	}
	return d, meaning
}

// asked returns how often the document was asked for.
func (s *source) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asks
}

// hang keeps the agent from answering until the function returned is called.
func (s *source) hang() (wake func()) {
	s.mu.Lock()
	return s.mu.Unlock
}

// History implements local.Source.
func (s *source) History() status.History { return status.History{Schema: status.SchemaVersion} }

// Healthy implements local.Source.
func (s *source) Healthy() error { return nil }

// input is a good pair's, changed.
func input(now status.Instant, change state) status.Input {
	in := status.Input{
		Now: now, AgentVersion: "0.5.0", AgentStart: status.Instant(time.Minute),
		Site: status.Site{ID: "site-17", Name: "Zürich Büro"},
		Self: status.Self{
			Serial: "A1000001", Model: "X1500", Version: "18.3.3", Role: peer.RolePrimary,
			HASource: "keepalived", HAState: peer.HAActive,
			Capabilities: status.Capabilities{Digest: peer.Digest{1}, Count: 42},
		},
		Peer: status.Peer{
			Known: true, Heard: true, Fresh: true,
			Serial: "B2000002", Model: "X1500", AgentVersion: "0.5.0", Version: "18.3.3",
			Role: peer.RoleSecondary, HAState: peer.HAStandby, Upstream: peer.UpstreamConnected,
			Capabilities: status.Capabilities{Digest: peer.Digest{1}, Count: 42},
			Readiness:    peer.Ready, Compatibility: peer.Compatible,
			LastHeard: now, Protocol: peer.ProtocolRange{Min: 1, Max: 1},
		},
		Link: status.Link{
			Interface: "ha0", Observed: true, Exists: true, Up: true, Carrier: status.Yes, OperState: "up",
			Session: peer.StateUp, Since: status.Instant(2 * time.Minute),
			Local:      netip.MustParseAddrPort("[fe80::a%ha0]:20481"),
			Peer:       netip.MustParseAddrPort("[fe80::b%ha0]:20481"),
			TxInterval: time.Second, DetectTime: 3 * time.Second,
		},
		Upstream:   &status.Upstream{State: peer.UpstreamConnected},
		SameInputs: true,
		Impact:     &status.ImpactInput{Basis: "ha_state", PeerSource: "advertised"},
		Alarm:      &status.AlarmInput{State: "clear", Since: status.Instant(time.Minute)},
	}
	change(&in)
	return in
}

func ready(*status.Input) {}

// raised is the alarm of a trouble that began with the states here.
func raised(in *status.Input) {
	in.Alarm = &status.AlarmInput{State: "raised", Since: status.Instant(uptime - 132*time.Minute), Occurrences: 1}
}

func incompatible(in *status.Input) {
	raised(in)
	in.Peer.Version = "15.0.2"
	in.Peer.Readiness, in.Peer.Compatibility = peer.NotReady, peer.Incompatible
	in.Impact = &status.ImpactInput{
		Basis: "ha_state", PeerSource: "catalog",
		OnFailover: []status.ImpactFeature{
			{ID: "bgp-bfd", Name: "BGP with BFD", Since: "16.2", Source: "catalog"},
			{ID: "lan-nac", Name: "Network access control on LAN ports", Since: "17.0", Source: "catalog"},
			{ID: "tls-inspection-1.3", Name: "TLS 1.3 inspection", Since: "18.0", Source: "catalog"},
		},
	}
}

// lost is a peer whose heartbeats ended.
func lost(in *status.Input) {
	raised(in)
	in.Peer.Fresh, in.Peer.LastHeard = false, status.Instant(uptime-195*time.Minute)
	in.Link.Session = peer.StateDown
	in.Impact = nil
}

// stale is a peer known only from before this agent's start.
func stale(in *status.Input) {
	lost(in)
	in.Peer.Heard = false
	in.Peer.LastHeard = -status.Instant(38 * time.Hour)
	in.Link.Since = status.Instant(time.Minute)
}

func splitBrain(in *status.Input) {
	raised(in)
	in.Peer.HAState = peer.HAActive
	in.Impact = &status.ImpactInput{Basis: "primary_assumed", PeerSource: "advertised"}
}

func neverHeard(in *status.Input) {
	raised(in)
	in.Peer = status.Peer{}
	in.Link.Session, in.Link.Since, in.Link.DetectTime, in.Link.TxInterval = peer.StateDown, 0, 0, 0
	in.Impact = nil
	in.Upstream = nil
}

// warned is ready, with warnings.
func warned(in *status.Input) {
	in.ClockUnset = true
	in.Impact = &status.ImpactInput{
		Basis: "ha_state", PeerSource: "advertised", CapabilityGap: true,
		OnFailover: []status.ImpactFeature{{ID: "wan-5g", Since: "18.1", Source: "advertised"}},
	}
}

// upgrading is incompatible in the middle of a declared upgrade.
func upgrading(in *status.Input) {
	incompatible(in)
	in.Alarm = &status.AlarmInput{State: "pending", Since: status.Instant(uptime - time.Minute), RaiseAt: status.Instant(uptime + 33*time.Minute)}
	in.Peer.Upgrade = status.Upgrade{Declared: true, Target: "18.3.3", Since: status.Instant(uptime - time.Minute)}
}

// hostile is a peer whose every word is an attack.
func hostile(in *status.Input) {
	incompatible(in)
	in.Peer.Serial = `B2</b><script>alert(1)</script>`
	in.Peer.Model = `"><img src=x onerror=alert(2)>`
	in.Peer.Version = `15.0</pre></title><svg onload=alert(3)>`
	in.Peer.AgentVersion = `</style><style>*{display:none}`
	in.Site.Name = "<iframe src=javascript:alert(4)> \u202egro.live"
	in.Peer.Upgrade = status.Upgrade{Declared: true, Target: `' onmouseover='alert(5)`, Since: in.Now}
	in.Impact.OnFailover = append(in.Impact.OnFailover, status.ImpactFeature{ID: `<a href="javascript:alert(6)">x`, Since: `<b>`, Source: "advertised"})
}

// hostileTurn puts the attacks past the evaluator, which escapes and cuts them.
func hostileTurn(d *status.Document) {
	raw := `</textarea></noscript><script>alert(7)</script><img src=x onerror="alert(8)">` + "\u202e\x00"
	d.Peer.Model, d.Peer.Version, d.Peer.Serial, d.Site.Name = &raw, &raw, &raw, &raw
	d.Link.Interface, d.Conditions.Keepalive.Detail, d.Agent.Version = raw, raw, raw
	for i := range d.Reasons {
		d.Reasons[i].Summary, d.Reasons[i].Action = raw, raw
	}
}
