package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"socketha/cmd/console/internal/ingest"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

// Options are what main adds to the configuration.
type Options struct {
	Log *slog.Logger

	// Pages makes the handler for people; nil: none yet. It is asked for every
	// path but /healthz, /readyz and /metrics.
	Pages func(*store.Store, *story.Service) (http.Handler, error)

	// Sinks are the names of the sinks, Notify sends to them until its context ends.
	Sinks  []string
	Notify func(context.Context, *store.Store) error

	// Ready is called with the addresses once both listeners are open.
	Ready func(ingest, web net.Addr)
}

// Bounds of the listeners.
const (
	maxHeader   = 8 << 10 // bytes
	maxWebConns = 512
	stopWithin  = 10 * time.Second
)

// Run serves until ctx ends, then finishes what is under way and returns nil.
func Run(ctx context.Context, cfg Config, opt Options) (err error) {
	if err := cfg.Check(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	tlsConfig, err := loadTLS(cfg.Ingest)
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Config{DSN: cfg.Store.DSN, Writers: cfg.Store.Writers, Readers: cfg.Store.Readers, Log: opt.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	stories, err := story.New(ctx, story.Config{Store: db, Sinks: opt.Sinks, Retention: store.DefaultRetention(), Log: opt.Log})
	if err != nil {
		return err
	}
	m := newMetrics(db, stories)
	front := &door{
		name: "ingest", log: opt.Log, limit: cfg.Ingest.MaxConnections, tls: tlsConfig, failed: m.refused.Inc,
		handler: ingest.New(ingest.Config{Store: db, Stories: stories, Log: opt.Log, Counted: m.counted}),
		write:   60 * time.Second,
	}
	pages, err := webHandler(db, stories, m, opt)
	if err != nil {
		return err
	}
	web := &door{name: "web", log: opt.Log, limit: maxWebConns, handler: pages}
	if cfg.Web.Cert != "" {
		cert, err := tls.LoadX509KeyPair(cfg.Web.Cert, cfg.Web.Key)
		if err != nil {
			return fmt.Errorf("web: %w", err)
		}
		web.tls = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, NextProtos: []string{"http/1.1"}}
	}
	if err := errors.Join(front.open(ctx, cfg.Ingest.Listen), web.open(ctx, cfg.Web.Listen)); err != nil {
		front.close()
		web.close()
		return err
	}
	opt.Log.InfoContext(ctx, "console serves", slog.String("ingest", front.addr().String()), slog.String("web", web.addr().String()),
		slog.String("store", db.Engine()))
	if opt.Ready != nil {
		opt.Ready(front.addr(), web.addr())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return front.run(ctx) })
	group.Go(func() error { return web.run(ctx) })
	group.Go(func() error { return stories.Run(ctx) })
	if opt.Notify != nil {
		group.Go(func() error { return opt.Notify(ctx, db) })
	}
	return group.Wait()
}

// loadTLS reads the files of the front door.
func loadTLS(cfg IngestConfig) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(cfg.Cert, cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	raw, err := os.ReadFile(cfg.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("ingest: %s holds no certificate", cfg.ClientCA)
	}
	return ingest.TLS(cert, pool), nil
}

func webHandler(db *store.Store, stories *story.Service, m *metrics, opt Options) (http.Handler, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answer(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, db.Ping(r.Context())) })
	mux.Handle("GET /metrics", m.handler())
	if opt.Pages != nil {
		pages, err := opt.Pages(db, stories)
		if err != nil {
			return nil, err
		}
		mux.Handle("/", pages)
	}
	return mux, nil
}

// answer says ok, or that something is not; what exactly is in the log, not for anybody.
func answer(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, "the store does not answer\n")
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// door is one listener with its server.
type door struct {
	name    string
	log     *slog.Logger
	limit   int // connections at once
	tls     *tls.Config
	handler http.Handler
	failed  func()        // a connection failed before its request; may be nil
	write   time.Duration // for an answer; 0: no limit, since pages follow live

	listener net.Listener
}

func (d *door) open(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	d.listener = netutil.LimitListener(l, d.limit)
	if d.tls != nil {
		d.listener = tls.NewListener(d.listener, d.tls)
	}
	return nil
}

func (d *door) addr() net.Addr { return d.listener.Addr() }

func (d *door) close() {
	if d.listener != nil {
		_ = d.listener.Close()
	}
}

// run serves until ctx ends. What is under way then gets some seconds.
func (d *door) run(ctx context.Context) error {
	server := &http.Server{
		Handler:           d.handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      d.write,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.New(&errorLog{d}, "", 0),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1: less to attack
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
		defer cancel()
		if server.Shutdown(within) != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(d.listener)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("%s: %w", d.name, err)
}

// errorLog takes what net/http says of single connections. Anybody can cause it, so it
// is counted, and written down only for who looks closely.
type errorLog struct{ door *door }

func (e *errorLog) Write(p []byte) (int, error) {
	if e.door.failed != nil {
		e.door.failed()
	}
	e.door.log.Debug("connection", slog.String("listener", e.door.name), slog.String("said", string(p))) //nolint:noctx // net/http gives none
	return len(p), nil
}
