package post

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Limits.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	writeTimeout     = 20 * time.Second // for the whole request
	headerTimeout    = 20 * time.Second // from the request to the end of the answer's header
	bodyTimeout      = 10 * time.Second
	totalTimeout     = 60 * time.Second // for everything, a second connection included

	IdleTimeout = 90 * time.Second // a connection is kept for the next request

	MaxAnswer  = 64 << 10 // bytes read of an answer, its header included
	maxHeader  = 16 << 10 // of which header
	maxInterim = 5        // answers of the 1xx kind before the real one
)

// Config says where to send, and who we are. All but Dial, Now and TimeFloor is
// required.
type Config struct {
	Target *Target

	// Certificate returns the client certificate; it is asked at each handshake,
	// so that a renewed one is taken without a restart.
	Certificate func() (*tls.Certificate, error)

	// Roots are the authorities believed. There is no default: those of the
	// system would let any of a hundred companies speak for the cloud.
	Roots *x509.CertPool

	// TimeFloor is a time that cannot lie in the future, such as that of the
	// commit: with the clock in 1970 certificates are judged by it.
	TimeFloor time.Time
	Now       func() time.Time // wall clock; nil: time.Now

	UserAgent string

	// Dial opens a connection; nil: TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Answer is an answer that was read whole.
type Answer struct {
	Status int
	Body   []byte // at most MaxAnswer

	// RetryAfter is how long the server wants not to be asked; 0 if it said
	// nothing, or nothing that reads. It may be any length.
	RetryAfter time.Duration
}

// Client sends to one server. It is safe for concurrent use; each request under way has
// a connection of its own, and one is kept idle.
type Client struct {
	cfg Config
	tls *tls.Config

	mu     sync.Mutex
	idle   *conn
	reaper *time.Timer
	closed bool
}

// New makes a client. It opens nothing.
func New(cfg Config) (*Client, error) {
	if cfg.Target == nil || cfg.Certificate == nil || cfg.Roots == nil {
		return nil, errors.New("upstream: target, certificate and authorities are required")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.UserAgent == "" {
		cfg.UserAgent = "socketha"
	}
	c := &Client{cfg: cfg}
	c.tls = &tls.Config{
		MinVersion: tls.VersionTLS13, MaxVersion: tls.VersionTLS13,
		ServerName: cfg.Target.name, RootCAs: cfg.Roots,
		NextProtos: []string{"http/1.1"},
		Time:       c.now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return cfg.Certificate()
		},
	}
	return c, nil
}

// now is the time that certificates are judged by.
func (c *Client) now() time.Time {
	if now := c.cfg.Now(); now.After(c.cfg.TimeFloor) {
		return now
	}
	return c.cfg.TimeFloor
}

// Post sends a body and returns the answer, whatever its status. The error says in
// which phase it went wrong; it may quote the server.
func (c *Client) Post(ctx context.Context, contentType string, body []byte) (*Answer, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, totalTimeout, fmt.Errorf("not done after %v", totalTimeout))
	defer cancel()
	if kept := c.takeIdle(); kept != nil {
		a, err := kept.exchange(ctx, contentType, body)
		if !kept.stale(a, err) || ctx.Err() != nil {
			return a, err
		}
	}
	fresh, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	return fresh.exchange(ctx, contentType, body)
}

// connect opens a connection and authenticates both ends.
func (c *Client) connect(ctx context.Context) (*conn, error) {
	raw, err := c.dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting to %s: %w", c.cfg.Target.addr, tidy(ctx, err))
	}
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, fmt.Errorf("no TLS after %v", handshakeTimeout))
	defer cancel()
	secure := tls.Client(raw, c.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close() // the handshake's error is the one that tells
		return nil, fmt.Errorf("TLS with %s: %w", c.cfg.Target.name, tidy(ctx, err))
	}
	return newConn(c, secure), nil
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, dialTimeout, fmt.Errorf("no connection after %v", dialTimeout))
	defer cancel()
	raw, err := c.cfg.Dial(ctx, "tcp", c.cfg.Target.addr)
	return raw, tidy(ctx, err)
}

// tidy replaces "context deadline exceeded" by what the time-out was of.
func tidy(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return steady(err)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout() || errors.Is(err, errPhase)
}

// keep holds a connection for the next request, and closes the one held before.
func (c *Client) keep(k *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		k.close()
		return
	}
	if c.idle != nil {
		c.reaper.Stop()
		c.idle.close()
	}
	c.idle = k
	c.reaper = time.AfterFunc(IdleTimeout, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.idle == k {
			c.idle = nil
			k.close()
		}
	})
}

func (c *Client) takeIdle() *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.idle
	if k != nil {
		c.reaper.Stop()
		c.idle = nil
		k.silent = true
	}
	return k
}

// Close closes the idle connection; requests under way end by their contexts.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.idle != nil {
		c.reaper.Stop()
		c.idle.close()
		c.idle = nil
	}
}
