package transport

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// hole loses what is longer than 512 bytes, in the directions given.
func hole(fromA, fromB bool) func(from, to netip.AddrPort, b []byte) []time.Duration {
	return func(from, _ netip.AddrPort, b []byte) []time.Duration {
		blocked := fromA
		if from.Addr() == addrB.Addr() {
			blocked = fromB
		}
		if blocked && len(b) > 512 {
			return nil
		}
		return []time.Duration{0}
	}
}

// TestPathMTU names a path that loses large datagrams, on both ends, with the
// direction; and forgets it when the path is well again.
func TestPathMTU(t *testing.T) {
	for _, tt := range []struct {
		name                string
		fromA, fromB        bool
		initiator, acceptor Direction
	}{
		{"from the initiator", true, false, ToPeer, FromPeer},
		{"from the acceptor", false, true, FromPeer, ToPeer},
		{"both ways", true, true, FromPeer, ToPeer},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, nil)
				p.acceptor.quiet = false
				p.net.carry = hole(tt.fromA, tt.fromB)
				run(t, p.acceptor)
				run(t, p.initiator)
				begun := time.Now()
				time.Sleep(15 * time.Second)
				checkMTU(t, p.initiator, tt.initiator, begun)
				checkMTU(t, p.acceptor, tt.acceptor, begun)
				for _, e := range []*Endpoint{p.initiator, p.acceptor} {
					select {
					case <-e.Changed():
					default:
						t.Errorf("%v: not announced", e.side)
					}
				}
				p.net.mu.Lock()
				p.net.carry = nil
				p.net.mu.Unlock()
				next(t, p.initiator)
				next(t, p.acceptor)
				for _, e := range []*Endpoint{p.initiator, p.acceptor} {
					if m := e.Stats().PathMTU; m != nil {
						t.Errorf("%v: still %+v", e.side, m)
					}
				}
			})
		})
	}
}

func checkMTU(t *testing.T, e *Endpoint, want Direction, begun time.Time) {
	t.Helper()
	m := e.Stats().PathMTU
	switch {
	case m == nil:
		t.Fatalf("%v: nothing found, stats %+v", e.side, e.Stats())
	case m.Direction != want || m.Count < mtuProof || m.Passed == 0 || m.Passed > 900:
		t.Errorf("%v: found %+v, want %s", e.side, m, want)
	case want == ToPeer && m.Lost <= 512, want == FromPeer && m.Lost != 0:
		t.Errorf("%v: %d bytes lost %s", e.side, m.Lost, want)
	case m.Since.Before(begun) || m.Since.Sub(begun) > time.Second || !m.At.After(m.Since):
		t.Errorf("%v: since %v, at %v", e.side, m.Since, m.At)
	}
}

// TestHoleAppears while the pair is connected: small heartbeats go on, and the
// key changes that fail tell.
func TestHoleAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, _ *Config) { a.RekeyAfter = 5 * time.Second })
		a, b, _ := p.connect()
		p.net.mu.Lock()
		p.net.carry = hole(true, false)
		p.net.mu.Unlock()
		for range 40 {
			time.Sleep(time.Second)
			say(t, a, b, "small")
			say(t, b, a, "small")
		}
		checkMTU(t, p.initiator, ToPeer, time.Now().Add(-40*time.Second+3700*time.Millisecond))
	})
}

// TestNoFalseMTU kills one side at every step of a handshake, again and again
// under loss, or has nobody there: none of that is the path's MTU.
func TestNoFalseMTU(t *testing.T) {
	quiet := func(t *testing.T, endpoints ...*Endpoint) {
		t.Helper()
		for _, e := range endpoints {
			if m := e.Stats().PathMTU; m != nil {
				t.Errorf("%v: found %+v", e.side, m)
			}
		}
	}
	for step := range int64(7) {
		synctest.Test(t, func(t *testing.T) { // both fall silent after so many datagrams
			p := newPair(t, nil)
			var sent atomic.Int64
			p.net.carry = func(netip.AddrPort, netip.AddrPort, []byte) []time.Duration {
				if sent.Add(1) > step {
					return nil
				}
				return []time.Duration{0}
			}
			run(t, p.acceptor)
			synctest.Wait()
			run(t, p.initiator)
			time.Sleep(time.Minute)
			quiet(t, p.initiator, p.acceptor)
		})
		synctest.Test(t, func(t *testing.T) { // the initiator is killed there, and again
			p := newPair(t, nil)
			run(t, p.acceptor)
			synctest.Wait()
			for range 2 {
				var sent atomic.Int64
				initiator := newEndpoint(t, p.net, p.initiator.cfg)
				p.net.mu.Lock()
				p.net.carry = func(netip.AddrPort, netip.AddrPort, []byte) []time.Duration {
					if sent.Add(1) > step {
						return nil
					}
					return []time.Duration{0}
				}
				p.net.mu.Unlock()
				stop := run(t, initiator)
				time.Sleep(10 * time.Millisecond)
				p.net.kill(initiator)
				stop()
				time.Sleep(5 * time.Second)
			}
			quiet(t, p.acceptor)
		})
	}
	for seed := range uint64(5) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, nil)
			p.net.carry = lossy(seed, 0.6)
			run(t, p.acceptor)
			run(t, p.initiator)
			for range 60 {
				time.Sleep(time.Second)
				quiet(t, p.initiator, p.acceptor)
			}
		})
	}
}
