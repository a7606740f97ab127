package beacon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// memLink is a link in memory with a group on it.
type memLink struct {
	mu    sync.Mutex
	ports map[*memPort]bool
	log   []sent
}

// sent is a beacon that somebody sent.
type sent struct {
	at   time.Time
	from netip.Addr
	to   netip.AddrPort // invalid: the group
	m    Message
}

func newMemLink() *memLink { return &memLink{ports: map[*memPort]bool{}} }

// memHost is the link as one host sees it, with what goes wrong there.
type memHost struct {
	link *memLink
	addr netip.Addr

	mu     sync.Mutex
	opens  []time.Time
	refuse error // to open
	drop   error // to send
}

func (h *memHost) set(refuse, drop error) {
	h.mu.Lock()
	h.refuse, h.drop = refuse, drop
	h.mu.Unlock()
}

func (h *memHost) errors() (refuse, drop error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refuse, h.drop
}

func (h *memHost) open(local netip.Addr) (port, error) {
	h.mu.Lock()
	h.opens = append(h.opens, time.Now())
	h.mu.Unlock()
	if refuse, _ := h.errors(); refuse != nil {
		return nil, refuse
	}
	if !local.IsValid() {
		local = h.addr
	}
	p := &memPort{
		host: h, addr: local,
		ear: make(chan memPacket, 64), mouth: make(chan memPacket, 64), closed: make(chan struct{}),
	}
	h.link.mu.Lock()
	h.link.ports[p] = true
	h.link.mu.Unlock()
	return p, nil
}

type memPacket struct {
	b    []byte
	from netip.AddrPort
	err  error
}

type memPort struct {
	host       *memHost
	addr       netip.Addr
	ear, mouth chan memPacket
	closed     chan struct{}
}

const memMouth = 40000

func (p *memPort) local() netip.Addr { return p.addr }

func (p *memPort) send(b []byte) error {
	return p.carry(b, netip.AddrPort{}, func(q *memPort) chan memPacket { return q.ear })
}

func (p *memPort) answer(b []byte, to netip.AddrPort) error {
	return p.carry(b, to, func(q *memPort) chan memPacket {
		if to != netip.AddrPortFrom(q.addr, memMouth) {
			return nil
		}
		return q.mouth
	})
}

func (p *memPort) carry(b []byte, to netip.AddrPort, queue func(*memPort) chan memPacket) error {
	if _, drop := p.host.errors(); drop != nil {
		return drop
	}
	link := p.host.link
	link.mu.Lock()
	defer link.mu.Unlock()
	m, err := Parse(b)
	if err != nil {
		return err
	}
	link.log = append(link.log, sent{time.Now(), p.addr, to, m})
	for q := range link.ports {
		if c := queue(q); q != p && c != nil {
			select {
			case c <- memPacket{b: bytes.Clone(b), from: netip.AddrPortFrom(p.addr, memMouth)}:
			default: // a full socket buffer
			}
		}
	}
	return nil
}

func (p *memPort) receivers() []receiver {
	receive := func(queue chan memPacket) receiver {
		return func(b []byte) (int, netip.AddrPort, error) {
			select {
			case d := <-queue:
				return copy(b, d.b), d.from, d.err
			case <-p.closed:
				return 0, netip.AddrPort{}, errors.New("closed")
			}
		}
	}
	return []receiver{receive(p.ear), receive(p.mouth)}
}

func (p *memPort) close() {
	p.host.link.mu.Lock()
	delete(p.host.link.ports, p)
	p.host.link.mu.Unlock()
	close(p.closed)
}

// inject delivers a datagram to the ears of everybody.
func (l *memLink) inject(b []byte, from netip.AddrPort) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.ports {
		p.ear <- memPacket{b: b, from: from}
	}
}

// fail makes every pending receive fail.
func (l *memLink) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.ports {
		p.ear <- memPacket{err: err}
	}
}

// sentBy returns what a host sent since a time, and forgets nothing.
func (l *memLink) sentBy(from netip.Addr, since time.Time) []sent {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []sent
	for _, s := range l.log {
		if s.from == from && !s.at.Before(since) {
			list = append(list, s)
		}
	}
	return list
}

// Addresses of the two Sockets.
var (
	addrA = netip.MustParseAddr("fe80::a")
	addrB = netip.MustParseAddr("fe80::b")
)

// node is a Beacon on a link in memory.
type node struct {
	*Beacon
	host *memHost
	logs *bytes.Buffer
}

// wants returns a Wanted for some keys.
func wants(keys ...byte) func([32]byte) bool {
	return func(f [32]byte) bool {
		for _, k := range keys {
			if f == key(k) {
				return true
			}
		}
		return false
	}
}

// newNode makes a Beacon whose key is full of own and that wants one full of
// wanted.
func newNode(t testing.TB, link *memLink, addr netip.Addr, own, wanted byte) *node {
	t.Helper()
	logs := &bytes.Buffer{}
	b, err := New(Config{
		Interface: "ha0", Fingerprint: key(own),
		Wanted: wants(wanted),
		Log:    slog.New(slog.NewTextHandler(logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	n := &node{Beacon: b, host: &memHost{link: link, addr: addr}, logs: logs}
	b.net = n.host
	b.spread = func() float64 { return 0 } // 10 % early
	return n
}

// run starts a Beacon and returns what stops it and waits for its end.
func run(t testing.TB, b *Beacon) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx) }()
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
