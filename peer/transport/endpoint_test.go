package transport

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketha/peer/transport/internal/guard"
)

// TestPair brings up a link in memory and says who is on it. That the bubble
// ends proves that no goroutine and no timer is left behind.
func TestPair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, stop := p.connect()
		say(t, a, b, "from the initiator")
		say(t, b, a, "from the acceptor")
		say(t, a, b, strings.Repeat("x", MaxMessage))

		if !a.Initiator() || b.Initiator() {
			t.Error("the sides are swapped")
		}
		if a.PeerSerial() != p.acceptor.cfg.Identity.Serial() || b.PeerSerial() != p.initiator.cfg.Identity.Serial() {
			t.Errorf("serials %q and %q", a.PeerSerial(), b.PeerSerial())
		}
		if a.PeerKey() != p.acceptor.cfg.Identity.Fingerprint() || b.PeerKey() != p.initiator.cfg.Identity.Fingerprint() {
			t.Error("a fingerprint is not the peer's")
		}
		if got := a.RemoteAddr().String(); got != addrB.String() {
			t.Errorf("remote address %s, want %s", got, addrB)
		}
		if got := b.RemoteAddr().String(); got != a.LocalAddr().String() {
			t.Errorf("remote address %s, want %s", got, a.LocalAddr())
		}
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			s := e.Stats()
			if s.Open != 1 || s.Established != 1 || s.LastEstablished.IsZero() || len(s.Rejected) != 0 {
				t.Errorf("stats %+v", s)
			}
		}
		stop()
		if n := p.net.open(); n != 0 {
			t.Errorf("%d sockets left open", n)
		}
	})
}

// TestFlights pins the promise that each flight is one datagram below the MTU:
// six in a handshake without loss (RFC 6347 figure 1).
func TestFlights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		var sizes []int
		p.net.tap = func(_, _ netip.AddrPort, b []byte) { sizes = append(sizes, len(b)) }
		run(t, p.acceptor)
		synctest.Wait()
		run(t, p.initiator)
		next(t, p.initiator)
		synctest.Wait()
		if len(sizes) != 6 {
			t.Errorf("%d datagrams, want 6 flights: %v bytes", len(sizes), sizes)
		}
		for _, n := range sizes {
			if n >= mtu {
				t.Errorf("flight of %d bytes, want less than %d", n, mtu)
			}
		}
		t.Logf("flights of %v bytes", sizes)
	})
}

// TestLongestIdentityFits the longest serial and tenant we would sign.
func TestLongestIdentityFits(t *testing.T) {
	id, err := NewIdentity(strings.Repeat("s", 64), strings.Repeat("t", MaxTenant))
	if err != nil {
		t.Fatal(err)
	}
	if !id.FitsOneDatagram() {
		t.Errorf("a certificate of %d bytes does not fit", len(id.leaf.Raw))
	}
	id.cert.Certificate = append(id.cert.Certificate, make([]byte, 900))
	if id.FitsOneDatagram() {
		t.Error("a chain of 900 bytes more fits")
	}
}

// TestLossyHandshake connects under 30 % loss, with the filter on, for many
// seeds; then both directions must work.
func TestLossyHandshake(t *testing.T) {
	var worst time.Duration
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, nil)
			p.net.carry = lossy(seed, 0.3)
			begun := time.Now()
			a, b, _ := p.connect()
			worst = max(worst, time.Since(begun))
			exchange(t, a, b)
			exchange(t, b, a)
		})
	}
	t.Logf("slowest of 40 handshakes under 30 %% loss: %v", worst)
}

// exchange repeats a message until it arrives.
func exchange(t *testing.T, from, to *Conn) {
	t.Helper()
	got := make(chan error, 1)
	go func() {
		_, err := to.Read(make([]byte, MaxMessage))
		got <- err
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := from.Write([]byte("again")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
			return
		case <-tick.C:
		}
	}
}

// TestLostLastFlight loses the acceptor's last flight for two seconds. The
// initiator repeats its own, of which the filter drops all that is in plaintext;
// the protected Finished alone must bring the answer.
func TestLostLastFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		begun := time.Now()
		p.net.carry = func(_, _ netip.AddrPort, b []byte) []time.Duration {
			if b[0] == 20 && time.Since(begun) < 2*time.Second { // starts with ChangeCipherSpec
				return nil
			}
			return []time.Duration{0}
		}
		a, b, _ := p.connect()
		if took := time.Since(begun); took < 2*time.Second {
			t.Errorf("connected after %v, although the last flight was lost", took)
		}
		say(t, a, b, "at last")
		if n := p.acceptor.Stats().Rejected["record_plaintext_handshake"]; n == 0 {
			t.Error("no repeated plaintext flight was dropped: the test proves nothing")
		}
	})
}

// TestRedial makes a second connection beside the first, which stays usable.
func TestRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a1, b1, _ := p.connect()
		p.initiator.Redial()
		a2, b2 := next(t, p.initiator), next(t, p.acceptor)
		if a1.LocalAddr().String() == a2.LocalAddr().String() {
			t.Error("the second dial uses the first one's port")
		}
		say(t, a1, b1, "old")
		say(t, b2, a2, "new")
		_ = a1.Close()
		if _, err := b1.Read(make([]byte, MaxMessage)); !errors.Is(err, io.EOF) {
			t.Errorf("the closed connection reads %v, want EOF", err)
		}
		say(t, a2, b2, "still new")
		p.acceptor.Redial() // does nothing on this side
		synctest.Wait()
		if n := p.initiator.Stats().Dials; n != 2 {
			t.Errorf("%d dials, want 2", n)
		}
	})
}

// TestDialsAgain when its only connection has ended, without being asked.
func TestDialsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, _ := p.connect()
		_ = b.Close()
		if _, err := a.Read(make([]byte, MaxMessage)); !errors.Is(err, io.EOF) {
			t.Fatalf("read %v, want EOF", err)
		}
		say(t, next(t, p.initiator), next(t, p.acceptor), "back")
	})
}

// TestGoodbye closes many connections: the peer is told each time.
func TestGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, _ := p.connect()
		for i := range 200 {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			begun := time.Now()
			_ = from.Close()
			if _, err := to.Read(make([]byte, MaxMessage)); !errors.Is(err, io.EOF) {
				t.Fatalf("read %v, want EOF", err)
			}
			if took := time.Since(begun); took > 0 {
				t.Fatalf("connection %d: told after %v", i, took)
			}
			a, b = next(t, p.initiator), next(t, p.acceptor)
		}
	})
}

// TestRunWaits until the last socket is closed, however long a goodbye takes.
func TestRunWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		run(t, p.acceptor)
		stop := run(t, p.initiator)
		next(t, p.initiator)
		p.net.mu.Lock()
		var slow atomic.Bool
		p.net.tap = func(netip.AddrPort, netip.AddrPort, []byte) {
			if slow.CompareAndSwap(false, true) {
				time.Sleep(time.Minute)
			}
		}
		p.net.mu.Unlock()
		stop()
		if n := p.net.open(); n != 1 {
			t.Errorf("%d sockets open, want only the acceptor's", n)
		}
	})
}

// TestStopInHandshake stops both ends in the middle of one: that is no refusal.
func TestStopInHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.net.carry = func(_, _ netip.AddrPort, b []byte) []time.Duration {
			if isServerHello(b) {
				return nil
			}
			return []time.Duration{0}
		}
		stopB, stopA := run(t, p.acceptor), run(t, p.initiator)
		time.Sleep(time.Second)
		stopA()
		stopB()
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			if s := e.Stats(); len(s.Rejected) != 0 {
				t.Errorf("%v: rejected %v", s.Side, s.Rejected)
			}
		}
	})
}

// TestSupersededLeavesQuietly: a dial that may not pass sends no alert, which
// the peer would count as a refusal.
func TestSupersededLeavesQuietly(t *testing.T) {
	p := newPair(t, nil)
	muted := false
	v := &verifier{endpoint: p.initiator, pass: func() bool { return false }, mute: func() { muted = true }}
	err := v.verify(p.acceptor.cfg.Identity.cert.Certificate)
	if !errors.Is(err, errSuperseded) || !muted || !v.superseded || v.refusal != nil {
		t.Errorf("error %v, muted %t, refusal %v", err, muted, v.refusal)
	}
}

// TestLateAcceptor starts the initiator alone; it finds the acceptor within a
// flight interval of its start.
func TestLateAcceptor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		run(t, p.initiator)
		time.Sleep(time.Minute)
		begun := time.Now()
		run(t, p.acceptor)
		next(t, p.acceptor)
		if took := time.Since(begun); took > maxRedial*5/4+defaultFlightInterval {
			t.Errorf("connected %v after the acceptor came", took)
		}
	})
}

// TestRestartedAcceptor replaces the acceptor in the middle of a handshake: a
// hint starts a dial beside the one that talks to the dead one.
func TestRestartedAcceptor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		stop := run(t, p.acceptor)
		p.net.carry = func(_, _ netip.AddrPort, b []byte) []time.Duration {
			if isServerHello(b) {
				return nil
			}
			return []time.Duration{0}
		}
		run(t, p.initiator)
		synctest.Wait() // the first dial now waits for the ServerHello
		stop()
		p.net.carry = nil
		acceptor := newEndpoint(t, p.net, p.acceptor.cfg)
		run(t, acceptor)
		time.Sleep(50 * time.Millisecond)
		begun := time.Now()
		p.initiator.Redial()
		a, b := next(t, p.initiator), next(t, acceptor)
		if took := time.Since(begun); took > 0 {
			t.Errorf("connected %v after the hint, want at once", took)
		}
		say(t, a, b, "new")
		time.Sleep(time.Minute)
		if n := p.initiator.Stats().Established; n != 1 {
			t.Errorf("%d connections, want the one", n)
		}
	})
}

// TestHintStorm gives a hint every millisecond while nobody answers: there are
// never more than a few dials, and the link still comes up.
func TestHintStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		run(t, p.initiator)
		for range 2000 {
			time.Sleep(time.Millisecond)
			p.initiator.Redial()
			if n := p.net.open(); n > maxDials+2 { // and the one for hints
				t.Fatalf("%d dials at once", n)
			}
		}
		if n := p.initiator.Stats().Dials; n > 2000/25+10 {
			t.Errorf("%d dials in 2 s", n)
		}
		run(t, p.acceptor)
		say(t, next(t, p.initiator), next(t, p.acceptor), "through")
	})
}

// TestIdle closes a connection that nobody closed and nothing comes from.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, b *Config) { a.IdleTimeout, b.IdleTimeout = time.Minute, time.Hour })
		a, b, _ := p.connect()
		for range 10 {
			time.Sleep(50 * time.Second)
			say(t, b, a, "alive")
		}
		begun := time.Now()
		if _, err := a.Read(make([]byte, MaxMessage)); !errors.Is(err, io.EOF) {
			t.Errorf("read %v, want EOF", err)
		}
		if took := time.Since(begun); took != time.Minute {
			t.Errorf("closed after %v, want 1m", took)
		}
	})
}

// TestDrain shows that a delivered connection outlives the context until its
// owner has said goodbye, and not longer than the grace.
func TestDrain(t *testing.T) {
	for _, closes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, nil)
			run(t, p.initiator)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- p.acceptor.Run(ctx) }()
			a, b := next(t, p.initiator), next(t, p.acceptor)
			begun := time.Now()
			cancel()
			synctest.Wait()
			say(t, b, a, "stopping as planned")
			want := closeGrace
			if closes {
				_ = b.Close()
				_ = b.Close() // twice is nothing
				want = 0
			}
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
			if took := time.Since(begun); took != want {
				t.Errorf("closing %t: Run ended after %v, want %v", closes, took, want)
			}
			if _, ok := <-p.acceptor.Conns(); ok {
				t.Error("the channel is open after Run")
			}
			if _, err := b.Write([]byte("x")); err == nil {
				t.Error("wrote to a closed connection")
			}
		})
	}
}

// TestNobodyTakes delivers more connections than anyone takes: the oldest are
// closed and the newest is there.
func TestNobodyTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		run(t, p.initiator)
		run(t, p.acceptor)
		for range 20 {
			time.Sleep(time.Second)
			p.initiator.Redial()
		}
		synctest.Wait()
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			s := e.Stats()
			if s.Open > maxOpen || s.Established < 20 {
				t.Errorf("%d open of %d made, want at most %d", s.Open, s.Established, maxOpen)
			}
		}
		var a, b *Conn
		for range maxOpen {
			a, b = next(t, p.initiator), next(t, p.acceptor)
		}
		say(t, a, b, "newest")
	})
}

// TestNobodyCloses takes every connection and closes none: the oldest are
// closed, and the newest works.
func TestNobodyCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		first, _, _ := p.connect()
		var a, b *Conn
		for range 10 {
			time.Sleep(time.Second)
			p.initiator.Redial()
			a, b = next(t, p.initiator), next(t, p.acceptor)
		}
		synctest.Wait()
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			if n := e.Stats().Open; n > maxOpen {
				t.Errorf("%d open, want at most %d", n, maxOpen)
			}
		}
		if _, err := first.Read(make([]byte, MaxMessage)); !errors.Is(err, io.EOF) {
			t.Errorf("the first reads %v, want EOF", err)
		}
		say(t, a, b, "newest")
	})
}

// TestQuietEnd closes connections as every day does, from either side. What is
// still under way then is nobody's mistake and counted nowhere.
func TestQuietEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, _ := p.connect()
		for i := range 20 {
			say(t, a, b, "x")
			if i%2 == 0 {
				_, _ = a.Write([]byte("too late"))
				_ = b.Close()
				_, _ = a.Write([]byte("later still"))
			} else {
				_ = a.Close()
			}
			synctest.Wait()
			_, _ = a.Close(), b.Close()
			a, b = next(t, p.initiator), next(t, p.acceptor)
		}
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			if s := e.Stats(); len(s.Rejected) != 0 {
				t.Errorf("%v: rejected %v", s.Side, s.Rejected)
			}
		}
	})
}

// TestParallelDials holds the first dial up behind its ServerHello until a
// second one is through: the first is given up at once, and its ServerHello
// changes nothing when it comes.
func TestParallelDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		var held atomic.Bool
		p.net.carry = func(_, _ netip.AddrPort, b []byte) []time.Duration {
			if isServerHello(b) && held.CompareAndSwap(false, true) {
				return []time.Duration{time.Second}
			}
			return []time.Duration{0}
		}
		run(t, p.acceptor)
		synctest.Wait()
		run(t, p.initiator)
		time.Sleep(minRedial)
		p.initiator.Redial()
		a, b := next(t, p.initiator), next(t, p.acceptor)
		synctest.Wait()
		if n := p.net.open(); n != 3 {
			t.Errorf("%d sockets, want those that listen and one dialed", n)
		}
		time.Sleep(10 * time.Second)
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			if n := e.Stats().Established; n != 1 {
				t.Errorf("%v: %d connections", e.Side(), n)
			}
		}
		if got := p.initiator.Stats().Rejected; len(got) != 0 {
			t.Errorf("the dial given up was counted: %v", got)
		}
		if got := p.acceptor.Stats().Rejected; got[ReasonHandshakeTimeout] != 1 || len(got) != 1 {
			t.Errorf("the acceptor counted %v, want a time-out", got)
		}
		say(t, a, b, "the one")
	})
}

// TestPassInOrder lets dials past the peer's certificate only in their order.
func TestPassInOrder(t *testing.T) {
	d := newDialer(nil)
	ended := map[uint64]bool{}
	dial := func(n uint64) *attempt {
		a := &attempt{number: n, stop: func(error) { ended[n] = true }}
		d.running = append(d.running, a)
		return a
	}
	first, second, third := dial(1), dial(2), dial(3)
	if !d.pass(second) || !ended[1] || ended[3] {
		t.Errorf("the second passes and ends the first only: ended %v", ended)
	}
	if d.pass(first) {
		t.Error("the first passed behind the second")
	}
	if !d.pass(third) || !ended[2] {
		t.Error("the third did not take over")
	}
}

// TestHighSequence forges, in the middle of a handshake, a harmless message
// with the highest sequence number that the filter lets pass. pion's window must
// not move past the real ones.
func TestHighSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.net.carry = func(from, to netip.AddrPort, b []byte) []time.Duration {
			kind := byte(14) // ServerHelloDone
			if to == addrB {
				kind = 16 // ClientKeyExchange
			}
			p.net.inject(from, to, forged(22, 0, guard.Window-1, forgedMessage(kind, 15, 0, 0, nil)))
			return []time.Duration{0}
		}
		run(t, p.acceptor)
		synctest.Wait()
		run(t, p.initiator)
		a, b := next(t, p.initiator), next(t, p.acceptor)
		say(t, a, b, "through")
		if n := p.initiator.Stats().Dials; n != 1 {
			t.Errorf("%d dials, want 1", n)
		}
	})
}

// TestRebind ends what hung on the old socket and comes back on a new one.
func TestRebind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, _ := p.connect()
		begun := time.Now()
		p.acceptor.Rebind()
		if _, err := b.Read(make([]byte, MaxMessage)); !errors.Is(err, io.EOF) || time.Since(begun) > 0 {
			t.Errorf("read %v after %v, want EOF at once", err, time.Since(begun))
		}
		p.initiator.Rebind()
		say(t, next(t, p.initiator), next(t, p.acceptor), "again")
		_ = a.Close()
	})
}

// TestNoSocketYet opens the socket as soon as it can be opened.
func TestNoSocketYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.net.refuse = errors.New("no such device")
		run(t, p.acceptor)
		run(t, p.initiator)
		time.Sleep(time.Minute)
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			if s := e.Stats(); s.SocketError != "no such device" {
				t.Errorf("%v: socket error %q", s.Side, s.SocketError)
			}
		}
		if n := p.initiator.Stats().Dials; n < 200 || n > 500 {
			t.Errorf("%d dials a minute, want one every 200 ms", n)
		}
		p.net.mu.Lock()
		p.net.refuse = nil
		p.net.mu.Unlock()
		say(t, next(t, p.initiator), next(t, p.acceptor), "up")
		for _, e := range []*Endpoint{p.initiator, p.acceptor} {
			if s := e.Stats(); s.SocketError != "" {
				t.Errorf("%v: socket error %q", s.Side, s.SocketError)
			}
		}
	})
}

func TestMessageLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, _ := p.connect()
		if _, err := a.Write(make([]byte, MaxMessage+1)); !errors.Is(err, ErrMessageTooLong) {
			t.Errorf("write: %v, want ErrMessageTooLong", err)
		}
		if _, err := a.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(make([]byte, 99)); !errors.Is(err, io.ErrShortBuffer) {
			t.Errorf("read: %v, want ErrShortBuffer", err)
		}
		say(t, a, b, "still in step")
	})
}

// TestConflict waits without a word when the peer expected is ourselves.
func TestConflict(t *testing.T) {
	own := identity(t, "SN-A")
	tests := map[Reason]Trust{
		ReasonOwnKey:    {Pins: []Fingerprint{own.fingerprint}},
		ReasonOwnSerial: {Pins: []Fingerprint{{1}}, PeerSerial: "SN-A"},
	}
	for reason, trust := range tests {
		synctest.Test(t, func(t *testing.T) {
			m := newMemNet()
			e := newEndpoint(t, m, Config{Identity: own, Trust: trust, Local: addrA, Peer: addrB})
			run(t, e)
			time.Sleep(time.Minute)
			s := e.Stats()
			if s.Side != SideNone || s.IdentityConflict == nil || s.IdentityConflict.Reason != reason {
				t.Errorf("stats %+v", s)
			}
			if m.open() != 0 || s.Dials != 0 {
				t.Error("it talks to someone")
			}
			select {
			case <-e.Changed():
			default:
				t.Error("the finding was not announced")
			}
		})
	}
}

// TestBothSides connects while the pins do not yet tell the side.
func TestBothSides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, b *Config) {
			low, high := Fingerprint{}, Fingerprint{}
			low[31] = 1
			for i := range high {
				high[i] = 0xff
			}
			a.Trust.Pins = append(a.Trust.Pins, low, high)
			b.Trust.Pins = append(b.Trust.Pins, low, high)
		})
		if p.initiator.Side() != SideBoth || p.acceptor.Side() != SideBoth {
			t.Fatalf("sides %v and %v", p.initiator.Side(), p.acceptor.Side())
		}
		a, b, _ := p.connect()
		if a.Initiator() == b.Initiator() {
			a = next(t, p.initiator)
		}
		say(t, a, b, "hello")
	})
}

func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		run(t, p.initiator)
		synctest.Wait()
		if err := p.initiator.Run(t.Context()); err == nil {
			t.Error("a second Run was allowed")
		}
	})
}
