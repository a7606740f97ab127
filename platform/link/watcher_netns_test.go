//go:build linux

package link

import (
	"context"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketha/scripts/nstest"
)

// watchIn runs a watcher inside ns until the test ends.
func watchIn(t testing.TB, ns *nstest.NS, name string, open func() (feed, error)) *Watcher {
	t.Helper()
	w, err := New(Config{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	if open != nil {
		w.open = open
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := ns.Go(func() error { return w.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v after its context was cancelled, want nil", err)
		}
	})
	return w
}

// await blocks until the state is as wanted, and returns it. If it never is,
// the time limit of the whole test run tells where.
func await(w *Watcher, wanted func(State) bool) State {
	for {
		if s := w.State(); wanted(s) {
			return s
		}
		<-w.Changed()
	}
}

func isUp(s State) bool   { return s.Known && s.Up }
func isLost(s State) bool { return s.Known && !s.Up }

func TestNetnsCarrierLoss(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Up(t, "ha0", "far0")
	w := watchIn(t, ns, "ha0", nil)
	s := await(w, isUp)
	if s.OperState != "up" || s.Carrier != CarrierYes || s.MTU != 1500 || s.Index != ns.Link(t, "ha0").Attrs().Index {
		t.Errorf("state = %+v, want what the kernel has", s)
	}
	ns.Down(t, "far0")
	s = await(w, func(s State) bool { return s.Carrier == CarrierNo && s.OperState == "lowerlayerdown" })
	if s.Up || !s.AdminUp || !s.Exists || s.Flaps != 1 {
		t.Errorf("state = %+v, want no carrier, one flap", s)
	}
	ns.Up(t, "far0")
	if s = await(w, isUp); s.Flaps != 1 {
		t.Errorf("state = %+v, want up, one flap", s)
	}
}

func TestNetnsLinkDown(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Up(t, "ha0", "far0")
	w := watchIn(t, ns, "ha0", nil)
	await(w, isUp)
	ns.Down(t, "ha0")
	s := await(w, func(s State) bool { return !s.AdminUp && s.OperState == "down" })
	if s.Up || s.Carrier != CarrierUnknown || !s.Exists || s.Flaps != 1 {
		t.Errorf("state = %+v, want down with an unknown carrier, one flap", s)
	}
}

func TestNetnsInterfaceComesAndGoes(t *testing.T) {
	ns := nstest.New(t)
	w := watchIn(t, ns, "ha0", nil)
	if s := await(w, func(s State) bool { return s.Known }); s.Exists || s.Index != 0 || s.Name != "ha0" {
		t.Errorf("state = %+v, want no interface", s)
	}
	indexes := map[int]bool{}
	for range 3 {
		ns.Veth(t, "ha0", "far0")
		ns.Up(t, "ha0", "far0")
		indexes[await(w, isUp).Index] = true
		ns.Delete(t, "ha0")
		await(w, func(s State) bool { return !s.Exists })
	}
	if len(indexes) != 3 || w.State().Flaps != 3 {
		t.Errorf("indexes %v, state %+v, want three of each", indexes, w.State())
	}
}

func TestNetnsRename(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Up(t, "ha0", "far0")
	w := watchIn(t, ns, "ha0", nil)
	index := await(w, isUp).Index
	rename := func(from, to string) {
		t.Helper()
		ns.Down(t, from)
		if err := ns.Netlink.LinkSetName(ns.Link(t, from), to); err != nil {
			t.Fatal(err)
		}
		ns.Up(t, to)
	}
	rename("ha0", "ha1")
	await(w, func(s State) bool { return !s.Exists })
	rename("far0", "ha0")
	if s := await(w, isUp); s.Index == index {
		t.Errorf("state = %+v, want the index of the other interface", s)
	}
}

func TestNetnsAlternativeName(t *testing.T) {
	ns := nstest.New(t)
	w := watchIn(t, ns, "ha-port", nil)
	await(w, func(s State) bool { return s.Known })
	ns.Veth(t, "ha0", "far0")
	if err := ns.Netlink.LinkAddAltName(ns.Link(t, "ha0"), "ha-port"); err != nil {
		t.Fatal(err)
	}
	ns.Up(t, "ha0", "far0")
	if s := await(w, isUp); s.Name != "ha0" {
		t.Errorf("state = %+v, want the kernel's name ha0", s)
	}
}

func TestNetnsDuplicateAddressDetection(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Addr(t, "far0", "fd00::1/64", unix.IFA_F_NODAD)
	ns.Up(t, "far0")
	w := watchIn(t, ns, "ha0", nil)
	await(w, func(s State) bool { return s.Exists })
	has := func(prefix string, tentative, failed bool) func(State) bool {
		return func(s State) bool {
			for _, a := range s.Addrs {
				match := a.Prefix.String() == prefix || prefix == "" && a.Prefix.Addr().IsLinkLocalUnicast()
				if match && a.Tentative == tentative && a.DADFailed == failed {
					return true
				}
			}
			return false
		}
	}
	ns.Up(t, "ha0") // the kernel makes a link-local address and tries it
	if s := await(w, has("", true, false)); len(s.Usable()) != 0 {
		t.Errorf("usable = %v while tentative, want none", s.Usable())
	}
	ns.Addr(t, "ha0", "fd00::1/64", 0) // taken by the far end
	await(w, has("fd00::1/64", true, true))
	ns.Addr(t, "ha0", "192.0.2.1/30", 0)
	s := await(w, has("", false, false))
	usable := s.Usable()
	if len(usable) != 2 || usable[0] != netip.MustParseAddr("192.0.2.1") || usable[1].Zone() != "ha0" {
		t.Errorf("usable = %v, want 192.0.2.1 and the link-local address with its zone", usable)
	}
}

// gated is a kernel feed whose reader does not take its turn until the gate is
// open, so that messages pile up.
type gated struct {
	feed
	gate   <-chan struct{}
	missed atomic.Int32
}

func (g *gated) wait(d time.Duration) ([]message, error) {
	<-g.gate
	m, err := g.feed.wait(d)
	if err != nil {
		g.missed.Add(1)
	}
	return m, err
}

func TestNetnsFlapsWithASlowReader(t *testing.T) {
	const flaps = 1000
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Up(t, "ha0", "far0")
	gate := make(chan struct{})
	slow := &gated{gate: gate}
	w := watchIn(t, ns, "ha0", func() (feed, error) {
		f, err := openFeed(1) // the kernel rounds up to its smallest buffer
		slow.feed = f
		return slow, err
	})
	await(w, isUp)
	far := ns.Link(t, "far0")
	for range flaps {
		if err := ns.Netlink.LinkSetDown(far); err != nil {
			t.Fatal(err)
		}
		if err := ns.Netlink.LinkSetUp(far); err != nil {
			t.Fatal(err)
		}
	}
	ns.Down(t, "far0")
	close(gate)
	if s := await(w, isLost); s.Flaps != flaps+1 {
		t.Errorf("state = %+v, want %d flaps", s, flaps+1)
	}
	ns.Up(t, "far0") // the subscription has survived
	await(w, isUp)
	if slow.missed.Load() == 0 {
		t.Error("no message was lost, so the test shows nothing")
	}
}

// A port that leaves a bridge is announced like an interface that is removed.
func TestNetnsBridgePort(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Bridge(t, "br0")
	ns.Up(t, "ha0", "far0", "br0")
	w := watchIn(t, ns, "ha0", nil)
	await(w, isUp)
	for range 10 {
		if err := ns.Netlink.LinkSetMaster(ns.Link(t, "ha0"), ns.Link(t, "br0")); err != nil {
			t.Fatal(err)
		}
		if err := ns.Netlink.LinkSetNoMaster(ns.Link(t, "ha0")); err != nil {
			t.Fatal(err)
		}
	}
	if err := ns.Netlink.LinkSetMTU(ns.Link(t, "ha0"), 1400); err != nil {
		t.Fatal(err)
	}
	s := await(w, func(s State) bool { return s.MTU == 1400 })
	if !s.Up || s.Flaps != 0 {
		t.Errorf("state = %+v, want up all the time", s)
	}
}

func TestNetnsBridge(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Bridge(t, "br0")
	ns.Up(t, "ha0", "far0", "br0")
	w := watchIn(t, ns, "br0", nil)
	// A bridge that never had a port says "unknown" and counts as up.
	if s := await(w, func(s State) bool { return s.Exists }); s.OperState != "unknown" || !s.Up {
		t.Errorf("state = %+v of a new bridge, want up with oper state unknown", s)
	}
	if err := ns.Netlink.LinkSetMaster(ns.Link(t, "ha0"), ns.Link(t, "br0")); err != nil {
		t.Fatal(err)
	}
	await(w, func(s State) bool { return s.Up && s.OperState == "up" })
	ns.Down(t, "far0") // its only port
	await(w, isLost)
}

func TestNetnsStacked(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "lower0", "far0")
	ns.Up(t, "lower0", "far0")
	t.Logf("as a %s", ns.Stack(t, "lower0", "ha0"))
	ns.Up(t, "ha0")
	w := watchIn(t, ns, "ha0", nil)
	await(w, isUp)
	ns.Down(t, "far0")
	if s := await(w, isLost); s.Carrier != CarrierNo || s.Flaps != 1 {
		t.Errorf("state = %+v, want no carrier, one flap", s)
	}
	ns.Up(t, "far0")
	await(w, isUp)
	ns.Delete(t, "lower0")
	await(w, func(s State) bool { return !s.Exists })
}

func TestNetnsLoopbackIsUp(t *testing.T) {
	ns := nstest.New(t)
	w := watchIn(t, ns, "lo", nil)
	if s := await(w, func(s State) bool { return s.Exists }); !s.Up || s.OperState != "unknown" {
		t.Errorf("state = %+v, want up with oper state unknown", s)
	}
}

// Without CAP_NET_ADMIN the buffer is what net.core.rmem_max allows.
func TestNetnsWithoutNetAdmin(t *testing.T) {
	ns := nstest.New(t)
	size := func() (size int, err error) {
		f, err := openFeed(receiveBuffer)
		if err != nil {
			return 0, err
		}
		defer f.close()
		return unix.GetsockoptInt(f.(*kernel).events.GetFd(), unix.SOL_SOCKET, unix.SO_RCVBUF)
	}
	err := ns.Do(func() error {
		if got, err := size(); err != nil || got != 2*receiveBuffer {
			t.Errorf("receive buffer of %d bytes (%v), want %d: the kernel doubles it", got, err, 2*receiveBuffer)
		}
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&header, &none[0]); err != nil { // for this thread alone
			return err
		}
		if got, err := size(); err != nil || got <= 0 {
			t.Errorf("receive buffer of %d bytes (%v), want some", got, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNetnsNothingLeaks(t *testing.T) {
	ns := nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Up(t, "ha0", "far0")
	run := func() {
		w, err := New(Config{Name: "ha0"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := ns.Go(func() error { return w.Run(ctx) })
		await(w, isUp) // and nobody reads Changed from here on
		ns.Down(t, "far0")
		ns.Up(t, "far0")
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	run()
	before := descriptors(t)
	for range 50 {
		run()
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors open after 50 runs, %d before", after, before)
	}
	for strings.Contains(stacks(), "link.(*Watcher)") || strings.Contains(stacks(), "link.(*kernel)") {
		runtime.Gosched() // one that never ends is shown by the time limit of the run
	}
}

func descriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

// An interface of another namespace has a message there, not here.
func TestNetnsMovedAway(t *testing.T) {
	ns, other := nstest.New(t), nstest.New(t)
	ns.Veth(t, "ha0", "far0")
	ns.Up(t, "ha0", "far0")
	w := watchIn(t, ns, "ha0", nil)
	await(w, isUp)
	if err := ns.Netlink.LinkSetNsFd(ns.Link(t, "ha0"), other.FD()); err != nil {
		t.Fatal(err)
	}
	await(w, func(s State) bool { return s.Known && !s.Exists })
	if _, err := other.Netlink.LinkByName("ha0"); err != nil {
		t.Errorf("not in the other namespace: %v", err)
	}
}
