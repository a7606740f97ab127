package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Limits of the listener. The handler behind it has its own on streams.
const (
	MaxConns = 24 // connections; a browser with the page open holds two

	maxHeader     = 8 << 10
	maxFile       = 64 << 10
	headerTimeout = 2 * time.Second
	readTimeout   = 5 * time.Second
	writeTimeout  = 5 * time.Second
	idleTimeout   = 10 * time.Second
	closeTimeout  = time.Second
)

// served are the paths that pass. The root leads to the page.
var served = map[string]bool{"/v1/about": true, "/v1/about.js": true, "/v1/status": true, "/v1/events": true}

// Server is the own listener. Make one with [New] and run it once.
type Server struct {
	cfg       Config
	listener  net.Listener
	handler   http.Handler
	hosts     map[string]bool
	passwords *passwords // nil: none asked for
	secure    bool
	log       *slog.Logger
}

// New checks the configuration, reads its files and listens. The handler answers
// what passes; it is the local interface's (agent/local.Server.Handler).
func New(ctx context.Context, cfg Config, handler http.Handler, log *slog.Logger) (*Server, error) {
	if cfg.Address == "" || handler == nil || log == nil {
		return nil, errors.New("own web listener: address, handler and log are required")
	}
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("own web listener: %w", err)
	}
	s := &Server{cfg: cfg, handler: handler, hosts: cfg.names(), log: log}
	if cfg.Passwords != "" {
		file, err := readFile(cfg.Passwords)
		if err == nil {
			s.passwords, err = readPasswords(file)
		}
		if err != nil {
			return nil, fmt.Errorf("own web listener: password file %s: %w", cfg.Passwords, err)
		}
	}
	var secure *tls.Config
	if cfg.Certificate != "" {
		pair, err := tls.LoadX509KeyPair(cfg.Certificate, cfg.Key)
		if err != nil {
			return nil, fmt.Errorf("own web listener: %w", err)
		}
		secure = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
		s.secure = true
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("own web listener: %w", err)
	}
	s.listener = newLimited(l, MaxConns)
	if secure != nil {
		s.listener = tls.NewListener(s.listener, secure)
	}
	return s, nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxFile))
}

// Addr returns where it listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx is cancelled and then returns nil. It returns an error if
// the listener fails before.
func (s *Server) Run(ctx context.Context) error {
	base, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	srv := &http.Server{
		Handler:           s,
		Protocols:         protocols,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // strangers' handshakes
		BaseContext:    func(net.Listener) context.Context { return base },

		DisableGeneralOptionsHandler: true,
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(s.listener) }()
	select {
	case err := <-served:
		_ = srv.Close() // the error is already there
		return fmt.Errorf("own web listener at %s: %w", s.cfg.Address, err)
	case <-ctx.Done():
	}
	end() // streams
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := srv.Shutdown(limit); err != nil {
		s.log.Debug("own web listener: answers cut short by the stop", "err", err)
		_ = srv.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		s.log.Debug("own web listener: failed in the stop", "err", err)
	}
	return nil
}

// ServeHTTP lets pass what may pass.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	switch {
	case !s.hosts[bareHost(r.Host)]:
		http.Error(w, "This host name is not served here.", http.StatusMisdirectedRequest)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "Only GET and HEAD are served here.", http.StatusMethodNotAllowed)
	case !s.admit(w, r):
	case r.URL.Path == "/":
		h.Set("Location", "v1/about")
		w.WriteHeader(http.StatusSeeOther)
	case !served[r.URL.Path]:
		http.Error(w, "There is nothing at this path.", http.StatusNotFound)
	default:
		r.Header.Del("Authorization")
		s.handler.ServeHTTP(w, r)
	}
}

// admit asks for the password, if there is one.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) bool {
	if s.passwords == nil {
		return true
	}
	user, password, given := r.BasicAuth()
	err := errors.New("none was given")
	if given {
		err = s.passwords.check(user, password, time.Now)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, errBusy):
		w.Header().Set("Retry-After", "1")
		http.Error(w, "Too many wrong passwords: try again in a second.", http.StatusTooManyRequests)
	default:
		w.Header().Set("WWW-Authenticate", `Basic realm="HA status", charset="UTF-8"`)
		http.Error(w, "A name and a password are needed.", http.StatusUnauthorized)
	}
	return false
}

// bareHost returns a Host header without port and brackets, in lower case.
func bareHost(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}
