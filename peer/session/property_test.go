package session_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"socketha/peer"
	"socketha/peer/session"
)

func drawTimers(t *rapid.T, name string, longest time.Duration) peer.Timers {
	interval := rapid.Map(rapid.IntRange(50, int(longest.Milliseconds())), func(ms int) time.Duration {
		return time.Duration(ms) * time.Millisecond
	})
	return peer.Timers{
		DesiredTx:  interval.Draw(t, name+" tx"),
		RequiredRx: interval.Draw(t, name+" rx"),
		DetectMult: uint8(rapid.IntRange(peer.MinDetectMult, peer.MaxDetectMult).Draw(t, name+" mult")),
	}
}

// TestUpWhenLossStops: whatever was lost, doubled and reordered, and whoever was
// restarted in between, both are Up soon after the link is whole again. On the
// way every loss is found exactly at the detection time (sim.checkTimeout).
func TestUpWhenLossStops(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawTimers(rt, "a", 5*time.Second), drawTimers(rt, "b", 5*time.Second)
		m := newSim(t, rapid.Uint64().Draw(rt, "seed"), pipe{
			loss:     rapid.Float64Range(0, 1).Draw(rt, "loss"),
			double:   rapid.Float64Range(0, 0.5).Draw(rt, "double"),
			delayMax: time.Duration(rapid.IntRange(0, 300).Draw(rt, "delay ms")) * time.Millisecond,
		}, a, b)
		for range rapid.IntRange(1, 4).Draw(rt, "restarts") {
			m.run(time.Duration(rapid.IntRange(1, 20_000).Draw(rt, "ms")) * time.Millisecond)
			m.boot(rapid.IntRange(0, 1).Draw(rt, "who"))
		}
		m.pipe = pipe{delayMax: time.Millisecond}
		m.run(time.Second) // the last of the delayed ones
		interval := max(a.DesiredTx, a.RequiredRx, b.DesiredTx, b.RequiredRx, session.DefaultSlowTx)
		m.run(3 * interval)
		if !m.bothUp() {
			rt.Fatalf("still %v and %v", m.nodes[0].s.View(), m.nodes[1].s.View())
		}
	})
}

// TestNoFalseAlarmWithoutLoss: a link that loses nothing and delays by less than
// the jitter leaves keeps a session Up for ever with any timers permitted, and
// every pause between two heartbeats of one side is 75 to 90 % of its interval,
// except where it is asked to speak earlier.
func TestNoFalseAlarmWithoutLoss(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		longest := time.Duration(rapid.SampledFrom([]int{60, 1_000, 60_000}).Draw(rt, "longest")) * time.Millisecond
		a, b := drawTimers(rt, "a", longest), drawTimers(rt, "b", longest)
		m := newSim(t, rapid.Uint64().Draw(rt, "seed"), pipe{delayMax: 2 * time.Millisecond}, a, b)
		m.run(5 * time.Millisecond)
		if !m.bothUp() {
			rt.Fatal("not up after three trips")
		}
		m.run(2 * longest)
		up := [2]int{len(m.nodes[0].changes), len(m.nodes[1].changes)}
		for i, n := range m.nodes {
			interval := max(n.timers.DesiredTx, m.nodes[1-i].timers.RequiredRx)
			var last time.Time
			n.onSend = func(now time.Time, hb session.Heartbeat) {
				gap := now.Sub(last)
				if hb.Flags.Has(peer.FlagFinal) && (last.IsZero() || gap < interval*3/4) {
					return // in between
				}
				first := last.IsZero()
				last = now
				if first {
					return
				}
				if gap > interval*9/10 || gap < interval*3/4 {
					rt.Errorf("node %d sent %+v after %v, its interval is %v", i, hb, gap, interval)
				}
			}
		}
		m.run(20 * longest)
		for i, n := range m.nodes {
			if len(n.changes) != up[i] {
				rt.Errorf("node %d changed without loss: %v", i, n.changes[up[i]:])
			}
		}
	})
}

// TestBoundedWork: however bad the link and however fast the timers, a second
// never takes more than a few hundred steps: no busy loop, no ping-pong.
func TestBoundedWork(t *testing.T) {
	shortest := peer.Timers{DesiredTx: peer.MinInterval, RequiredRx: peer.MinInterval, DetectMult: 3}
	rapid.Check(t, func(rt *rapid.T) {
		m := newSim(t, rapid.Uint64().Draw(rt, "seed"), pipe{
			loss:     rapid.Float64Range(0, 0.9).Draw(rt, "loss"),
			delayMax: time.Duration(rapid.IntRange(0, 100_000).Draw(rt, "delay us")) * time.Microsecond,
		}, shortest, shortest)
		for range 20 {
			m.nodes[0].steps, m.nodes[1].steps = 0, 0
			m.run(time.Second)
			if steps := m.nodes[0].steps + m.nodes[1].steps; steps > 600 {
				rt.Fatalf("%d steps in a second", steps)
			}
		}
	})
}

// drawEvent returns anything at all, well formed or not.
func drawEvent(t *rapid.T) session.Event {
	return session.Event{
		Kind: session.EventKind(rapid.IntRange(0, 8).Draw(t, "kind")),
		Heartbeat: session.Heartbeat{
			MyDiscriminator:   uint32(rapid.IntRange(0, 3).Draw(t, "my")),
			YourDiscriminator: uint32(rapid.IntRange(0, 2).Draw(t, "your")),
			Sequence:          rapid.OneOf(rapid.Uint32Range(0, 200), rapid.Uint32()).Draw(t, "seq"),
			Timers: peer.Timers{
				DesiredTx:  time.Duration(rapid.SampledFrom([]int64{0, 49e6, 50e6, 1e9, 60e9, 60e9 + 1}).Draw(t, "tx")),
				RequiredRx: time.Duration(rapid.SampledFrom([]int64{-1, 50e6, 300e6, 60e9, math.MaxInt64}).Draw(t, "rx")),
				DetectMult: rapid.SampledFrom([]uint8{0, 1, 2, 3, 50, 51, 255}).Draw(t, "mult"),
			},
			State: peer.SessionState(rapid.IntRange(0, 5).Draw(t, "state")),
			Flags: peer.Flags(rapid.Byte().Draw(t, "flags")),
		},
	}
}

// TestAnyEvents: no order of events at any time breaks the session.
func TestAnyEvents(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := mustNew(t, session.Config{Discriminator: 1, Timers: drawTimers(rt, "own", peer.MaxInterval)})
		now := epoch
		for range rapid.IntRange(1, 100).Draw(rt, "events") {
			now = now.Add(time.Duration(rapid.Int64Range(-int64(time.Second), int64(time.Minute)).Draw(rt, "pass")))
			checkStep(rt, s, now, drawEvent(rt))
		}
	})
}

type reporter interface {
	Fatalf(format string, args ...any)
}

// checkStep makes a step and checks what holds after every one, whatever went before.
func checkStep(t reporter, s *session.Session, now time.Time, ev session.Event) {
	before := s.View()
	beforeCount := s.Counters()
	actions := slices.Clone(s.Step(now, ev))
	v, c := s.View(), s.Counters()
	if d := s.NextDeadline(); !d.IsZero() && !d.After(now.Add(-time.Second)) {
		t.Fatalf("deadline %v before now", now.Sub(d))
	}
	sends := 0
	state := before.State
	for _, a := range actions {
		switch a.Kind {
		case session.Send:
			sends++
			if a.Heartbeat.Flags.Has(peer.FlagPoll | peer.FlagFinal) {
				t.Fatalf("both Poll and Final: %+v", a)
			}
			if a.Heartbeat.State != v.State {
				t.Fatalf("sent %v while %v", a.Heartbeat.State, v.State)
			}
		case session.Changed:
			if a.From != state {
				t.Fatalf("changed from %v while %v", a.From, state)
			}
			state = a.To
		case session.Ignored:
			if c.Received != beforeCount.Received {
				t.Fatalf("ignored and counted as received")
			}
		}
	}
	if sends > 1 || len(actions) > 3 {
		t.Fatalf("%d sends in %d actions of one step", sends, len(actions))
	}
	if state != v.State {
		t.Fatalf("%v -> %v without saying so", before.State, v.State)
	}
	if v.State == peer.StateUp && v.Diag != session.DiagNone {
		t.Fatalf("up with reason %v", v.Diag)
	}
	if c.Lost > math.MaxInt64 {
		t.Fatalf("lost count ran below zero")
	}
}

func mustNew(t testing.TB, cfg session.Config) *session.Session {
	t.Helper()
	s, err := session.New(epoch, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
