package beacon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"socketha/peer"
)

func TestConfig(t *testing.T) {
	good := func() Config {
		return Config{Interface: "ha0", Fingerprint: key(1), Wanted: func([32]byte) bool { return true }}
	}
	b, err := New(good())
	if err != nil {
		t.Fatal(err)
	}
	if b.cfg.Port != Port || b.cfg.Protocol != (peer.ProtocolRange{Min: peer.ProtocolMin, Max: peer.ProtocolMax}) {
		t.Errorf("defaults: %+v", b.cfg)
	}
	for name, spoil := range map[string]func(*Config){
		"no interface":   func(c *Config) { c.Interface = "" },
		"nobody":         func(c *Config) { c.Wanted = nil },
		"no fingerprint": func(c *Config) { c.Fingerprint = [32]byte{} },
		"protocol range": func(c *Config) { c.Protocol = peer.ProtocolRange{Min: 2, Max: 1} },
		"a global":       func(c *Config) { c.Local = netip.MustParseAddr("2001:db8::1") },
		"IPv4":           func(c *Config) { c.Local = netip.MustParseAddr("169.254.0.1") },
		"IPv4 in IPv6":   func(c *Config) { c.Local = netip.MustParseAddr("::ffff:169.254.0.1") },
	} {
		cfg := good()
		spoil(&cfg)
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := b.Rebind(netip.MustParseAddr("192.0.2.1")); err == nil {
		t.Error("Rebind to IPv4: no error")
	}
}

// A Socket that starts beside a settled one: both know each other at once, the
// one by the solicit, the other by the answer.
func TestFindsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a, b := newNode(t, link, addrA, 1, 2), newNode(t, link, addrB, 2, 1)
		b.cfg.Port = 999
		run(t, a.Beacon)
		a.Settled(true)
		time.Sleep(5 * time.Second)
		began := time.Now()
		run(t, b.Beacon)
		synctest.Wait()
		if !time.Now().Equal(began) {
			t.Fatal("time has passed")
		}
		found := func(n *node, other byte, addr netip.Addr, port uint16, asked bool) {
			t.Helper()
			list := n.Candidates()
			if len(list) != 1 || list[0].Fingerprint != key(other) || list[0].Asked.IsZero() == asked ||
				list[0].Addr != netip.AddrPortFrom(addr.WithZone("ha0"), port) {
				t.Fatalf("%d found %+v", 3-other, list)
			}
			c, ok := n.Next()
			if !ok || c != list[0] || !n.Known(addr) || !n.Known(addr.WithZone("5")) || n.Known(netip.MustParseAddr("fe80::c")) {
				t.Errorf("Next = %+v, %v", c, ok)
			}
			<-n.Changed()
		}
		found(a, 2, addrB, 999, true)
		found(b, 1, addrA, Port, false)
		answers := link.sentBy(addrA, began)
		if len(answers) != 1 || answers[0].to != netip.AddrPortFrom(addrB, memMouth) || answers[0].m.Flags != 0 {
			t.Errorf("answers %+v, want one to the asker alone", answers)
		}
	})
}

// The rhythm over a life: burst, search, settled, lost.
func TestRhythm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		began := time.Now()
		run(t, a.Beacon)
		expect := func(since time.Duration, solicits bool, want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			list := link.sentBy(addrA, began.Add(since))
			var got []time.Duration
			for _, s := range list {
				got = append(got, s.at.Sub(began))
				if s.to.IsValid() || (s.m.Flags == FlagSolicit) != solicits {
					t.Errorf("sent %+v", s)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("sent at %v, want %v", got, want)
			}
		}
		const ms = time.Millisecond
		time.Sleep(2 * time.Second)
		expect(0, true, 0, 40*ms, 120*ms, 1020*ms, 1920*ms)
		a.Settled(true)
		time.Sleep(60 * time.Second)
		expect(2*time.Second, false, 29*time.Second, 56*time.Second)
		a.Settled(true)
		a.Settled(false)
		time.Sleep(time.Second)
		expect(62*time.Second, true, 62*time.Second, 62*time.Second+40*ms, 62*time.Second+120*ms)
		if err := a.Rebind(netip.MustParseAddr("fe80::a%ha0")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(500 * ms)
		expect(63*time.Second, true, 63*time.Second, 63*time.Second+40*ms, 63*time.Second+120*ms)
	})
}

// The address that is in use already, or that the kernel has chosen, makes no new
// sockets: an answer under way to the old ones would be lost.
func TestSetLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		run(t, a.Beacon)
		synctest.Wait()
		a.host.opens = nil
		for _, step := range []struct {
			name  string
			tell  func(netip.Addr) error
			local netip.Addr
			opens int
		}{
			{"the one in use", a.SetLocal, addrA.WithZone("ha0"), 0},
			{"the kernel's choice", a.SetLocal, netip.Addr{}, 1},
			{"another", a.SetLocal, netip.MustParseAddr("fe80::aa"), 1},
			{"the one in use, of an interface made anew", a.Rebind, netip.MustParseAddr("fe80::aa"), 1},
		} {
			if err := step.tell(step.local); err != nil {
				t.Errorf("%s: %v", step.name, err)
			}
			synctest.Wait()
			if n := len(a.host.opens); n != step.opens {
				t.Errorf("%s: opened %d times, want %d", step.name, n, step.opens)
			}
			a.host.opens = nil
		}
		if a.SetLocal(netip.MustParseAddr("192.0.2.1")) == nil {
			t.Error("IPv4: no error")
		}
	})
}

// Solicits beyond ten a second are answered together, soon, and by the group.
func TestManySolicits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		a.Settled(true)
		run(t, a.Beacon)
		time.Sleep(time.Minute)
		began := time.Now()
		m := message(2)
		m.Flags = FlagSolicit
		for n := range 10_000 {
			link.inject(m.Append(nil), at(n, 1234))
			if n%50 == 0 {
				time.Sleep(10 * time.Millisecond) // 2 s in all
			}
			synctest.Wait()
		}
		var answers, group int
		var gap time.Duration
		last := began
		for _, s := range link.sentBy(addrA, began) {
			if s.to.IsValid() {
				answers++
				continue
			}
			group++
			gap = max(gap, s.at.Sub(last))
			last = s.at
			if s.m.Flags != 0 {
				t.Error("it asks although it is settled")
			}
		}
		if answers < 20 || answers > 26 || group < 8 || group > 11 || gap > 250*time.Millisecond {
			t.Errorf("%d answers, %d to the group, at most %v apart", answers, group, gap)
		}
		s := a.Stats()
		if s.Heard != 10_000 || s.Answered != uint64(answers) || s.Ignored[ReasonMuchAsked] != 10_000-s.Answered {
			t.Errorf("stats %+v", s)
		}
		if n := len(a.Candidates()); n != MaxCandidates || s.Ignored[ReasonNoPlace] != 10_000-MaxCandidates {
			t.Errorf("%d candidates, stats %+v", n, s)
		}
		if lines := strings.Count(a.logs.String(), "\n"); lines > MaxCandidates+3 {
			t.Errorf("%d lines in the log:\n%s", lines, a.logs)
		}
	})
}

// A solicit is told, since it may mean that the peer restarted: at once if it is
// answered at once, and with the late answer if not.
func TestSolicitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		run(t, a.Beacon)
		a.Settled(true)
		time.Sleep(time.Second)
		m := message(2)
		link.inject(m.Append(nil), at(1, 1))
		synctest.Wait()
		<-a.Changed()
		link.inject(m.Append(nil), at(1, 1)) // no solicit: no news
		synctest.Wait()
		select {
		case <-a.Changed():
			t.Error("told without news")
		default:
		}
		m.Flags = FlagSolicit
		for range 5 {
			link.inject(m.Append(nil), at(1, 1))
			synctest.Wait()
			select {
			case <-a.Changed():
			default:
				t.Error("not told at once")
			}
		}
		began := time.Now()
		link.inject(m.Append(nil), at(1, 1))
		<-a.Changed()
		if got := time.Since(began); got != 0 { // the last beacon to the group was long ago
			t.Errorf("told after %v", got)
		}
		link.inject(m.Append(nil), at(1, 1))
		<-a.Changed()
		if got := time.Since(began); got != catchUpAfter || a.Candidates()[0].Asked != began {
			t.Errorf("told after %v, want %v", got, catchUpAfter)
		}
	})
}

// A peer that is heard stays through a flood of its own key from elsewhere, and
// one that comes back after it is found.
func TestSpoofedAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a, b := newNode(t, link, addrA, 1, 2), newNode(t, link, addrB, 2, 1)
		run(t, a.Beacon)
		stop := run(t, b.Beacon)
		for n := range 10_000 {
			link.inject(message(2).Append(nil), at(n+100, 1234))
			time.Sleep(2 * time.Millisecond)
			if n%100 == 0 && !a.Known(addrB) {
				t.Fatalf("the real peer is gone after %d spoofs", n)
			}
		}
		stop()
		time.Sleep(MaxAge)
		synctest.Wait()
		if list := a.Candidates(); len(list) != 0 {
			t.Fatalf("after %v of silence: %+v", MaxAge, list)
		}
		again := newNode(t, link, netip.MustParseAddr("fe80::b2"), 2, 1)
		run(t, again.Beacon)
		synctest.Wait()
		if !a.Known(again.host.addr) {
			t.Error("not found again")
		}
	})
}

// Expiry is told without a beacon to wake the loop, and takes a timer only.
func TestExpiryIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		run(t, a.Beacon)
		a.Settled(true)
		time.Sleep(time.Second)
		link.inject(message(2).Append(nil), at(1, 1))
		synctest.Wait()
		<-a.Changed()
		began := time.Now()
		<-a.Changed()
		if got := time.Since(began); got != MaxAge || len(a.Candidates()) != 0 {
			t.Errorf("told after %v, want %v; %d left", got, MaxAge, len(a.Candidates()))
		}
	})
}

// What is not a wanted beacon from the link is counted and changes nothing.
func TestIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		run(t, a.Beacon)
		time.Sleep(500 * time.Millisecond)
		began := time.Now()
		with := func(m Message) []byte { m.Flags |= FlagSolicit; return m.Append(nil) }
		later := with(message(2))
		later[4] = 2
		for reason, d := range map[Reason]memPacket{
			ReasonMalformed: {b: make([]byte, 200), from: at(1, 1)},
			ReasonVersion:   {b: later, from: at(1, 1)},
			ReasonSource:    {b: with(message(2)), from: netip.MustParseAddrPort("[2001:db8::1]:1")},
			ReasonUnwanted:  {b: with(message(3)), from: at(1, 1)},
			ReasonOwnKey:    {b: with(message(1)), from: at(2, 1)},
			ReasonReflected: {b: with(message(1)), from: netip.AddrPortFrom(addrA, 1)},
		} {
			link.inject(d.b, netip.AddrPortFrom(d.from.Addr().WithZone(""), d.from.Port()))
			synctest.Wait()
			if got := a.Stats().Ignored; got[reason] != 1 {
				t.Errorf("%s: ignored %v", reason, got)
			}
		}
		if list := a.Candidates(); len(list) != 0 || a.Stats().Heard != 0 {
			t.Errorf("believed: %+v", list)
		}
		if list := link.sentBy(addrA, began); len(list) != 0 {
			t.Errorf("answered: %+v", list)
		}
		if c := a.Stats().Conflict; c == nil || c.Fingerprint != key(1) || c.Addr != at(2, 20481) || c.Count != 1 {
			t.Errorf("conflict %+v", c)
		}
		if s := a.Stats().Stranger; s == nil || s.Fingerprint != key(3) || s.Addr != at(1, 20481) {
			t.Errorf("stranger %+v", s)
		}
		<-a.Changed()
	})
}

// A cloned appliance, or somebody who pretends to be one, is said and told now
// and then, however often it shows up.
func TestConflictFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		run(t, a.Beacon)
		a.Settled(true)
		synctest.Wait()
		told := 0
		began := time.Now()
		for n := range 9_000 {
			link.inject(message(1).Append(nil), at(n, 1))
			time.Sleep(10 * time.Millisecond)
			select {
			case <-a.Changed():
				told++
			default:
			}
		}
		if lines := strings.Count(a.logs.String(), "own key"); lines != 2 {
			t.Errorf("%d lines in %v", lines, time.Since(began))
		}
		if told > 91 || a.Stats().Conflict.Count != 9000 {
			t.Errorf("told %d times; %+v", told, a.Stats().Conflict)
		}
	})
}

// While it cannot be opened or used, the port is tried again: soon at first,
// every second later, at once when told; it is said once.
func TestPortFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		a.host.set(errors.New("no interface"), nil)
		run(t, a.Beacon)
		opens := func() []time.Time {
			synctest.Wait()
			a.host.mu.Lock()
			defer a.host.mu.Unlock()
			list := a.host.opens
			a.host.opens = nil
			return list
		}
		time.Sleep(4 * time.Second)
		if n := len(opens()); n < 38 || n > 44 {
			t.Errorf("%d attempts in the first 4 s", n)
		}
		time.Sleep(16 * time.Second)
		if n := len(opens()); n < 20 || n > 26 {
			t.Errorf("%d attempts in the next 16 s", n)
		}
		if s := a.Stats(); s.Error != "no interface" || s.Local.IsValid() {
			t.Errorf("stats %+v", s)
		}
		<-a.Changed()
		if got := strings.Count(a.logs.String(), "no interface"); got != 1 {
			t.Errorf("said %d times", got)
		}

		a.host.set(nil, errors.New("no address")) // opens, but cannot send
		_ = a.Rebind(netip.Addr{})
		if n := len(opens()); n != 1 {
			t.Errorf("%d attempts when told, want 1", n)
		}
		time.Sleep(110 * time.Millisecond)
		if s, n := a.Stats(), len(opens()); s.Error != "no address" || n < 2 {
			t.Errorf("%d attempts, %+v", n, s)
		}
		a.host.set(nil, nil)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if s := a.Stats(); s.Error != "" || s.Local != addrA || s.Sent == 0 {
			t.Errorf("stats %+v", s)
		}

		opens()
		a.host.set(nil, fmt.Errorf("%w: no buffers", errLost)) // passes by itself
		time.Sleep(5 * time.Second)
		if s, n := a.Stats(), len(opens()); n != 0 || s.Unsent < 4 || s.Error != "" {
			t.Errorf("%d attempts, %+v", n, s)
		}
		a.host.set(nil, nil)
		link.fail(errors.New("deaf"))
		time.Sleep(30 * time.Millisecond)
		if n := len(opens()); n != 1 {
			t.Errorf("%d attempts after a receive failed", n)
		}
	})
}

// A rest ends with the context, and orders given meanwhile are kept.
func TestStopsWhileResting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		a.host.set(errors.New("no interface"), nil)
		stop := run(t, a.Beacon)
		time.Sleep(time.Minute)
		a.Settled(true)
		began := time.Now()
		stop()
		if time.Since(began) != 0 {
			t.Error("stopping waited for the rest")
		}
		if err := a.Run(t.Context()); err == nil {
			t.Error("Run twice: no error")
		}
	})
}

// Where multicast does not come through, the address of the last session stays.
func TestConfirmedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		link := newMemLink()
		a := newNode(t, link, addrA, 1, 2)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = a.Run(ctx) }()
		a.Confirm(key(2), netip.MustParseAddrPort("192.0.2.1:1")) // static: none of ours
		a.Confirm(key(2), netip.AddrPortFrom(addrB.WithZone("7"), 0))
		<-a.Changed()
		time.Sleep(time.Hour)
		list := a.Candidates()
		if len(list) != 1 || !list[0].Confirmed || list[0].Addr != netip.AddrPortFrom(addrB.WithZone("ha0"), Port) {
			t.Errorf("candidates %+v", list)
		}
		cancel()
		synctest.Wait()
	})
}
