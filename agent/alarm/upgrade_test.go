package alarm_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"socketha/agent/alarm"
)

// site plays upgrades of a pair: majors, who is silent, what is declared.
type site struct {
	t      *rapid.T
	c      *alarm.Cycle
	now    alarm.Instant
	in     alarm.Input
	last   alarm.Output
	opens  int
	closes int
	majors [2]int
	silent bool
	decl   [2]alarm.Declaration
}

// look steps with the site as it is.
func (s *site) look() {
	codes := looks[0]
	switch {
	case s.silent:
		codes = looks[rapid.SampledFrom([]int{4, 5}).Draw(s.t, "silence")]
	case s.majors[0] != s.majors[1]:
		codes = looks[1]
	}
	s.in, _ = lookInput(codes)
	s.in.Declared = alarm.Declarations{Self: s.decl[0], Peer: s.decl[1]}
	s.count(checkedStep(s.t, s.c, s.now, s.in))
}

func (s *site) count(out alarm.Output) {
	for _, a := range out.Actions {
		switch a.Kind {
		case alarm.Opened, alarm.Reopened:
			s.opens++
		case alarm.Closed:
			s.closes++
		case alarm.Updated:
		}
	}
	s.last = out
}

func (s *site) pass(d time.Duration) {
	end := s.now.Add(d)
	s.last = runTo(s.t, s.c, s.last, end, s.in, s.count)
	s.now = end
}

// seconds lets a drawn time pass.
func (s *site) seconds(name string, from, to int) {
	s.pass(time.Duration(rapid.IntRange(from, to).Draw(s.t, name)) * time.Second)
}

// half upgrades one Socket within the time of one declaration: two attempts at most,
// each with a reboot; it is at the new major afterwards, or rolled back.
func (s *site) half(side, major int, ok bool) {
	began := s.now
	s.decl[side] = alarm.Declaration{State: alarm.Declared, Since: s.now}
	if rapid.Bool().Draw(s.t, "begin is not told") {
		s.decl[side].Since = 0
	}
	s.look()
	old := s.majors[side]
	for attempt := range rapid.IntRange(1, 2).Draw(s.t, "attempts") {
		s.seconds("download", 0, 300)
		s.silent = true
		s.look()
		s.seconds("reboot", 30, 240)
		if side == 0 && rapid.Bool().Draw(s.t, "we restart") {
			s.c = restarted(s.t, alarm.DefaultConfig(), s.c, s.now)
		}
		s.silent, s.majors[side] = false, major
		s.look()
		s.seconds("health checks", 0, 400)
		if attempt == 0 && rapid.Bool().Draw(s.t, "rolled back") || !ok {
			s.majors[side] = old
			s.look()
		}
	}
	if ok {
		s.majors[side] = major
		s.look()
	}
	if s.now.Sub(began) > 34*time.Minute {
		s.t.Fatalf("the test itself is overdue")
	}
	end := rapid.SampledFrom([]alarm.DeclarationState{alarm.EndedOK, alarm.Undeclared}).Draw(s.t, "end")
	if !ok {
		end = rapid.SampledFrom([]alarm.DeclarationState{alarm.EndedFailed, alarm.EndedSkipped}).Draw(s.t, "end")
	}
	s.decl[side] = alarm.Declaration{State: end}
	s.look()
}

// TestUpgrades: upgrades in either order, with retries, rollbacks and restarts of
// the agent, raise nothing; one whose second half fails raises one alarm, which closes
// once when somebody repairs it; one whose first half fails is told of as well.
func TestUpgrades(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &site{t: rt, c: newCycle(rt, alarm.DefaultConfig()), now: 1e15, majors: [2]int{18, 18}}
		s.look()
		s.seconds("calm", 600, 100_000)
		first := rapid.IntRange(0, 1).Draw(rt, "first")
		fails := rapid.SampledFrom([]int{-1, -1, 0, 1}).Draw(rt, "half that fails")
		s.half(first, 19, fails != 0)
		if fails != 0 {
			s.seconds("until stable", 0, 1500)
			s.half(1-first, 19, fails != 1)
		}
		if fails == 1 {
			if s.opens != 1 || s.last.State != alarm.Raised {
				rt.Fatalf("failed, but %d opened and it is %v", s.opens, s.last.State)
			}
			s.seconds("until somebody acts", 0, 200_000)
			s.half(1-first, 19, true)
		}
		s.pass(5 * time.Hour)
		want := 0
		if fails >= 0 {
			want = 1
		}
		if s.opens != want || s.closes != want || s.last.State != alarm.Clear {
			rt.Fatalf("opened %d, closed %d, want %d; it is %v", s.opens, s.closes, want, s.last.State)
		}
	})
}
