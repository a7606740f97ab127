//go:build !linux

package beacon

import (
	"errors"
	"net/netip"
)

// kernel refuses: without the hop limit filter and the binding to the interface
// a beacon would not be what it promises to be.
type kernel struct{ iface string }

func (k kernel) open(netip.Addr) (port, error) {
	return nil, errors.New("beacons on " + k.iface + " need Linux")
}
