package e2e

import (
	"syscall"
	"testing"
)

// With nothing configured but the interface, the role and a pin the two find each
// other, and again after a restart of either side.
func TestDiscovery(t *testing.T) {
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}, discover: true})
	for _, b := range pair {
		b.start()
	}
	for _, b := range pair {
		b.until("ready", ready)
	}
	for i, b := range pair {
		b.signal(syscall.SIGKILL)
		b.start()
		b.until("ready after its restart", ready)
		pair[1-i].until("ready after the peer's restart", ready)
	}
}

// An interface that is removed and made anew, with another index and another
// address, is taken up again by both sides.
func TestInterfaceMadeAnew(t *testing.T) {
	for name, discover := range map[string]bool{"static addresses": false, "discovery": true} {
		t.Run(name, func(t *testing.T) {
			pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}, discover: discover})
			for _, b := range pair {
				b.start()
			}
			pair[0].until("ready", ready)
			l, err := pair[0].ns.Netlink.LinkByName(haInterface)
			if err != nil {
				t.Fatal(err)
			}
			if err := pair[0].ns.Netlink.LinkDel(l); err != nil { // takes the other end along
				t.Fatal(err)
			}
			for _, b := range pair {
				b.until("link down", linkDown)
			}
			cable(t, pair, [2]string{"169.254.77.1", "169.254.77.2"})
			for _, b := range pair {
				b.until("ready on the new interface", ready)
			}
		})
	}
}
