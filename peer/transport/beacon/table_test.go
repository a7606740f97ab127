package beacon

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"socketha/peer"
)

func host(n int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("fe80::%x:%x", n>>16, n&0xffff)).WithZone("ha0")
}

func at(n int, port uint16) netip.AddrPort { return netip.AddrPortFrom(host(n), port) }

func TestTableHears(t *testing.T) {
	tab := newTable()
	m := message(7)
	if v := tab.hear(start, m, host(1)); v != added {
		t.Errorf("first beacon: %v, want added", v)
	}
	m.Flags, m.Protocol = FlagSolicit, peer.ProtocolRange{Min: 1, Max: 3}
	now := start.Add(time.Second)
	if v := tab.hear(now, m, host(1)); v != known {
		t.Errorf("second beacon: %v, want known", v)
	}
	want := Candidate{Fingerprint: key(7), Addr: at(1, 20481), Protocol: m.Protocol, Heard: now, Asked: now}
	if got := tab.list(); len(got) != 1 || got[0] != want {
		t.Errorf("candidates %+v, want %+v", got, want)
	}
	m.Port = 9
	other := message(8)
	if a, b := tab.hear(now, m, host(1)), tab.hear(now, other, host(1)); a != added || b != added {
		t.Errorf("another port %v, another key %v: want added beside the first", a, b)
	}
}

func TestTableExpires(t *testing.T) {
	tab := newTable()
	tab.hear(start, message(7), host(1))
	tab.hear(start.Add(time.Second), message(7), host(2))
	if got := tab.deadline(); !got.Equal(start.Add(MaxAge)) {
		t.Errorf("deadline %v", got.Sub(start))
	}
	if tab.expire(start.Add(MaxAge - 1)) {
		t.Error("expired early")
	}
	if !tab.expire(start.Add(MaxAge)) || len(tab.entries) != 1 {
		t.Errorf("%d left, want 1", len(tab.entries))
	}
	tab.confirm(start.Add(2*time.Second), key(7), at(2, 0))
	if tab.expire(start.Add(time.Hour)) || !tab.deadline().IsZero() {
		t.Error("the confirmed address expired")
	}
}

func TestTableConfirms(t *testing.T) {
	tab := newTable()
	tab.hear(start, message(7), host(1))
	for _, c := range []struct {
		addr netip.AddrPort
		news bool
		want netip.AddrPort
	}{
		{at(1, 0), true, at(1, 20481)}, // an acceptor does not know the port
		{at(1, 0), false, at(1, 20481)},
		{at(1, 20481), false, at(1, 20481)},
		{at(2, 99), true, at(2, 99)}, // never heard
		{at(3, 0), true, at(3, Port)},
	} {
		if news := tab.confirm(start, key(7), c.addr); news != c.news {
			t.Errorf("confirm %v: news %v", c.addr, news)
		}
		list := tab.list()
		if !list[0].Confirmed || list[0].Addr != c.want {
			t.Errorf("confirm %v: first is %+v", c.addr, list[0])
		}
		for _, other := range list[1:] {
			if other.Confirmed {
				t.Errorf("confirm %v: %v is still confirmed", c.addr, other.Addr)
			}
		}
	}
}

// Confirming finds a place in a table that a flood has filled.
func TestTableConfirmsUnderFlood(t *testing.T) {
	tab := newTable()
	for n := range 100 {
		tab.hear(start, message(7), host(n))
	}
	if v := tab.hear(start, message(7), host(100)); v != refused {
		t.Fatalf("flood: %v, want refused", v)
	}
	if !tab.confirm(start, key(7), at(200, 1)) || tab.list()[0].Addr != at(200, 1) {
		t.Error("no place for the confirmed address")
	}
}

func TestTableTurns(t *testing.T) {
	tab := newTable()
	if _, ok := tab.next(); ok {
		t.Error("a turn in an empty table")
	}
	expect := func(want ...int) {
		t.Helper()
		for i, n := range want {
			if c, _ := tab.next(); c.Addr.Addr() != host(n) {
				t.Fatalf("turn %d is %v, want %v", i, c.Addr.Addr(), host(n))
			}
		}
	}
	tab.hear(start, message(7), host(1))
	expect(1, 1)
	tab.hear(start, message(7), host(2))
	tab.hear(start, message(7), host(3))
	expect(3, 1, 2, 3) // the newest at once, and nobody forgotten
	expect(1, 2, 3, 1) // then in turn
	tab.confirm(start, key(7), at(2, 20481))
	expect(2, 3, 2, 1, 2, 3) // every other turn for the confirmed one
	tab.hear(start, message(7), host(4))
	expect(4, 1, 2, 3, 2, 4)
}

// The promises of the package comment, whatever a spoofer does: the table is
// bounded, a peer heard every second stays, the confirmed address stays, and
// the real address gets a turn within 16 dials.
func TestTableUnderSpoofing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tab := newTable()
		now := start
		tab.hear(now, message(7), host(0))
		confirmed := rapid.Bool().Draw(t, "confirmed")
		if confirmed {
			tab.confirm(now, key(7), at(0, 20481))
		}
		heard, waited := now, 0
		steps := rapid.IntRange(50, 400).Draw(t, "steps")
		for range steps {
			now = now.Add(rapid.SampledFrom([]time.Duration{0, time.Millisecond, 250 * time.Millisecond}).Draw(t, "pause"))
			if !confirmed && now.Sub(heard) >= 750*time.Millisecond {
				tab.hear(now, message(7), host(0))
				heard = now
			}
			spoof := message(byte(7 + rapid.IntRange(0, 1).Draw(t, "key")))
			tab.hear(now, spoof, host(1+rapid.IntRange(0, 100_000).Draw(t, "from")))
			tab.expire(now)
			if rapid.Bool().Draw(t, "dial") {
				waited++
				if c, _ := tab.next(); c.Addr == at(0, 20481) {
					waited = 0
				}
			}
			if waited > 2*MaxCandidates {
				t.Fatalf("the real peer got none of %d dials", waited)
			}
			if len(tab.entries) > MaxCandidates || cap(tab.entries) != MaxCandidates {
				t.Fatalf("%d candidates", len(tab.entries))
			}
			if e, v := tab.place(now, key(7), at(0, 20481), 0); v != known || e.Confirmed != confirmed {
				t.Fatalf("the real peer was displaced")
			}
		}
	})
}
