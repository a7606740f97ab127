package nstest

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

// NS is a network namespace that ends with its test.
type NS struct {
	// Netlink builds and changes interfaces inside. It may be used from any
	// goroutine, one at a time.
	Netlink *netlink.Handle

	fd int
}

// New makes an empty namespace with its loopback up. It needs root, and says
// so through package needs.
func New(t testing.TB) *NS {
	t.Helper()
	needs.Root(t)
	ns := &NS{fd: -1}
	if err := onOwnThread(ns.create); err != nil {
		t.Fatalf("making a network namespace: %v", err)
	}
	t.Cleanup(func() {
		ns.Netlink.Close()
		if err := unix.Close(ns.fd); err != nil {
			t.Errorf("closing the network namespace: %v", err)
		}
	})
	lo, err := ns.Netlink.LinkByName("lo")
	if err == nil {
		err = ns.Netlink.LinkSetUp(lo)
	}
	if err != nil {
		t.Fatalf("setting lo up: %v", err)
	}
	return ns
}

func (ns *NS) create() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening the namespace: %w", err)
	}
	handle, err := netlink.NewHandleAt(netns.NsHandle(fd), unix.NETLINK_ROUTE)
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("netlink: %w", err)
	}
	ns.fd, ns.Netlink = fd, handle
	return nil
}

// Do runs fn inside and returns its error. Sockets opened and processes
// started by fn belong to the namespace, goroutines started by it do not.
func (ns *NS) Do(fn func() error) error {
	return onOwnThread(func() error {
		if err := unix.Setns(ns.fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the namespace: %w", err)
		}
		return fn()
	})
}

// Go runs fn inside like Do, in the background. The channel delivers its error.
func (ns *NS) Go(fn func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- ns.Do(fn) }()
	return done
}

// onOwnThread runs fn on a thread that dies with it.
func onOwnThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked, see the package comment
		done <- fn()
	}()
	return <-done
}

// FD is the descriptor of the namespace, valid until the test ends.
func (ns *NS) FD() int { return ns.fd }
