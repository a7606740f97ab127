package session_test

import (
	"slices"
	"testing"
	"time"

	"socketha/peer"
	"socketha/peer/session"
)

// TestConnectUnderLoss: a new path leads to Up in a fraction of a second though a
// third of what is said on it is lost, and without loss in three trips.
func TestConnectUnderLoss(t *testing.T) {
	for _, c := range []struct {
		name        string
		timers      peer.Timers
		loss        float64
		median, p95 time.Duration
	}{
		{"no loss", session.DefaultTimers(), 0, 10 * time.Millisecond, 10 * time.Millisecond},
		{"10 % loss", session.DefaultTimers(), 0.1, 20 * time.Millisecond, 120 * time.Millisecond},
		{"30 % loss", session.DefaultTimers(), 0.3, 20 * time.Millisecond, 250 * time.Millisecond},
		{"30 % loss, fast", fast, 0.3, 20 * time.Millisecond, 250 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			var took []time.Duration
			sent := 0
			for seed := range uint64(2000) {
				m := newSim(t, seed, pipe{loss: c.loss, delayMin: time.Millisecond, delayMax: 3 * time.Millisecond}, c.timers, c.timers)
				begin := m.now
				for !m.bothUp() && m.now.Sub(begin) < time.Minute {
					m.run(time.Millisecond)
				}
				took = append(took, m.now.Sub(begin))
				sent += int(m.nodes[0].s.Counters().Sent + m.nodes[1].s.Counters().Sent)
			}
			slices.Sort(took)
			at := func(share float64) time.Duration { return took[int(share*float64(len(took)))] }
			t.Logf("Up after median %v, p95 %v, p99 %v, at most %v; %.1f heartbeats a side",
				at(0.5), at(0.95), at(0.99), took[len(took)-1], float64(sent)/2/float64(len(took)))
			if at(0.5) > c.median || at(0.95) > c.p95 {
				t.Errorf("want median %v and p95 %v at most", c.median, c.p95)
			}
		})
	}
}

// TestNewPathIsNoFlood: where a path leads one way only, or nowhere, the hurry is over
// within two seconds and does not come back without another path.
func TestNewPathIsNoFlood(t *testing.T) {
	for _, c := range []struct {
		name string
		deaf [2]bool
	}{
		{"one way", [2]bool{false, true}},
		{"no way", [2]bool{true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newSim(t, 9, pipe{delayMin: time.Millisecond, delayMax: time.Millisecond}, fast, fast)
			sent := func() uint64 { return m.nodes[0].s.Counters().Sent + m.nodes[1].s.Counters().Sent }
			m.nodes[0].deaf, m.nodes[1].deaf = c.deaf[0], c.deaf[1]
			m.run(2 * time.Second)
			if n := sent(); n > 30 {
				t.Errorf("%d heartbeats in the first two seconds", n)
			}
			before := sent()
			m.run(time.Hour)
			// Each side once an interval, and one answer to each of the other's.
			if n, most := sent()-before, uint64(3600*4/3*3); n > most {
				t.Errorf("%d heartbeats in the hour after, want at most %d", n, most)
			}
			if m.nodes[0].s.View().State == peer.StateUp || m.nodes[1].s.View().State == peer.StateUp {
				t.Error("Up, though one side hears nothing")
			}
		})
	}
}

// TestNewPathWhileUp: a change of the key is no handshake. Its poll is answered, and
// nothing is repeated.
func TestNewPathWhileUp(t *testing.T) {
	m := newSim(t, 9, pipe{delayMin: time.Millisecond, delayMax: time.Millisecond}, session.DefaultTimers(), session.DefaultTimers())
	m.run(time.Minute)
	before := m.nodes[0].s.Counters().Sent
	m.step(m.nodes[0], session.Event{Kind: session.PathUp})
	m.run(500 * time.Millisecond)
	if n := m.nodes[0].s.Counters().Sent - before; n != 1 {
		t.Errorf("%d heartbeats, want the poll alone", n)
	}
}
