package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// dialer is the initiator: it makes one connection, then rests until it is
// asked for another. Each attempt has a socket and a port of its own, since a
// restarted peer would find the old association behind the old port.
type dialer struct {
	endpoint *Endpoint
	done     chan error // one result per attempt
	active   int        // attempts without a result; owned by run

	mu      sync.Mutex
	running []*attempt // oldest first
	started uint64     // number of the latest attempt
	passed  uint64     // highest number whose peer was believed
}

// attempt is one dial with its handshake.
type attempt struct {
	number uint64
	begun  time.Time
	cancel context.CancelCauseFunc
}

func newDialer(e *Endpoint) *dialer {
	return &dialer{endpoint: e, done: make(chan error)}
}

// run dials until ctx is done.
func (d *dialer) run(ctx context.Context) {
	delay, wanted := minRedial, true
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			for ; d.active > 0; d.active-- {
				<-d.done //nolint:errcheck // we stop: how the attempt ended does not matter
			}
			return
		case <-timer.C:
			if wanted && d.active == 0 {
				d.start(ctx)
			}
		case <-d.endpoint.redial:
			wanted, delay = true, minRedial
			d.hint(ctx)
		case err := <-d.done:
			d.active--
			switch {
			case err == nil:
				wanted, delay = false, minRedial
			case wanted && d.active == 0:
				timer.Reset(jitter(delay))
				delay = min(2*delay, redialLimit(err))
			}
		}
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

// hint starts an attempt beside those running, which may be talking to a peer
// that is no more. One begun a moment ago is new enough; of too many, the
// oldest gives way.
func (d *dialer) hint(ctx context.Context) {
	d.mu.Lock()
	n := len(d.running)
	fresh := n > 0 && time.Since(d.running[n-1].begun) < minRedial
	if !fresh && n >= maxDials {
		d.running[0].cancel(errSuperseded)
	}
	d.mu.Unlock()
	if !fresh {
		d.start(ctx)
	}
}

// start begins an attempt in a goroutine of its own.
func (d *dialer) start(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	d.mu.Lock()
	d.started++
	a := &attempt{number: d.started, begun: time.Now(), cancel: cancel}
	d.running = append(d.running, a)
	d.mu.Unlock()
	d.active++
	d.endpoint.tasks.Go(func() {
		err := d.try(ctx, a)
		cancel(nil)
		d.mu.Lock()
		d.running = slices.DeleteFunc(d.running, func(b *attempt) bool { return a == b })
		d.mu.Unlock()
		d.done <- err
	})
}

// try dials, handshakes and delivers.
func (d *dialer) try(ctx context.Context, a *attempt) error {
	e := d.endpoint
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	e.ledger.dials.Add(1)
	raw, err := e.net.Dial(ctx, e.cfg.Local.Addr(), e.cfg.Peer)
	if !e.side.Accepts() && ctx.Err() == nil {
		e.ledger.socket(err)
	}
	if err != nil {
		return err
	}
	c, err := e.handshake(ctx, raw, true, func() bool { return d.pass(a) })
	if err != nil {
		return err
	}
	e.deliver(c)
	return nil
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
