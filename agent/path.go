package agent

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/peer/speaker"
	"socketha/peer/transport"
	"socketha/peer/transport/beacon"
	"socketha/platform/link"
)

// reopenAfter is how long to wait before the link is tried again that could not
// be set up, for want of a pin.
const reopenAfter = time.Second

// path keeps the transport endpoint: it opens it as soon as there is somebody to
// trust, hands its connections to the speaker, tells it where the two ends are,
// and has its sockets made anew when the interface was, since a socket bound to
// a removed interface stays deaf for ever.
type path struct {
	// open makes the endpoint, and the finder where no addresses are configured.
	open  func() (*transport.Endpoint, *finder, error)
	adopt func(speaker.Conn)
	log   *slog.Logger

	links    chan link.State // capacity 1, latest wins
	changed  chan struct{}   // capacity 1: stats have news
	anew     chan struct{}   // capacity 1: whom to believe has changed
	endpoint atomic.Pointer[transport.Endpoint]
	finder   atomic.Pointer[finder]    // nil: static addresses, or not open yet
	setup    atomic.Pointer[string]    // why there is no endpoint yet
	settled  atomic.Bool               // the session is up
	expires  atomic.Pointer[time.Time] // end of the peer's certificate; nil before it has come

	// The rest belongs to Run.
	bound int         // index of the interface the sockets belong to; 0: not seen yet
	last  *link.State // nil: not seen yet
}

// observe tells the path how the interface is now.
func (p *path) observe(s link.State) {
	select {
	case <-p.links: // the older one no longer matters
	default:
	}
	p.links <- s
}

// settle tells the path whether the session is up: then there is no need to look
// for the peer.
func (p *path) settle(up bool) {
	p.settled.Store(up)
	if f := p.finder.Load(); f != nil {
		f.beacon.Settled(up)
	}
}

// redial asks for a new connection beside the one that no longer answers.
func (p *path) redial() {
	if e := p.endpoint.Load(); e != nil {
		e.Redial()
	}
}

// setupError says why the link cannot be set up, empty if it is or nobody tried.
func (p *path) setupError() string {
	if text := p.setup.Load(); text != nil {
		return *text
	}
	return ""
}

// stats returns the endpoint's counters, zero while there is none.
func (p *path) stats() transport.Stats {
	if e := p.endpoint.Load(); e != nil {
		return e.Stats()
	}
	return transport.Stats{}
}

// discovery returns the counters of the beacon, zero while there is none.
func (p *path) discovery() beacon.Stats {
	if f := p.finder.Load(); f != nil {
		return f.beacon.Stats()
	}
	return beacon.Stats{}
}

// reopen makes the endpoint anew, with those who are to be believed now. The
// session outlives its connections, so it goes on with whoever still is.
func (p *path) reopen() { notify(p.anew) }

// Run keeps the link until ctx is cancelled, and then returns nil.
func (p *path) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		endpoint, finder := p.opened(ctx)
		if endpoint == nil {
			return nil
		}
		if err := p.serve(ctx, endpoint, finder); err != nil {
			return err
		}
	}
	return nil
}

// serve runs an endpoint until ctx ends or another one is wanted.
func (p *path) serve(ctx context.Context, endpoint *transport.Endpoint, finder *finder) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		select {
		case <-ctx.Done():
		case <-p.anew:
			stop()
		}
		return nil
	})
	group.Go(func() error { return endpoint.Run(ctx) })
	if finder != nil {
		finder.beacon.Settled(p.settled.Load())
		group.Go(func() error { return finder.Run(ctx) })
	}
	group.Go(func() error { p.steer(endpoint, finder); return nil })
	if err := group.Wait(); err != nil {
		return fmt.Errorf("HA link: %w", err)
	}
	return nil
}

// steer goes on until the endpoint has ended, which closes its channel.
func (p *path) steer(endpoint *transport.Endpoint, f *finder) {
	var heard <-chan struct{}
	if f != nil {
		heard = f.beacon.Changed()
	}
	if p.last != nil { // an endpoint before this one was told
		p.bound = 0
		p.rebind(endpoint, f, *p.last)
	}
	for {
		select {
		case c, ok := <-endpoint.Conns():
			if !ok {
				return
			}
			if f != nil {
				f.confirmed(c, time.Now())
			}
			expires := c.PeerExpires()
			p.expires.Store(&expires)
			p.adopt(c)
		case <-endpoint.Changed():
			notify(p.changed)
		case <-heard:
			f.found(endpoint, time.Now())
			notify(p.changed)
		case s := <-p.links:
			p.last = &s
			p.rebind(endpoint, f, s)
		}
	}
}

// rebind makes the sockets anew where the interface is no longer the one they
// belong to, and moves them to its address.
func (p *path) rebind(endpoint *transport.Endpoint, f *finder, s link.State) {
	anew := s.Exists && p.bound != 0 && s.Index != p.bound
	if s.Exists {
		p.bound = s.Index
	}
	switch {
	case f != nil:
		f.moved(endpoint, s, anew)
	case anew:
		endpoint.Rebind()
	}
}

// opened tries until there is an endpoint; nil when ctx ended first.
func (p *path) opened(ctx context.Context) (*transport.Endpoint, *finder) {
	var said string // so that a complaint is not repeated every second
	retry := time.NewTicker(reopenAfter)
	defer retry.Stop()
	for {
		endpoint, finder, err := p.open()
		if err == nil {
			p.endpoint.Store(endpoint)
			p.finder.Store(finder)
			p.setup.Store(nil)
			notify(p.changed)
			return endpoint, finder
		}
		if text := err.Error(); text != said {
			said = text
			p.setup.Store(&text)
			notify(p.changed)
			p.log.Warn("the HA link cannot be set up, trying again", "error", text, "every", reopenAfter)
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-retry.C:
		}
	}
}

// notify fills a channel of capacity 1: one notice stands for all.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
