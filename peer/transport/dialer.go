package transport

import (
	"context"
	"errors"
	"math/rand/v2"
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

	// Owned by run: the attempts without a result, the number of the attempt
	// that was asked for last, and of the latest one that brought a connection.
	active        int
	asked, served uint64
	delay         time.Duration // before the next attempt, if this one fails
	retry         *time.Timer
	hints         hints

	mu      sync.Mutex
	running []*attempt // oldest first
	started uint64     // number of the latest attempt
	passed  uint64     // highest number whose peer was believed
}

// attempt is one dial with its handshake. Numbers begin with 1.
type attempt struct {
	number uint64
	begun  time.Time
	hinted bool // begun for a hint
	cancel context.CancelCauseFunc
	pass   func() bool
	filter atomic.Pointer[guard.Filter] // nil until the handshake begins
}

// answered reports whether the peer has said anything yet.
func (a *attempt) answered() bool {
	f := a.filter.Load()
	return f != nil && f.Seen() != 0
}

type result struct {
	number uint64
	err    error
}

func newDialer(e *Endpoint) *dialer {
	return &dialer{endpoint: e, done: make(chan result), hints: newHints()}
}

// wanted reports whether no connection has come since one was asked for.
func (d *dialer) wanted() bool { return d.served < d.asked }

// run dials until ctx is done.
func (d *dialer) run(ctx context.Context) {
	d.delay = minRedial
	d.retry = time.NewTimer(d.delay)
	defer d.retry.Stop()
	defer d.hints.timer.Stop()
	d.asked = d.start(ctx, false)
	for {
		select {
		case <-ctx.Done():
			for ; d.active > 0; d.active-- {
				<-d.done
			}
			return
		case <-d.retry.C:
			if d.wanted() && d.active == 0 {
				d.start(ctx, false)
			}
		case <-d.endpoint.redial:
			d.delay = minRedial
			d.asked = d.ask(ctx)
		case <-d.endpoint.hints:
			d.hinted()
		case <-d.hints.timer.C:
			d.heed(ctx)
		case r := <-d.done:
			d.finish(r)
		}
	}
}

// finish takes in how an attempt ended.
func (d *dialer) finish(r result) {
	d.active--
	if r.err == nil {
		d.served = max(d.served, r.number)
		d.delay = minRedial
	}
	if d.wanted() && d.active == 0 {
		d.retry.Reset(jitter(d.delay))
		d.delay = min(2*d.delay, redialLimit(r.err))
	}
}

// redialLimit is the longest delay after a failure.
func redialLimit(err error) time.Duration {
	if r, ok := errors.AsType[*rejection](err); ok &&
		r.reason != ReasonHandshakeTimeout && r.reason != ReasonHandshakeFailed {
		return maxRedialRefused
	}
	return maxRedial
}

// jitter spreads a delay by a quarter to either side, so that two Sockets, or
// one and an attacker, do not keep in step.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2) //nolint:gosec // spread, not a secret
}

// ask starts an attempt for the owner and returns the number from which on an
// attempt will do. A request right after another is answered by the attempt
// that one began; a third at a time takes the place of the oldest.
func (d *dialer) ask(ctx context.Context) uint64 {
	d.mu.Lock()
	if n := len(d.running); n > 0 {
		if newest := d.running[n-1]; time.Since(newest.begun) < minRedial {
			d.mu.Unlock()
			return newest.number
		}
		if n >= maxDials {
			d.running[0].cancel(errSuperseded)
		}
	}
	d.mu.Unlock()
	return d.start(ctx, false)
}

// start begins an attempt in a goroutine of its own and returns its number.
func (d *dialer) start(ctx context.Context, hinted bool) uint64 {
	ctx, cancel := context.WithCancelCause(ctx)
	d.mu.Lock()
	d.started++
	a := &attempt{number: d.started, begun: time.Now(), hinted: hinted, cancel: cancel}
	a.pass = func() bool { return d.pass(a) }
	d.running = append(d.running, a)
	d.mu.Unlock()
	d.active++
	d.endpoint.tasks.Go(func() {
		c, err := d.try(ctx, a)
		cancel(nil)
		// Off the list first: whoever has the connection may ask for another.
		d.mu.Lock()
		d.running = slices.DeleteFunc(d.running, func(b *attempt) bool { return a == b })
		d.mu.Unlock()
		if err == nil {
			d.endpoint.deliver(c)
		}
		d.done <- result{a.number, err}
	})
	return a.number
}

// try dials and handshakes.
func (d *dialer) try(ctx context.Context, a *attempt) (*Conn, error) {
	e := d.endpoint
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	e.ledger.dials.Add(1)
	raw, err := e.net.Dial(ctx, e.cfg.Local.Addr(), e.cfg.Peer)
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
			b.cancel(errSuperseded)
		}
	}
	return true
}
