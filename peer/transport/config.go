package transport

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// DefaultPort is the UDP port of the HA link.
const DefaultPort = 20481

// MaxMessage bounds a message in bytes (contract section 4: at most 1 KB).
const MaxMessage = 1024

const (
	// mtu is the UDP payload that no flight and no message exceeds: the IPv6
	// minimum link MTU of 1280 (RFC 8200 section 5) less the headers of IPv6 and
	// UDP. pion starts a new datagram before it is reached. With a certificate of
	// our own making the largest flight has 720 to 1,081 bytes, by the length of
	// the names, so each flight is one datagram on every link that carries IPv6.
	mtu = 1280 - 40 - 8

	// maxDatagram is the largest datagram taken in; a longer one is refused.
	maxDatagram = 2048
)

// Times of a handshake, and how many at once.
const (
	defaultFlightInterval = 100 * time.Millisecond
	minFlightInterval     = 10 * time.Millisecond
	maxFlightInterval     = time.Second
	handshakeTimeout      = 3 * time.Second
	defaultIdleTimeout    = 5 * time.Minute
	closeGrace            = time.Second
	lingerClosed          = 5 * time.Second

	// Each handshake costs 4 goroutines and a little memory. Those that were
	// ended to make room count until they are gone: a flood costs at most 80
	// goroutines, and no more than the machine can wind up.
	maxPending    = 16
	maxHandshakes = 20
	maxOpen       = 4
	maxDials      = 2
)

// Redial delays. A handshake that failed over who the peer is, rather than over
// a lost datagram, costs signatures on both sides and is tried less often.
const (
	minRedial        = 25 * time.Millisecond
	maxRedial        = 200 * time.Millisecond
	maxRedialRefused = time.Second
)

// Config is what an Endpoint needs to know. Identity and Trust are required, the
// rest has defaults.
type Config struct {
	Identity *Identity
	Trust    Trust

	// Interface is the HA interface that every socket is bound to. Empty leaves
	// them unbound, for two agents on one machine.
	Interface string

	// Local and Peer are the two ends of the link, IPv4 or IPv6 alike. Port 0
	// means DefaultPort. A link-local IPv6 address needs Interface or a zone.
	// Only Peer's address may talk to us, from any port. Without an address in
	// Local or Peer the endpoint waits for [Endpoint.SetLocal] or
	// [Endpoint.SetPeers]; with one in Peer the latter does nothing.
	Local, Peer netip.AddrPort

	// FlightInterval is the time after which an unanswered handshake flight is
	// repeated: 10 ms to 1 s, 100 ms if zero. 50 ms suits timers of 100 ms.
	FlightInterval time.Duration

	// IdleTimeout closes a connection from which nothing authentic came for so
	// long; 5 min if zero. It frees what nobody closed. Whether the peer is lost
	// is for the heartbeat session to say, long before.
	IdleTimeout time.Duration

	// RekeyAfter is how long one connection's keys are used: 1 ms to 24 h, 1 h if
	// zero. The initiator makes a new connection after 75 to 90 % of it, or after
	// 2^19 records in one direction, and delivers it like any other; the owner
	// closes the old one when the new one has proven itself.
	RekeyAfter time.Duration

	// TimeFloor is the commit time of this build: certificates are judged by
	// the later of it and the clock, so a clock at 1970 does not cut the link.
	TimeFloor time.Time

	// Now is the clock certificates are judged by; time.Now if nil.
	Now func() time.Time

	// Log gets state changes at Info, refused peers at Warn (each reason at most
	// once a minute) and single datagrams never. Discarded if nil.
	Log *slog.Logger
}

// withDefaults checks cfg and fills in what was left out.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Identity == nil {
		return cfg, errors.New("transport: no identity")
	}
	if err := cfg.Trust.validate(); err != nil {
		return cfg, fmt.Errorf("transport: %w", err)
	}
	if err := cfg.checkAddresses(); err != nil {
		return cfg, fmt.Errorf("transport: %w", err)
	}
	cfg.Local, cfg.Peer = withPort(cfg.Local), withPort(cfg.Peer)
	if cfg.FlightInterval == 0 {
		cfg.FlightInterval = defaultFlightInterval
	}
	if cfg.FlightInterval < minFlightInterval || cfg.FlightInterval > maxFlightInterval {
		return cfg, fmt.Errorf("transport: flight interval %v, allowed are %v to %v",
			cfg.FlightInterval, minFlightInterval, maxFlightInterval)
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = defaultIdleTimeout
	}
	if cfg.IdleTimeout < 0 {
		return cfg, fmt.Errorf("transport: idle time-out %v is negative", cfg.IdleTimeout)
	}
	if cfg.RekeyAfter == 0 {
		cfg.RekeyAfter = defaultRekey
	}
	if cfg.RekeyAfter < minRekey || cfg.RekeyAfter > maxRekey {
		return cfg, fmt.Errorf("transport: new keys after %v, allowed are %v to %v", cfg.RekeyAfter, minRekey, maxRekey)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return cfg, nil
}

func (cfg Config) checkAddresses() error {
	local, remote := cfg.Local.Addr(), cfg.Peer.Addr()
	switch {
	case remote.IsUnspecified() || remote.IsMulticast():
		return fmt.Errorf("peer address %s is not one host's", remote)
	case local.IsValid() && remote.IsValid() && local.Unmap().Is4() != remote.Unmap().Is4():
		return fmt.Errorf("local address %s and peer address %s are of different families", local, remote)
	case cfg.Interface == "" && linkLocal6(local) && local.Zone() == "":
		return fmt.Errorf("link-local address %s needs an interface", local)
	}
	return nil
}

func linkLocal6(a netip.Addr) bool { return a.IsLinkLocalUnicast() && a.Is6() && !a.Is4In6() }

// withPort canonicalizes an address and fills in the default port.
func withPort(a netip.AddrPort) netip.AddrPort {
	port := a.Port()
	if port == 0 {
		port = DefaultPort
	}
	return netip.AddrPortFrom(a.Addr().Unmap(), port)
}
