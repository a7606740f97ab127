package speaker_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/wire"
)

// TestLastStretch: the thread itself sleeps right before the peer is given up and at no
// other time, and a heartbeat that comes even then is taken in and keeps the peer.
func TestLastStretch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var slept atomic.Int64
		a, stretch := startExact(t, &slept)
		b := start(t, "SERIAL-B", 0xb, fast)
		p := newPipe(1)
		p.loss = 0.1
		join(p, a, b)
		pass(time.Minute)
		if slept.Load() != 0 {
			t.Fatalf("slept %v with a tenth of the heartbeats lost", time.Duration(slept.Load()))
		}

		p.cut()
		pass(5 * time.Millisecond)
		last := a.Snapshot().LastReceived
		pass(time.Until(last.Add(300*time.Millisecond - stretch)))
		if slept.Load() != 0 {
			t.Error("slept before the last stretch")
		}
		pass(time.Until(last.Add(300*time.Millisecond - stretch/4)))
		before, received := slept.Load(), a.Counters().Received
		if before == 0 {
			t.Error("not asleep in the last stretch")
		}
		p.ends[0].deliver(heartbeatOfB(t))
		pass(stretch / 4)
		if a.Counters().Received != received+1 {
			t.Error("a heartbeat in the last moment has not come in")
		}
		a.wantState(peer.StateUp, session.DiagNone)

		last = a.Snapshot().LastReceived
		pass(time.Until(last.Add(300*time.Millisecond - 1)))
		a.wantState(peer.StateUp, session.DiagNone)
		pass(1)
		a.wantState(peer.StateDown, session.DiagTimeout)
		if total := time.Duration(slept.Load()); total > 2*stretch {
			t.Errorf("slept %v in two last stretches of %v", total, stretch)
		}
		before = slept.Load()
		pass(time.Minute)
		if slept.Load() != before {
			t.Error("slept though nobody is there to be given up")
		}
	})
}

// startExact starts a node that sleeps its last stretches by a clock that counts into slept.
func startExact(t *testing.T, slept *atomic.Int64) (n *node, stretch time.Duration) {
	t.Helper()
	n = prepare(t, 0xa, fast)
	stretch = n.SleepExactly(func(d time.Duration) {
		slept.Add(int64(d))
		time.Sleep(d)
	})
	n.run("SERIAL-A")
	return n, stretch
}

// heartbeatOfB is a heartbeat that keeps a session with the Socket B Up.
func heartbeatOfB(t *testing.T) []byte {
	t.Helper()
	b, err := wire.AppendHeartbeat(nil, &peer.Heartbeat{
		Protocol:        peer.ProtocolRange{Min: peer.ProtocolMin, Max: peer.ProtocolMax},
		MyDiscriminator: 0xb, YourDiscriminator: 0xa, Sequence: 1 << 20, Timers: fast, State: peer.StateUp,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}
