package transport

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// strangers returns n addresses at which nobody answers.
func strangers(n int) []netip.AddrPort {
	out := make([]netip.AddrPort, n)
	for i := range out {
		out[i] = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), DefaultPort)
	}
	return out
}

// newFoundPair is newPair without addresses of the peer.
func newFoundPair(t testing.TB) *testPair {
	return newPair(t, func(a, b *Config) { a.Peer, b.Peer = netip.AddrPort{}, netip.AddrPort{} })
}

// TestNoCandidate neither dials nor admits, and says so, until there is one.
func TestNoCandidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFoundPair(t)
		hello := firstHello(t, newPair(t, nil))
		run(t, p.initiator)
		run(t, p.acceptor)
		synctest.Wait()
		p.net.inject(netip.AddrPortFrom(addrA.Addr(), 4000), addrB, hello)
		time.Sleep(time.Minute)
		a, b := p.initiator.Stats(), p.acceptor.Stats()
		if a.Dials != 0 || a.Waiting != WaitingForPeer || a.Peer.IsValid() {
			t.Errorf("initiator %+v", a)
		}
		if b.Rejected[ReasonWrongSource] != 1 || b.Waiting != WaitingForPeer {
			t.Errorf("acceptor %+v", b)
		}
		p.acceptor.SetPeers([]netip.AddrPort{addrA}) // first: it must know whom to admit
		synctest.Wait()
		p.initiator.SetPeers([]netip.AddrPort{addrB})
		begun := time.Now()
		c, d := next(t, p.initiator), next(t, p.acceptor)
		if took := time.Since(begun); took > 0 {
			t.Errorf("connected %v after the peer was found", took)
		}
		say(t, c, d, "found")
		s := p.initiator.Stats()
		if s.Waiting != "" || s.Peer != addrB || len(s.Peers) != 1 {
			t.Errorf("stats %+v", s)
		}
		// Lost from sight is not lost: only no new handshake is admitted.
		p.initiator.SetPeers(nil)
		p.acceptor.SetPeers(nil)
		synctest.Wait()
		say(t, c, d, "still here")
		say(t, d, c, "so am I")
		p.initiator.Redial()
		time.Sleep(time.Second)
		if n := p.initiator.Stats().Dials; n != 1 {
			t.Errorf("%d dials without a candidate", n)
		}
	})
}

// TestCandidates puts the peer at every place among the candidates: those that
// do not answer hold it up by little, and never more than two dials run.
func TestCandidates(t *testing.T) {
	for n := 1; n <= MaxPeers; n++ {
		for at := range n {
			synctest.Test(t, func(t *testing.T) {
				p := newFoundPair(t)
				peers := strangers(n)
				peers[at] = addrB
				p.acceptor.SetPeers([]netip.AddrPort{addrA})
				run(t, p.acceptor)
				synctest.Wait()
				p.initiator.SetPeers(peers)
				begun := time.Now()
				stop := run(t, p.initiator)
				a, b := next(t, p.initiator), next(t, p.acceptor)
				took := time.Since(begun)
				limit := time.Duration(at) * rotateAfter * 2
				if took > limit {
					t.Errorf("candidate %d of %d: connected after %v, want at most %v", at+1, n, took, limit)
				}
				if open := p.net.open(); open > 2+maxDials {
					t.Errorf("%d sockets", open)
				}
				_ = a.Close()
				_ = b.Close()
				begun = time.Now()
				say(t, next(t, p.initiator), next(t, p.acceptor), "preferred now")
				if took := time.Since(begun); took > 0 {
					t.Errorf("candidate %d of %d: back after %v", at+1, n, took)
				}
				stop()
			})
		}
	}
}

// TestSpoofedCandidates answer the first hello and no more: they get more time,
// but the peer still gets its turn.
func TestSpoofedCandidates(t *testing.T) {
	for _, n := range []int{1, MaxPeers - 1} {
		synctest.Test(t, func(t *testing.T) {
			p := newFoundPair(t)
			peers := append(strangers(n), addrB)
			for _, s := range peers[:n] {
				verify := forged(22, 0, 0, forgedMessage(3, 0, 23, 0, append([]byte{254, 255, 20}, make([]byte, 20)...)))
				host := &memHost{net: p.net, addr: s.Addr()}
				p.net.sockets[s] = memPort{func(from netip.AddrPort, _ []byte) { p.net.inject(s, from, verify) }, host}
			}
			p.acceptor.SetPeers([]netip.AddrPort{addrA})
			run(t, p.acceptor)
			synctest.Wait()
			p.initiator.SetPeers(peers)
			begun := time.Now()
			run(t, p.initiator)
			next(t, p.initiator)
			took := time.Since(begun)
			if limit := time.Duration(n) * 300 * time.Millisecond; took > limit {
				t.Errorf("%d spoofed: connected after %v, want at most %v", n, took, limit)
			}
			t.Logf("%d spoofed: connected after %v", n, took)
		})
	}
}

// TestRefusedCandidate is another Socket of the site's maker that is not pinned:
// it is dialed less and less, and does not hold the peer up.
func TestRefusedCandidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFoundPair(t)
		other := netip.MustParseAddrPort("192.0.2.77:20481")
		o := newEndpoint(t, p.net, Config{Identity: identity(t, "SN-X"), Trust: pins(p.initiator.cfg.Identity), Local: other, Peer: addrA})
		o.side = SideAcceptor
		run(t, o)
		p.initiator.SetPeers([]netip.AddrPort{other, addrB})
		run(t, p.initiator)
		time.Sleep(10 * time.Second)
		s := p.initiator.Stats()
		if n := s.Rejected[ReasonPinMismatch]; n < 5 || n > 25 {
			t.Errorf("dialed %d times in 10 s", n)
		}
		p.acceptor.SetPeers([]netip.AddrPort{addrA})
		p.acceptor.quiet = false
		begun := time.Now()
		run(t, p.acceptor)
		next(t, p.initiator)
		if took := time.Since(begun); took > back {
			t.Errorf("connected after %v", took)
		}
	})
}

// TestSetLocal gives both ends their address late, then another one.
func TestSetLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, b *Config) {
			a.Local, b.Local = netip.AddrPortFrom(netip.Addr{}, DefaultPort), netip.AddrPort{}
		})
		run(t, p.initiator)
		run(t, p.acceptor)
		time.Sleep(time.Minute)
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			if s := e.Stats(); s.Dials != 0 || s.Waiting != WaitingForLocal || s.SocketError != "" {
				t.Errorf("%v: %+v", s.Side, s)
			}
		}
		if n := p.net.open(); n != 0 {
			t.Errorf("%d sockets without an address", n)
		}
		p.acceptor.SetLocal(netip.AddrPortFrom(addrB.Addr(), 0))
		p.initiator.SetLocal(addrA)
		say(t, next(t, p.initiator), next(t, p.acceptor), "hello")

		p.initiator.SetLocal(addrA) // no news
		synctest.Wait()
		if n := p.initiator.Stats().Dials; n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
		moved := netip.MustParseAddr("192.0.2.9")
		p.acceptor.cfg.Peer = netip.AddrPort{} // as if found by discovery
		p.acceptor.SetPeers([]netip.AddrPort{netip.AddrPortFrom(moved, 0)})
		p.initiator.SetLocal(netip.AddrPortFrom(moved, 0))
		a, b := next(t, p.initiator), next(t, p.acceptor)
		if got := addrPort(a.LocalAddr()).Addr(); got != moved {
			t.Errorf("dialed from %s, want %s", got, moved)
		}
		say(t, a, b, "moved")
	})
}

// TestSetPeersCleans what is no candidate.
func TestSetPeersCleans(t *testing.T) {
	e := newFoundPair(t).initiator
	v6 := netip.MustParseAddrPort("[fe80::1%ha0]:20481")
	e.SetPeers(append([]netip.AddrPort{
		{},
		addrB, netip.AddrPortFrom(addrB.Addr(), 0), netip.MustParseAddrPort("[::ffff:192.0.2.2]:20481"),
		netip.MustParseAddrPort("[ff02::1]:1"), netip.MustParseAddrPort("0.0.0.0:1"), v6,
	}, strangers(9)...))
	want := append([]netip.AddrPort{addrB, v6}, strangers(6)...)
	if got := e.Stats().Peers; !slices.Equal(got, want) {
		t.Errorf("candidates %v, want %v", got, want)
	}
	if slices.Contains(e.addresses().reachable(), v6) {
		t.Error("an IPv6 candidate is dialed from an IPv4 address")
	}
	static := newPair(t, nil).initiator
	static.SetPeers(strangers(1))
	if got := fmt.Sprint(static.Stats().Peers); got != fmt.Sprint([]netip.AddrPort{addrB}) {
		t.Errorf("a static peer was replaced by %v", got)
	}
}
