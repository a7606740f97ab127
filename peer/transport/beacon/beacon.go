package beacon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"socketha/peer"
)

// Config is what a Beacon needs to know. Interface, Fingerprint and Wanted are
// required.
type Config struct {
	// Interface is the name of the HA interface.
	Interface string

	// Local is the link-local address to send from, the one the acceptor is
	// bound to. The zero Addr leaves the choice to the kernel, which is right as
	// long as the interface has only one. [Beacon.Rebind] changes it.
	Local netip.Addr

	// Port is the UDP port on which we accept handshakes; [Port] if zero.
	Port uint16

	// Protocol is the range of heartbeat protocols we speak; that of this build
	// if zero.
	Protocol peer.ProtocolRange

	// Fingerprint is our own key's.
	Fingerprint [32]byte

	// Wanted says whether a key may be the peer's: one pinned, or with a CA any
	// (a beacon with our own is never asked about). It is called by the
	// goroutine of Run and must not block.
	Wanted func(fingerprint [32]byte) bool

	// Log gets changes at Info, conflicts at Warn at most once a minute, and
	// single beacons never. Discarded if nil.
	Log *slog.Logger
}

// withDefaults checks cfg and fills in what was left out.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Port == 0 {
		cfg.Port = Port
	}
	if cfg.Protocol == (peer.ProtocolRange{}) {
		cfg.Protocol = peer.ProtocolRange{Min: peer.ProtocolMin, Max: peer.ProtocolMax}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Interface == "" {
		return cfg, errors.New("beacon: no interface")
	}
	if cfg.Wanted == nil {
		return cfg, errors.New("beacon: nobody is wanted")
	}
	if err := checkLocal(cfg.Local); err != nil {
		return cfg, fmt.Errorf("beacon: %w", err)
	}
	if err := (Message{Protocol: cfg.Protocol, Port: cfg.Port, Fingerprint: cfg.Fingerprint}).check(); err != nil {
		return cfg, fmt.Errorf("beacon: %w", err)
	}
	return cfg, nil
}

func checkLocal(local netip.Addr) error {
	if local.IsValid() && !linkLocal(local) {
		return fmt.Errorf("%s is not a link-local IPv6 address", local)
	}
	return nil
}

// linkLocal reports whether a is an address in fe80::/10 (RFC 4291 section
// 2.5.6).
func linkLocal(a netip.Addr) bool { return a.Is6() && !a.Is4In6() && a.IsLinkLocalUnicast() }

// Beacon tells the link where we are and listens for where the peer is. Make
// one with [New], then Run it. All other methods may be called from anywhere,
// at any time, and do not block.
type Beacon struct {
	cfg     Config
	net     network
	spread  func() float64
	ledger  *ledger
	running atomic.Bool
	wake    chan struct{} // capacity 1: orders have changed

	mu     sync.Mutex
	orders orders
	table  *table
}

// orders are what the loop was told and has not looked at yet.
type orders struct {
	local   netip.Addr
	moved   bool // local may be another one now
	rebind  bool
	settled bool
}

// New checks cfg and returns a Beacon that does nothing yet.
func New(cfg Config) (*Beacon, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Beacon{
		cfg:    cfg,
		net:    kernel{iface: cfg.Interface},
		spread: rand.Float64,
		ledger: newLedger(cfg.Log),
		wake:   make(chan struct{}, 1),
		orders: orders{local: cfg.Local.WithZone("")},
		table:  newTable(),
	}, nil
}

// Run sends and receives beacons until ctx is done, and then returns nil. An
// interface that is missing, down or without an address is waited for. When Run
// returns every goroutine, timer and descriptor is gone. It may be called once.
func (b *Beacon) Run(ctx context.Context) error {
	if !b.running.CompareAndSwap(false, true) {
		return errors.New("beacon: Run called twice")
	}
	newLoop(b).run(ctx)
	return nil
}

// SetLocal says which address to send from, or with the zero Addr that the kernel
// is to choose. If it is another one than that in use, or none is in use, this is
// a [Beacon.Rebind]. One that is not link-local IPv6 is an error and changes
// nothing.
func (b *Beacon) SetLocal(local netip.Addr) error { return b.order(local, false) }

// Rebind says that the interface came up or was made anew, or that its address
// changed: new sockets, and a burst. local is as in [Beacon.SetLocal].
func (b *Beacon) Rebind(local netip.Addr) error { return b.order(local, true) }

func (b *Beacon) order(local netip.Addr, rebind bool) error {
	if err := checkLocal(local); err != nil {
		return fmt.Errorf("beacon: %w", err)
	}
	b.mu.Lock()
	b.orders.local, b.orders.moved = local.WithZone(""), true
	b.orders.rebind = b.orders.rebind || rebind
	b.mu.Unlock()
	token(b.wake)
	return nil
}

// Settled says whether the session with the peer is up: then a beacon every
// 30 s will do. Its loss begins a burst.
func (b *Beacon) Settled(settled bool) {
	b.mu.Lock()
	changed := b.orders.settled != settled
	b.orders.settled = settled
	b.mu.Unlock()
	if changed {
		token(b.wake)
	}
}

// Changed receives when there is a new candidate, when one is gone, when one
// solicits, when our own beacon comes back, and when something in Stats other
// than a counter has changed. A flood makes it receive some twenty times a
// second at most. It holds one token.
func (b *Beacon) Changed() <-chan struct{} { return b.ledger.changed }

// Candidates returns where the peer may be, the confirmed address first, then
// the newest heard. It is for showing and deciding; a dialer uses Next.
func (b *Beacon) Candidates() []Candidate {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.table.list()
}

// Next gives out the candidate whose turn it is to be dialed; false if there is
// none. See the package comment for the order.
func (b *Beacon) Next() (Candidate, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.table.next()
}

// Confirm says that a session was made with that key at addr, whatever its zone.
// The address then stays until another is confirmed, heard or not: multicast may
// fail where unicast works. Whom the peer dialed does not know the port where
// the peer accepts, and leaves it 0.
func (b *Beacon) Confirm(fingerprint [32]byte, addr netip.AddrPort) {
	if !linkLocal(addr.Addr()) || fingerprint == [32]byte{} {
		return // static addresses need no confirmation
	}
	addr = netip.AddrPortFrom(addr.Addr().WithZone(b.cfg.Interface), addr.Port())
	b.mu.Lock()
	news := b.table.confirm(time.Now(), fingerprint, addr)
	b.mu.Unlock()
	if news {
		token(b.ledger.changed)
	}
}

// Known reports whether a wanted key is said to be at addr, whatever its zone.
// It allocates nothing, so it may be asked for every datagram of a flood.
func (b *Beacon) Known(addr netip.Addr) bool {
	addr = addr.WithZone("")
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.table.entries {
		if b.table.entries[i].Addr.Addr().WithZone("") == addr {
			return true
		}
	}
	return false
}

// Stats returns the counters and findings so far.
func (b *Beacon) Stats() Stats { return b.ledger.stats() }

// token fills a channel of capacity 1: one notice stands for all.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
