package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
)

// Config says what to serve, and where. Listener, Source and Log are required.
type Config struct {
	Listener net.Listener // closed by the server when it stops
	Source   Source
	Log      *slog.Logger

	// Declarer takes what POST declares, and Caller tells by the kernel's word who
	// made a connection (platform/unixsock: SO_PEERCRED). With either of them nil,
	// and on any listener but a unix socket, nobody may change anything.
	Declarer Declarer
	Caller   func(net.Conn) (Caller, error)

	// Pages are more paths for reading ("/v1/about", "/metrics"), which may not be
	// those of the server. A page sets its own Content-Type and may replace the
	// Content-Security-Policy; it runs behind all guards and limits of the server.
	Pages map[string]http.Handler

	// Hosts are the values of the Host header that are answered, without port,
	// in lower case. Empty means any, which is right for a unix socket: no
	// browser reaches it but through a proxy, which has names of its own. A
	// listener that browsers reach needs the list against DNS rebinding.
	Hosts []string
}

// Server is the local interface. Make one with [New] and run it once.
type Server struct {
	cfg      Config
	listener *limiter
	handler  http.Handler

	streams  chan struct{} // a slot for each stream
	refused  atomic.Uint64
	stopping chan struct{} // closed when streams shall end
}

// Stats counts what the limits cost.
type Stats struct {
	Evicted        uint64 // connections closed to make room for newer ones
	StreamsRefused uint64
	Connections    int // open now
	Streams        int // of which follow events
}

// New makes a server. It does not listen before Run.
func New(cfg Config) (*Server, error) {
	if cfg.Listener == nil || cfg.Source == nil || cfg.Log == nil {
		return nil, errors.New("local interface: listener, source and log are required")
	}
	if cfg.Declarer != nil && cfg.Caller == nil {
		return nil, errors.New("local interface: declarations need to know the caller")
	}
	s := &Server{
		cfg:      cfg,
		listener: newLimiter(cfg.Listener, MaxConns),
		streams:  make(chan struct{}, MaxStreams),
		stopping: make(chan struct{}),
	}
	own := newHandler(&Server{})
	for path, page := range cfg.Pages {
		if own.find(path) != nil || page == nil || !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("local interface: %q cannot be a page", path)
		}
	}
	s.handler = newHandler(s)
	return s, nil
}

// Handler returns the handler behind the server's limits.
func (s *Server) Handler() http.Handler { return s.handler }

// Stats returns the counters.
func (s *Server) Stats() Stats {
	return Stats{
		Evicted:        s.listener.evicted.Load(),
		StreamsRefused: s.refused.Load(),
		Connections:    s.listener.open(),
		Streams:        len(s.streams),
	}
}

// connKey is the context key of the connection of a request.
type connKey struct{}

// Run serves until ctx is cancelled and then returns nil, having given answers
// under way a second to end. It returns an error if the listener fails before.
func (s *Server) Run(ctx context.Context) error {
	base := context.WithoutCancel(ctx) // answers under way outlive ctx
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	srv := &http.Server{
		Handler:           s.handler,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelWarn),
		ConnState:         follow,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },

		DisableGeneralOptionsHandler: true,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.listener) }()
	select {
	case err := <-served:
		close(s.stopping)
		_ = srv.Close() // the error is already there
		return fmt.Errorf("local interface at %s: %w", s.cfg.Listener.Addr(), err)
	case <-ctx.Done():
	}
	s.stop(base, srv)
	if err := <-served; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		s.cfg.Log.Debug("local interface: listener failed in the stop", "err", err)
	}
	return nil
}

// stop ends streams and silent connections at once and the rest when it is
// answered, or after closeTimeout.
func (s *Server) stop(ctx context.Context, srv *http.Server) {
	close(s.stopping)
	_ = s.listener.Close() // what matters is that nothing is accepted any more
	s.listener.closeWaiting()
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.cfg.Log.Debug("local interface: answers cut short by the stop", "err", err)
		_ = srv.Close()
	}
}
