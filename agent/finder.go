package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"socketha/agent/config"
	"socketha/peer/transport"
	"socketha/peer/transport/beacon"
	"socketha/platform/link"
)

// heedEvery bounds how often a peer that asks where we are makes us dial: anyone
// on the link can ask in its name.
const heedEvery = time.Second

// twinFresh is how old a beacon with our own key may be to be followed up.
const twinFresh = 5 * time.Second

// finder keeps the two ends of the link where no addresses are configured: ours
// is the interface's IPv6 link-local address, the peer's is found by the beacon.
type finder struct {
	beacon *beacon.Beacon
	log    *slog.Logger

	// The rest belongs to the task that runs the path.
	local     netip.Addr // ours in use, the zero Addr while there is none
	connected time.Time  // when the newest connection came
	heeded    time.Time  // when an asking peer last made us dial
}

// newFinder makes the finder for whom trust believes.
func newFinder(l config.Link, id *transport.Identity, trust transport.Trust, log *slog.Logger) (*finder, error) {
	wanted := func(fingerprint [32]byte) bool {
		return len(trust.Pins) == 0 || slices.Contains(trust.Pins, transport.Fingerprint(fingerprint))
	}
	b, err := beacon.New(beacon.Config{
		Interface:   l.Interface,
		Port:        l.Port,
		Fingerprint: id.Fingerprint(),
		Wanted:      wanted,
		Log:         log,
	})
	if err != nil {
		return nil, fmt.Errorf("discovery: %w", err)
	}
	return &finder{beacon: b, log: log}, nil
}

// Run sends and hears beacons until ctx is cancelled, and then returns nil.
func (f *finder) Run(ctx context.Context) error { return f.beacon.Run(ctx) }

// moved takes in how the interface is: as long as our address can be used it is
// kept, so that a second one does not move the link.
func (f *finder) moved(e *transport.Endpoint, s link.State, anew bool) {
	local := usableLinkLocal(s, f.local)
	if local == f.local && !anew {
		return
	}
	f.local = local
	// Sockets are made anew once: a second time would end what has just begun.
	if !e.SetLocal(netip.AddrPortFrom(local, 0)) && anew {
		e.Rebind()
	}
	tell := f.beacon.SetLocal
	if anew {
		tell = f.beacon.Rebind
	}
	if err := tell(local); err != nil {
		f.log.Error("discovery cannot use the address", "address", local.String(), "error", err)
	}
}

// usableLinkLocal returns current if s still has it, else the first one.
func usableLinkLocal(s link.State, current netip.Addr) netip.Addr {
	all := slices.DeleteFunc(s.Usable(), func(a netip.Addr) bool { return !a.Is6() || !a.IsLinkLocalUnicast() })
	switch {
	case len(all) == 0:
		return netip.Addr{}
	case slices.Contains(all, current):
		return current
	}
	return all[0]
}

// found hands the candidates to the endpoint, and has it dial beside a connection
// older than the peer's question where we are: a restarted acceptor asks so.
func (f *finder) found(e *transport.Endpoint, now time.Time) {
	candidates := f.beacon.Candidates()
	peers := make([]netip.AddrPort, 0, len(candidates))
	asked := false
	for _, c := range candidates {
		peers = append(peers, c.Addr)
		asked = asked || c.Asked.After(f.connected)
	}
	e.SetPeers(peers)
	if twin := f.beacon.Stats().Conflict; twin != nil && now.Sub(twin.At) < twinFresh {
		e.SetTwins([]netip.AddrPort{twin.Addr}) // hearsay: the endpoint has it proven
	}
	if asked && !f.connected.IsZero() && now.Sub(f.heeded) >= heedEvery {
		f.heeded = now
		e.Redial()
	}
}

// confirmed tells the beacon where the peer proved to be. One that dialed us did
// so from a port of its own, which is not where it accepts.
func (f *finder) confirmed(c *transport.Conn, now time.Time) {
	f.connected = now
	remote := addrPort(c.RemoteAddr())
	if !c.Initiator() {
		remote = netip.AddrPortFrom(remote.Addr(), 0)
	}
	f.beacon.Confirm(c.PeerKey(), remote)
}
