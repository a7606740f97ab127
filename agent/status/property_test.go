package status

import (
	"encoding/json"
	"testing"
	"time"

	"socketha/peer"
	"socketha/peer/compat"

	"pgregory.net/rapid"
)

// anyVersion draws versions that read, versions that do not, and any bytes.
func anyVersion(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"15.0.2", "18.3.3", "18.4.1", "v18", "9.0", "10.0-rc1", "", "18..1", " 18", "25.0.22707"}),
		rapid.StringMatching(`[0-9]{1,2}\.[0-9]{1,3}`),
		anyString,
	).Draw(t, label)
}

// anyString draws any bytes, valid UTF-8 or not.
var anyString = rapid.OneOf(
	rapid.String(),
	rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 80), func(b []byte) string { return string(b) }),
	rapid.SampledFrom([]string{"{peer}", "{", "}{", "\x1b[31m", "<b>", "A1000001"}),
)

func flag1(t *rapid.T, label string) bool { return rapid.Bool().Draw(t, label) }

// anyInput draws an input without regard to sense, at now.
func anyInput(t *rapid.T, now Instant) Input {
	in := Input{Now: now, AgentStart: t0, AgentVersion: anyString.Draw(t, "agent version")}
	in.Site = Site{ID: anyString.Draw(t, "site id"), Name: anyString.Draw(t, "site name")}
	in.Self = Self{
		Serial: anyString.Draw(t, "serial"), Model: anyString.Draw(t, "model"), Version: anyVersion(t, "version"),
		Role:     peer.Role(rapid.IntRange(0, 3).Draw(t, "role")),
		HASource: rapid.SampledFrom([]string{"", "hook"}).Draw(t, "source"),
		HAState:  peer.HAState(rapid.IntRange(0, 3).Draw(t, "ha state")),
		Upgrade:  Upgrade{Declared: flag1(t, "upgrade")},
	}
	in.Peer = Peer{
		Known: flag1(t, "known"), Heard: flag1(t, "heard"), Fresh: flag1(t, "fresh"), PlannedStop: flag1(t, "planned"),
		Serial: anyString.Draw(t, "peer serial"), Model: anyString.Draw(t, "peer model"),
		AgentVersion: anyString.Draw(t, "peer agent"), Version: anyVersion(t, "peer version"),
		Role:          peer.Role(rapid.IntRange(0, 3).Draw(t, "peer role")),
		HAState:       peer.HAState(rapid.IntRange(0, 3).Draw(t, "peer ha state")),
		Upstream:      peer.UpstreamState(rapid.IntRange(0, 4).Draw(t, "peer upstream")),
		Readiness:     peer.Readiness(rapid.IntRange(0, 3).Draw(t, "peer readiness")),
		Compatibility: peer.Compatibility(rapid.IntRange(0, 3).Draw(t, "peer verdict")),
		LastHeard:     Instant(rapid.Int64().Draw(t, "last heard")),
		Upgrade:       Upgrade{Declared: flag1(t, "peer upgrade")},
	}
	if rapid.IntRange(0, 9).Draw(t, "mismatch") == 0 {
		in.Peer.Mismatch = &peer.ProtocolRange{Min: rapid.Byte().Draw(t, "min"), Max: rapid.Byte().Draw(t, "max")}
	}
	in.Link = Link{
		Interface: anyString.Draw(t, "interface"), OperState: anyString.Draw(t, "oper state"),
		Observed: flag1(t, "observed"), Exists: flag1(t, "exists"), Up: flag1(t, "up"),
		Carrier:    Tri(rapid.IntRange(0, 3).Draw(t, "carrier")),
		Session:    peer.SessionState(rapid.IntRange(0, 4).Draw(t, "session")),
		DetectTime: time.Duration(rapid.Int64Range(-1, 1e10).Draw(t, "detect")),
	}
	if flag1(t, "upstream known") {
		in.Upstream = &Upstream{State: peer.UpstreamState(rapid.IntRange(0, 4).Draw(t, "upstream"))}
	}
	for range rapid.IntRange(0, 3).Draw(t, "identity") {
		in.Identity = append(in.Identity, IdentityFinding{
			Kind:   IdentityKind(rapid.IntRange(0, 5).Draw(t, "kind")),
			Serial: anyString.Draw(t, "shown"), Expected: anyString.Draw(t, "expected"),
		})
	}
	in.ClockUnset, in.FailoverDeclared = flag1(t, "clock"), flag1(t, "failover")
	return in
}

// nearReady draws a ready input with up to three things changed, so that ready
// pairs and single faults are common.
func nearReady(t *rapid.T, now Instant) Input {
	in, other := readyWith(now), anyInput(t, now)
	for range rapid.IntRange(0, 3).Draw(t, "changes") {
		switch rapid.IntRange(0, 11).Draw(t, "change") {
		case 0:
			in.Self.Version = other.Self.Version
		case 1:
			in.Peer.Version = other.Peer.Version
		case 2:
			in.Peer.Fresh = false
		case 3:
			in.Self.HAState, in.Peer.HAState = other.Self.HAState, other.Peer.HAState
		case 4:
			in.Upstream, in.Peer.Upstream = other.Upstream, other.Peer.Upstream
		case 5:
			in.Link.Session = other.Link.Session
		case 6:
			in.Link.Carrier, in.Link.Up = other.Link.Carrier, other.Link.Up
		case 7:
			in.ClockUnset, in.FailoverDeclared = other.ClockUnset, other.FailoverDeclared
		case 8:
			in.Self.Role = other.Self.Role
		case 9:
			in.Identity = other.Identity
		case 10:
			in.Peer.PlannedStop = other.Peer.PlannedStop
		case 11:
			in.Self.HASource = other.Self.HASource
		}
	}
	return in
}

func drawInput(t *rapid.T, now Instant) Input {
	if rapid.Bool().Draw(t, "wild") {
		return anyInput(t, now)
	}
	return nearReady(t, now)
}

func statesOf(d Document) []ConditionState {
	return []ConditionState{d.Conditions.Connected.State, d.Conditions.Keepalive.State, d.Conditions.CompatibleVersion.State}
}

// TestReadinessRule holds the rule of contract section 2, and that nothing which
// is unknown or stale reads as ok.
func TestReadinessRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e Evaluator
		now := t0
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, 8e9).Draw(t, "pass")))
			in := drawInput(t, now)
			d := e.Evaluate(in).Document(liveAt(now))
			checkReadiness(t, d)
			checkNeverOK(t, in, d)
		}
	})
}

func checkReadiness(t *rapid.T, d Document) {
	good := true
	for _, s := range statesOf(d) {
		good = good && (s == StateOK || s == StateNotEvaluated)
	}
	for _, r := range d.Reasons {
		good = good && r.Severity == SeverityWarning
	}
	if (d.Readiness == "ready") != good {
		t.Fatalf("readiness %s with conditions %v and reasons %v", d.Readiness, statesOf(d), codesOf(d))
	}
	if (d.Outcome() == OutcomeReady) != good {
		t.Fatalf("outcome %d, readiness %s", d.Outcome(), d.Readiness)
	}
	if d.Readiness != "ready" && d.Readiness != "not_ready" {
		t.Fatalf("readiness %q", d.Readiness)
	}
}

func checkNeverOK(t *rapid.T, in Input, d Document) {
	fresh := in.Peer.Fresh && in.Peer.Heard && in.Peer.Known && !in.Peer.PlannedStop && in.Peer.Mismatch == nil
	if d.Peer.Fresh != fresh {
		t.Fatalf("fresh %v, want %v", d.Peer.Fresh, fresh)
	}
	if !fresh {
		for _, s := range statesOf(d) {
			if s == StateOK || s == StateNotEvaluated {
				t.Fatalf("a peer that is not fresh has conditions %v", statesOf(d))
			}
		}
		if d.Compatibility != "unknown" || d.Remedy != nil {
			t.Fatalf("a peer that is not fresh is judged %s", d.Compatibility)
		}
		if !has(d, CodePeerUnknown) && !has(d, CodePeerStale) && !has(d, CodeProtocolMismatch) {
			t.Fatalf("no reason says that the peer is not heard: %v", codesOf(d))
		}
	}
	if (d.Self.Major == nil || d.Peer.Major == nil) && d.Compatibility != "unknown" {
		t.Fatalf("versions %v and %v are judged %s", d.Self.Version, d.Peer.Version, d.Compatibility)
	}
	if (d.Remedy != nil) != (d.Compatibility == "incompatible") {
		t.Fatalf("remedy %v when %s", d.Remedy, d.Compatibility)
	}
}

// mirrored is the input of the other Socket of the same pair.
func mirrored(in Input) Input {
	m := in
	m.Self.Serial, m.Peer.Serial = in.Peer.Serial, in.Self.Serial
	m.Self.Model, m.Peer.Model = in.Peer.Model, in.Self.Model
	m.Self.Version, m.Peer.Version = in.Peer.Version, in.Self.Version
	m.Self.Role, m.Peer.Role = in.Peer.Role, in.Self.Role
	m.Self.HAState, m.Peer.HAState = in.Peer.HAState, in.Self.HAState
	m.Self.Upgrade, m.Peer.Upgrade = in.Peer.Upgrade, in.Self.Upgrade
	m.Upstream, m.Peer.Upstream = &Upstream{State: in.Peer.Upstream}, peer.UpstreamUnknown
	if in.Upstream != nil {
		m.Peer.Upstream = in.Upstream.State
	}
	return m
}

// TestBothSocketsAgree gives both Sockets of a pair the same facts: they reach
// the same verdict and name the same Socket to upgrade.
func TestBothSocketsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawInput(t, t0)
		a, b := documentOf(in), documentOf(mirrored(in))
		if a.Compatibility != b.Compatibility {
			t.Fatalf("one says %s, the other %s", a.Compatibility, b.Compatibility)
		}
		if (a.Remedy == nil) != (b.Remedy == nil) {
			t.Fatalf("remedies %v and %v", a.Remedy, b.Remedy)
		}
		if a.Remedy == nil {
			return
		}
		if str(a.Remedy.UpgradeSerial) != str(b.Remedy.UpgradeSerial) ||
			a.Remedy.FromVersion != b.Remedy.FromVersion || a.Remedy.ToMajor != b.Remedy.ToMajor {
			t.Fatalf("remedies differ: %+v and %+v", *a.Remedy, *b.Remedy)
		}
		lower := in.Self
		if *a.Self.Major > *a.Peer.Major {
			lower.Serial = in.Peer.Serial
		}
		if str(a.Remedy.UpgradeSerial) != compat.Show(lower.Serial) {
			t.Fatalf("serial %q is named, the lower Socket is %q", str(a.Remedy.UpgradeSerial), lower.Serial)
		}
	})
}

func str(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// TestSinceHolds drives an evaluator through arbitrary inputs: since moves when
// the value changes and only then, and then to the moment of the change.
func TestSinceHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e Evaluator
		var last *Evaluation
		now := t0
		for range rapid.IntRange(2, 12).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(1, 8e9).Draw(t, "pass")))
			ev := e.Evaluate(drawInput(t, now))
			if last != nil {
				checkSince(t, last, ev, now)
			}
			last = ev
		}
	})
}

func checkSince(t *rapid.T, last, ev *Evaluation, now Instant) {
	check := func(what string, same bool, before, after Instant) {
		if same && after != before || !same && after != now {
			t.Fatalf("%s: same value %v, since %d became %d at %d", what, same, before, after, now)
		}
	}
	check("readiness", last.readiness == ev.readiness, last.readinessSince, ev.readinessSince)
	for i := range ev.conditions {
		before, after := last.conditions[i], ev.conditions[i]
		check("condition", before.state == after.state, before.since, after.since)
	}
	for _, r := range ev.reasons {
		var before Instant
		stood := false
		for _, old := range last.reasons {
			if old.code == r.code {
				stood, before = true, old.since
			}
		}
		check(string(r.code), stood, before, r.since)
	}
}

// TestClockStepsMoveNoAge renders one evaluation under wall clocks that are years
// apart: ages stay, no age is negative, and every time moves with the clock.
func TestClockStepsMoveNoAge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := second(rapid.Float64Range(0, 1e6).Draw(t, "now"))
		in := drawInput(t, now)
		in.Link.DetectTime = 0 // let the evaluation stand
		var e Evaluator
		ev := e.Evaluate(in)
		live := liveAt(now.Add(time.Duration(rapid.Int64Range(-1e9, 1e15).Draw(t, "read"))))
		live.PeerLastHeard = Instant(rapid.Int64Range(-1e18, 1e18).Draw(t, "heard"))
		a := ev.Document(live)
		step := time.Duration(rapid.Int64Range(-10*365*24, 10*365*24).Draw(t, "hours")) * time.Hour
		live.Boot = live.Boot.Add(step)
		b := ev.Document(live)
		if a.Agent.UptimeS != b.Agent.UptimeS || a.Agent.UptimeS < 0 {
			t.Fatalf("uptime %d became %d", a.Agent.UptimeS, b.Agent.UptimeS)
		}
		if (a.Peer.AgeS == nil) != (b.Peer.AgeS == nil) || a.Peer.AgeS != nil && (*a.Peer.AgeS != *b.Peer.AgeS || *a.Peer.AgeS < 0) {
			t.Fatalf("age %v became %v", a.Peer.AgeS, b.Peer.AgeS)
		}
		if moved := b.ReadinessSince.Sub(a.ReadinessSince.Time); moved != step {
			t.Fatalf("a step of %v moved readiness_since by %v", step, moved)
		}
	})
}

// TestAnyInputIsWritten holds that whatever a peer says, there is a document, it
// is JSON, and every word in it is plain.
func TestAnyInputIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t, Instant(rapid.Int64().Draw(t, "now")))
		in.AgentStart = Instant(rapid.Int64().Draw(t, "start"))
		in.AgentVersion, in.Site = "0.1.0", Site{}
		live := Live{
			Now:           Instant(rapid.Int64().Draw(t, "live")),
			Boot:          time.Unix(rapid.Int64().Draw(t, "boot"), 0),
			PeerLastHeard: Instant(rapid.Int64().Draw(t, "heard")),
		}
		var e Evaluator
		d := e.Evaluate(in).Document(live)
		b, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range b {
			if c < ' ' || c > '~' {
				t.Fatalf("byte %#x in %s", c, b)
			}
		}
		var back Document
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if d.Peer.AgeS != nil && *d.Peer.AgeS < 0 || d.Agent.UptimeS < 0 {
			t.Fatalf("negative age %v, uptime %d", d.Peer.AgeS, d.Agent.UptimeS)
		}
		for _, r := range d.Reasons {
			if r.Summary == "" || r.Action == "" || r.Params == nil {
				t.Fatalf("empty reason %+v", r)
			}
		}
	})
}
