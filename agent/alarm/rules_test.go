package alarm_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/status"
	"socketha/peer"
)

const minute = time.Minute

// t0 is now in most tests.
const t0 = alarm.Instant(24 * time.Hour)

func TestDefaultsAreTheContract(t *testing.T) {
	want := alarm.Config{
		DisconnectedAfter: 5 * minute, RaiseAfter: 60 * minute, UpgradeHold: 34 * minute, FailoverHold: 5 * minute,
		ClearAfter: 10 * minute, ReopenWithin: 120 * minute, FlapChanges: 5, FlapWithin: 10 * minute,
	}
	if got := alarm.DefaultConfig(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestKnobsHaveBounds(t *testing.T) {
	for name, set := range map[string]func(*alarm.Config, time.Duration){
		"raise when not connected": func(c *alarm.Config, d time.Duration) { c.DisconnectedAfter = d },
		"raise for other reasons":  func(c *alarm.Config, d time.Duration) { c.RaiseAfter = d },
		"hold for an upgrade":      func(c *alarm.Config, d time.Duration) { c.UpgradeHold = d },
		"hold for a failover":      func(c *alarm.Config, d time.Duration) { c.FailoverHold = d },
		"time to clear":            func(c *alarm.Config, d time.Duration) { c.ClearAfter = d },
		"time to reopen":           func(c *alarm.Config, d time.Duration) { c.ReopenWithin = d },
		"time for flapping":        func(c *alarm.Config, d time.Duration) { c.FlapWithin = d },
	} {
		for _, d := range []time.Duration{-1, time.Second - 1, alarm.MaxDelay + 1, math.MaxInt64} {
			cfg := alarm.DefaultConfig()
			set(&cfg, d)
			err := cfg.Check()
			if name == "time to reopen" && d == time.Second-1 {
				if err != nil {
					t.Errorf("%s %v: %v", name, d, err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "168h") {
				t.Errorf("%s %v: %v", name, d, err)
			}
		}
		cfg := alarm.DefaultConfig()
		set(&cfg, alarm.MaxDelay)
		if err := cfg.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n, ok := range map[int]bool{-1: false, 2: false, 3: true, 32: true, 33: false} {
		cfg := alarm.DefaultConfig()
		cfg.FlapChanges = n
		if err := cfg.Check(); (err == nil) != ok {
			t.Errorf("%d changes: %v", n, err)
		}
	}
	if _, err := alarm.New(alarm.Config{}); err == nil {
		t.Error("a zero configuration is accepted")
	}
}

// TestCodesAreThoseOfTheDocument keeps the copies of the codes true.
func TestCodesAreThoseOfTheDocument(t *testing.T) {
	for ours, theirs := range map[string]status.Code{
		alarm.CodeDisconnected: status.CodeDisconnected, alarm.CodeIdentityConflict: status.CodeIdentityConflict,
		alarm.CodePeerReplaced: status.CodePeerReplaced, alarm.CodePeerUnknown: status.CodePeerUnknown,
		alarm.CodePeerStale: status.CodePeerStale, alarm.CodeVersionUnreadable: status.CodeVersionUnreadable,
	} {
		if ours != string(theirs) {
			t.Errorf("%s is %s in the document", ours, theirs)
		}
	}
	for _, s := range []alarm.State{alarm.Clear, alarm.Pending, alarm.Raised, alarm.Clearing} {
		if !strings.Contains("clear pending raised clearing", s.String()) {
			t.Errorf("state %d is %q", s, s)
		}
	}
	for _, code := range status.Codes() {
		c := newCycle(t, alarm.DefaultConfig())
		out := c.Step(t0, allOK(string(code)))
		if warning := code.Severity() == status.SeverityWarning; warning != (out.State == alarm.Clear) {
			t.Errorf("%s: %v", code, out.State)
		}
		if out.State != alarm.Clear && (len(out.Reasons) != 1 || out.Reasons[0].Code != string(code)) {
			t.Errorf("%s is not remembered: %+v", code, out)
		}
	}
}

// TestUnknownIsExitCodeFour: what the command calls unknown is no return, and what
// it calls not ready is one, whatever conditions and reasons there are. Warnings
// are left out: they tell nothing of the pair.
func TestUnknownIsExitCodeFour(t *testing.T) {
	conditions := map[alarm.Condition]status.ConditionState{
		alarm.ConditionOK: status.StateOK, alarm.ConditionFail: status.StateFail,
		alarm.ConditionUnknown: status.StateUnknown, alarm.ConditionNotEvaluated: status.StateNotEvaluated,
	}
	closed := newCycle(t, alarm.DefaultConfig())
	closed.Step(t0, allOK(alarm.CodeIdentityConflict))
	closed.Step(t0+1, allOK())
	window := t0.Add(20 * minute)
	if out := closed.Step(window, allOK()); out.State != alarm.Clear || out.Occurrences != 1 {
		t.Fatalf("%+v", out)
	}
	for ours, theirs := range conditions {
		for _, code := range append(status.Codes(), "") {
			if code.Severity() == status.SeverityWarning {
				continue
			}
			in := allOK()
			in.Conditions.Keepalive = ours
			doc := status.Document{Readiness: "ready"}
			doc.Conditions.Keepalive.State = theirs
			if code != "" {
				in.Reasons = []alarm.Reason{{Code: string(code)}}
				doc.Reasons = []status.Reason{{Code: code}}
			}
			if ours == alarm.ConditionFail || ours == alarm.ConditionUnknown || code != "" {
				in.Readiness, doc.Readiness = peer.NotReady, "not_ready"
			}
			want := map[status.Outcome]alarm.State{
				status.OutcomeReady: alarm.Clear, status.OutcomeNotReady: alarm.Raised, status.OutcomeUnknown: alarm.Pending,
			}[doc.Outcome()]
			if got := mustRestore(t, alarm.DefaultConfig(), closed.Save()).Step(window+1, in); got.State != want {
				t.Errorf("keepalive %v, %q: %v, want %v", theirs, code, got.State, want)
			}
		}
	}
}

// allOK is ready but for the reasons.
func allOK(codes ...string) alarm.Input {
	ok := alarm.Conditions{Connected: alarm.ConditionNotEvaluated, Keepalive: alarm.ConditionOK, CompatibleVersion: alarm.ConditionOK}
	in := alarm.Input{Readiness: peer.Ready, Conditions: ok}
	for _, code := range codes {
		in.Reasons = append(in.Reasons, alarm.Reason{Code: code})
	}
	return in
}

// TestReadinessIsNeverBetterThanTheRest: ready needs every part of the input.
func TestReadinessIsNeverBetterThanTheRest(t *testing.T) {
	ready := allOK()
	for name, spoil := range map[string]func(*alarm.Input){
		"readiness unknown":    func(in *alarm.Input) { in.Readiness = peer.ReadinessUnknown },
		"readiness not ready":  func(in *alarm.Input) { in.Readiness = peer.NotReady },
		"readiness undefined":  func(in *alarm.Input) { in.Readiness = 77 },
		"connected unknown":    func(in *alarm.Input) { in.Conditions.Connected = alarm.ConditionUnknown },
		"keepalive unknown":    func(in *alarm.Input) { in.Conditions.Keepalive = alarm.ConditionUnknown },
		"version unknown":      func(in *alarm.Input) { in.Conditions.CompatibleVersion = alarm.ConditionUnknown },
		"keepalive fails":      func(in *alarm.Input) { in.Conditions.Keepalive = alarm.ConditionFail },
		"connected fails":      func(in *alarm.Input) { in.Conditions.Connected = alarm.ConditionFail },
		"version fails":        func(in *alarm.Input) { in.Conditions.CompatibleVersion = alarm.ConditionFail },
		"version undefined":    func(in *alarm.Input) { in.Conditions.CompatibleVersion = 9 },
		"a reason":             func(in *alarm.Input) { in.Reasons = []alarm.Reason{{Code: "HA_NOT_READY_MTU"}} },
		"a reason not known":   func(in *alarm.Input) { in.Reasons = []alarm.Reason{{Code: "anything"}} },
		"a reason without one": func(in *alarm.Input) { in.Reasons = make([]alarm.Reason, 1) },
	} {
		in := ready
		spoil(&in)
		c := newCycle(t, alarm.DefaultConfig())
		if out := c.Step(t0, ready); out.State != alarm.Clear {
			t.Fatalf("%v", out.State)
		}
		if out := c.Step(t0+1, in); out.State != alarm.Pending || out.RaiseAt > t0.Add(61*minute) {
			t.Errorf("%s: %v, to be raised at %v", name, out.State, out.RaiseAt)
		}
	}
	in := ready
	in.Reasons = []alarm.Reason{{Code: "HA_WARNING_CAPABILITY_GAP"}}
	if out := newCycle(t, alarm.DefaultConfig()).Step(t0, in); out.State != alarm.Clear || len(out.Reasons) > 0 {
		t.Errorf("a warning: %+v", out)
	}
}

// TestConnectedFailsWithoutAReason: the condition alone has the short delay too.
func TestConnectedFailsWithoutAReason(t *testing.T) {
	in := allOK()
	in.Conditions.Connected = alarm.ConditionFail
	out := newCycle(t, alarm.DefaultConfig()).Step(t0, in)
	if out.RaiseAt != t0.Add(5*minute) {
		t.Errorf("to be raised at %v", out.RaiseAt)
	}
}

// TestSinceIsBelieved: a reason that is heard of late has its own since; one in the
// future begins now, and of two statements the earlier one counts.
func TestSinceIsBelieved(t *testing.T) {
	mtu := func(at alarm.Instant) alarm.Input {
		in := allOK("HA_NOT_READY_MTU")
		in.Reasons[0].Since = at
		return in
	}
	for _, tt := range []struct {
		name  string
		since []alarm.Instant
		want  alarm.Instant
	}{
		{"left out", []alarm.Instant{0}, t0.Add(60 * minute)},
		{"past", []alarm.Instant{t0.Add(-50 * minute)}, t0.Add(10 * minute)},
		{"future", []alarm.Instant{t0.Add(50 * minute)}, t0.Add(60 * minute)},
		{"later", []alarm.Instant{t0.Add(-50 * minute), t0.Add(-20 * minute)}, t0.Add(10 * minute)},
		{"earlier", []alarm.Instant{t0.Add(-20 * minute), t0.Add(-50 * minute)}, t0.Add(10 * minute)},
		{"left out later", []alarm.Instant{t0.Add(-20 * minute), 0}, t0.Add(40 * minute)},
	} {
		c := newCycle(t, alarm.DefaultConfig())
		var out alarm.Output
		for _, at := range tt.since {
			out = checkedStep(t, c, t0, mtu(at))
		}
		if out.State != alarm.Pending || out.RaiseAt != tt.want {
			t.Errorf("%s: %v, to be raised at %v, want %v", tt.name, out.State, out.RaiseAt, tt.want)
		}
	}
	c := newCycle(t, alarm.DefaultConfig())
	if out := checkedStep(t, c, t0, mtu(t0.Add(-60*minute))); out.State != alarm.Raised {
		t.Errorf("an hour ago: %v", out.State)
	}
	twice := mtu(t0.Add(-10 * minute))
	twice.Reasons = append(twice.Reasons, alarm.Reason{Code: "HA_NOT_READY_MTU", Since: t0.Add(-30 * minute)})
	if out := checkedStep(t, newCycle(t, alarm.DefaultConfig()), t0, twice); out.RaiseAt != t0.Add(30*minute) || len(out.Reasons) != 1 {
		t.Errorf("stated twice: %+v", out)
	}
}

// TestHeardOfLate: the console hears of an upgrade, and of what it explains, minutes
// after they began.
func TestHeardOfLate(t *testing.T) {
	in := allOK("HA_NOT_READY_MTU")
	in.Reasons[0].Since = t0.Add(-8 * minute)
	in.Declared.Peer = alarm.Declaration{State: alarm.Declared, Since: t0.Add(-10 * minute)}
	out := checkedStep(t, newCycle(t, alarm.DefaultConfig()), t0, in)
	if want := t0.Add(24*minute + 60*minute); out.RaiseAt != want || out.Holds.Until != t0.Add(24*minute) {
		t.Errorf("to be raised at %v, want %v; held until %v", out.RaiseAt, want, out.Holds.Until)
	}
	in.Declared.Peer.Since = t0.Add(-40 * minute) // a marker that somebody forgot
	out = checkedStep(t, newCycle(t, alarm.DefaultConfig()), t0, in)
	if !out.Holds.Peer.Over || out.Holds.Held || out.RaiseAt != t0.Add(52*minute+2*minute) {
		t.Errorf("%+v", out)
	}
}

// TestHoldsBeforeTheStep: what Holds says is what the next step says, and asking
// changes nothing.
func TestHoldsBeforeTheStep(t *testing.T) {
	c := newCycle(t, alarm.DefaultConfig())
	in := allOK()
	c.Step(t0, in)
	in.Declared.Failover = alarm.Declaration{State: alarm.Declared}
	in.Declared.Self = alarm.Declaration{State: alarm.Declared, Since: t0.Add(-time.Hour)}
	before := c.Holds(t0+1, in.Declared)
	if again := c.Holds(t0+1, alarm.Declarations{}); again.Failover.Declared {
		t.Error("asking declared it")
	}
	if out := c.Step(t0+1, in); out.Holds != before {
		t.Errorf("%+v, asked before %+v", out.Holds, before)
	}
	if !before.Self.Over || before.Failover.Over || !before.Held || before.Until != t0.Add(5*minute)+1 {
		t.Errorf("%+v", before)
	}
}

// TestHostileReasons: what cannot be remembered still counts as not ready.
func TestHostileReasons(t *testing.T) {
	in := allOK()
	for i := range 1000 {
		in.Reasons = append(in.Reasons, alarm.Reason{Code: "HA_NOT_READY_X" + strings.Repeat("A", i)})
	}
	in.Reasons = append(in.Reasons, alarm.Reason{Code: "\x1b[31m"}, alarm.Reason{Code: "<b>"})
	c := newCycle(t, alarm.DefaultConfig())
	out := checkedStep(t, c, t0, in)
	if out.State != alarm.Pending || len(out.Reasons) != alarm.MaxReasons-1 {
		t.Errorf("%v with %d reasons", out.State, len(out.Reasons))
	}
	in.Reasons = in.Reasons[1000:]
	c = newCycle(t, alarm.DefaultConfig())
	checkedStep(t, c, t0, in)
	if out := checkedStep(t, c, t0.Add(time.Hour), in); out.State != alarm.Raised || len(out.Reasons) != 0 || out.Actions[0].Cause != alarm.CauseNotReady {
		t.Errorf("%+v", out)
	}
}

// TestClockGoesBack: a step in the past counts as one at the last.
func TestClockGoesBack(t *testing.T) {
	c := newCycle(t, alarm.DefaultConfig())
	checkedStep(t, c, t0, allOK())
	out := checkedStep(t, c, t0.Add(-time.Hour), allOK("HA_NOT_READY_MTU"))
	if out.Since != t0 || out.RaiseAt != t0.Add(time.Hour) {
		t.Errorf("%+v", out)
	}
}

// TestSteadyStateAllocatesNothing: while ready, looking costs no memory.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	c := newCycle(t, alarm.DefaultConfig())
	in, now := allOK(), t0
	c.Step(now, in)
	if n := testing.AllocsPerRun(100, func() {
		now++
		c.Step(now, in)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkStepReady(b *testing.B) {
	c := newCycle(b, alarm.DefaultConfig())
	in, now := allOK(), t0
	b.ReportAllocs()
	for b.Loop() {
		now++
		c.Step(now, in)
	}
}

func BenchmarkStepNotReady(b *testing.B) {
	c := newCycle(b, alarm.DefaultConfig())
	in, now := allOK(alarm.CodeDisconnected, alarm.CodePeerStale, "HA_NOT_READY_NO_KEEPALIVE"), t0
	b.ReportAllocs()
	for b.Loop() {
		now++
		c.Step(now, in)
	}
}

// BenchmarkConsole is one report as the console handles it: read, step, write back.
func BenchmarkConsole(b *testing.B) {
	cfg := alarm.DefaultConfig()
	in, now := allOK("HA_NOT_READY_MTU"), t0
	var saved alarm.Saved
	b.ReportAllocs()
	for b.Loop() {
		now++
		c, err := alarm.Restore(cfg, saved)
		if err != nil {
			b.Fatal(err)
		}
		c.Step(now, in)
		saved = c.Save()
	}
}

// The words of the status document, and nothing else, are conditions.
func TestConditionOf(t *testing.T) {
	for word, want := range map[status.ConditionState]alarm.Condition{
		status.StateOK: alarm.ConditionOK, status.StateFail: alarm.ConditionFail,
		status.StateNotEvaluated: alarm.ConditionNotEvaluated, status.StateUnknown: alarm.ConditionUnknown,
		"": alarm.ConditionUnknown, "OK": alarm.ConditionUnknown,
	} {
		if got := alarm.ConditionOf(string(word)); got != want {
			t.Errorf("%q: %d, want %d", word, got, want)
		}
	}
}
