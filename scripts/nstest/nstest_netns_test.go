//go:build linux

package nstest

import (
	"net"
	"testing"
)

// Work on the outside must not see what is inside, whatever thread it gets.
func TestNamespaceStaysInside(t *testing.T) {
	ns := New(t)
	ns.Veth(t, "nstest-a", "nstest-b")
	inside := func() error {
		_, err := net.InterfaceByName("nstest-a")
		return err
	}
	for range 20 {
		if err := ns.Do(inside); err != nil {
			t.Fatalf("inside: %v", err)
		}
		if err := inside(); err == nil {
			t.Fatal("the interface is seen outside of its namespace")
		}
	}
}
