package post

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestPost(t *testing.T) {
	a := newAuthority(t)
	s := a.cloud(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		subject := r.TLS.PeerCertificates[0].Subject
		if err != nil || r.Method != http.MethodPost || r.URL.String() != "/v1/reports?x=1" || string(body) != "{}" ||
			r.Header.Get("Content-Type") != "application/cloudevents+json" || r.Header.Get("User-Agent") != "socketha" ||
			r.TLS.Version != tls.VersionTLS13 || subject.SerialNumber != "SKT-0001" || subject.Organization[0] != "tenant-1" {
			t.Errorf("%v %v %q %v %v", r.Method, r.URL, body, r.Header, err)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"epoch":1,"seq":2}`))
	})
	answer, err := send(t, a.client(t, s.URL+"/v1/reports?x=1"))
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != http.StatusAccepted || string(answer.Body) != `{"epoch":1,"seq":2}` || answer.RetryAfter != 7*time.Second {
		t.Errorf("%+v", answer)
	}
}

// TestRedirect: it is an answer, and nobody goes where it points.
func TestRedirect(t *testing.T) {
	a := newAuthority(t)
	var visits atomic.Int32
	other := a.cloud(t, func(http.ResponseWriter, *http.Request) { visits.Add(1) })
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := a.cloud(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, code) })
		if answer, err := send(t, a.client(t, s.URL)); err != nil || answer.Status != code {
			t.Errorf("%d: %+v, %v", code, answer, err)
		}
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

// TestReuse: one connection serves several requests, and a new one takes its place
// when the server has closed it.
func TestReuse(t *testing.T) {
	a := newAuthority(t)
	var dials atomic.Int32
	s := a.cloud(t, func(http.ResponseWriter, *http.Request) {})
	c := a.client(t, s.URL, func(cfg *Config) {
		cfg.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			dials.Add(1)
			return new(net.Dialer).DialContext(ctx, network, address)
		}
	})
	for i := range 5 {
		if _, err := send(t, c); err != nil {
			t.Fatal(i, err)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections for 5 requests", n)
	}
	s.CloseClientConnections()
	if _, err := send(t, c); err != nil {
		t.Errorf("after the server closed the connection: %v", err)
	}
	if n := dials.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
	c.Close()
	if _, err := send(t, c); err != nil || c.idle != nil {
		t.Errorf("a closed client keeps a connection: %v", err)
	}
}

// TestLate408: a server that says goodbye on an idle connection has not refused what was
// sent then.
func TestLate408(t *testing.T) {
	a := newAuthority(t)
	conns := 0
	url := a.raw(t, func(c net.Conn) {
		conns++
		readRequest(c)
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
		if conns == 1 {
			_, _ = c.Write([]byte("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		}
	})
	c := a.client(t, url)
	for range 2 {
		if answer, err := send(t, c); err != nil || answer.Status != 200 {
			t.Errorf("%+v, %v", answer, err)
		}
	}
}

// TestTwoAnswers: an answer that nobody asked for is not taken for that of the next request.
func TestTwoAnswers(t *testing.T) {
	a := newAuthority(t)
	url := a.raw(t, func(c net.Conn) {
		readRequest(c)
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"))
	})
	c := a.client(t, url)
	for range 2 {
		if answer, err := send(t, c); err != nil || answer.Status != 200 {
			t.Errorf("%+v, %v", answer, err)
		}
	}
}

// TestHostileAnswers: each is refused with what is wrong, without more being read than
// the limit allows.
func TestHostileAnswers(t *testing.T) {
	a := newAuthority(t)
	big := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		answer string
		words  string
	}{
		"1 GB announced":          {"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n" + big, "1073741824 bytes, accepted: 65536"},
		"endless chunks":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("1000\r\n"+big[:4096]+"\r\n", 256), "longer than is read"},
		"endless until closed":    {"HTTP/1.1 200 OK\r\n\r\n" + big, "longer than is read"},
		"huge header":             {"HTTP/1.1 200 OK\r\nX: " + big + "\r\n\r\n", "longer than is read"},
		"many headers":            {"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 10000) + "\r\n", "longer than is read"},
		"huge status line":        {"HTTP/1.1 200 " + big, "longer than is read"},
		"huge trailer":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\nX: " + big + "\r\n\r\n", "answer 200"},
		"closed at once":          {"", "closed before it"},
		"closed in the header":    {"HTTP/1.1 200 OK\r\nContent-", "closed before it"},
		"closed in the body":      {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"epoch\":1", "cut off"},
		"closed in a chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nabc", "cut off"},
		"no HTTP":                 {"SSH-2.0-OpenSSH_9.6\r\n\r\n", "malformed"},
		"two lengths":             {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Content-Length"},
		"negative length":         {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "Content-Length"},
		"unknown encoding":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "unsupported transfer encoding"},
		"interim without end":     {strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 50), "more than 5 interim answers"},
		"switches the protocol":   {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "101"},
		"status out of all sense": {"HTTP/1.1 20 OK\r\n\r\n", "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			url := a.raw(t, func(conn net.Conn) {
				readRequest(conn)
				_, _ = io.Copy(conn, strings.NewReader(c.answer))
				_ = conn.(*tls.Conn).CloseWrite()
			})
			client := a.client(t, url)
			err := refusal(t, client, c.words)
			if len(err.Error()) > 1000 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			if client.idle != nil {
				t.Error("the connection was kept")
			}
		})
	}
}

// TestInterimAnswers: a few are skipped.
func TestInterimAnswers(t *testing.T) {
	a := newAuthority(t)
	url := a.raw(t, func(c net.Conn) {
		readRequest(c)
		_, _ = c.Write([]byte(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 5) + "HTTP/1.1 204 No Content\r\n\r\n"))
	})
	if answer, err := send(t, a.client(t, url)); err != nil || answer.Status != 204 {
		t.Errorf("%+v, %v", answer, err)
	}
}

// TestEarlyRefusal: a server that answers before it has read a large body is understood.
func TestEarlyRefusal(t *testing.T) {
	a := newAuthority(t)
	s := a.cloud(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
	answer, err := a.client(t, s.URL).Post(t.Context(), "x/y", bytes.Repeat([]byte("x"), 200<<10))
	if err != nil || answer.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestWrongServers(t *testing.T) {
	a, stranger := newAuthority(t), newAuthority(t)
	ok := func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") }
	t.Run("certificate of another authority", func(t *testing.T) {
		s := stranger.cloud(t, ok)
		_ = refusal(t, a.client(t, s.URL), "TLS with 127.0.0.1", "unknown authority")
	})
	t.Run("certificate of another name", func(t *testing.T) {
		s := a.cloud(t, ok)
		_ = refusal(t, a.client(t, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)), "localhost")
	})
	t.Run("TLS 1.2 only", func(t *testing.T) {
		s := a.cloud(t, ok, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
		_ = refusal(t, a.client(t, s.URL), "protocol version")
	})
	t.Run("does not believe our certificate", func(t *testing.T) {
		s := stranger.cloud(t, ok, func(c *tls.Config) { c.Certificates = []tls.Certificate{*a.issue(t, "cloud")} })
		_ = refusal(t, a.client(t, s.URL), "the server does not accept our certificate")
	})
	t.Run("plain text", func(t *testing.T) {
		l := listen(t)
		serve(t, l, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n")) })
		_ = refusal(t, a.client(t, "https://"+l.Addr().String()), "TLS with")
	})
	t.Run("nobody there", func(t *testing.T) {
		l := listen(t)
		url := "https://" + l.Addr().String()
		_ = l.Close()
		_ = refusal(t, a.client(t, url), "connecting to 127.0.0.1", "refused")
	})
	t.Run("resets", func(t *testing.T) {
		l := listen(t)
		serve(t, l, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 1)) // with the rest unread, closing resets
			_ = c.(*net.TCPConn).SetLinger(0)
		})
		err := refusal(t, a.client(t, "https://"+l.Addr().String()), "TLS with 127.0.0.1", "reset")
		if strings.Contains(err.Error(), "->") {
			t.Errorf("%q changes with each attempt", err)
		}
	})
	t.Run("our own trouble", func(t *testing.T) {
		s := a.cloud(t, ok)
		c := a.client(t, s.URL, func(cfg *Config) {
			cfg.Certificate = func() (*tls.Certificate, error) { return nil, errTest }
		})
		if err := refusal(t, c); !errors.Is(err, errTest) {
			t.Errorf("%v", err)
		}
		if err := refusal(t, a.client(t, s.URL, func(cfg *Config) { cfg.Dial = failDial })); !errors.Is(err, errTest) {
			t.Errorf("%v", err)
		}
	})
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestClock: with the clock in 1970 certificates are judged by the floor, and with the
// clock right by the clock.
func TestClock(t *testing.T) {
	a := newAuthority(t)
	s := a.cloud(t, func(http.ResponseWriter, *http.Request) {})
	at := func(now, floor time.Time) *Client {
		return a.client(t, s.URL, func(c *Config) { c.Now, c.TimeFloor = func() time.Time { return now }, floor })
	}
	year := func(n int) time.Time { return time.Date(n, 6, 1, 0, 0, 0, 0, time.UTC) }
	if _, err := send(t, at(year(1970), year(2026))); err != nil {
		t.Errorf("1970 with a floor: %v", err)
	}
	_ = refusal(t, at(year(1970), time.Time{}), "not yet valid")
	if _, err := send(t, at(year(2030), year(2026))); err != nil {
		t.Errorf("2030: %v", err)
	}
	_ = refusal(t, at(year(2099), year(2026)), "expired")
}

// TestRenewedCertificate: each handshake asks for the certificate anew.
func TestRenewedCertificate(t *testing.T) {
	a := newAuthority(t)
	var seen []string
	s := a.cloud(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.TLS.PeerCertificates[0].Subject.SerialNumber)
		w.Header().Set("Connection", "close")
	})
	cert := a.issue(t, "old")
	c := a.client(t, s.URL, func(cfg *Config) { cfg.Certificate = func() (*tls.Certificate, error) { return cert, nil } })
	for _, serial := range []string{"old", "new"} {
		cert = a.issue(t, serial)
		if _, err := send(t, c); err != nil {
			t.Fatal(err)
		}
	}
	if strings.Join(seen, " ") != "old new" {
		t.Errorf("the server saw %v", seen)
	}
}

func TestParseTarget(t *testing.T) {
	for url, want := range map[string]string{
		"https://cloud.example":                  "cloud.example:443",
		"https://cloud.example/":                 "cloud.example:443",
		"https://cloud.example:8443/v1?x=y":      "cloud.example:8443",
		"https://[2001:db8::1]/v1":               "[2001:db8::1]:443",
		"https://192.0.2.1:1":                    "192.0.2.1:1",
		"http://cloud.example":                   "",
		"https://":                               "",
		"https:///v1":                            "",
		"https://user@cloud.example":             "",
		"https://cloud.example/#x":               "",
		"https://cloud.example/#":                "",
		"https://cloud.example:0":                "",
		"https://cloud.example:65536":            "",
		"https://cloud.example:http":             "",
		"https://cloud example":                  "",
		"https://cloud.example/\r\nX: y":         "",
		"https://clöud.example":                  "",
		"cloud.example":                          "",
		"":                                       "",
		"https://cloud.example/%zz":              "",
		"https://x/" + strings.Repeat("a", 2000): "",
	} {
		target, err := ParseTarget(url)
		switch {
		case (err == nil) != (want != ""):
			t.Errorf("%.60q: %v", url, err)
		case err == nil && (target.addr != want || target.String() != url):
			t.Errorf("%q: dials %q, is %q", url, target.addr, target)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty config was taken")
	}
}
