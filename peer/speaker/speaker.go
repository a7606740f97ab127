package speaker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"socketha/peer"
	"socketha/peer/session"
)

// Conn is one authenticated connection to the peer. It keeps the boundaries of
// messages and may lose, double and reorder them. Read and Write are called from
// one goroutine each, Close from a third. Close must end a pending Read; a
// Read after it returns io.EOF or net.ErrClosed.
type Conn interface {
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	Close() error

	PeerSerial() string // of the peer's certificate
	PeerKey() [32]byte  // fingerprint of the peer's key
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// Config is what a speaker needs.
type Config struct {
	Session session.Config

	// Protocol is the range we speak; zero: that of this build.
	Protocol peer.ProtocolRange

	// Redial asks for a new connection, to be given to Adopt. The old one stays
	// in use until then. It must return at once; nil: nobody is asked.
	Redial func()

	Log *slog.Logger // nil: nothing is logged
}

// Speaker speaks with one peer. All methods may be called from any goroutine.
type Speaker struct {
	cfg     Config
	log     *slog.Logger
	epoch   time.Time // what the atomic times below count from
	session *session.Session

	ran  atomic.Bool
	wake chan struct{} // capacity 1: the mailbox, an inbox or a dead connection has news

	setting sync.Mutex // one SetLocal at a time
	mail    struct {   // from Adopt and SetLocal to the loop
		sync.Mutex
		closed bool
		conns  []Conn
		local  *local
	}

	snapshot     atomic.Pointer[Snapshot]
	lastReceived atomic.Int64 // nanoseconds after epoch; 0: never
	rtt          atomic.Int64
	changed      chan struct{} // capacity 1

	lastTick atomic.Int64 // when the loop last went round, and
	promised atomic.Int64 // when it will at the latest; 0: it does not run

	tally tally
}

// New makes a speaker that [Speaker.Run] sets going. The error says what is wrong
// with cfg.
func New(cfg Config) (*Speaker, error) {
	now := time.Now()
	s, err := session.New(now, cfg.Session)
	if err != nil {
		return nil, fmt.Errorf("speaker: %w", err)
	}
	if cfg.Protocol == (peer.ProtocolRange{}) {
		cfg.Protocol = peer.ProtocolRange{Min: peer.ProtocolMin, Max: peer.ProtocolMax}
	}
	if cfg.Redial == nil {
		cfg.Redial = func() {}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	sp := &Speaker{
		cfg: cfg, log: cfg.Log, session: s,
		epoch:   now.Add(-1), // so that no time after it reads as 0
		wake:    make(chan struct{}, 1),
		changed: make(chan struct{}, 1),
	}
	if err := sp.SetLocal(Local{}); err != nil {
		return nil, err // the protocol range
	}
	v := s.View()
	sp.snapshot.Store(&Snapshot{State: v.State, Since: v.Since, TxInterval: v.TxInterval, RxInterval: v.RxInterval})
	return sp, nil
}

// Adopt takes over c, from now on the connection that is used. It never blocks.
// After Run has returned c is closed at once.
func (sp *Speaker) Adopt(c Conn) {
	sp.mail.Lock()
	closed := sp.mail.closed
	if !closed {
		sp.mail.conns = append(sp.mail.conns, c)
	}
	sp.mail.Unlock()
	if closed {
		_ = c.Close() // nobody is left who would use it
		return
	}
	sp.poke()
}

// poke makes the loop go round.
func (sp *Speaker) poke() { notify(sp.wake) }

// notify fills a channel of capacity 1: one notice stands for all.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Changed returns a channel of capacity 1 that gets a value whenever the Snapshot
// changes its meaning: not for the time of the last heartbeat, the round-trip time
// or a counter. One value may stand for many changes.
func (sp *Speaker) Changed() <-chan struct{} { return sp.changed }

// Run speaks until ctx ends, then announces the planned stop, closes all
// connections and returns nil. It can be called once.
func (sp *Speaker) Run(ctx context.Context) error {
	if sp.ran.Swap(true) {
		return errors.New("speaker: Run called twice")
	}
	l := newLoop(ctx, sp)
	l.run(ctx)
	return nil
}

// aliveGrace is how late the loop may be before it counts as stuck.
const aliveGrace = 2 * time.Second

// Alive reports whether the loop runs and has gone round when it had to. It is
// about the loop, not about the peer.
func (sp *Speaker) Alive(now time.Time) bool {
	promised := sp.promised.Load()
	return promised != 0 && now.Sub(sp.epoch) <= time.Duration(promised)+aliveGrace
}

// LastTick returns when the loop last went round; zero: never.
func (sp *Speaker) LastTick() time.Time { return sp.time(sp.lastTick.Load()) }

// time turns an atomic time back; 0 is the zero time.
func (sp *Speaker) time(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return sp.epoch.Add(time.Duration(ns))
}
