package transport

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketha/peer/transport/internal/guard"
)

// memNet is a network in memory: it runs under synctest, where a stall of pion
// shows as exact time, and lets a test drop, delay, record and forge datagrams.
type memNet struct {
	mu       sync.Mutex
	sockets  map[netip.AddrPort]memPort
	nextPort uint16
	opened   int   // sockets that listen, so far
	refuse   error // for the next sockets opened

	// carry returns the delays of the copies to deliver; nil loses the datagram.
	carry func(from, to netip.AddrPort, b []byte) []time.Duration
	// confirmed sees every datagram whose sender says that the receiver is alive.
	confirmed func(from, to netip.AddrPort, b []byte)
	// tap sees every datagram sent, before it may be lost.
	tap func(from, to netip.AddrPort, b []byte)
}

func newMemNet() *memNet {
	return &memNet{
		sockets:  map[netip.AddrPort]memPort{},
		nextPort: 40000,
	}
}

// memPort is what listens on an address, and the process it belongs to.
type memPort struct {
	receive func(from netip.AddrPort, b []byte)
	process *memHost
}

// host is the network as one process on one host sees it.
func (m *memNet) host(addr netip.Addr) network { return &memHost{net: m, addr: addr} }

type memHost struct {
	net    *memNet
	addr   netip.Addr
	killed atomic.Bool
}

// kill ends the process of e without a word: its sockets are gone, and what the
// endpoint left over still sends is lost.
func (m *memNet) kill(e *Endpoint) {
	process, _ := e.net.(*memHost)
	process.killed.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.sockets, func(_ netip.AddrPort, p memPort) bool { return p.process == process })
}

func (h *memHost) Listen(_ context.Context, local netip.AddrPort) (packetSocket, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.refuse != nil {
		return nil, h.net.refuse
	}
	if _, taken := h.net.sockets[local]; taken {
		return nil, errors.New("address already in use")
	}
	h.net.opened++
	s := &memSocket{host: h, local: local, queue: make(chan memPacket, 256), closed: make(chan struct{})}
	h.net.sockets[local] = memPort{s.receive, h}
	return s, nil
}

func (h *memHost) Dial(_ context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.refuse != nil {
		return nil, h.net.refuse
	}
	h.net.nextPort++
	c := &memConn{inbox: newInbox(), host: h, local: netip.AddrPortFrom(local, h.net.nextPort), remote: remote}
	h.net.sockets[c.local] = memPort{c.receive, h}
	return c, nil
}

// send carries a datagram; tests call it to forge one.
func (m *memNet) send(from, to netip.AddrPort, b []byte) {
	b = bytes.Clone(b)
	m.mu.Lock()
	tap, carry := m.tap, m.carry
	m.mu.Unlock()
	if tap != nil {
		tap(from, to, b)
	}
	delays := []time.Duration{0}
	if carry != nil {
		delays = carry(from, to, b)
	}
	for _, d := range delays {
		if d == 0 {
			m.inject(from, to, b)
		} else {
			time.AfterFunc(d, func() { m.inject(from, to, b) })
		}
	}
}

// inject delivers a datagram past tap and carry.
func (m *memNet) inject(from, to netip.AddrPort, b []byte) {
	m.mu.Lock()
	receive := m.sockets[to].receive
	m.mu.Unlock()
	if receive != nil {
		receive(from, bytes.Clone(b))
	}
}

// remove closes a socket of the process, unless another has the address now.
func (h *memHost) remove(local netip.AddrPort) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if h.net.sockets[local].process == h {
		delete(h.net.sockets, local)
	}
}

func (h *memHost) send(from, to netip.AddrPort, b []byte) {
	if !h.killed.Load() {
		h.net.send(from, to, b)
	}
}

// open returns how many sockets exist.
func (m *memNet) open() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.sockets)
}

// listened returns how many sockets that listen were opened so far.
func (m *memNet) listened() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened
}

type memPacket struct {
	from netip.AddrPort
	b    []byte
}

type memSocket struct {
	host   *memHost
	local  netip.AddrPort
	queue  chan memPacket
	closed chan struct{}
	once   sync.Once
}

func (s *memSocket) receive(from netip.AddrPort, b []byte) {
	select {
	case s.queue <- memPacket{from, b}:
	default: // a full socket buffer
	}
}

func (s *memSocket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-s.queue:
		return copy(b, p.b), p.from, nil
	case <-s.closed:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (s *memSocket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	s.host.send(s.local, to, b)
	return len(b), nil
}

func (s *memSocket) Sender(to netip.AddrPort) (guard.Sender, error) {
	return memSender{s.host, s.local, to}, nil
}

// memSender sends for a socket to one address.
type memSender struct {
	host     *memHost
	from, to netip.AddrPort
}

func (s memSender) Send(b []byte, confirm bool) (int, error) {
	s.host.net.mu.Lock()
	confirmed := s.host.net.confirmed
	s.host.net.mu.Unlock()
	if confirm && confirmed != nil {
		confirmed(s.from, s.to, b)
	}
	s.host.send(s.from, s.to, b)
	return len(b), nil
}

func (s *memSocket) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(s.local) }

func (s *memSocket) Close() error {
	s.once.Do(func() {
		s.host.remove(s.local)
		close(s.closed)
	})
	return nil
}

type memConn struct {
	*inbox
	host          *memHost
	local, remote netip.AddrPort
}

func (c *memConn) receive(from netip.AddrPort, b []byte) {
	if from == c.remote {
		c.push(b)
	}
}

func (c *memConn) Read(b []byte) (int, error) { return c.read(b) }

func (c *memConn) Write(b []byte) (int, error) { return c.Send(b, false) }

func (c *memConn) Send(b []byte, confirm bool) (int, error) {
	return memSender{c.host, c.local, c.remote}.Send(b, confirm)
}

func (c *memConn) Close() error {
	c.host.remove(c.local)
	c.close()
	return nil
}

func (c *memConn) LocalAddr() net.Addr                { return net.UDPAddrFromAddrPort(c.local) }
func (c *memConn) RemoteAddr() net.Addr               { return net.UDPAddrFromAddrPort(c.remote) }
func (c *memConn) SetDeadline(t time.Time) error      { return c.SetReadDeadline(t) }
func (c *memConn) SetReadDeadline(t time.Time) error  { c.limit.set(t); return nil }
func (c *memConn) SetWriteDeadline(_ time.Time) error { return nil }

// lossy loses each datagram with probability p, by a seed.
func lossy(seed uint64, p float64) func(from, to netip.AddrPort, b []byte) []time.Duration {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, seed))
	return func(netip.AddrPort, netip.AddrPort, []byte) []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if r.Float64() < p {
			return nil
		}
		return []time.Duration{0}
	}
}

// Addresses of the two Sockets in memory.
var (
	addrA = netip.MustParseAddrPort("192.0.2.1:20481")
	addrB = netip.MustParseAddrPort("192.0.2.2:20481")
)

// twoIdentities returns identities of which the first initiates.
func twoIdentities(t testing.TB) (*Identity, *Identity) {
	t.Helper()
	a, b := identity(t, "SN-A"), identity(t, "SN-B")
	if a.fingerprint.Compare(b.fingerprint) > 0 {
		a, b = b, a
	}
	return a, b
}

func identity(t testing.TB, serial string) *Identity {
	t.Helper()
	id, err := NewIdentity(serial, "tenant")
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// testPair is a network with an initiator on addrA and an acceptor on addrB.
type testPair struct {
	t         testing.TB
	net       *memNet
	initiator *Endpoint
	acceptor  *Endpoint
}

// newPair makes two endpoints that pin each other; change may alter both
// configurations before.
func newPair(t testing.TB, change func(initiator, acceptor *Config)) *testPair {
	t.Helper()
	a, b := twoIdentities(t)
	ca := Config{Identity: a, Trust: Trust{Pins: []Fingerprint{b.fingerprint}}, Local: addrA, Peer: addrB}
	cb := Config{Identity: b, Trust: Trust{Pins: []Fingerprint{a.fingerprint}}, Local: addrB, Peer: addrA}
	if change != nil {
		change(&ca, &cb)
	}
	p := &testPair{t: t, net: newMemNet()}
	p.initiator = newEndpoint(t, p.net, ca)
	p.acceptor = newEndpoint(t, p.net, cb)
	return p
}

func newEndpoint(t testing.TB, m *memNet, cfg Config) *Endpoint {
	t.Helper()
	if cfg.Log == nil && testing.Verbose() {
		cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e.quiet = true // a poke may add a connection; hint_test.go has those that poke
	if m != nil {
		e.net = m.host(cfg.Local.Addr())
	}
	return e
}

// run starts an endpoint and returns what stops it and waits for its end.
func run(t testing.TB, e *Endpoint) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// connect runs both endpoints and returns the first connection of each.
func (p *testPair) connect() (initiator, acceptor *Conn, stop func()) {
	p.t.Helper()
	stopA, stopB := run(p.t, p.initiator), run(p.t, p.acceptor)
	return next(p.t, p.initiator), next(p.t, p.acceptor), func() { stopA(); stopB() }
}

// next returns the next connection of e.
func next(t testing.TB, e *Endpoint, patience ...time.Duration) *Conn {
	t.Helper()
	limit := append(patience, time.Minute)[0]
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	select {
	case c, ok := <-e.Conns():
		if !ok {
			t.Fatal("no connection: the endpoint has stopped")
		}
		t.Cleanup(func() { _ = c.Close() }) // or stopping would wait for it
		return c
	case <-ctx.Done():
		t.Fatalf("no connection; stats %+v", e.Stats())
	}
	return nil
}

// matched returns the acceptor's end of a, when more than one was dialed at once.
func matched(t testing.TB, a, b *Conn, acceptor *Endpoint) *Conn {
	t.Helper()
	for a.LocalAddr().String() != b.RemoteAddr().String() {
		b = next(t, acceptor)
	}
	return b
}

// say sends a message and expects it at the other end.
func say(t testing.TB, from, to *Conn, message string) {
	t.Helper()
	if _, err := from.Write([]byte(message)); err != nil {
		t.Fatalf("write %q: %v", message, err)
	}
	b := make([]byte, MaxMessage)
	n, err := to.Read(b)
	if err != nil || string(b[:n]) != message {
		t.Fatalf("read %q, %v; want %q", b[:n], err, message)
	}
}
