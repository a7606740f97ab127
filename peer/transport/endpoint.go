package transport

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Endpoint is our end of the HA link: it brings authenticated connections to
// the peer and refuses everything else. Make one with [New], then Run it.
type Endpoint struct {
	cfg    Config
	side   Side
	net    network
	ledger *ledger

	out       chan *Conn
	redial    chan struct{}
	rebind    chan struct{}
	wear      chan struct{}   // capacity 1, for the dialer: a key has seen many records
	fresh     chan struct{}   // capacity 1, for the dialer: sockets opened so far are no good
	found     chan struct{}   // capacity 1, for the dialer: other candidates
	poked     chan struct{}   // capacity 1, for the acceptor: other candidates
	hints     chan netip.Addr // capacity 1, for the dialer: who gave a hint
	doubts    chan netip.Addr // capacity 1, for the prober: who may have our own key
	twinSaid  atomic.Int64    // nanotime of the last SetTwins
	hellos    hellos          // that we sent ourselves
	book      atomic.Pointer[book]
	running   atomic.Bool
	tasks     sync.WaitGroup // handshakes and closings under way
	mu        sync.Mutex
	open      []*Conn        // oldest first
	preferred netip.AddrPort // where we last connected by dialing
	draining  bool
	idle      chan struct{} // closed when draining and nothing is open

	wearLimit uint64 // rekeyRecords; tests lower it

	bypass bool // tests: no record filter
	quiet  bool // tests: no pokes
}

// New checks cfg and returns an Endpoint that does nothing yet. An identity
// conflict in the configuration is no error: it is a finding in [Stats], and
// Run then waits without talking to anyone.
func New(cfg Config) (*Endpoint, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Endpoint{
		cfg:       cfg,
		side:      sideOf(cfg.Identity, cfg.Trust),
		net:       kernel{cfg.Interface},
		ledger:    newLedger(cfg.Log),
		wearLimit: rekeyRecords,
		out:       make(chan *Conn, maxOpen),
		redial:    make(chan struct{}, 1),
		rebind:    make(chan struct{}, 1),
		wear:      make(chan struct{}, 1),
		fresh:     make(chan struct{}, 1),
		found:     make(chan struct{}, 1),
		poked:     make(chan struct{}, 1),
		hints:     make(chan netip.Addr, 1),
		doubts:    make(chan netip.Addr, 1),
		idle:      make(chan struct{}),
	}
	b := &book{local: cfg.Local}
	if cfg.Peer.Addr().IsValid() {
		b.peers = []netip.AddrPort{cfg.Peer}
	}
	e.book.Store(b)
	if e.side == SideNone {
		e.reportConflict()
	}
	if !cfg.Identity.FitsOneDatagram() {
		cfg.Log.Warn("the certificate chain does not fit one datagram: handshakes suffer more from loss")
	}
	return e, nil
}

// reportConflict records that the peer expected is ourselves.
func (e *Endpoint) reportConflict() {
	own := e.cfg.Identity
	reason := ReasonOwnKey
	if e.cfg.Trust.PeerSerial == own.serial {
		reason = ReasonOwnSerial
	}
	e.cfg.Log.Error("identity conflict in the configuration: the peer expected is this Socket", "reason", string(reason))
	e.ledger.find(findingConflict, Finding{Reason: reason, Serial: own.serial, Fingerprint: own.fingerprint})
}

// Run dials and listens, as our side asks, until ctx is done; then it returns
// nil. It may be called once.
//
// When ctx ends no new connection is made, but those delivered stay usable for
// up to a second more, until their owner has closed them: so the owner, who may
// run under the same context, can still say that the stop is planned. When Run
// returns, every goroutine, timer and descriptor is gone and the channel of
// [Endpoint.Conns] is closed.
func (e *Endpoint) Run(ctx context.Context) error {
	if !e.running.CompareAndSwap(false, true) {
		return errors.New("transport: Run called twice")
	}
	e.cfg.Log.Info("HA link starts", "side", e.side.String(), "fingerprint", e.cfg.Identity.fingerprint.String(),
		"local", e.cfg.Local.String(), "peer", e.cfg.Peer.String(), "interface", e.cfg.Interface)
	socket, closeSocket := context.WithCancel(context.WithoutCancel(ctx))
	defer closeSocket()
	var loops sync.WaitGroup
	if e.side != SideNone {
		a := newAcceptor(e)
		loops.Go(func() { a.run(ctx, socket) })
		loops.Go(func() { newProber(e).run(ctx) })
	}
	if e.side.Initiates() {
		d := newDialer(e)
		loops.Go(func() { d.run(ctx) })
	}
	<-ctx.Done()
	e.drain()
	closeSocket()
	loops.Wait()
	e.tasks.Wait()
	return nil
}

// Conns delivers each authenticated connection, the newest last. The owner
// closes them. One that nobody takes is closed when more than a few newer ones
// wait. The channel is closed when Run returns.
func (e *Endpoint) Conns() <-chan *Conn { return e.out }

// Redial asks the initiator for a new connection beside those open. On the
// acceptor it does nothing: the peer dials. It never blocks.
func (e *Endpoint) Redial() { token(e.redial) }

// Rebind asks for new sockets: the interface was re-created or its address
// changed, which a bound socket does not survive. Connections over the
// acceptor's old socket end. It never blocks.
func (e *Endpoint) Rebind() {
	token(e.rebind)
	token(e.fresh)
}

// token fills a channel of capacity 1: one notice stands for all.
func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Side returns our DTLS side.
func (e *Endpoint) Side() Side { return e.side }

// Stats returns the counters and findings so far.
func (e *Endpoint) Stats() Stats {
	b := e.addresses()
	s := Stats{Side: e.side, Local: b.local, Peers: slices.Clone(b.peers), Waiting: b.waiting(), OwnExpires: e.cfg.Identity.leaf.NotAfter}
	e.ledger.fill(&s)
	e.mu.Lock()
	s.Open = len(e.open)
	switch {
	case slices.Contains(b.peers, e.preferred):
		s.Peer = e.preferred
	case len(b.peers) > 0:
		s.Peer = b.peers[0]
	}
	e.mu.Unlock()
	return s
}

// Changed receives when a finding, the socket's state or the connections have
// changed, not for counters. It holds one token; the reader looks at Stats.
func (e *Endpoint) Changed() <-chan struct{} { return e.ledger.changed }

// deliver hands a new connection to the owner. Too many open at once, or too
// many not taken, and the oldest are closed: the newest wins.
func (e *Endpoint) deliver(c *Conn) {
	e.mu.Lock()
	if e.draining {
		e.mu.Unlock()
		c.discard()
		return
	}
	e.open = append(e.open, c)
	var old []*Conn
	if len(e.open) > maxOpen {
		old = append(old, e.open[0])
	}
	if len(e.out) == cap(e.out) { // only deliver sends, and under mu
		select {
		case untaken := <-e.out:
			old = append(old, untaken)
		default:
		}
	}
	e.ledger.establish(c.who)
	e.out <- c
	e.mu.Unlock()
	e.cfg.Log.Info("peer connected", "serial", bare(c.who.Serial), "fingerprint", c.who.Fingerprint.String(),
		"remote", c.RemoteAddr().String(), "initiator", c.initiator)
	for _, o := range old {
		e.ledger.count(ReasonConnEvicted)
		_ = o.Close() // never fails
	}
}

// remove takes a closed connection off the list. Without any left the initiator
// dials again by itself.
func (e *Endpoint) remove(c *Conn) {
	e.mu.Lock()
	if i := slices.Index(e.open, c); i >= 0 {
		e.open = slices.Delete(e.open, i, i+1)
	}
	last := len(e.open) == 0
	if last && e.draining {
		close(e.idle)
	}
	e.mu.Unlock()
	if last {
		e.Redial()
	}
	e.ledger.notify()
}

// drain lets the owner close its connections, then closes what is left.
func (e *Endpoint) drain() {
	e.mu.Lock()
	e.draining = true
	if len(e.open) == 0 {
		close(e.idle)
	}
	close(e.out)
	e.mu.Unlock()
	for c := range e.out { // never taken: nobody else will close them
		_ = c.Close()
	}
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-e.idle:
		return
	case <-grace.C:
	}
	e.mu.Lock()
	left := slices.Clone(e.open)
	e.mu.Unlock()
	for _, c := range left {
		_ = c.Close()
	}
}

// preference returns where the peer was last connected to by dialing.
func (e *Endpoint) preference() netip.AddrPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.preferred
}

// prefer remembers where the peer was found.
func (e *Endpoint) prefer(addr netip.AddrPort) {
	e.mu.Lock()
	e.preferred = addr
	e.mu.Unlock()
}

// certificateTime is the time certificates are judged by.
func (e *Endpoint) certificateTime() time.Time {
	if now := e.cfg.Now(); now.After(e.cfg.TimeFloor) {
		return now
	}
	return e.cfg.TimeFloor
}
