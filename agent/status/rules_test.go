package status

import (
	"strings"
	"testing"
	"time"

	"socketha/peer"
)

func TestConnected(t *testing.T) {
	const (
		unknown = peer.UpstreamUnknown
		none    = peer.UpstreamNotConfigured
		up      = peer.UpstreamConnected
		down    = peer.UpstreamDisconnected
	)
	cases := []struct {
		ours, theirs peer.UpstreamState
		fresh        bool
		want         ConditionState
	}{
		{none, none, true, StateNotEvaluated},
		{up, up, true, StateOK},
		{up, none, true, StateOK},
		{none, up, true, StateOK},
		{down, up, true, StateFail},
		{up, down, true, StateFail},
		{down, down, true, StateFail},
		{none, down, true, StateFail},
		{down, none, true, StateFail},
		{down, unknown, true, StateFail},
		{unknown, down, true, StateFail},
		{unknown, up, true, StateUnknown},
		{up, unknown, true, StateUnknown},
		{unknown, none, true, StateUnknown},
		{none, unknown, true, StateUnknown},
		{unknown, unknown, true, StateUnknown},
		{down, up, false, StateFail},
		{up, up, false, StateUnknown},
		{up, down, false, StateUnknown}, // what it last said is not what is
		{none, none, false, StateUnknown},
		{unknown, up, false, StateUnknown},
	}
	for _, c := range cases {
		in := readyWith(t0, clouds(c.ours, c.theirs))
		in.Peer.Fresh = c.fresh
		d := documentOf(in)
		if got := d.Conditions.Connected.State; got != c.want {
			t.Errorf("ours %v, theirs %v, fresh %v: %s, want %s", c.ours, c.theirs, c.fresh, got, c.want)
		}
		if failed := d.Conditions.Connected.State == StateFail; failed != has(d, CodeDisconnected) {
			t.Errorf("ours %v, theirs %v: %s with reasons %v", c.ours, c.theirs, d.Conditions.Connected.State, codesOf(d))
		}
	}
}

func TestKeepalive(t *testing.T) {
	down := func(in *Input) { in.Link.Up, in.Link.OperState = false, "down" }
	cases := []struct {
		name    string
		change  []func(*Input)
		want    ConditionState
		reasons []Code
	}{
		{"never heard", []func(*Input){never}, StateUnknown, []Code{CodePeerUnknown}},
		{"never heard, link down", []func(*Input){never, down}, StateUnknown, []Code{CodeLinkDown, CodePeerUnknown}},
		{"from before our start", []func(*Input){remembered}, StateUnknown, []Code{CodePeerStale}},
		{"from before our start, link down", []func(*Input){remembered, down}, StateUnknown, []Code{CodeLinkDown, CodePeerStale}},
		{"lost", []func(*Input){lost(t0)}, StateFail, []Code{CodeNoKeepalive, CodePeerStale}},
		{"lost, link down", []func(*Input){lost(t0), down}, StateFail, []Code{CodeLinkDown, CodePeerStale}},
		{"link down before the loss is detected", []func(*Input){down}, StateFail, []Code{CodeLinkDown}},
		{"planned stop", []func(*Input){plannedStop}, StateUnknown, []Code{CodePeerStale}},
		{"planned stop takes the link down", []func(*Input){plannedStop, noCarrier}, StateUnknown, []Code{CodeLinkDown, CodePeerStale}},
		{"mismatch after being heard", []func(*Input){mismatch}, StateFail, []Code{CodeProtocolMismatch, CodePeerStale}},
		{"link not looked at yet", []func(*Input){func(in *Input) { in.Link.Observed = false }, noCarrier}, StateOK, nil},
		{"carrier unknown", []func(*Input){func(in *Input) { in.Link.Carrier = Unknown }}, StateOK, nil},
		{"session up but not fresh", []func(*Input){func(in *Input) { in.Peer.Fresh = false }}, StateFail, []Code{CodeNoKeepalive, CodePeerStale}},
		{"no role source here", []func(*Input){func(in *Input) { in.Self.HASource = "" }, states(peer.HAActive, peer.HAActive)}, StateOK, nil},
		{"peer's state unknown", []func(*Input){states(peer.HAActive, peer.HAUnknown)}, StateOK, nil},
		{"own source silent", []func(*Input){states(peer.HAUnknown, peer.HAActive)}, StateUnknown, nil},
		{"standby and active", []func(*Input){states(peer.HAStandby, peer.HAActive)}, StateOK, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := documentOf(readyWith(t0, c.change...))
			if got := d.Conditions.Keepalive.State; got != c.want {
				t.Errorf("keepalive %s, want %s", got, c.want)
			}
			sameCodes(t, d, c.reasons...)
		})
	}
}

func mismatch(in *Input) { in.Peer.Mismatch = &peer.ProtocolRange{Min: 2, Max: 3} }

func sameCodes(t *testing.T, d Document, want ...Code) {
	t.Helper()
	got := codesOf(d)
	if len(got) != len(want) {
		t.Fatalf("reasons %v, want %v", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("reasons %v, want %v", got, want)
		}
	}
}

// TestTakeoverGrace follows a pair whose roles are amiss for as long as the
// grace: nothing before, the reason at the deadline that was promised.
func TestTakeoverGrace(t *testing.T) {
	for _, c := range []struct {
		state peer.HAState
		code  Code
	}{{peer.HAActive, CodeSplitBrain}, {peer.HAStandby, CodeNoActive}} {
		amiss := states(c.state, c.state)
		var e Evaluator
		e.Evaluate(readyWith(second(0)))
		ev := e.Evaluate(readyWith(second(1), amiss))
		deadline, ok := ev.NextDeadline()
		if !ok || deadline != second(11) {
			t.Fatalf("deadline %v %v, want %v", deadline, ok, second(11))
		}
		before := e.Evaluate(readyWith(deadline-1, amiss)).Document(liveAt(deadline))
		if before.Readiness != "ready" || len(before.Reasons) != 0 {
			t.Errorf("%v within the grace: %s, %v", c.state, before.Readiness, codesOf(before))
		}
		ev = e.Evaluate(readyWith(deadline, amiss))
		if _, again := ev.NextDeadline(); again {
			t.Error("a deadline stands after the grace")
		}
		after := ev.Document(liveAt(deadline))
		sameCodes(t, after, c.code)
		if after.Conditions.Keepalive.State != StateFail {
			t.Errorf("keepalive %s after the grace", after.Conditions.Keepalive.State)
		}
		if good := e.Evaluate(readyWith(second(20))).Document(liveAt(second(20))); good.Readiness != "ready" {
			t.Errorf("%s once one Socket is active again", good.Readiness)
		}
	}
}

// TestTakeoverGraceIsOne holds that a pair which goes from none active to both
// active and back cannot escape the grace.
func TestTakeoverGraceIsOne(t *testing.T) {
	var e Evaluator
	var d Document
	for i := range 6 {
		s := []peer.HAState{peer.HAActive, peer.HAStandby}[i%2]
		d = e.Evaluate(readyWith(second(float64(2*i)), states(s, s))).Document(liveAt(second(10)))
	}
	sameCodes(t, d, CodeNoActive)
}

// TestDeclaredFailover never counts both active, and gives a whole grace when
// the declaration ends.
func TestDeclaredFailover(t *testing.T) {
	both := states(peer.HAActive, peer.HAActive)
	var e Evaluator
	for n := range 10 {
		ev := e.Evaluate(readyWith(second(float64(60*n)), both, declareFailover))
		if _, ok := ev.NextDeadline(); ok || ev.Readiness() != peer.Ready {
			t.Fatalf("after %d min: %v, deadline %v", n, ev.Readiness(), ok)
		}
	}
	ended := e.Evaluate(readyWith(second(600), both))
	if deadline, ok := ended.NextDeadline(); !ok || deadline != second(610) || ended.Readiness() != peer.Ready {
		t.Errorf("declaration over: %v, deadline %v", ended.Readiness(), deadline)
	}
}

// TestRolesAreNotJudgedFromMemory: what a silent peer last said is no split brain.
func TestRolesAreNotJudgedFromMemory(t *testing.T) {
	both := states(peer.HAActive, peer.HAActive)
	var e Evaluator
	e.Evaluate(readyWith(second(0), both))
	d := e.Evaluate(readyWith(second(20), both, lost(second(17)), func(in *Input) { in.Peer.Role = peer.RolePrimary })).
		Document(liveAt(second(20)))
	sameCodes(t, d, CodeNoKeepalive, CodePeerStale)
}

// TestMeeting: a session coming up is unknown for at most the grace; one that
// was up and turns one-way has failed at once.
func TestMeeting(t *testing.T) {
	handshake := func(in *Input) { in.Link.Session = peer.StateInit }
	state := func(ev *Evaluation) ConditionState { return ev.conditions[condKeepalive].state }

	var e Evaluator
	e.Evaluate(readyWith(second(0), never))
	ev := e.Evaluate(readyWith(second(1), handshake))
	deadline, ok := ev.NextDeadline()
	if state(ev) != StateUnknown || !ok || deadline != second(11) {
		t.Errorf("first contact: %s, deadline %v", state(ev), deadline)
	}
	if ev = e.Evaluate(readyWith(second(11), handshake)); state(ev) != StateFail {
		t.Errorf("one-way for the whole grace: %s", state(ev))
	}
	if ev = e.Evaluate(readyWith(second(12), handshake)); state(ev) != StateFail {
		t.Errorf("after the grace: %s", state(ev))
	}
	if ev = e.Evaluate(readyWith(second(13))); state(ev) != StateOK {
		t.Errorf("up: %s", state(ev))
	}
	if ev = e.Evaluate(readyWith(second(14), handshake)); state(ev) != StateFail {
		t.Errorf("up, then one-way: %s", state(ev))
	}
	e.Evaluate(readyWith(second(15), plannedStop))
	if ev = e.Evaluate(readyWith(second(16), handshake)); state(ev) != StateUnknown {
		t.Errorf("back from a planned stop: %s", state(ev))
	}
}

func TestVersions(t *testing.T) {
	cases := []struct {
		ours, theirs string
		want         string
		upgrade      string
		toMajor      int
	}{
		{"18.3.3", "18.4.1", "compatible", "", 0},
		{"9.0", "10.0", "incompatible", "A1000001", 10},
		{"18.0", "15.0", "incompatible", "B2000002", 18},
		{"18.0", "18..1", "unknown", "", 0},
		{"", "18.0", "unknown", "", 0},
	}
	for _, c := range cases {
		d := documentOf(readyWith(t0, versions(c.ours, c.theirs)))
		if d.Compatibility != c.want {
			t.Errorf("%q and %q are %s, want %s", c.ours, c.theirs, d.Compatibility, c.want)
		}
		if unreadable := has(d, CodeVersionUnreadable); unreadable != (c.want == "unknown") {
			t.Errorf("%q and %q: reasons %v", c.ours, c.theirs, codesOf(d))
		}
		if c.upgrade == "" {
			if d.Remedy != nil {
				t.Errorf("%q and %q have a remedy", c.ours, c.theirs)
			}
			continue
		}
		if str(d.Remedy.UpgradeSerial) != c.upgrade || d.Remedy.ToMajor != c.toMajor {
			t.Errorf("%q and %q: upgrade %v to %d", c.ours, c.theirs, str(d.Remedy.UpgradeSerial), d.Remedy.ToMajor)
		}
	}
}

// TestDeclaredUpgrade: while either Socket declares an upgrade, the advice is to
// wait.
func TestDeclaredUpgrade(t *testing.T) {
	ours := func(in *Input) { in.Self.Upgrade.Declared = true }
	theirs := func(in *Input) { in.Peer.Upgrade.Declared = true }
	for name, change := range map[string]func(*Input){"ours": ours, "the peer's": theirs} {
		d := documentOf(readyWith(t0, versions("18.0", "15.0"), change))
		if !strings.Contains(d.Remedy.Text, "wait") || !strings.HasPrefix(d.Reasons[0].Action, "Wait") {
			t.Errorf("%s: %q, %q", name, d.Remedy.Text, d.Reasons[0].Action)
		}
	}
}

// TestStalePeerIsNeverJudged: the last-known version stays visible with its age,
// and is compared with nothing.
func TestStalePeerIsNeverJudged(t *testing.T) {
	d := documentOf(readyWith(second(60), versions("18.0", "15.0"), lost(second(0))))
	if d.Compatibility != "unknown" || d.Remedy != nil || has(d, CodeIncompatible) {
		t.Errorf("%s, remedy %v, reasons %v", d.Compatibility, d.Remedy, codesOf(d))
	}
	if !d.Peer.Known || d.Peer.Fresh || str(d.Peer.Version) != "15.0" || *d.Peer.AgeS != 60 {
		t.Errorf("peer %+v", d.Peer)
	}
	if want := bootTime.Add(time.Minute); !d.Peer.LastSeenAt.Equal(want) {
		t.Errorf("last seen %v, want %v", d.Peer.LastSeenAt, want)
	}
}

// TestPeerWithoutAnAge: where it is not known when the peer was last heard, the
// age is null and not zero.
func TestPeerWithoutAnAge(t *testing.T) {
	d := documentOf(readyWith(t0, remembered, func(in *Input) { in.Peer.LastHeard = 0 }))
	if d.Peer.AgeS != nil || d.Peer.LastSeenAt != nil || !d.Peer.Known {
		t.Errorf("age %v, last seen %v", d.Peer.AgeS, d.Peer.LastSeenAt)
	}
}

// TestAgeBounds: a heartbeat that comes between two readings of the clock is
// zero old, not negative; a peer that nothing is known of has no age.
func TestAgeBounds(t *testing.T) {
	age := func(change func(*Input)) *float64 {
		var e Evaluator
		live := liveAt(second(1))
		live.PeerLastHeard = second(2)
		return e.Evaluate(readyWith(second(0), change)).Document(live).Peer.AgeS
	}
	if got := age(func(*Input) {}); got == nil || *got != 0 {
		t.Errorf("age %v, want 0", got)
	}
	if got := age(never); got != nil {
		t.Errorf("an unknown peer is %v s old", *got)
	}
}

func TestOwnSerialAtThePeer(t *testing.T) {
	d := documentOf(readyWith(t0, func(in *Input) { in.Peer.Serial = in.Self.Serial }))
	sameCodes(t, d, CodeIdentityConflict)
	several := documentOf(readyWith(t0, func(in *Input) {
		in.Peer.Serial = in.Self.Serial
		in.Identity = []IdentityFinding{{Kind: PeerReplaced}, {Kind: PeerShowsOurKey}, {Kind: FactsDifferFromIdentity}}
	}))
	sameCodes(t, several, CodeIdentityConflict, CodePeerReplaced)
	none := documentOf(readyWith(t0, func(in *Input) { in.Peer.Serial, in.Self.Serial = "", "" }))
	sameCodes(t, none)
}

// TestOverdue: a document made from an evaluation that nobody keeps up to date
// does not show a dead peer as fresh.
func TestOverdue(t *testing.T) {
	unset := func(in *Input) { in.ClockUnset = true }
	var e Evaluator
	ev := e.Evaluate(readyWith(second(0), unset))
	read := func(n float64, heard Instant) Document {
		live := liveAt(second(n))
		live.PeerLastHeard = heard
		return ev.Document(live)
	}
	if d := read(7, second(0)); d.Readiness != "ready" {
		t.Errorf("7 s after a heartbeat at 3 s detection: %s", d.Readiness)
	}
	d := read(8, second(0))
	if d.Readiness != "not_ready" || d.Peer.Fresh || d.Compatibility != "unknown" {
		t.Errorf("8 s after the last heartbeat: %s, %s", d.Readiness, d.Compatibility)
	}
	sameCodes(t, d, CodeNoKeepalive, CodePeerStale, CodeClockUnset)
	if want := bootTime.Add(time.Duration(second(0))); !d.Reasons[2].Since.Equal(want) {
		t.Errorf("the clock is unset since %v, want %v", d.Reasons[2].Since, want)
	}
	if want := bootTime.Add(time.Duration(second(7))); !d.ReadinessSince.Equal(want) {
		t.Errorf("not ready since %v, want %v", d.ReadinessSince, want)
	}
	late, later := liveAt(second(8)), liveAt(second(100))
	late.PeerLastHeard, later.PeerLastHeard = second(0), second(0)
	_, meaning := ev.Show(late)
	if _, again := ev.Show(later); meaning == ev.Meaning() || again != meaning {
		t.Errorf("meaning %s, overdue %s, still overdue %s", ev.Meaning(), meaning, again)
	}
	if later := read(100, second(0)); !later.ReadinessSince.Equal(d.ReadinessSince.Time) {
		t.Error("since moves from reading to reading")
	}
	if d := read(100, second(99)); d.Readiness != "ready" {
		t.Errorf("heard a second ago: %s", d.Readiness)
	}
	if again := e.Evaluate(readyWith(second(101), unset)); again.readinessSince != second(0) {
		t.Error("reading an overdue document moved the evaluator")
	}
}
