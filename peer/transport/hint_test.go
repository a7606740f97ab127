package transport

import (
	"bytes"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// back is how soon a killed peer has to be back after its start, without the
// time that the machine itself takes: none of it passes in memory.
const back = 30 * time.Millisecond

// TestHintLayout pins the bytes: hints are told from DTLS by the first one.
func TestHintLayout(t *testing.T) {
	if got := hintPoke.datagram(); string(got) != "SHAH\x01\x01\x00\x00" {
		t.Errorf("poke is %q", got)
	}
	if got := hintNoSession.datagram(); string(got) != "SHAH\x01\x02\x00\x00" {
		t.Errorf("no session is %q", got)
	}
	for in, want := range map[string]bool{
		"SHAH\x01\x01\x00\x00": true, "SHAH\x01\x02\x00\x00": true, "SHAH\x01\x01\x07\x07": true,
		"": false, "SHAH": false, "SHAH\x01\x01\x00": false, "SHAH\x01\x01\x00\x00\x00": false,
		"SHAB\x01\x01\x00\x00": false, "SHAH\x02\x01\x00\x00": false, "SHAH\x01\x03\x00\x00": false, "SHAH\x01\x00\x00\x00": false,
	} {
		if _, ok := parseHint([]byte(in)); ok != want {
			t.Errorf("%q: hint %t, want %t", in, ok, want)
		}
	}
}

// TestBucket gives a burst at once and then one token an interval.
func TestBucket(t *testing.T) {
	b := bucket{burst: 3, every: time.Second}
	now := processStart
	for range 3 {
		if !b.take(now) {
			t.Fatal("the burst is not whole")
		}
	}
	if b.take(now) || b.next(now) != now.Add(time.Second) {
		t.Errorf("the fourth is due at %v, want a second later", b.next(now).Sub(now))
	}
	if now = now.Add(time.Second); !b.take(now) || b.take(now) {
		t.Error("an interval brings one token")
	}
	now = now.Add(time.Hour)
	for i := range 4 {
		if b.take(now) != (i < 3) {
			t.Error("an hour brings more than the burst")
		}
	}
}

// TestPoke kills either Socket, or both, and starts it again: the link is back
// at once, although no session timer and no owner asks for it.
func TestPoke(t *testing.T) {
	for _, tt := range []struct {
		name                string
		initiator, acceptor bool
		gap                 time.Duration // the acceptor starts later
	}{
		{"initiator", true, false, 0},
		{"acceptor", false, true, 0},
		{"both at once", true, true, 0},
		{"both, the acceptor 1 ms later", true, true, time.Millisecond},
		{"both, the acceptor 12 ms later", true, true, 12 * time.Millisecond},
		{"both, the acceptor 99 ms later", true, true, 99 * time.Millisecond},
		{"both, the acceptor 3.01 s later", true, true, 3010 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, nil)
				p.acceptor.quiet = false
				p.connect()
				synctest.Wait()
				time.Sleep(time.Second)
				if tt.acceptor {
					p.net.kill(p.acceptor)
				}
				if tt.initiator {
					p.net.kill(p.initiator)
					p.initiator = newEndpoint(t, p.net, p.initiator.cfg)
					run(t, p.initiator)
				}
				time.Sleep(tt.gap)
				begun := time.Now()
				if tt.acceptor {
					p.acceptor = newEndpoint(t, p.net, p.acceptor.cfg)
					p.acceptor.quiet = false
					run(t, p.acceptor)
				}
				a, b := next(t, p.initiator), next(t, p.acceptor)
				say(t, a, matched(t, a, b, p.acceptor), "back")
				if took := time.Since(begun); took > back {
					t.Errorf("back after %v", took)
				}
				time.Sleep(10 * time.Second)
				if s := p.initiator.Stats(); s.HintDials > 2 {
					t.Errorf("%d dials for hints", s.HintDials)
				}
			})
		})
	}
}

// TestNoSession restarts the acceptor with every poke lost: the next thing that
// the initiator says on the old connection brings the new one.
func TestNoSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, _, _ := p.connect()
		synctest.Wait()
		p.net.kill(p.acceptor)
		p.acceptor = newEndpoint(t, p.net, p.acceptor.cfg)
		run(t, p.acceptor)
		time.Sleep(time.Second)
		if n := p.initiator.Stats().Dials; n != 1 {
			t.Fatalf("%d dials before anything was said", n)
		}
		begun := time.Now()
		for range 3 {
			if _, err := a.Write([]byte("anybody there?")); err != nil {
				t.Fatal(err)
			}
		}
		a2, b2 := next(t, p.initiator), next(t, p.acceptor)
		if took := time.Since(begun); took > 0 {
			t.Errorf("back after %v", took)
		}
		say(t, a2, b2, "here")
		// What the owner still says on the old one is no reason to dial again.
		for range 20 {
			_, _ = a.Write([]byte("anybody there?"))
			time.Sleep(50 * time.Millisecond)
		}
		if n := p.initiator.Stats().Dials; n != 2 {
			t.Errorf("%d dials, want 2", n)
		}
		if s := p.acceptor.Stats(); s.Rejected[ReasonNoSession] != 23 || s.HintsSent == 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestAnswersAreLimited sends records of unknown connections in the peer's name.
func TestAnswersAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		var answers atomic.Int64
		p.net.tap = func(from, _ netip.AddrPort, b []byte) {
			if k, ok := parseHint(b); ok && k == hintNoSession && from == addrB {
				answers.Add(1)
			}
		}
		run(t, p.acceptor)
		synctest.Wait()
		for i := range 2000 {
			from := netip.AddrPortFrom(addrA.Addr(), uint16(1000+i))
			p.net.inject(from, addrB, forged(23, 1, 9, make([]byte, 64)))
			p.net.inject(from, addrB, hintPoke.datagram()) // acceptors heed none
			time.Sleep(time.Millisecond)
		}
		if n := answers.Load(); n < 50 || n > answerBurst+100 {
			t.Errorf("%d answers in 2 s", n)
		}
	})
}

// TestForgedHints sends hints to a healthy pair, a thousand a second, to the
// port that listens and to the connections. No message is lost, and few
// connections are made.
func TestForgedHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		var client atomic.Value // where the newest connection is
		client.Store(addrA)
		p.net.tap = func(from, to netip.AddrPort, _ []byte) {
			if to == addrB {
				client.Store(from)
			}
		}
		stopA, stopB := run(t, p.initiator), run(t, p.acceptor)
		a, b := own(p.initiator, 200*time.Millisecond), own(p.acceptor, 200*time.Millisecond)
		time.Sleep(time.Second)
		go func() {
			for range 10_000 {
				p.net.inject(addrB, addrA, hintPoke.datagram())
				to, _ := client.Load().(netip.AddrPort)
				p.net.inject(addrB, to, hintNoSession.datagram())
				time.Sleep(time.Millisecond)
			}
		}()
		converse(t, a, b, 110, 100*time.Millisecond, time.Sleep)
		s := p.initiator.Stats()
		if s.HintDials > settledBurst+22 || s.HintDials < 10 || s.HintsReceived < 10_000 {
			t.Errorf("%d dials for %d hints in 10 s", s.HintDials, s.HintsReceived)
		}
		if s.Open != 1 {
			t.Errorf("%d open", s.Open)
		}
		a.closeAll()
		b.closeAll()
		stopA()
		stopB()
	})
}

// TestHintsWhileSeeking floods an initiator with hints while a third of all
// datagrams is lost: the dial that needs its repetitions gets them.
func TestHintsWhileSeeking(t *testing.T) {
	for seed := range uint64(10) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, nil)
			lose := lossy(seed, 0.3)
			p.net.carry = func(from, to netip.AddrPort, b []byte) []time.Duration {
				if delays := lose(from, to, b); delays != nil {
					return []time.Duration{20 * time.Millisecond} // one way
				}
				return nil
			}
			run(t, p.initiator)
			done := make(chan struct{})
			go func() {
				for {
					select {
					case <-done:
						return
					case <-time.After(time.Millisecond):
						p.net.inject(addrB, addrA, hintPoke.datagram())
					}
				}
			}()
			time.Sleep(time.Second)
			if n := p.initiator.Stats().Dials; n > 10 {
				t.Errorf("seed %d: %d dials in a second", seed, n)
			}
			begun := time.Now()
			p.acceptor.quiet = false
			run(t, p.acceptor)
			next(t, p.initiator)
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("seed %d: connected after %v", seed, took)
			}
			close(done)
		})
	}
}

// TestWrongSide counts a hello to a Socket that dials itself.
func TestWrongSide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		hello := bytes.Clone(firstHello(t, newPair(t, nil)))
		run(t, p.initiator)
		synctest.Wait()
		p.net.inject(addrB, addrA, hello)
		p.net.inject(netip.MustParseAddrPort("192.0.2.3:9"), addrA, hintPoke.datagram())
		synctest.Wait()
		s := p.initiator.Stats()
		if s.Rejected[ReasonWrongSide] != 1 || s.Rejected[ReasonWrongSource] != 1 || s.HintsReceived != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestSlot gives up a dial begun for a hint for another one, after a while, and
// never the one that was begun without.
func TestSlot(t *testing.T) {
	d := newDialer(nil)
	now := processStart.Add(time.Hour)
	ago := func(reason why, age time.Duration) *attempt {
		a := &attempt{reason: reason, begun: now.Add(-age)}
		d.running = append(d.running, a)
		return a
	}
	ago(forOwner, time.Second)
	if wait, old := d.slot(now); wait != 0 || old != nil {
		t.Errorf("beside one dial: wait %v, give up %v", wait, old)
	}
	hinted := ago(forHint, hintSlot-time.Millisecond)
	if wait, old := d.slot(now); wait != time.Millisecond || old != hinted {
		t.Errorf("beside a young hinted one: wait %v, give up the hinted one: %t", wait, old == hinted)
	}
	hinted.reason = forRekey
	if wait, old := d.slot(now); wait != hintSlot || old != nil {
		t.Errorf("beside none that was hinted: wait %v, give up %v", wait, old)
	}
	hinted.reason = forOwner
	if wait, old := d.slot(now); wait != 0 || old != d.running[0] {
		t.Errorf("beside two that are silent: wait %v, give up the older: %t", wait, old == d.running[0])
	}
	hinted.ended = true
	if wait, old := d.slot(now); wait != 0 || old != nil {
		t.Errorf("beside one that has ended: wait %v, give up %v", wait, old)
	}
}

// TestPokeBesideTwo restarts an acceptor while the initiator looks for it and has
// just been told of it, too soon: both dials were lost, and the poke brings a third.
func TestPokeBesideTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFoundPair(t)
		p.initiator.SetPeers([]netip.AddrPort{addrB})
		p.acceptor.quiet = false
		run(t, p.initiator)
		time.Sleep(10*time.Second + 7*time.Millisecond)
		run(t, p.acceptor) // knows nobody yet
		synctest.Wait()
		p.initiator.Redial()
		synctest.Wait()
		time.Sleep(3 * time.Millisecond)
		p.acceptor.SetPeers([]netip.AddrPort{addrA})
		begun := time.Now()
		say(t, next(t, p.initiator), next(t, p.acceptor), "back")
		if took := time.Since(begun); took > back {
			t.Errorf("back after %v", took)
		}
		if p.acceptor.Stats().Rejected[ReasonWrongSource] == 0 {
			t.Error("the dial was not too soon: this shows nothing")
		}
	})
}

// TestPokeLateCandidate starts an acceptor that learns its own address and where
// the peer may be only after its start, as with discovery: each candidate is poked
// at once, and the sockets are made once.
func TestPokeLateCandidate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFoundPair(t)
		p.initiator.SetPeers([]netip.AddrPort{addrB})
		p.acceptor.quiet = false
		p.acceptor.SetLocal(netip.AddrPort{})
		run(t, p.initiator)
		run(t, p.acceptor)
		time.Sleep(time.Minute)
		opened := p.net.listened()
		if !p.acceptor.SetLocal(addrB) || p.acceptor.SetLocal(addrB) {
			t.Error("SetLocal is to report a change, and only that")
		}
		time.Sleep(7 * time.Millisecond) // after the first poke, which found nobody to go to
		for _, peer := range append(strangers(3), addrA) {
			known := p.acceptor.Stats().Peers
			sent := p.acceptor.Stats().HintsSent
			p.acceptor.SetPeers(append(known, peer))
			synctest.Wait()
			if p.acceptor.Stats().HintsSent == sent {
				t.Errorf("%v is not poked at once", peer)
			}
		}
		begun := time.Now()
		say(t, next(t, p.initiator), next(t, p.acceptor), "back")
		if took := time.Since(begun); took > holdAnswered {
			t.Errorf("back %v after the candidate was known", took)
		}
		if n := p.net.listened() - opened; n != 1 {
			t.Errorf("%d sockets were opened, want one", n)
		}
	})
}
