package speaker_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/speaker"
)

// TestKeyChange: a new connection every two seconds, which one side gets later than
// the other, costs no heartbeat and no change of state; the old one is closed after
// two intervals.
func TestKeyChange(t *testing.T) {
	for _, skew := range []time.Duration{0, 50 * time.Millisecond, -50 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			a, b, old := pair(t, fast)
			pass(time.Second)
			for n := range uint64(100) {
				p := newPipe(n + 2)
				first, second := func() { a.Adopt(p.ends[0]) }, func() { b.Adopt(p.ends[1]) }
				if skew < 0 {
					first, second = second, first
				}
				first()
				pass(skew.Abs())
				second()
				pass(5 * time.Millisecond)
				if old.ends[0].isClosed() || old.ends[1].isClosed() {
					t.Fatal("the old connection was closed at once")
				}
				pass(200 * time.Millisecond)
				if !old.ends[0].isClosed() || !old.ends[1].isClosed() {
					t.Fatal("the old connection was not closed after two intervals")
				}
				old = p
				pass(2*time.Second - skew.Abs())
			}
			for _, n := range []*node{a, b} {
				c := n.Counters()
				if c.Lost+c.Timeouts+c.Restarts+c.WriteErrors != 0 || c.Received < 2000 {
					t.Errorf("skew %v: counters %+v", skew, c)
				}
				if n.redials.Load() != 0 {
					t.Errorf("skew %v: %d times asked for another connection", skew, n.redials.Load())
				}
				if s := n.Snapshot(); time.Since(s.Since) < 3*time.Minute {
					t.Errorf("skew %v: up for %v only", skew, time.Since(s.Since))
				}
			}
		})
	}
}

// TestUnprovenConn: a new connection that carries nothing, because the peer has not
// finished its handshake, takes no heartbeat from the old one; and when it dies the
// old one is still there.
func TestUnprovenConn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, old := pair(t, fast)
		pass(time.Second)
		deaf := newPipe(2)
		deaf.cut()
		a.Adopt(deaf.ends[0])
		pass(time.Minute)
		a.wantState(peer.StateUp, session.DiagNone)
		b.wantState(peer.StateUp, session.DiagNone)
		if old.ends[0].isClosed() {
			t.Error("closed for a connection that has never delivered anything")
		}
		_ = deaf.ends[0].Close()
		pass(time.Minute)
		if s := a.Snapshot(); s.Path == nil || time.Since(s.Since) < 2*time.Minute || a.Counters().Lost != 0 {
			t.Errorf("snapshot %+v", s)
		}
		if n := a.redials.Load(); n != 1 {
			t.Errorf("%d times asked for another connection, want once for the one that died", n)
		}
	})
}

// TestFirstConns: before any connection is proven all of them are used, up to four.
func TestFirstConns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, "SERIAL-A", 0xa, fast), start(t, "SERIAL-B", 0xb, fast)
		good, pipes := newPipe(1), []*pipe(nil)
		join(good, a, b)
		for n := range uint64(20) {
			deaf := newPipe(n + 2)
			deaf.cut()
			pipes = append(pipes, deaf)
			a.Adopt(deaf.ends[0])
			if n == 1 {
				pass(3 * time.Millisecond)
				if !bothUp(a, b)() {
					t.Error("the good one of three was not used")
				}
			}
		}
		pass(time.Second)
		for i, p := range pipes {
			if open := !p.ends[0].isClosed(); open != (i >= 17) {
				t.Errorf("connection %d open: %v", i, open)
			}
		}
		if good.ends[0].isClosed() || !bothUp(a, b)() {
			t.Error("the good one was given up")
		}
	})
}

// TestFallback: a new connection that dies while the old one is still there costs
// nothing: the old one is used on, for as long as need be.
func TestFallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, fast)
		pass(time.Second)
		p := newPipe(2)
		join(p, a, b)
		pass(50 * time.Millisecond)
		_ = p.ends[0].Close()
		pass(time.Minute)
		for _, n := range []*node{a, b} {
			if s := n.Snapshot(); s.Path == nil || time.Since(s.Since) < time.Minute || n.Counters().Lost > 1 { // under way
				t.Errorf("%+v", s)
			}
			if n.redials.Load() != 1 {
				t.Errorf("%d times asked for another connection, want once", n.redials.Load())
			}
		}
	})
}

// TestCrossed: two connections reach the two sides in opposite order. Each side
// prefers another one, and both carry what is needed.
func TestCrossed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, "SERIAL-A", 0xa, fast), start(t, "SERIAL-B", 0xb, fast)
		p, q := newPipe(1), newPipe(2)
		a.Adopt(p.ends[0])
		b.Adopt(q.ends[1])
		a.Adopt(q.ends[0])
		b.Adopt(p.ends[1])
		pass(10 * time.Minute)
		if !bothUp(a, b)() || time.Since(a.Snapshot().Since) < 9*time.Minute || a.Counters().Lost != 0 {
			t.Errorf("%+v", a.Snapshot())
		}
	})
}

// TestNewestWins: of many connections at most four are kept, and the last one is
// the one that is used.
func TestNewestWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, "SERIAL-A", 0xa, fast), start(t, "SERIAL-B", 0xb, fast)
		var pipes []*pipe
		for n := range uint64(20) {
			p := newPipe(n)
			p.set(func(p *pipe) { p.quiet = true })
			pipes = append(pipes, p)
			join(p, a, b)
		}
		pass(3 * time.Second) // two of the slow intervals
		for i, p := range pipes {
			if open := !p.ends[0].isClosed(); open != (i == len(pipes)-1) {
				t.Errorf("connection %d open: %v", i, open)
			}
		}
		a.wantState(peer.StateUp, session.DiagNone)
	})
}

// TestRestart: the peer is killed and comes back in a new life on a new connection,
// while its old life goes on talking on the old one: nobody listens to that any more.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, p := pair(t, fast)
		p.set(func(p *pipe) { p.quiet = true })
		pass(time.Second)
		reborn := start(t, "SERIAL-B", 0xbb, fast)
		next := localOf("SERIAL-B")
		next.Version = "18.4.1"
		reborn.tell(next)
		join(newPipe(2), a, reborn)
		pass(4 * time.Millisecond)
		if !bothUp(a, reborn)() {
			t.Error("not up within the handshake")
		}
		pass(150 * time.Millisecond)
		c := a.Counters()
		if c.Restarts != 1 || c.Outdated == 0 || c.Timeouts != 0 {
			t.Errorf("counters %+v", c)
		}
		for range 100 {
			pass(time.Second)
			if s := a.Snapshot(); s.Heartbeat.Version != "18.4.1" || s.State != peer.StateUp {
				t.Fatalf("the former life is heard again: %+v", s)
			}
		}
		if a.Counters().Restarts != 1 {
			t.Error("the two lives take turns")
		}
	})
}

// TestReplaced: another Socket takes the peer's place, with another key or with the
// same one. What the first one told does not hold for it.
func TestReplaced(t *testing.T) {
	for name, key := range map[string][32]byte{"another key": {'C'}, "same key": {'B'}} {
		t.Run(name, func(t *testing.T) { testReplaced(t, key) })
	}
}

func testReplaced(t *testing.T, key [32]byte) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, fast)
		l := localOf("SERIAL-B")
		l.Capabilities = capabilities(10)
		b.tell(l)
		pass(time.Second)
		if s := a.Snapshot(); s.Facts == nil || len(s.Capabilities) != 10 {
			t.Fatalf("%+v", s)
		}
		b.end()
		other := start(t, "SERIAL-C", 0xc, fast)
		other.tell(speaker.Local{Version: "15.0.2"}) // it does not know more of itself yet
		p := newPipe(2)
		p.ends[0].serial, p.ends[0].key = "SERIAL-C", key
		join(p, a, other)
		pass(3 * time.Millisecond)
		if s := a.Snapshot(); s.PeerSerial != "SERIAL-C" || s.Capabilities != nil || s.Facts != nil {
			t.Errorf("%+v", s)
		}
		other.tell(localOf("SERIAL-C"))
		pass(time.Second)
		if s := a.Snapshot(); s.Facts == nil || s.Facts.Serial != "SERIAL-C" || s.IdentityConflict != nil {
			t.Errorf("%+v", s)
		}
	})
}

// TestChaos: connections come and go, the link loses, doubles and reorders, Sockets are
// stopped and started. When it calms down everything is known on both sides.
func TestChaos(t *testing.T) {
	rounds := uint64(25)
	if testing.Short() {
		rounds = 5
	}
	for seed := range rounds {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 3))
			life := uint32(1)
			boot := func(serial string) *node {
				life++
				n := start(t, serial, life, fast)
				l := localOf(serial)
				l.Version = fmt.Sprintf("18.%d", life)
				l.Capabilities = capabilities(100 + int(life))
				n.tell(l)
				return n
			}
			a, b := boot("SERIAL-A"), boot("SERIAL-B")
			for range 30 {
				switch p := newPipe(rng.Uint64()); rng.IntN(4) {
				case 0:
					a.end()
					a = boot("SERIAL-A")
				case 1:
					b.end()
					b = boot("SERIAL-B")
				default:
					p.loss, p.double = rng.Float64()*0.8, rng.Float64()*0.3
					p.delayMax += time.Duration(rng.Int64N(int64(50 * time.Millisecond)))
					p.quiet = rng.IntN(2) == 0
					join(p, a, b)
				}
				pass(time.Duration(rng.Int64N(int64(2 * time.Second))))
			}
			join(newPipe(rng.Uint64()), a, b)
			pass(time.Second) // somebody may be about to be lost
			within(t, 10*time.Second, fmt.Sprintf("seed %d: everything known", seed), func() bool {
				return knows(a, b) && knows(b, a)
			})
			at := a.Snapshot().Since
			pass(time.Minute)
			if !bothUp(a, b)() || a.Snapshot().Since != at {
				t.Errorf("seed %d: not calm: %+v", seed, a.Snapshot())
			}
		})
	}
}

// knows reports whether a holds all of what b tells.
func knows(a, b *node) bool {
	s := a.Snapshot()
	return s.State == peer.StateUp && s.CurrentFacts && s.CurrentCapabilities && len(s.Capabilities) > 100 &&
		s.Heartbeat.MyDiscriminator == b.discriminator
}
