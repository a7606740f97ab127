package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v2"

	"socketha/peer/transport/internal/suite"
)

// firstHello returns the first datagram that the initiator of p sends.
func firstHello(t testing.TB, p *testPair) []byte {
	t.Helper()
	hello := make(chan []byte, 1)
	p.net.tap = func(_, _ netip.AddrPort, b []byte) {
		select {
		case hello <- bytes.Clone(b):
		default:
		}
	}
	stop := run(t, p.initiator)
	b := <-hello
	stop()
	p.net.tap = nil
	return b
}

// TestSilentHello starts handshakes and never goes on: they block nobody and
// end in time.
func TestSilentHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		hello := firstHello(t, p)
		run(t, p.acceptor)
		synctest.Wait()
		for port := range uint16(5) {
			p.net.inject(netip.AddrPortFrom(addrA.Addr(), 1000+port), addrB, hello)
		}
		begun := time.Now()
		p.initiator = newEndpoint(t, p.net, p.initiator.cfg)
		run(t, p.initiator)
		say(t, next(t, p.initiator), next(t, p.acceptor), "not blocked")
		if took := time.Since(begun); took > 0 {
			t.Errorf("connected after %v", took)
		}
		time.Sleep(handshakeTimeout)
		synctest.Wait()
		if n := p.acceptor.Stats().Rejected[ReasonHandshakeTimeout]; n != 5 {
			t.Errorf("%d handshakes timed out, want 5", n)
		}
	})
}

// TestFlood sends hellos in the peer's name from 3,000 ports within a second.
// The oldest give way, so that the real peer gets through, and the session made
// before does not notice.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, _ := p.connect()
		spy := newPair(t, nil)
		hello := firstHello(t, spy)
		flood := func() {
			for i := range 3000 {
				p.net.inject(netip.AddrPortFrom(addrA.Addr(), uint16(1000+i)), addrB, hello)
				if i%3 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}
		go flood()
		time.Sleep(500 * time.Millisecond)
		p.initiator.Redial()
		begun := time.Now()
		say(t, next(t, p.initiator), next(t, p.acceptor), "through")
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("a new connection took %v", took)
		}
		say(t, a, b, "undisturbed")
		time.Sleep(5 * time.Second)
		s := p.acceptor.Stats()
		if s.Rejected[ReasonHandshakeEvicted] < 3000-2*maxPending {
			t.Errorf("rejected %v", s.Rejected)
		}
		if s.Open != 2 {
			t.Errorf("%d open, want 2", s.Open)
		}
	})
}

// TestEvictsUnprovenFirst fills the list with hellos behind one handshake that
// has echoed its cookie: that one stays.
func TestEvictsUnprovenFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		hello := firstHello(t, newPair(t, nil))
		var pass atomic.Bool
		p.net.carry = func(_, _ netip.AddrPort, b []byte) []time.Duration {
			if !pass.Load() && isServerHello(b) {
				return nil
			}
			return []time.Duration{0}
		}
		run(t, p.acceptor)
		synctest.Wait()
		run(t, p.initiator)
		synctest.Wait() // the acceptor has sent its ServerHello, which was lost
		for i := range 10 * maxPending {
			p.net.inject(netip.AddrPortFrom(addrA.Addr(), uint16(1000+i)), addrB, hello)
			synctest.Wait()
		}
		pass.Store(true)
		say(t, next(t, p.initiator), next(t, p.acceptor), "not evicted")
		if n := p.initiator.Stats().Dials; n != 1 {
			t.Errorf("%d dials: the handshake was evicted", n)
		}
	})
}

// TestStrangers sends what no peer would: each is counted under its reason and
// starts nothing.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		hello := firstHello(t, p)
		run(t, p.acceptor)
		synctest.Wait()
		noSuite := bytes.Replace(hello, []byte{0xcc, 0xa9}, []byte{0xc0, 0x2b}, 1)
		noEMS := bytes.Replace(hello, []byte{0, 23, 0, 0}, []byte{0, 99, 0, 0}, 1)
		send := func(from string, b []byte) { p.net.inject(netip.MustParseAddrPort(from), addrB, b) }
		send("192.0.2.3:4000", hello)
		send("192.0.2.3:4000", []byte("x"))
		send("192.0.2.1:4000", []byte("x"))
		send("192.0.2.1:4000", forged(23, 1, 9, make([]byte, 64)))
		send("192.0.2.1:4000", noSuite)
		send("192.0.2.1:4000", noEMS)
		send("192.0.2.1:4000", make([]byte, maxDatagram+1))
		synctest.Wait()
		want := map[Reason]uint64{
			ReasonWrongSource: 2, ReasonNotAHello: 1, ReasonNoSession: 1, ReasonNoSharedSuite: 1, ReasonNoMasterSecret: 1, ReasonOversize: 1,
		}
		if got := p.acceptor.Stats().Rejected; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("rejected %v, want %v", got, want)
		}
	})
}

// TestStrangersCost shows that nothing is allocated for a datagram that starts
// nothing.
func TestStrangersCost(t *testing.T) {
	p := newPair(t, nil)
	a := newAcceptor(p.acceptor)
	junk := make([]byte, 100)
	for _, from := range []string{"192.0.2.3:4000", "192.0.2.1:4000"} {
		addr := netip.MustParseAddrPort(from)
		if n := testing.AllocsPerRun(100, func() { a.route(t.Context(), nil, addr, junk) }); n != 0 {
			t.Errorf("%v allocations for a datagram from %s", n, addr)
		}
	}
}

// TestPionClients are clients that do not play by the rules: each is refused
// under its reason.
func TestPionClients(t *testing.T) {
	own := func(p *testPair) tls.Certificate { return p.initiator.cfg.Identity.cert }
	ourSuite := func(c *dtls.Config) {
		c.CipherSuites = []dtls.CipherSuiteID{}
		c.CustomCipherSuites = func() []dtls.CipherSuite { return []dtls.CipherSuite{suite.New(suite.Events{})} }
	}
	tests := []struct {
		name   string
		config func(p *testPair, c *dtls.Config)
		reason Reason
	}{
		{"no certificate", func(_ *testPair, c *dtls.Config) { ourSuite(c) }, ReasonNoCertificate},
		{"pion's suites", func(p *testPair, c *dtls.Config) { c.Certificates = []tls.Certificate{own(p)} }, ReasonNoSharedSuite},
		{"no extended master secret", func(p *testPair, c *dtls.Config) {
			ourSuite(c)
			c.Certificates = []tls.Certificate{own(p)}
			c.ExtendedMasterSecret = dtls.DisableExtendedMasterSecret
		}, ReasonNoMasterSecret},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, nil)
				run(t, p.acceptor)
				synctest.Wait()
				raw, err := p.net.host(addrA.Addr()).Dial(t.Context(), addrA.Addr(), addrB)
				if err != nil {
					t.Fatal(err)
				}
				cfg := &dtls.Config{InsecureSkipVerify: true}
				tt.config(p, cfg)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if c, err := dtls.ClientWithContext(ctx, raw, cfg); err == nil {
					t.Error("it was let in")
					_ = c.Close()
				}
				_ = raw.Close()
				synctest.Wait()
				got := p.acceptor.Stats().Rejected
				if got[tt.reason] == 0 || len(got) != 1 {
					t.Errorf("rejected %v, want only %s", got, tt.reason)
				}
			})
		})
	}
}

// TestReplay records everything that is sent in a session, then sends it again
// to both ends, reflected, bit-flipped and cut: no message is delivered that
// was not sent, and the session goes on.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		type packet struct {
			from, to netip.AddrPort
			b        []byte
		}
		var (
			mu   sync.Mutex
			sent []packet
		)
		p.net.tap = func(from, to netip.AddrPort, b []byte) {
			mu.Lock()
			sent = append(sent, packet{from, to, bytes.Clone(b)})
			mu.Unlock()
		}
		a, b, _ := p.connect()
		const messages = 30
		for i := range messages {
			say(t, a, b, fmt.Sprintf("a%d", i))
			say(t, b, a, fmt.Sprintf("b%d", i))
		}
		mu.Lock()
		recorded := slices.Clone(sent)
		mu.Unlock()
		attack := func(from, to netip.AddrPort, b []byte) {
			p.net.inject(from, to, b)
			synctest.Wait() // no datagram is lost for want of room
		}
		for _, s := range recorded {
			attack(s.from, s.to, s.b)
			attack(s.to, s.from, s.b)
			for bit := range len(s.b) * 8 {
				flipped := bytes.Clone(s.b)
				flipped[bit/8] ^= 1 << (bit % 8)
				p.net.inject(s.from, s.to, flipped)
				if bit%8 == 7 {
					synctest.Wait()
				}
			}
			for n := range s.b {
				attack(s.from, s.to, s.b[:n])
			}
		}
		// Anything delivered besides would be read before these.
		say(t, a, b, "the next one")
		say(t, b, a, "and back")
		if s := p.acceptor.Stats(); s.Open != 1 || s.Rejected[ReasonForged] == 0 {
			t.Errorf("stats %+v", s)
		}
	})
}
