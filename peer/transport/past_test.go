package transport

import (
	"bytes"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestRepeated sends every message again, as it was and beside another record, so
// that it takes both ways, past pion and through it: each is read once.
func TestRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, stop := p.connect()
		defer stop()
		var mu sync.Mutex
		var sent [][]byte
		p.net.tap = func(from, _ netip.AddrPort, d []byte) {
			mu.Lock()
			defer mu.Unlock()
			if from == addrPort(a.LocalAddr()) {
				sent = append(sent, bytes.Clone(d))
			}
		}
		for range 10 {
			say(t, a, b, "once")
		}
		mu.Lock()
		records := slices.Clone(sent)
		mu.Unlock()
		// A record that was not read yet may share its datagram with others.
		p.net.carry = func(netip.AddrPort, netip.AddrPort, []byte) []time.Duration { return nil }
		for range 2 {
			if _, err := a.Write([]byte("late")); err != nil {
				t.Fatal(err)
			}
		}
		mu.Lock()
		late := slices.Clone(sent[len(records):])
		mu.Unlock()
		inject := func(d ...[]byte) { p.net.inject(addrPort(a.LocalAddr()), addrB, slices.Concat(d...)) }
		junk := forged(23, 1, 900, make([]byte, 40))
		inject(late[0], late[1])
		for _, r := range append(records, late...) {
			inject(r)
			inject(r, junk)
			inject(junk, r)
			inject(r, r)
		}
		synctest.Wait()
		heard := 0
		go func() {
			buf := make([]byte, MaxMessage)
			for {
				n, err := b.Read(buf)
				if err != nil {
					return
				}
				if string(buf[:n]) != "late" {
					t.Errorf("read again: %q", buf[:n])
				}
				heard++
			}
		}()
		synctest.Wait()
		if heard != 2 {
			t.Errorf("%d messages that shared a datagram were read, want 2", heard)
		}
	})
}

// TestFlightLostBeforeMessage loses the acceptor's last flight and lets its first
// messages through: they must not end the plaintext phase that the repeated flight
// still needs, and are read in the end.
func TestFlightLostBeforeMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		lost := 0
		p.net.carry = func(from, _ netip.AddrPort, d []byte) []time.Duration {
			if from == addrB && d[0] == 20 && lost < 2 {
				lost++
				return nil
			}
			return []time.Duration{0}
		}
		run(t, p.initiator)
		run(t, p.acceptor)
		b := next(t, p.acceptor)
		for range maxEarly {
			if _, err := b.Write([]byte("too soon")); err != nil {
				t.Fatal(err)
			}
		}
		a := next(t, p.initiator, time.Second)
		if s := p.initiator.Stats(); lost != 2 || s.Dials != 1 {
			t.Errorf("%d flights lost, stats %+v", lost, s)
		}
		buf := make([]byte, MaxMessage)
		for range maxEarly {
			if n, err := a.Read(buf); err != nil || string(buf[:n]) != "too soon" {
				t.Errorf("read %q, %v", buf[:n], err)
			}
		}
		say(t, a, b, "after all")
	})
}

// TestLastWords are read although the goodbye came right behind them.
func TestLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		a, b, stop := p.connect()
		defer stop()
		for range 3 {
			if _, err := a.Write([]byte("planned stop")); err != nil {
				t.Fatal(err)
			}
		}
		_ = a.Close()
		synctest.Wait()
		buf := make([]byte, MaxMessage)
		for range 3 {
			if n, err := b.Read(buf); err != nil || string(buf[:n]) != "planned stop" {
				t.Fatalf("read %q, %v", buf[:n], err)
			}
		}
		if _, err := b.Read(buf); err == nil {
			t.Error("read on after the end")
		}
		if _, err := a.Write(buf[:1]); err == nil {
			t.Error("written after Close")
		}
	})
}
