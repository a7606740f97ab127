package alarm_test

import (
	"math"
	"testing"
	"time"

	"socketha/agent/alarm"
	"socketha/peer"
)

// opened returns what a cycle with an open, flapping alarm saves.
func opened(t testing.TB) alarm.Saved {
	c := newCycle(t, alarm.DefaultConfig())
	now := t0
	for i := range 7 {
		in := allOK()
		if i%2 == 0 {
			in = allOK("HA_NOT_READY_MTU", alarm.CodePeerStale)
		}
		in.Declared.Failover = ended
		if i == 6 {
			in.Declared.Self = alarm.Declaration{State: alarm.Declared}
		}
		c.Step(now, in)
		now = now.Add(time.Minute)
	}
	s := c.Save()
	if s.State != alarm.Raised || !s.Flapping || len(s.Spell) != 3 {
		t.Fatalf("%+v", s)
	}
	return s
}

// TestDamageIsRefused: what contradicts itself is an error, never a wrong alarm.
func TestDamageIsRefused(t *testing.T) {
	cfg := alarm.DefaultConfig()
	for name, damage := range map[string]func(*alarm.Saved){
		"never started":         func(s *alarm.Saved) { s.Started = false },
		"state":                 func(s *alarm.Saved) { s.State = 4 },
		"known":                 func(s *alarm.Saved) { s.LastKnown = 3 },
		"no number":             func(s *alarm.Saved) { s.Number = 0 },
		"no occurrence":         func(s *alarm.Saved) { s.Occurrences = 0 },
		"negative occurrences":  func(s *alarm.Saved) { s.Occurrences = -1 },
		"too many occurrences":  func(s *alarm.Saved) { s.Occurrences = 1_000_000_001 },
		"too many alarms":       func(s *alarm.Saved) { s.Number = math.MaxUint64 },
		"flapping while clear":  func(s *alarm.Saved) { s.State, s.Spell = alarm.Clear, nil },
		"flapping from nothing": func(s *alarm.Saved) { s.Changes = nil },
		"open and to reopen":    func(s *alarm.Saved) { s.Reopenable = true },
		"now out of range":      func(s *alarm.Saved) { s.At = math.MaxInt64 },
		"now out of range, too": func(s *alarm.Saved) { s.At = math.MinInt64 },
		"since":                 func(s *alarm.Saved) { s.Since = s.At + 1 },
		"declaration":           func(s *alarm.Saved) { s.Peer.State = 6 },
		"future declaration":    func(s *alarm.Saved) { s.Self.Begin = s.At + 1 },
		"change after now":      func(s *alarm.Saved) { s.Changes[len(s.Changes)-1] = s.At + 1 },
		"changes out of order":  func(s *alarm.Saved) { s.Changes[0] = s.Changes[1] + 1 },
		"too many changes":      func(s *alarm.Saved) { s.Changes = make([]alarm.Instant, 33) },
		"raised and ready":      func(s *alarm.Saved) { s.Spell = nil },
		"clearing and not":      func(s *alarm.Saved) { s.State = alarm.Clearing },
		"no beginning":          func(s *alarm.Saved) { s.Spell = s.Spell[1:] },
		"dormant beginning":     func(s *alarm.Saved) { s.Spell[0].Dormant = true },
		"two beginnings":        func(s *alarm.Saved) { s.Spell[1].Code = "" },
		"hostile code":          func(s *alarm.Saved) { s.Spell[1].Code = "\x1b[31m" },
		"warning":               func(s *alarm.Saved) { s.Spell[1].Code = "HA_WARNING_FLAPPING" },
		"future reason":         func(s *alarm.Saved) { s.Spell[1].Since = s.At + 1 },
		"held before":           func(s *alarm.Saved) { s.Spell[1].Held = -1 },
		"held for too long":     func(s *alarm.Saved) { s.Spell[1].Held = time.Hour },
		"too many reasons": func(s *alarm.Saved) {
			for range alarm.MaxReasons {
				s.Spell = append(s.Spell, s.Spell[1])
			}
		},
	} {
		s := opened(t)
		damage(&s)
		if _, err := alarm.Restore(cfg, s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := alarm.Restore(cfg, opened(t)); err != nil {
		t.Error(err)
	}
	if _, err := alarm.Restore(alarm.Config{}, opened(t)); err == nil {
		t.Error("no knobs")
	}
}

// TestOtherKnobsAfterARestart: fewer changes are asked for than are saved.
func TestOtherKnobsAfterARestart(t *testing.T) {
	cfg := alarm.DefaultConfig()
	cfg.FlapChanges = 3
	s := opened(t)
	c, err := alarm.Restore(cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	in := allOK()
	in.Declared.Self = ended
	checkedStep(t, c, s.At.Add(time.Minute), in)
	if n := len(c.Save().Changes); n != 3 {
		t.Errorf("%d changes", n)
	}
}

// TestResumeOnAnotherClock: the clock after a reboot reads less than before it; all
// times move with it, and one that makes no sense is taken as no time at all.
func TestResumeOnAnotherClock(t *testing.T) {
	for _, tt := range []struct {
		now  alarm.Instant
		away time.Duration
		want alarm.Instant // when the last step was
	}{
		{alarm.Instant(30 * time.Second), 90 * time.Second, alarm.Instant(-60 * time.Second)},
		{alarm.Instant(30 * time.Second), 0, alarm.Instant(30 * time.Second)},
		{alarm.Instant(30 * time.Second), -time.Hour, alarm.Instant(30 * time.Second)},
		{math.MaxInt64, math.MaxInt64, math.MinInt64 / 2},
		{math.MinInt64, math.MaxInt64, math.MinInt64/2 + 1},
	} {
		s := opened(t)
		c, err := alarm.Restore(alarm.DefaultConfig(), s)
		if err != nil {
			t.Fatal(err)
		}
		c.Resume(tt.now, tt.away)
		moved := c.Save()
		if diff := moved.At.Sub(tt.want); diff.Abs() > 1 {
			t.Errorf("now %v, away %v: last step %v, want %v", tt.now, tt.away, moved.At, tt.want)
		}
		if moved.Since.Sub(moved.At) != s.Since.Sub(s.At) || moved.Self.Begin.Sub(moved.At) != s.Self.Begin.Sub(s.At) {
			t.Errorf("now %v, away %v: times moved apart", tt.now, tt.away)
		}
		out := checkedStep(t, c, tt.now, allOK(alarm.CodePeerStale))
		if out.State != alarm.Raised || out.Number != 1 || len(out.Actions) > 0 && out.Actions[0].Kind != alarm.Updated {
			t.Errorf("now %v, away %v: %+v", tt.now, tt.away, out)
		}
	}
	c := newCycle(t, alarm.DefaultConfig())
	c.Resume(t0, time.Hour)
	if s := c.Save(); s.Started || s.Resumed {
		t.Errorf("nothing to resume: %+v", s)
	}
}

// TestReadyRightAfterARestart: even if the first look finds the pair ready, the time
// to clear starts anew, since nobody saw it ready in between.
func TestReadyRightAfterARestart(t *testing.T) {
	c := newCycle(t, alarm.DefaultConfig())
	checkedStep(t, c, t0, allOK(alarm.CodeIdentityConflict))
	checkedStep(t, c, t0.Add(minute), allOK())
	now := t0.Add(time.Hour)
	c = restarted(t, alarm.DefaultConfig(), c, now)
	out := checkedStep(t, c, now, allOK())
	due, _ := out.NextDeadline()
	if out.State != alarm.Clearing || len(out.Actions) > 0 || due != now.Add(10*minute) {
		t.Errorf("%+v, clear at %v", out, due)
	}
}

// TestDormantReasons: after a restart a reason that is not stated again yet neither
// counts nor is shown, and keeps its since.
func TestDormantReasons(t *testing.T) {
	c := newCycle(t, alarm.DefaultConfig())
	checkedStep(t, c, t0, allOK(alarm.CodeDisconnected))
	now := t0.Add(4 * minute)
	c = restarted(t, alarm.DefaultConfig(), c, now)
	out := checkedStep(t, c, now, alarm.Input{})
	if len(out.Reasons) > 0 || out.RaiseAt != t0.Add(60*minute) {
		t.Errorf("nothing is known: %+v", out)
	}
	now = now.Add(30 * time.Second)
	out = checkedStep(t, c, now, allOK(alarm.CodeDisconnected))
	if len(out.Reasons) != 1 || out.Reasons[0].Since != t0 || out.RaiseAt != t0.Add(5*minute) {
		t.Errorf("stated again: %+v", out)
	}
	out = checkedStep(t, c, now, alarm.Input{Conditions: alarm.Conditions{Keepalive: alarm.ConditionFail}})
	if out = checkedStep(t, c, now, allOK(alarm.CodeDisconnected)); out.Reasons[0].Since != now {
		t.Errorf("gone in between: %+v", out)
	}
}

// FuzzSteps feeds anything: a saved state, knobs, inputs, times.
func FuzzSteps(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte("the life cycle of an alarm: clear, pending, raised, clearing, clear"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytesReader{b}
		cfg := alarm.DefaultConfig()
		if r.byte()%2 == 0 {
			cfg.RaiseAfter, cfg.ReopenWithin = (time.Duration(r.byte())+1)*time.Second, time.Duration(r.byte())*time.Second
			cfg.FlapChanges, cfg.ClearAfter = 3+int(r.byte()%30), (time.Duration(r.byte())+1)*time.Second
		}
		saved := r.saved()
		c, err := alarm.Restore(cfg, saved)
		if err != nil {
			c = newCycle(t, cfg)
		}
		now := saved.At
		for len(r.b) > 0 {
			if r.byte()%16 == 0 {
				now = r.instant()
				c.Resume(now, time.Duration(r.instant()))
			}
			switch r.byte() % 4 {
			case 0:
				now = r.instant()
			default:
				now = now.Add(time.Duration(r.byte()) * time.Minute)
			}
			in := r.input()
			checkedFuzzStep(t, c, now, in)
		}
	})
}

// checkedFuzzStep leaves deadlines out at the ends of time, where they cannot be
// told from now.
func checkedFuzzStep(t *testing.T, c *alarm.Cycle, now alarm.Instant, in alarm.Input) {
	if now > math.MaxInt64/4 || now < math.MinInt64/4 || c.Save().At > math.MaxInt64/4 {
		c.Step(now, in)
		if _, err := alarm.Restore(alarm.DefaultConfig(), c.Save()); err != nil {
			t.Fatalf("%v: %+v", err, c.Save())
		}
		return
	}
	checkedStep(t, c, now, in)
}

type bytesReader struct{ b []byte }

func (r *bytesReader) byte() byte {
	if len(r.b) == 0 {
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *bytesReader) instant() alarm.Instant {
	var v uint64
	for range 8 {
		v = v<<8 | uint64(r.byte())
	}
	return alarm.Instant(v) >> (r.byte() % 64)
}

func (r *bytesReader) saved() alarm.Saved {
	if r.byte()%2 == 0 {
		return alarm.Saved{}
	}
	s := alarm.Saved{
		Started: true, At: r.instant(), State: alarm.State(r.byte() % 5), Since: r.instant(), Number: uint64(r.byte()),
		Occurrences: int(r.byte()), Reopenable: r.byte()%2 == 0, ClosedAt: r.instant(), ClearFrom: r.instant(),
		LastKnown: peer.Readiness(r.byte() % 4), Flapping: r.byte()%2 == 0, Resumed: r.byte()%2 == 0, ResumedAt: r.instant(),
	}
	for i := range r.byte() % 4 {
		trouble := alarm.Trouble{Since: r.instant(), Held: time.Duration(r.instant())}
		if i > 0 {
			trouble.Code, trouble.Dormant = alarm.CodeDisconnected, r.byte()%2 == 0
		}
		s.Spell = append(s.Spell, trouble)
	}
	for range r.byte() % 8 {
		s.Changes = append(s.Changes, r.instant())
	}
	s.Self = alarm.SavedDeclaration{State: alarm.DeclarationState(r.byte() % 7), Begin: r.instant()}
	return s
}

func (r *bytesReader) input() alarm.Input {
	in := alarm.Input{
		Readiness: peer.Readiness(r.byte() % 4),
		Conditions: alarm.Conditions{
			Connected: alarm.Condition(r.byte() % 5), Keepalive: alarm.Condition(r.byte() % 5), CompatibleVersion: alarm.Condition(r.byte() % 5),
		},
	}
	for _, d := range []*alarm.Declaration{&in.Declared.Self, &in.Declared.Peer, &in.Declared.Failover} {
		*d = alarm.Declaration{State: alarm.DeclarationState(r.byte() % 8), Since: r.instant()}
	}
	for range r.byte() % 4 {
		code := "HA_NOT_READY_" + string(rune(r.byte()))
		if known := looks[int(r.byte())%len(looks)]; len(known) > 0 {
			code = known[0]
		}
		in.Reasons = append(in.Reasons, alarm.Reason{Code: code, Since: r.instant()})
	}
	return in
}
