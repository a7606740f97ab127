package report

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"socketha/agent/report/post"
	"socketha/agent/report/schema"
	"socketha/peer"
)

// TestOverTLS goes the whole way once for each kind of server: real TLS, real sockets.
// What the exchange itself bears is tested in post; here is what the status then says.
func TestOverTLS(t *testing.T) {
	pair := selfSigned(t)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		bend    func(*tls.Config)
		state   peer.UpstreamState
		words   string
	}{
		"good": {handler: func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			e, parseErr := schema.Parse(body)
			if err != nil || parseErr != nil || e.Serial != r.TLS.PeerCertificates[0].Subject.SerialNumber {
				t.Errorf("%v, %v", err, parseErr)
			}
			_, _ = io.WriteString(w, `{"epoch":7,"seq":1,"cadence_s":60}`)
		}, state: peer.UpstreamConnected},
		"redirects": {handler: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://elsewhere.example/", http.StatusPermanentRedirect)
		}, state: peer.UpstreamDisconnected, words: "redirects are not followed"},
		"1 GB": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1073741824")
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		}, state: peer.UpstreamDisconnected, words: "1073741824 bytes, accepted: 65536"},
		"garbage": {handler: func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "<html><h1>It works!\x00\x1b[31m</h1>")
		}, state: peer.UpstreamDisconnected, words: "something else than an acknowledgement"},
		"refuses with script": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"error":"<script>alert(1)</script>"}`)
		}, state: peer.UpstreamDisconnected, words: `403 Forbidden: \x3cscript\x3e`},
		"closes": {handler: func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, state: peer.UpstreamDisconnected, words: "closed before it"},
		"TLS 1.2": {bend: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, state: peer.UpstreamDisconnected, words: "protocol version"},
		"another authority": {
			bend:  func(c *tls.Config) { c.Certificates = []tls.Certificate{selfSigned(t)} },
			state: peer.UpstreamDisconnected, words: "unknown authority",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(c.handler)
			s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert}
			if c.bend != nil {
				c.bend(s.TLS)
			}
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.StartTLS()
			defer s.Close()
			stats := reportOnce(t, s.URL, pair)
			if stats.State != c.state || !strings.Contains(stats.LastError, c.words) || c.words == "" && stats.LastError != "" {
				t.Errorf("%v, %q", stats.State, stats.LastError)
			}
			if strings.ContainsAny(stats.LastError, "<>\x00\x1b") || len(stats.LastError) > MaxError {
				t.Errorf("last error %q", stats.LastError)
			}
		})
	}
}

// reportOnce runs a reporter until its first attempt has ended.
func reportOnce(t *testing.T, url string, pair tls.Certificate) *Stats {
	t.Helper()
	target, err := post.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	client, err := post.New(post.Config{
		Target: target, Roots: roots, Certificate: func() (*tls.Certificate, error) { return &pair, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r, err := New(Config{
		Serial: "A1000001", Source: newSite(t), Sender: client, Epoch: 7, Log: slog.New(slog.DiscardHandler),
		RaiseEpoch: func(_ context.Context, above uint64) (uint64, error) { return above + 1, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	<-r.Changed() // from unknown to one of the other two
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return r.Stats()
}

// selfSigned makes a certificate that is its own authority, for both ends.
func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{SerialNumber: "A1000001"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
