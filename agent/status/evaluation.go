package status

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"iter"
	"math"
	"net/netip"
	"time"

	"socketha/peer"
	"socketha/peer/compat"
)

// Evaluation is what an [Evaluator] made of one input. It never changes, so it
// may be published by an atomic pointer and read from any goroutine.
type Evaluation struct {
	in      Input
	after   Evaluator // as it was left, see overdue
	verdict compat.Verdict

	readiness      peer.Readiness
	readinessSince Instant
	conditions     [numConditions]condition
	reasons        []reason
	remedy         *Remedy

	selfUpgrade, peerUpgrade Instant // since when declared, or not

	deadline Instant
	meaning  string
}

type condition struct {
	finding
	since Instant
}

type reason struct {
	code            Code
	since           Instant
	summary, action string
	params          params
}

// NextDeadline returns when the same input would be judged otherwise because a
// grace ends; false if time alone changes nothing.
func (ev *Evaluation) NextDeadline() (Instant, bool) { return ev.deadline, ev.deadline != 0 }

// Meaning identifies what the document says, leaving out ages, counters and wall
// times: two evaluations have the same meaning if nobody needs to be told of
// the second. It is 32 hexadecimal digits, and differs after a restart.
func (ev *Evaluation) Meaning() string { return ev.meaning }

// Readiness returns the pair's readiness, never unknown.
func (ev *Evaluation) Readiness() peer.Readiness { return ev.readiness }

// Compatibility returns the verdict over the versions, for the next heartbeat.
func (ev *Evaluation) Compatibility() peer.Compatibility { return ev.verdict.Compatibility }

// Conditions returns the states of the three conditions.
func (ev *Evaluation) Conditions() (connected, keepalive, compatibleVersion ConditionState) {
	return ev.conditions[condConnected].state, ev.conditions[condKeepalive].state, ev.conditions[condVersion].state
}

// Reasons yields the codes of what stands, gravest first, and since when.
func (ev *Evaluation) Reasons() iter.Seq2[Code, Instant] {
	return func(yield func(Code, Instant) bool) {
		for _, r := range ev.reasons {
			if !yield(r.code, r.since) {
				return
			}
		}
	}
}

// digest hashes the document as it would be at one fixed moment.
func (ev *Evaluation) digest() string {
	d := ev.render(Live{Now: ev.in.Now, Boot: time.Unix(0, 0)})
	d.GeneratedAt = Time{}
	d.Agent.UptimeS = 0
	d.Peer.AgeS, d.Peer.LastSeenAt = nil, nil
	b, err := json.Marshal(d)
	if err != nil { // cannot be: the document holds nothing that JSON cannot
		b = append(b, err.Error()...)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// Document renders the evaluation as of now. Its maps and lists are shared
// between documents and must not be changed.
func (ev *Evaluation) Document(live Live) Document {
	d, _ := ev.Show(live)
	return d
}

// Show is Document with the meaning of what it shows. That is the evaluation's
// own, unless nobody has evaluated since the peer's heartbeats ended.
func (ev *Evaluation) Show(live Live) (Document, string) {
	shown := ev.overdue(live)
	return shown.render(live), shown.meaning
}

func (ev *Evaluation) render(live Live) Document {
	in := &ev.in
	at := func(t Instant) Time { return NewTime(live.Boot.Add(time.Duration(t))) }
	return Document{
		Schema:      SchemaVersion,
		GeneratedAt: at(live.Now),
		Agent: Agent{
			Version:   in.AgentVersion,
			StartedAt: at(in.AgentStart),
			UptimeS:   int64(in.AgentStart.since(live.Now) / time.Second),
		},
		Readiness:      ev.readiness.String(),
		ReadinessSince: at(ev.readinessSince),
		Compatibility:  ev.verdict.Compatibility.String(),
		Conditions: Conditions{
			Connected:         ev.conditions[condConnected].document(at),
			Keepalive:         ev.conditions[condKeepalive].document(at),
			CompatibleVersion: ev.conditions[condVersion].document(at),
		},
		Reasons:  ev.documentReasons(at),
		Site:     SiteStatus{ID: text0(in.Site.ID), Name: text0(in.Site.Name)},
		Self:     ev.documentSelf(at),
		Peer:     ev.documentPeer(live, at),
		Remedy:   ev.remedy,
		Impact:   documentImpact(in.Impact),
		Alarm:    documentAlarm(in.Alarm, at),
		Link:     documentLink(in.Link, live, at),
		Upstream: documentUpstream(in.Upstream, live, at),
	}
}

type clock func(Instant) Time

func (c condition) document(at clock) Condition {
	return Condition{State: c.state, Since: at(c.since), Detail: c.detail}
}

func (ev *Evaluation) documentReasons(at clock) []Reason {
	out := make([]Reason, len(ev.reasons))
	for i, r := range ev.reasons {
		out[i] = Reason{
			Code: r.code, Severity: r.code.Severity(), Since: at(r.since),
			Summary: r.summary, Action: r.action, Params: r.params,
		}
	}
	return out
}

func (ev *Evaluation) documentSelf(at clock) SelfStatus {
	s := ev.in.Self
	digest, count := documentCapabilities(s.Capabilities)
	return SelfStatus{
		Serial:         shown(s.Serial),
		Model:          shown(s.Model),
		Version:        shown(s.Version),
		Major:          major(ev.verdict.Local),
		ConfiguredRole: role(s.Role),
		HAState:        s.HAState.String(),
		HAStateSource:  shown(s.HASource),
		Capabilities:   CapabilityDigest{Digest: digest, Count: count},
		Upgrade:        documentUpgrade(s.Upgrade, at(ev.selfUpgrade)),
	}
}

func (ev *Evaluation) documentPeer(live Live, at clock) PeerStatus {
	p := ev.in.Peer
	digest, count := documentCapabilities(p.Capabilities)
	out := PeerStatus{
		Known:          p.Known,
		Serial:         shown(p.Serial),
		Model:          shown(p.Model),
		Version:        shown(p.Version),
		Major:          major(ev.verdict.Peer),
		ConfiguredRole: role(p.Role),
		HAState:        p.HAState.String(),
		Fresh:          p.Fresh,
		AgentVersion:   shown(p.AgentVersion),
		Protocol:       documentProtocol(p),
		Capabilities:   PeerCapabilities{Digest: digest, Count: count, Source: "unknown"},
		Upgrade:        documentUpgrade(p.Upgrade, at(ev.peerUpgrade)),
		View:           documentView(p),
	}
	switch {
	case digest != nil:
		out.Capabilities.Source = "advertised"
	case ev.in.Impact != nil && p.Known:
		out.Capabilities.Source = ev.in.Impact.PeerSource
	}
	if heard := lastHeard(p, live); heard != 0 {
		age := math.Round(heard.since(live.Now).Seconds()*1e3) / 1e3
		seen := at(heard)
		out.AgeS, out.LastSeenAt = &age, &seen
	}
	return out
}

// lastHeard returns when the peer was last heard: by now if that is known, else
// as of the evaluation, and zero for a peer nothing is known of.
func lastHeard(p Peer, live Live) Instant {
	switch {
	case !p.Known:
		return 0
	case live.PeerLastHeard == 0:
		return p.LastHeard
	case p.LastHeard == 0:
		return live.PeerLastHeard
	}
	return max(p.LastHeard, live.PeerLastHeard)
}

func documentProtocol(p Peer) *string {
	r := p.Protocol
	if p.Mismatch != nil {
		r = *p.Mismatch
	}
	if r == (peer.ProtocolRange{}) {
		return nil
	}
	return text0(rangeText(r))
}

func documentView(p Peer) View {
	var v View
	if p.Readiness != peer.ReadinessUnknown {
		v.Readiness = text0(p.Readiness.String())
		v.Compatibility = text0(p.Compatibility.String())
	}
	return v
}

func documentCapabilities(c Capabilities) (digest *string, count *int) {
	if c.Digest == (peer.Digest{}) {
		return nil, nil
	}
	return text0(hex.EncodeToString(c.Digest[:])), &c.Count
}

func documentUpgrade(u Upgrade, since Time) *UpgradeStatus {
	if !u.Declared {
		return nil
	}
	return &UpgradeStatus{State: "declared", Target: shown(u.Target), Since: since}
}

func documentImpact(i *ImpactInput) *Impact {
	if i == nil {
		return nil
	}
	return &Impact{
		Now:                documentFeatures(i.Now),
		OnFailover:         documentFeatures(i.OnFailover),
		RestoredOnFailover: documentFeatures(i.RestoredOnFailover),
		Basis:              i.Basis,
	}
}

func documentFeatures(list []ImpactFeature) []ImpactEntry {
	out := make([]ImpactEntry, len(list))
	for i, f := range list {
		out[i] = ImpactEntry{ID: compat.Show(f.ID), Name: text0(f.Name), Since: shown(f.Since), Source: f.Source}
	}
	return out
}

func documentAlarm(a *AlarmInput, at clock) *Alarm {
	if a == nil {
		return nil
	}
	out := &Alarm{State: a.State, Since: at(a.Since), Occurrences: a.Occurrences, Flapping: a.Flapping}
	if a.RaiseAt != 0 {
		raise := at(a.RaiseAt)
		out.RaiseAt = &raise
	}
	return out
}

func documentLink(l Link, live Live, at clock) LinkStatus {
	out := LinkStatus{
		Interface:    compat.Show(l.Interface),
		Session:      l.Session.String(),
		LocalAddress: address(l.Local),
		PeerAddress:  address(l.Peer),
		TxIntervalMS: milliseconds(l.TxInterval),
		DetectMS:     milliseconds(l.DetectTime),
		Sent:         live.Sent, Received: live.Received, Lost: live.Lost,
		Rejected: live.Rejected,
	}
	if out.Rejected == nil {
		out.Rejected = map[string]uint64{}
	}
	if l.Observed {
		out.OperState = shown(l.OperState)
		out.Carrier = boolean(l.Carrier)
	}
	if l.Since != 0 {
		since := at(l.Since)
		out.Since = &since
	}
	if live.RTT > 0 {
		rtt := math.Round(float64(live.RTT)/1e3) / 1e3
		out.RTTMS = &rtt
	}
	return out
}

func documentUpstream(u *Upstream, live Live, at clock) *UpstreamStatus {
	if u == nil {
		return nil
	}
	out := &UpstreamStatus{
		Configured: u.State != peer.UpstreamNotConfigured,
		State:      u.State.String(),
		Queued:     live.Queued, Dropped: live.Dropped,
	}
	if live.LastDelivered != 0 {
		delivered := at(live.LastDelivered)
		out.LastDeliveredAt = &delivered
	}
	return out
}

// text0 returns s, or null for the empty string.
func text0(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// shown returns s escaped and cut, or null for the empty string.
func shown(s string) *string { return text0(compat.Show(s)) }

func major(s compat.Side) *int {
	if s.Err != nil {
		return nil
	}
	n := s.Version.Major()
	return &n
}

func role(r peer.Role) *string {
	if r == peer.RoleUnknown {
		return nil
	}
	return text0(r.String())
}

func boolean(t Tri) *bool {
	switch t {
	case Yes, No:
		b := t == Yes
		return &b
	case Unknown:
	}
	return nil
}

func milliseconds(d time.Duration) *int64 {
	if d <= 0 {
		return nil
	}
	ms := d.Milliseconds()
	return &ms
}

func address(a netip.AddrPort) *string {
	if !a.IsValid() {
		return nil
	}
	return text0(a.String())
}
