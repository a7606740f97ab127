package agent

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"socketha/peer/speaker"
	"socketha/peer/transport"
	"socketha/platform/link"
)

// reopenAfter is how long to wait before the link is tried again that could not
// be set up, for want of a pin.
const reopenAfter = time.Second

// path keeps the transport endpoint: it opens it as soon as there is somebody to
// trust, hands its connections to the speaker, and has its sockets
// made anew when the interface was, since a socket bound to a removed interface
// stays deaf for ever.
type path struct {
	open  func() (*transport.Endpoint, error)
	adopt func(speaker.Conn)
	log   *slog.Logger

	links    chan link.State // capacity 1, latest wins
	changed  chan struct{}   // capacity 1: stats have news
	endpoint atomic.Pointer[transport.Endpoint]
	setup    atomic.Pointer[string] // why there is no endpoint yet
}

// observe tells the path how the interface is now.
func (p *path) observe(s link.State) {
	select {
	case <-p.links: // the older one no longer matters
	default:
	}
	p.links <- s
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

// Run keeps the link until ctx is cancelled, and then returns nil.
func (p *path) Run(ctx context.Context) error {
	endpoint := p.opened(ctx)
	if endpoint == nil {
		return nil
	}
	p.endpoint.Store(endpoint)
	done := make(chan error, 1)
	go func() { done <- endpoint.Run(ctx) }()
	var bound int // index of the interface the sockets belong to; 0: not seen yet
	conns := endpoint.Conns()
	for {
		select {
		case c, ok := <-conns:
			if !ok {
				conns = nil
				continue
			}
			p.adopt(c)
		case <-endpoint.Changed():
			notify(p.changed)
		case s := <-p.links:
			if s.Exists && bound != 0 && s.Index != bound {
				endpoint.Rebind()
			}
			if s.Exists {
				bound = s.Index
			}
		case err := <-done:
			if err != nil {
				return fmt.Errorf("HA link: %w", err)
			}
			return nil
		}
	}
}

// opened tries until there is an endpoint; nil when ctx ended first.
func (p *path) opened(ctx context.Context) *transport.Endpoint {
	var said string // so that a complaint is not repeated every second
	retry := time.NewTicker(reopenAfter)
	defer retry.Stop()
	for {
		endpoint, err := p.open()
		if err == nil {
			p.setup.Store(nil)
			notify(p.changed)
			return endpoint
		}
		if text := err.Error(); text != said {
			said = text
			p.setup.Store(&text)
			notify(p.changed)
			p.log.Warn("the HA link cannot be set up, trying again", "error", text, "every", reopenAfter)
		}
		select {
		case <-ctx.Done():
			return nil
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
