package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"socketha/peer/transport/internal/lab"
	"socketha/scripts/nstest"
)

// nsNetwork opens the kernel's sockets inside a network namespace.
type nsNetwork struct {
	ns *nstest.NS
	kernel
}

func (n nsNetwork) Listen(ctx context.Context, local netip.AddrPort) (s packetSocket, err error) {
	err = n.ns.Do(func() (err error) {
		s, err = n.kernel.Listen(ctx, local)
		return err
	})
	return s, err
}

func (n nsNetwork) Dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (c net.Conn, err error) {
	err = n.ns.Do(func() (err error) {
		c, err = n.kernel.Dial(ctx, local, remote)
		return err
	})
	return c, err
}

// wired returns two endpoints in namespaces of their own, joined by a cable.
func wired(t testing.TB, local, remote string) (initiator, acceptor *Endpoint, here, there *nstest.NS) {
	t.Helper()
	here, there = nstest.New(t), nstest.New(t)
	lab.Cable(t, here, there)
	pa, pb := netip.MustParsePrefix(local), netip.MustParsePrefix(remote)
	lab.Address(t, here, local)
	lab.Address(t, there, remote)
	a, b := twoIdentities(t)
	aa, ab := netip.AddrPortFrom(pa.Addr(), 0), netip.AddrPortFrom(pb.Addr(), 0)
	initiator = newEndpoint(t, nil, Config{
		Identity: a, Trust: pins(b), Interface: lab.Interface, Local: aa, Peer: ab,
	})
	acceptor = newEndpoint(t, nil, Config{
		Identity: b, Trust: pins(a), Interface: lab.Interface, Local: ab, Peer: aa,
	})
	initiator.net = nsNetwork{here, kernel{lab.Interface}}
	acceptor.net = nsNetwork{there, kernel{lab.Interface}}
	return initiator, acceptor, here, there
}

// TestCable brings the link up over a veth pair: IPv4, global IPv6, and
// link-local IPv6 whose zone is the interface.
func TestCable(t *testing.T) {
	for _, addr := range [][2]string{
		{"192.0.2.1/30", "192.0.2.2/30"},
		{"2001:db8::1/64", "2001:db8::2/64"},
		{"fe80::a/64", "fe80::b/64"},
	} {
		t.Run(addr[0], func(t *testing.T) {
			initiator, acceptor, _, _ := wired(t, addr[0], addr[1])
			run(t, acceptor)
			run(t, initiator)
			a, b := next(t, initiator), next(t, acceptor)
			say(t, a, b, "there")
			say(t, b, a, "back")
			initiator.Redial()
			say(t, next(t, initiator), next(t, acceptor), "again")
		})
	}
}

// TestHopLimit sends a hello from a source that is not there yet, with TTLs
// below 255: the kernel drops it before the demux counts it.
func TestHopLimit(t *testing.T) {
	initiator, acceptor, here, there := wired(t, "192.0.2.1/30", "192.0.2.2/30")
	run(t, acceptor)
	run(t, initiator)
	a, b := next(t, initiator), next(t, acceptor)
	from := netip.MustParseAddrPort("192.0.2.1:4000")
	target := acceptor.cfg.Local
	near, far := lab.NewForger(t, here), lab.NewForger(t, there)
	for _, ttl := range []byte{1, 64, 254} {
		near.Send(from, target, ttl, []byte("from afar"))
	}
	near.Send(from, target, 255, []byte("from the link"))
	// The initiator's connected socket has the filter, too.
	far.Send(target, addrPort(a.LocalAddr()), 64, forged(24, 0, 1, []byte{1}))
	far.Send(target, addrPort(a.LocalAddr()), 255, forged(24, 0, 1, []byte{1}))
	say(t, a, b, "after it")
	say(t, b, a, "and back")
	if got := acceptor.Stats().Rejected; got[ReasonNotAHello] != 1 || len(got) != 1 {
		t.Errorf("the acceptor saw %v, want one datagram", got)
	}
	if got := initiator.Stats().Rejected; got["record_type"] != 1 || len(got) != 1 {
		t.Errorf("the initiator saw %v, want one record", got)
	}
}

// TestSpoofsOnCable is TestSpoofs once more, with raw packets from the peer's
// own machine: address, port and hop limit are right, only the keys are not.
// Both ends keep talking while they come, and every message arrives in order.
func TestSpoofsOnCable(t *testing.T) {
	initiator, acceptor, here, there := wired(t, "192.0.2.1/30", "192.0.2.2/30")
	run(t, acceptor)
	run(t, initiator)
	a, b := next(t, initiator), next(t, acceptor)
	client, server := addrPort(a.LocalAddr()), acceptor.cfg.Local
	near, far := lab.NewForger(t, here), lab.NewForger(t, there)
	n := 0
	talk := func() {
		n++
		say(t, a, b, fmt.Sprint("there ", n))
		say(t, b, a, fmt.Sprint("back ", n))
	}
	for _, s := range spoofs() {
		for _, d := range s.datagrams[:min(len(s.datagrams), 20)] {
			if len(d) > 1400 {
				d = d[:1400]
			}
			near.Send(client, server, 255, d)
			far.Send(server, client, 255, d)
			talk()
		}
	}
	for _, e := range []*Endpoint{initiator, acceptor} {
		if s := e.Stats(); s.Open != 1 || s.Established != 1 || len(s.Rejected) < 8 {
			t.Errorf("%v: %d open of %d, rejected %v", s.Side, s.Open, s.Established, s.Rejected)
		}
	}
}

// TestNoInterface says what is missing.
func TestNoInterface(t *testing.T) {
	initiator, acceptor, here, there := wired(t, "192.0.2.1/30", "192.0.2.2/30")
	initiator.net = nsNetwork{here, kernel{"ha1"}}
	acceptor.net = nsNetwork{there, kernel{"ha1"}}
	run(t, acceptor)
	run(t, initiator)
	for _, e := range []*Endpoint{acceptor, initiator} {
		waitFor(t, e, func(s Stats) bool { return s.SocketError != "" })
		if got := e.Stats().SocketError; !strings.Contains(got, "bind to interface ha1: no such device") {
			t.Errorf("socket error %q", got)
		}
	}
}

// waitFor waits for a change after which ok holds.
func waitFor(t testing.TB, e *Endpoint, ok func(Stats) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !ok(e.Stats()) {
		select {
		case <-e.Changed():
		case <-ctx.Done():
			t.Fatalf("never so: %+v", e.Stats())
		}
	}
}
