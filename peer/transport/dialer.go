package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"socketha/peer/transport/internal/guard"
)

// dialer is the initiator: it makes one connection, then rests until it is
// asked for another. Each attempt has a socket and a port of its own, since a
// restarted peer would find the old association behind the old port.
type dialer struct {
	endpoint *Endpoint
	done     chan result // one per attempt

	// Owned by run: the attempts without a result, and the number of the attempt
	// that was asked for last.
	active   int
	asked    uint64
	timer    *time.Timer // for the next look at whose turn it is
	known    map[netip.AddrPort]*candidate
	hints    hints
	rekeying rekeying

	mu      sync.Mutex
	running []*attempt // oldest first
	started uint64     // number of the latest attempt
	passed  uint64     // highest number whose peer was believed
	served  uint64     // highest number that brought a connection
}

// attempt is one dial with its handshake. Numbers begin with 1.
type attempt struct {
	number uint64
	addr   netip.AddrPort
	begun  time.Time
	reason why
	ended  bool // given up, though it may not know yet; guarded by the dialer's mu
	stop   context.CancelCauseFunc
	pass   func() bool
	filter atomic.Pointer[guard.Filter] // nil until the handshake begins
}

// answered reports whether the peer has said anything yet.
func (a *attempt) answered() bool {
	f := a.filter.Load()
	return f != nil && f.Seen() != 0
}

// why an attempt was begun.
type why uint8

const (
	forOwner why = iota // a connection is wanted
	forHint
	forRekey
)

type result struct {
	*attempt
	err error
}

func newDialer(e *Endpoint) *dialer {
	return &dialer{
		endpoint: e, done: make(chan result), timer: stopped(), hints: newHints(),
		rekeying: rekeying{timer: stopped()},
		known:    map[netip.AddrPort]*candidate{},
	}
}

// stopped returns a timer that was not set.
func stopped() *time.Timer {
	timer := time.NewTimer(0)
	timer.Stop()
	return timer
}

// wanted reports whether no connection has come since one was asked for.
func (d *dialer) wanted() bool { return d.latest() < d.asked }

// latest returns the number of the latest attempt that brought a connection.
func (d *dialer) latest() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.served
}

// run dials until ctx is done.
func (d *dialer) run(ctx context.Context) {
	defer d.timer.Stop()
	defer d.hints.timer.Stop()
	defer d.rekeying.timer.Stop()
	d.ask(ctx)
	for {
		d.plan(ctx)
		select {
		case <-ctx.Done():
			for ; d.active > 0; d.active-- {
				<-d.done
			}
			return
		case <-d.timer.C:
		case <-d.endpoint.found:
		case <-d.endpoint.redial:
			d.ask(ctx)
		case <-d.endpoint.fresh:
			d.restart(ctx)
		case from := <-d.endpoint.hints:
			d.hinted(from)
		case <-d.hints.timer.C:
			d.heed(ctx)
		case <-d.rekeying.timer.C:
			d.rekey(ctx)
		case <-d.endpoint.wear:
			d.rekey(ctx)
		case r := <-d.done:
			d.finish(r)
		}
	}
}

// finish takes in how an attempt ended.
func (d *dialer) finish(r result) {
	d.active--
	if r.reason == forRekey {
		d.finishRekey(r)
	}
	if r.err != nil {
		d.failed(r.addr, r.err)
		return
	}
	d.scheduleRekey()
	d.hurry()
	for _, k := range d.known {
		k.gave = 0
	}
}

// redialLimit is the longest delay after a failure.
func redialLimit(err error) time.Duration {
	if r, ok := errors.AsType[*rejection](err); ok {
		switch r.reason {
		case ReasonHandshakeTimeout, ReasonHandshakeFailed, ReasonKeyUnproven: // anyone can cause these
		default:
			return maxRedialRefused
		}
	}
	return maxRedial
}

// jitter spreads a delay by a quarter to either side, so that two Sockets, or
// one and an attacker, do not keep in step.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2) //nolint:gosec // spread, not a secret
}

// ask begins an attempt for the owner, at once if there is anybody to dial: the
// one last connected first. A request right after another is answered by the
// attempt that one began; a third at a time takes the place of the oldest.
func (d *dialer) ask(ctx context.Context) {
	d.hurry()
	d.mu.Lock()
	d.asked = d.started + 1 // the attempt that plan will begin, if none does here
	live := slices.DeleteFunc(slices.Clone(d.running), func(a *attempt) bool { return a.ended })
	d.mu.Unlock()
	peers := d.candidates()
	if len(peers) == 0 {
		return
	}
	if n := len(live); n > 0 {
		newest := live[n-1]
		if newest.addr == peers[0] && time.Since(newest.begun) < minRedial {
			d.asked = newest.number
			return
		}
		if n >= maxDials {
			d.giveUp(live[0])
		}
	}
	d.start(ctx, peers[0], forOwner)
}

// restart gives up what was begun with sockets that are no good any more.
func (d *dialer) restart(ctx context.Context) {
	d.mu.Lock()
	running := slices.Clone(d.running)
	d.mu.Unlock()
	for _, a := range running {
		d.giveUp(a)
	}
	d.ask(ctx)
}

// giveUp ends an attempt without a word.
func (d *dialer) giveUp(a *attempt) {
	d.mu.Lock()
	a.ended = true
	d.mu.Unlock()
	a.stop(errSuperseded)
}

// start begins an attempt in a goroutine of its own.
func (d *dialer) start(ctx context.Context, addr netip.AddrPort, reason why) {
	ctx, cancel := context.WithCancelCause(ctx)
	d.mu.Lock()
	d.started++
	a := &attempt{number: d.started, addr: addr, begun: time.Now(), reason: reason, stop: cancel}
	a.pass = func() bool { return d.pass(a) }
	d.running = append(d.running, a)
	d.mu.Unlock()
	if k := d.known[addr]; k != nil {
		k.turn = a.number
	}
	d.active++
	d.endpoint.tasks.Go(func() {
		c, err := d.try(ctx, a)
		cancel(nil)
		// Off the list first: whoever has the connection may ask for another.
		d.mu.Lock()
		d.running = slices.DeleteFunc(d.running, func(b *attempt) bool { return a == b })
		if err == nil {
			d.served = max(d.served, a.number)
		}
		d.mu.Unlock()
		if err == nil {
			d.endpoint.prefer(addr)
			d.endpoint.deliver(c)
		}
		d.done <- result{a, err}
	})
}

// try dials and handshakes.
func (d *dialer) try(ctx context.Context, a *attempt) (*Conn, error) {
	e := d.endpoint
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	e.ledger.dials.Add(1)
	raw, err := e.net.Dial(ctx, e.addresses().local.Addr(), a.addr)
	if !e.side.Accepts() && ctx.Err() == nil {
		e.ledger.socket(err)
	}
	if err != nil {
		return nil, err
	}
	return e.handshake(ctx, raw, a)
}

// pass lets attempts get past the peer's certificate in the order in which they
// began, and ends all older ones. So both ends see parallel attempts complete
// in the same order and agree which connection is the newest.
func (d *dialer) pass(a *attempt) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.number < d.passed {
		return false
	}
	d.passed = a.number
	for _, b := range d.running {
		if b.number < a.number {
			b.ended = true
			b.stop(errSuperseded)
		}
	}
	return true
}
