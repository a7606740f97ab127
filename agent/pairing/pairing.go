package pairing

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"socketha/peer"
	"socketha/peer/transport"
	"socketha/peer/transport/beacon"
	"socketha/platform/link"
)

// Times of a meeting.
const (
	// settleTime is how long a key stays alone before it is believed to be the
	// only one: a searching Socket is heard every second, and answers at once.
	settleTime = 1500 * time.Millisecond

	// factsTime is how long the peer's facts are waited for; one that speaks
	// another protocol has none for us.
	factsTime = time.Second

	// repeatFacts is how often ours are sent until we have the peer's.
	repeatFacts = 200 * time.Millisecond
)

// Config is what is needed to look for the peer. Interface and Identity are
// required.
type Config struct {
	Interface string // the HA interface
	Port      uint16 // UDP port of the link, transport.DefaultPort if zero
	Identity  *transport.Identity

	// Facts are what the peer is told of this Socket; Serial is that of Identity.
	Facts peer.Facts

	// TimeFloor is the commit time of this build; see transport.Config.
	TimeFloor time.Time

	Log *slog.Logger // nil discards
}

// Peer is the Socket at the other end of the cable.
type Peer struct {
	Key    transport.Fingerprint // proven
	Serial string                // of its certificate; escape before showing
	Model  string                // as it states; empty if it did not. Escape before showing
}

// SeveralError says that more than one Socket is on the cable.
type SeveralError struct{ Keys []transport.Fingerprint }

func (e *SeveralError) Error() string {
	return fmt.Sprintf("%d Sockets are on the HA link beside this one; a pair has one peer", len(e.Keys))
}

// ErrOwn says that another box shows our key or our S/N.
var ErrOwn = errors.New("another box on the HA link has the identity of this Socket")

// AbsentError says that nobody was met in time, and what was seen meanwhile.
type AbsentError struct{ Seen string }

func (e *AbsentError) Error() string { return "no peer was met: " + e.Seen }

// Meeting is a peer that was met.
type Meeting struct {
	Peer Peer

	host *host
	stop context.CancelFunc
	done *sync.WaitGroup
}

// Spoiled receives a [SeveralError] or [ErrOwn] once it can no longer be told
// who the peer is. Then nothing may be pinned.
func (m *Meeting) Spoiled() <-chan error { return m.host.spoiled }

// Close ends all use of the link; when it returns every socket is closed, and an
// agent can open its own.
func (m *Meeting) Close() {
	m.stop()
	m.done.Wait()
}

// Find looks for the peer until ctx ends. The error is then an [AbsentError], or
// a [SeveralError] or [ErrOwn] before.
func Find(ctx context.Context, cfg Config) (*Meeting, error) {
	h, err := newHost(cfg)
	if err != nil {
		return nil, fmt.Errorf("look for the peer: %w", err)
	}
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	m := &Meeting{host: h, stop: stop, done: new(sync.WaitGroup)}
	m.done.Go(func() { _ = h.beacon.Run(inner) }) // nil by contract
	m.done.Go(func() { h.failed(h.link.Run(inner)) })
	m.done.Go(func() { h.run(inner) })
	select {
	case m.Peer = <-h.met:
		return m, nil
	case err = <-h.spoiled:
		linger(ctx)
	case <-ctx.Done():
		err = &AbsentError{Seen: h.seen()}
	}
	m.Close()
	return nil, err
}

// linger stays a while where everybody else should find out, too, that there is
// one too many.
func linger(ctx context.Context) {
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// host looks around. One goroutine, run, owns what has no lock.
type host struct {
	cfg    Config
	link   *link.Watcher
	beacon *beacon.Beacon

	met     chan Peer  // capacity 1
	spoiled chan error // capacity 1

	mu       sync.Mutex
	endpoint *transport.Endpoint // nil until somebody is alone on the cable

	local  netip.Addr
	key    transport.Fingerprint // of the only one heard; zero before
	done   sync.WaitGroup        // the endpoint and its connections
	heard  chan Peer
	peer   Peer
	waited <-chan time.Time // for facts
	told   bool             // met has had its peer
}

func newHost(cfg Config) (*host, error) {
	if cfg.Port == 0 {
		cfg.Port = transport.DefaultPort
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Identity == nil {
		return nil, errors.New("no identity")
	}
	cfg.Facts.Serial = cfg.Identity.Serial()
	w, err := link.New(link.Config{Name: cfg.Interface, Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	b, err := beacon.New(beacon.Config{
		Interface: cfg.Interface, Port: cfg.Port, Fingerprint: cfg.Identity.Fingerprint(), Log: cfg.Log,
		Wanted: func([32]byte) bool { return true }, // whoever is there is to be known
	})
	if err != nil {
		return nil, err
	}
	return &host{
		cfg: cfg, link: w, beacon: b,
		met: make(chan Peer, 1), spoiled: make(chan error, 1), heard: make(chan Peer),
	}, nil
}

// run looks around until ctx ends.
func (h *host) run(ctx context.Context) {
	defer h.done.Wait()
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.link.Changed():
			h.moved(h.link.State())
		case <-h.beacon.Changed():
			if h.look() && settled == nil && h.endpoint == nil {
				settled = time.After(settleTime)
			}
			h.address()
		case <-settled:
			settled = nil
			h.invite(ctx)
		case p := <-h.heard:
			h.hear(p)
		case <-h.waited:
			h.tell()
		}
	}
}

// moved takes in which address we have.
func (h *host) moved(s link.State) {
	var local netip.Addr
	for _, a := range s.Usable() {
		if a.Is6() && a.IsLinkLocalUnicast() && (!local.IsValid() || a == h.local) {
			local = a
		}
	}
	if local == h.local {
		return
	}
	h.local = local
	if err := h.beacon.SetLocal(local); err != nil {
		h.failed(err)
	}
	if h.endpoint != nil {
		h.endpoint.SetLocal(netip.AddrPortFrom(local, h.cfg.Port))
	}
}

// look reports whether exactly one key is on the cable beside ours; more than
// one, or ours, spoils all.
func (h *host) look() bool {
	if h.beacon.Stats().Conflict != nil {
		h.failed(ErrOwn)
		return false
	}
	var keys []transport.Fingerprint
	for _, c := range h.beacon.Candidates() {
		if f := transport.Fingerprint(c.Fingerprint); !slices.Contains(keys, f) {
			keys = append(keys, f)
		}
	}
	if !h.key.IsZero() && !slices.Contains(keys, h.key) {
		keys = append(keys, h.key) // silent for a while, and still the one that was shown
	}
	switch len(keys) {
	case 0:
		return false
	case 1:
		h.key = keys[0]
		return true
	}
	h.failed(&SeveralError{Keys: keys})
	return false
}

// failed spoils the meeting; only the first reason counts.
func (h *host) failed(err error) {
	if err == nil {
		return
	}
	select {
	case h.spoiled <- err:
	default:
	}
}

// invite opens the link to whoever proves to hold the one key heard.
func (h *host) invite(ctx context.Context) {
	if h.key.IsZero() {
		return
	}
	endpoint, err := transport.New(transport.Config{
		Identity:  h.cfg.Identity,
		Trust:     transport.Trust{Pins: []transport.Fingerprint{h.key}}, // to be proven; nothing is kept
		Interface: h.cfg.Interface,
		Local:     netip.AddrPortFrom(h.local, h.cfg.Port),
		TimeFloor: h.cfg.TimeFloor,
		Log:       h.cfg.Log,
	})
	if err != nil {
		h.failed(err)
		return
	}
	h.mu.Lock()
	h.endpoint = endpoint
	h.mu.Unlock()
	h.address()
	h.done.Go(func() { _ = endpoint.Run(ctx) }) // nil by contract
	h.done.Go(func() { h.receive(ctx, endpoint) })
}

// address tells the endpoint where the one key is said to be.
func (h *host) address() {
	if h.endpoint == nil {
		return
	}
	var peers []netip.AddrPort
	for _, c := range h.beacon.Candidates() {
		if transport.Fingerprint(c.Fingerprint) == h.key {
			peers = append(peers, c.Addr)
		}
	}
	h.endpoint.SetPeers(peers)
}

// receive greets each connection until the endpoint has ended.
func (h *host) receive(ctx context.Context, endpoint *transport.Endpoint) {
	var talks sync.WaitGroup
	defer talks.Wait()
	for {
		select {
		case c, ok := <-endpoint.Conns():
			if !ok {
				return
			}
			talks.Go(func() { h.talk(ctx, c) })
		case <-endpoint.Changed():
			if endpoint.Stats().IdentityConflict != nil {
				h.failed(ErrOwn)
			}
		}
	}
}

// hear takes in who is there, and once its model is known says so.
func (h *host) hear(p Peer) {
	if h.peer.Key.IsZero() {
		h.waited = time.After(factsTime)
	}
	if p.Model == "" {
		p.Model = h.peer.Model
	}
	h.peer = p
	if p.Model != "" {
		h.tell()
	}
}

// tell says once who is there.
func (h *host) tell() {
	h.waited = nil
	if !h.told {
		h.told = true
		h.met <- h.peer
	}
}

// seen says in one sentence why nobody was met.
func (h *host) seen() string {
	s := h.link.State()
	switch {
	case !s.Exists:
		return fmt.Sprintf("this machine has no interface %q", h.cfg.Interface)
	case !s.Up:
		return fmt.Sprintf("the interface %s is not up; is the cable plugged in at both ends?", s.Name)
	}
	h.mu.Lock()
	endpoint := h.endpoint
	h.mu.Unlock()
	if endpoint == nil {
		if text := h.beacon.Stats().Error; text != "" {
			return "the interface " + s.Name + " cannot be used: " + text
		}
		return "nobody was heard on " + s.Name + "; is \"socketha identity pair\" running on the other Socket?"
	}
	stats := endpoint.Stats()
	if stats.SocketError != "" {
		return "somebody was heard, but the port of the link cannot be opened: " + stats.SocketError
	}
	if stats.Rejected[transport.ReasonRefusedByPeer] > 0 {
		return "a Socket was heard that refuses this one; see there why"
	}
	var reasons strings.Builder
	for _, reason := range slices.Sorted(maps.Keys(stats.Rejected)) {
		reasons.WriteString(", " + string(reason))
	}
	return "a Socket was heard, but no connection came about" + reasons.String()
}
