package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"
)

// loopback returns two endpoints over real sockets on loopback. IPv4 has an
// address of its own for each; IPv6 has only one, so ports differ.
func loopback(t testing.TB, v6 bool) (initiator, acceptor *Endpoint) {
	t.Helper()
	a, b := twoIdentities(t)
	at, bt := Trust{Pins: []Fingerprint{b.fingerprint}}, Trust{Pins: []Fingerprint{a.fingerprint}}
	// The acceptor's port is the kernel's choice, freed again a moment before.
	host := netip.MustParseAddr("127.0.0.1")
	if v6 {
		host = netip.IPv6Loopback()
	}
	probe, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(host, 0)))
	if err != nil {
		t.Fatal(err)
	}
	there := addrPort(probe.LocalAddr())
	there = netip.AddrPortFrom(host, there.Port())
	if err := probe.Close(); err != nil {
		t.Fatal(err)
	}
	here := netip.AddrPortFrom(host, 0)
	return newEndpoint(t, nil, Config{Identity: a, Trust: at, Local: here, Peer: there}),
		newEndpoint(t, nil, Config{Identity: b, Trust: bt, Local: there, Peer: here})
}

// descriptors counts the open files of this process.
func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// settles waits until count is at most want: the last steps of a goroutine
// that has said it is done are not ours to wait for otherwise.
func settles(t testing.TB, what string, want int, count func() int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for count() > want {
		if ctx.Err() != nil {
			t.Errorf("%d %s, want %d", count(), what, want)
			return
		}
		runtime.Gosched()
	}
}

// TestLoopback runs a link over real sockets, reconnects it many times, and
// finds goroutines and descriptors back where they were.
func TestLoopback(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("v6=%t", v6), func(t *testing.T) {
			initiator, acceptor := loopback(t, v6)
			goroutines, files := runtime.NumGoroutine(), descriptors(t)
			stopB, stopA := run(t, acceptor), run(t, initiator)
			a, b := next(t, initiator), next(t, acceptor)
			for i := range 30 {
				say(t, a, b, fmt.Sprint("there ", i))
				say(t, b, a, fmt.Sprint("back ", i))
				initiator.Redial()
				a2, b2 := next(t, initiator), next(t, acceptor)
				_ = a.Close()
				if _, err := b.Read(make([]byte, MaxMessage)); !errors.Is(err, io.EOF) {
					t.Fatalf("the closed connection reads %v", err)
				}
				a, b = a2, b2
			}
			if n := initiator.Stats().Established; n != 31 {
				t.Errorf("%d connections, want 31", n)
			}
			_ = a.Close()
			_ = b.Close()
			stopA()
			stopB()
			settles(t, "goroutines", goroutines, runtime.NumGoroutine)
			settles(t, "descriptors", files, func() int { return descriptors(t) })
		})
	}
}

// TestPeerGone dials at a closed port: the ICMP answers are hints, and the link
// comes up when the peer does.
func TestPeerGone(t *testing.T) {
	initiator, acceptor := loopback(t, false)
	run(t, initiator)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for initiator.Stats().Hints == 0 {
		if ctx.Err() != nil {
			t.Fatal("no port unreachable came")
		}
		runtime.Gosched()
	}
	run(t, acceptor)
	say(t, next(t, initiator), next(t, acceptor), "there after all")
}

// BenchmarkMessage sends one heartbeat of 88 bytes over a link on loopback and
// receives it.
func BenchmarkMessage(b *testing.B) {
	initiator, acceptor := loopback(b, false)
	run(b, acceptor)
	run(b, initiator)
	from, to := next(b, initiator), next(b, acceptor)
	benchmarkMessage(b, from, to)
}

// BenchmarkMessageInMemory leaves the kernel out.
func BenchmarkMessageInMemory(b *testing.B) {
	p := newPair(b, nil)
	from, to, _ := p.connect()
	benchmarkMessage(b, from, to)
}

func benchmarkMessage(b *testing.B, from, to *Conn) {
	message, buffer := make([]byte, 88), make([]byte, MaxMessage)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := from.Write(message); err != nil {
			b.Fatal(err)
		}
		if _, err := to.Read(buffer); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHandshake makes a connection beside the one before, both ends in
// this process, and closes it.
func BenchmarkHandshake(b *testing.B) {
	p := newPair(b, nil)
	from, to, _ := p.connect()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = from.Close(), to.Close()
		from, to = next(b, p.initiator), next(b, p.acceptor)
	}
}
