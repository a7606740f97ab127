package alarm_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"socketha/agent/alarm"
	"socketha/peer"
)

type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newCycle(t reporter, cfg alarm.Config) *alarm.Cycle {
	t.Helper()
	c, err := alarm.New(cfg)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// permitted are the transitions of the package comment.
var permitted = map[[2]alarm.State]bool{
	{alarm.Clear, alarm.Pending}:   true,
	{alarm.Pending, alarm.Clear}:   true,
	{alarm.Pending, alarm.Raised}:  true,
	{alarm.Raised, alarm.Clearing}: true,
	{alarm.Clearing, alarm.Raised}: true,
	{alarm.Clearing, alarm.Clear}:  true,
}

// checkedStep makes a step and checks what holds after every one.
func checkedStep(t reporter, c *alarm.Cycle, now alarm.Instant, in alarm.Input) alarm.Output {
	t.Helper()
	before := c.Save()
	out := c.Step(now, in)
	after := c.Save()
	state := before.State
	for _, tr := range out.Transitions {
		if tr.From != state || !permitted[[2]alarm.State{tr.From, tr.To}] || tr.Cause == "" {
			t.Fatalf("transition %+v from %v", tr, state)
		}
		state = tr.To
	}
	if state != out.State || out.State != after.State {
		t.Fatalf("%v -> %v without saying so", before.State, out.State)
	}
	checkActions(t, before.State.Open(), &out)
	if due, ok := out.NextDeadline(); ok && due <= after.At {
		t.Fatalf("deadline %v is not after %v: %+v", due, after.At, after)
	}
	due, ok := out.NextDeadline()
	if out.State == alarm.Pending && (out.RaiseAt <= after.At || !ok || due > out.RaiseAt) {
		t.Fatalf("raised at %v, woken at %v, now %v", out.RaiseAt, due, after.At)
	}
	if out.Flapping && !out.State.Open() || out.State.Open() && (out.Occurrences < 1 || out.Number == 0) {
		t.Fatalf("contradiction: %+v", out)
	}
	if out.Number < before.Number || out.Number > before.Number+1 {
		t.Fatalf("alarm %d after %d", out.Number, before.Number)
	}
	if _, err := alarm.Restore(alarm.DefaultConfig(), after); err != nil {
		t.Fatalf("%v: %+v", err, after)
	}
	return out
}

func checkActions(t reporter, open bool, out *alarm.Output) {
	t.Helper()
	if len(out.Actions) > 1 {
		t.Fatalf("more than one action: %+v", out.Actions)
	}
	for _, a := range out.Actions {
		opens := a.Kind == alarm.Opened || a.Kind == alarm.Reopened
		if opens == open || a.Number != out.Number || a.Cause == "" {
			t.Fatalf("%v while open is %t: %+v", a.Kind, open, a)
		}
		if a.Kind != alarm.Updated {
			open = !open
		}
	}
	if open != out.State.Open() {
		t.Fatalf("%v, and told that open is %t", out.State, open)
	}
}

// runTo wakes the cycle at each of its deadlines before end, with the same input.
func runTo(t reporter, c *alarm.Cycle, last alarm.Output, end alarm.Instant, in alarm.Input, each func(alarm.Output)) alarm.Output {
	t.Helper()
	for range 100 {
		due, ok := last.NextDeadline()
		if !ok || due >= end {
			return last
		}
		last = checkedStep(t, c, due, in)
		each(last)
	}
	t.Fatalf("100 deadlines with the same input")
	return last
}

// TestNoDelayIsSkipped: an alarm opened for a reason has seen it stand for its
// whole delay without a hold; all others have one of the causes that raise at once.
func TestNoDelayIsSkipped(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := drawConfig(rt)
		c := newCycle(rt, cfg)
		now := alarm.Instant(1e15)
		since := map[string]alarm.Instant{}
		holds := [][2]alarm.Instant{}
		var d alarm.Declarations
		var last alarm.Output
		judge := func(out alarm.Output) {
			for _, a := range out.Actions {
				if a.Kind != alarm.Opened {
					continue
				}
				var delay time.Duration
				code := a.Cause
				switch a.Cause {
				case alarm.CauseFlapping, alarm.CauseUpgradeFailed, alarm.CauseUpgradeSkipped,
					alarm.CodeIdentityConflict, alarm.CodePeerReplaced:
					continue
				case alarm.CodeDisconnected:
					delay = cfg.DisconnectedAfter
				case alarm.CauseNotReady:
					delay, code = cfg.RaiseAfter, ""
				default:
					delay = cfg.RaiseAfter
				}
				from, ok := since[code]
				if !ok || a.At.Sub(from)-heldBetween(holds, from, a.At) < delay {
					rt.Fatalf("%+v after %v of which %v were held", a, a.At.Sub(from), heldBetween(holds, from, a.At))
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(rt, "pieces") {
			in, readiness, minutes := drawPiece(rt, &d)
			standing := map[string]alarm.Instant{}
			if readiness != peer.Ready {
				for _, code := range append(codesOf(in), "") {
					standing[code] = now
					if at, ok := since[code]; ok {
						standing[code] = at
					}
				}
			}
			since = standing
			last = checkedStep(rt, c, now, in)
			for _, h := range []alarm.Hold{last.Holds.Self, last.Holds.Peer, last.Holds.Failover} {
				if h.Declared {
					holds = append(holds, [2]alarm.Instant{now, min(h.End, now.Add(time.Duration(minutes)*time.Minute))})
				}
			}
			judge(last)
			end := now.Add(time.Duration(minutes) * time.Minute)
			last = runTo(rt, c, last, end, in, judge)
			now = end
		}
	})
}

// heldBetween samples every ten seconds: knobs and pieces are whole minutes.
func heldBetween(holds [][2]alarm.Instant, from, to alarm.Instant) (sum time.Duration) {
	const step = 10 * time.Second
	for at := from; at < to; at = at.Add(step) {
		for _, h := range holds {
			if h[0] <= at && at < h[1] {
				sum += step
				break
			}
		}
	}
	return sum
}

// TestNothingIsLost: whatever happened before, and however often reasons take turns and
// the agent restarts, a pair that is seen to be not ready for its delay and longer, with
// nothing declared, has an alarm.
func TestNothingIsLost(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := drawConfig(rt)
		c := newCycle(rt, cfg)
		now := alarm.Instant(1e15)
		var d alarm.Declarations
		for range rapid.IntRange(0, 10).Draw(rt, "pieces") {
			in, _, minutes := drawPiece(rt, &d)
			last := checkedStep(rt, c, now, in)
			end := now.Add(time.Duration(minutes) * time.Minute)
			runTo(rt, c, last, end, in, func(alarm.Output) {})
			now = end
		}
		bad := rapid.SampledFrom([]int{1, 2, 4, 5, 6})
		in, _ := lookInput(looks[rapid.SampledFrom([]int{1, 2, 4}).Draw(rt, "trouble")])
		in.Declared = alarm.Declarations{Self: ended, Peer: ended, Failover: ended}
		last := checkedStep(rt, c, now, in)
		for end := now.Add(cfg.RaiseAfter); now < end; {
			next := min(end, now.Add(time.Duration(rapid.Int64Range(1, int64(cfg.RaiseAfter)).Draw(rt, "until"))))
			runTo(rt, c, last, next+1, in, func(alarm.Output) {})
			now = next
			if rapid.Bool().Draw(rt, "restart") && now < end {
				c = restarted(rt, cfg, c, now)
				checkedStep(rt, c, now, alarm.Input{})
			}
			in, _ = lookInput(looks[bad.Draw(rt, "turn")])
			in.Declared = alarm.Declarations{Self: ended, Peer: ended, Failover: ended}
			if now == end { // and it is known, not only suspected
				in, _ = lookInput(looks[1])
			}
			last = checkedStep(rt, c, now, in)
		}
		if last.State != alarm.Raised {
			rt.Fatalf("%v, to be raised at %v, now %v", last.State, last.RaiseAt, now)
		}
	})
}

var ended = alarm.Declaration{State: alarm.Undeclared}

func restarted(t reporter, cfg alarm.Config, c *alarm.Cycle, now alarm.Instant) *alarm.Cycle {
	t.Helper()
	saved := c.Save()
	c, err := alarm.Restore(cfg, saved)
	if err != nil {
		t.Fatalf("%v: %+v", err, saved)
	}
	c.Resume(now, now.Sub(saved.At))
	return c
}

// TestSilenceClearsNothing: once open, an alarm survives any time without
// knowledge, any restart and any stall.
func TestSilenceClearsNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := drawConfig(rt)
		c := newCycle(rt, cfg)
		now := alarm.Instant(1e15)
		in, _ := lookInput(looks[7]) // raised at once
		last := checkedStep(rt, c, now, in)
		if rapid.Bool().Draw(rt, "clearing") {
			now = now.Add(time.Second)
			in, _ = lookInput(nil)
			checkedStep(rt, c, now, in)
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(cfg.ClearAfter)-1).Draw(rt, "ready for")))
		}
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(rt, "pass")))
			if rapid.Bool().Draw(rt, "restart") {
				c = restarted(rt, cfg, c, now)
			}
			in, _ := lookInput(looks[rapid.IntRange(5, 6).Draw(rt, "unknown")])
			if rapid.Bool().Draw(rt, "nothing at all") {
				in = alarm.Input{Readiness: peer.Ready} // its conditions are unknown
			}
			last = checkedStep(rt, c, now, in)
			if last.State != alarm.Raised || last.Occurrences != 1 || last.Number != 1 {
				rt.Fatalf("%+v", last)
			}
		}
		// The first look after it does not clear either.
		in, _ = lookInput(nil)
		now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Hour)).Draw(rt, "pass")))
		if last = checkedStep(rt, c, now, in); last.State != alarm.Clearing {
			rt.Fatalf("%+v", last)
		}
	})
}

// TestRestoreIsExact: saved and restored between any two steps, on a clock that
// counts from anywhere, the life cycle is the same.
func TestRestoreIsExact(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := drawConfig(rt)
		a, b := newCycle(rt, cfg), newCycle(rt, cfg)
		now := alarm.Instant(1e15)
		shift := time.Duration(rapid.Int64Range(-3e18, 3e18).Draw(rt, "shift"))
		var d alarm.Declarations
		for range rapid.IntRange(1, 30).Draw(rt, "pieces") {
			in, _, minutes := drawPiece(rt, &d)
			outA := checkedStep(rt, a, now, in)
			outB := checkedStep(rt, b, now.Add(shift), in)
			dueA, okA := outA.NextDeadline()
			dueB, okB := outB.NextDeadline()
			if okA != okB || okA && dueA.Add(shift) != dueB || len(outA.Actions) != len(outB.Actions) || outA.State != outB.State {
				rt.Fatalf("%+v\n%+v", outA, outB)
			}
			var err error
			if b, err = alarm.Restore(cfg, b.Save()); err != nil {
				rt.Fatalf("%v", err)
			}
			if diff := cmp.Diff(b.Save(), mustRestore(rt, cfg, b.Save()).Save()); diff != "" {
				rt.Fatalf("%s", diff)
			}
			now = now.Add(time.Duration(minutes) * time.Minute)
		}
	})
}

func mustRestore(t reporter, cfg alarm.Config, s alarm.Saved) *alarm.Cycle {
	t.Helper()
	c, err := alarm.Restore(cfg, s)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return c
}

// TestOutputsStay: what a step returned is not touched by later ones.
func TestOutputsStay(t *testing.T) {
	c := newCycle(t, alarm.DefaultConfig())
	in, _ := lookInput(looks[2])
	out := c.Step(1e12, in)
	saved := c.Save()
	reasons := append([]alarm.Reason(nil), out.Reasons...)
	for i := range 100 {
		in, _ := lookInput(looks[i%len(looks)])
		c.Step(alarm.Instant(1e12).Add(time.Duration(i)*time.Minute), in)
	}
	if diff := cmp.Diff(reasons, out.Reasons); diff != "" {
		t.Error(diff)
	}
	again := newCycle(t, alarm.DefaultConfig())
	in, _ = lookInput(looks[2])
	again.Step(1e12, in)
	if diff := cmp.Diff(saved, again.Save()); diff != "" {
		t.Error(diff)
	}
}
