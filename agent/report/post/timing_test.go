package post

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// piped makes a client whose connections are pipes within the bubble, each given to
// talk after the handshake, as far as there is one.
func piped(t *testing.T, a *authority, talk func(context.Context, *tls.Conn)) (c *Client, conns *int) {
	t.Helper()
	conns = new(int)
	server := &tls.Config{
		Certificates: []tls.Certificate{*a.issue(t, "cloud")}, ClientAuth: tls.RequireAnyClientCert,
		Time: func() time.Time { return validFrom.AddDate(0, 6, 0) },
	}
	c = a.client(t, "https://cloud.example/v1/reports", func(cfg *Config) {
		cfg.TimeFloor = validFrom.AddDate(0, 6, 0) // a bubble begins in the year 2000
		cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			*conns++
			go func() {
				defer func() { _ = far.Close() }()
				talk(t.Context(), tls.Server(far, server))
			}()
			return near, nil
		}
	})
	return c, conns
}

// pause lets d pass in the bubble, or less when the test ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// drip writes a byte a second until the other end has had enough.
func drip(ctx context.Context, c net.Conn, s string) {
	for i := range len(s) {
		pause(ctx, time.Second)
		if _, err := c.Write([]byte(s[i : i+1])); err != nil {
			return
		}
	}
}

// TestEveryPhaseEnds: whatever the server leaves out or drags out, there is one limit to
// each phase, and the error names it.
func TestEveryPhaseEnds(t *testing.T) {
	a := newAuthority(t)
	for name, c := range map[string]struct {
		talk  func(context.Context, *tls.Conn)
		body  int
		after time.Duration
		words string
	}{
		"no handshake": {
			talk: func(_ context.Context, c *tls.Conn) { _, _ = io.Copy(io.Discard, c.NetConn()) }, after: handshakeTimeout, words: "no TLS after 10s",
		},
		"handshake by drips": {
			talk: func(ctx context.Context, c *tls.Conn) {
				go func() { _, _ = io.Copy(io.Discard, c.NetConn()) }()
				drip(ctx, c.NetConn(), "\x16\x03\x03\x40\x00"+strings.Repeat("\x02", 1000))
			}, after: handshakeTimeout, words: "no TLS after 10s",
		},
		"request not read": {
			talk: func(ctx context.Context, c *tls.Conn) {
				_ = c.Handshake()
				pause(ctx, time.Hour)
			}, after: writeTimeout, words: "sending to cloud.example: time-out: not done after 20s",
		},
		"no answer": {
			talk: func(_ context.Context, c *tls.Conn) { _, _ = io.Copy(io.Discard, c) }, after: headerTimeout, words: "answer of cloud.example: time-out: not done after 20s",
		},
		"header by drips": {
			talk: func(ctx context.Context, c *tls.Conn) {
				readRequest(c)
				drip(ctx, c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX: "+strings.Repeat("x", 1000))
			}, after: headerTimeout, words: "answer of cloud.example: time-out: not done after 20s",
		},
		"interim answers by drips": {
			talk: func(ctx context.Context, c *tls.Conn) {
				readRequest(c)
				for range 10 {
					pause(ctx, 6*time.Second)
					if _, err := c.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\n")); err != nil {
						return
					}
				}
			}, after: headerTimeout, words: "time-out",
		},
		"body by drips": {
			talk: func(ctx context.Context, c *tls.Conn) {
				readRequest(c)
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"))
				drip(ctx, c, strings.Repeat("x", 5000))
			}, after: bodyTimeout, words: "answer 200 of cloud.example: time-out: not done after 10s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, _ := piped(t, a, c.talk)
				start := time.Now()
				_ = refusal(t, client, c.words)
				if took := time.Since(start); took != c.after {
					t.Errorf("it took %v, want %v", took, c.after)
				}
			})
		})
	}
}

func TestDialEnds(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		c := a.client(t, "https://cloud.example", func(cfg *Config) {
			cfg.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		})
		start := time.Now()
		_ = refusal(t, c, "connecting to cloud.example:443", "no connection after 10s")
		if took := time.Since(start); took != dialTimeout {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := c.Post(ctx, "x/y", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

// TestCancel: a request under way ends with its context, at once, and says so.
func TestCancel(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		c, _ := piped(t, a, func(_ context.Context, c *tls.Conn) { _, _ = io.Copy(io.Discard, c) })
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTest)
		defer cancel()
		start := time.Now()
		if _, err := c.Post(ctx, "x/y", []byte("{}")); !errors.Is(err, errTest) {
			t.Errorf("%v", err)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// TestAllEnds: a server that uses up each phase nearly whole, twice, is given up after
// a minute.
func TestAllEnds(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		slow := false
		c, conns := piped(t, a, func(ctx context.Context, c *tls.Conn) {
			if slow {
				pause(ctx, 9*time.Second)
			}
			readRequest(c)
			if !slow {
				_, _ = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
				slow = true
				pause(ctx, 19*time.Second) // then the kept connection ends in the middle of the next
				return
			}
			pause(ctx, 19*time.Second)
			_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"))
			pause(ctx, time.Hour)
		})
		if _, err := send(t, c); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_ = refusal(t, c)
		if took := time.Since(start); took < 40*time.Second || took > totalTimeout || *conns != 2 {
			t.Errorf("it took %v, %d connections", took, *conns)
		}
	})
}

// TestIdleConnectionEnds: it is kept for 90 s and no longer, and not kept busy by that.
func TestIdleConnectionEnds(t *testing.T) {
	a := newAuthority(t)
	synctest.Test(t, func(t *testing.T) {
		var closed time.Time
		c, conns := piped(t, a, func(ctx context.Context, c *tls.Conn) {
			for {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
					closed = time.Now()
					return
				}
				_, _ = c.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
			}
		})
		for range 3 {
			if _, err := send(t, c); err != nil {
				t.Fatal(err)
			}
			time.Sleep(IdleTimeout - 1)
		}
		if *conns != 1 {
			t.Errorf("%d connections", *conns)
		}
		start := time.Now()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := closed.Sub(start); got != 1 {
			t.Errorf("closed %v after its time", got-1)
		}
		if _, err := send(t, c); err != nil || *conns != 2 {
			t.Errorf("%d connections, %v", *conns, err)
		}
	})
}
