package web

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

func TestCheck(t *testing.T) {
	files := Config{Certificate: "c", Key: "k", Passwords: "p"}
	with := func(c Config, address string, hosts ...string) Config {
		c.Address, c.Hosts = address, hosts
		return c
	}
	for name, one := range map[string]struct {
		cfg  Config
		want string // of the error; empty: none
	}{
		"off":                    {Config{}, ""},
		"off, and yet more":      {Config{Hosts: []string{"a"}}, "without an address"},
		"loopback":               {Config{Address: "127.0.0.1:8480"}, ""},
		"loopback, all of it":    {Config{Address: "127.9.9.9:8480"}, ""},
		"loopback 6":             {Config{Address: "[::1]:8480"}, ""},
		"loopback, mapped":       {Config{Address: "[::ffff:127.0.0.1]:8480"}, ""},
		"lan without TLS":        {Config{Address: "192.0.2.1:8480", Passwords: "p"}, "needs TLS"},
		"lan without password":   {Config{Address: "192.0.2.1:8480", Certificate: "c", Key: "k"}, "needs a password file"},
		"lan":                    {with(files, "192.0.2.1:8480"), ""},
		"link-local":             {Config{Address: "[fe80::1%eth0]:8480"}, "needs TLS"},
		"wildcard without TLS":   {Config{Address: "0.0.0.0:8480", Hosts: []string{"a"}}, "needs TLS"},
		"wildcard without hosts": {with(files, "[::]:8480"), "needs the hosts"},
		"wildcard":               {with(files, "[::]:8480", "router.example"), ""},
		"no host":                {Config{Address: ":8480"}, "not an IP address"},
		"a name":                 {Config{Address: "localhost:8480"}, "not an IP address"},
		"key alone":              {Config{Address: "127.0.0.1:1", Key: "k"}, "belong together"},
		"host with port":         {with(Config{}, "127.0.0.1:1", "a:80"), "without port"},
		"any host":               {with(Config{}, "127.0.0.1:1", "*"), "without port"},
	} {
		t.Run(name, func(t *testing.T) {
			err := one.cfg.Check()
			if one.want == "" && err != nil || one.want != "" && (err == nil || !strings.Contains(err.Error(), one.want)) {
				t.Errorf("got %v, want %q", err, one.want)
			}
		})
	}
}

// behind stands for the local interface.
var behind = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "behind %s %q", r.URL.Path, r.Header.Get("Authorization"))
})

func serve(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := New(t.Context(), cfg, behind, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

func TestOnlyReadingPasses(t *testing.T) {
	s := serve(t, Config{Address: "127.0.0.1:0", Hosts: []string{"Router.example"}})
	for _, one := range []struct {
		method, path, host string
		code               int
		body               string
	}{
		{"GET", "/v1/about", "localhost", 200, "behind /v1/about"},
		{"HEAD", "/v1/about", "localhost:8480", 200, ""},
		{"GET", "/v1/about.js", "127.0.0.1:8480", 200, "behind"},
		{"GET", "/v1/status", "[::1]:8480", 200, "behind"},
		{"GET", "/v1/events", "router.example", 200, "behind"},
		{"GET", "/", "ROUTER.EXAMPLE:80", 303, ""},
		{"GET", "/v1/about", "evil.example", 421, "not served"},
		{"GET", "/v1/about", "127.0.0.1.evil.example", 421, "not served"},
		{"GET", "/v1/about", "", 421, "not served"},
		{"POST", "/v1/upgrade", "localhost", 405, "GET and HEAD"},
		{"POST", "/v1/about", "localhost", 405, "GET and HEAD"},
		{"OPTIONS", "/v1/about", "localhost", 405, "GET and HEAD"},
		{"GET", "/v1/history", "localhost", 404, "nothing"},
		{"GET", "/v1/support-request", "localhost", 404, "nothing"},
		{"GET", "/metrics", "localhost", 404, "nothing"},
		{"GET", "/v1/about/../upgrade", "localhost", 404, "nothing"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), one.method, one.path, nil)
		r.Host = one.host
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != one.code || !strings.Contains(w.Body.String(), one.body) || one.code != 200 && strings.Contains(w.Body.String(), "behind") {
			t.Errorf("%s %s at %q: %d %q, want %d %q", one.method, one.path, one.host, w.Code, w.Body, one.code, one.body)
		}
	}
}

// horse is a line of a password file: "right horse" by htpasswd -nbB -C 10.
const horse = "noc:$2a$10$/GRgDRov4GLz1IDp4WV9XeSTK7ghhw788cpwg3CMth67bF7Enltxm\n"

func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate makes one for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string, pool *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	return file(t, "cert.pem", string(cert)), file(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))), pool
}

// TestTLSAndPassword goes the whole way, over a real connection.
func TestTLSAndPassword(t *testing.T) {
	cert, key, pool := certificate(t)
	s := serve(t, Config{
		Address: "127.0.0.1:0", Certificate: cert, Key: key,
		Passwords: file(t, "users", "# who may look\n\n"+horse),
	})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
	defer client.CloseIdleConnections()
	ask := func(user, password string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+s.Addr().String()+"/v1/status", nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	if code, body := ask("", ""); code != http.StatusUnauthorized {
		t.Errorf("without a password: %d %s", code, body)
	}
	if code, _ := ask("noc", "wrong"); code != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %d", code)
	}
	for range 2 {
		if code, body := ask("noc", "right horse"); code != http.StatusOK || body != `behind /v1/status ""` {
			t.Errorf("with the right password: %d %s (the handler behind must not see it)", code, body)
		}
	}
	plain, err := http.Get("http://" + s.Addr().String() + "/v1/status")
	if err == nil {
		defer func() { _ = plain.Body.Close() }()
		if plain.StatusCode == http.StatusOK {
			t.Error("answered without TLS")
		}
	}
}

// TestPace lets guesses through one a second, and remembered passwords always.
func TestPace(t *testing.T) {
	p := &passwords{
		hashes: map[string][]byte{"noc": []byte("right"), "cio": []byte("other")}, decoy: []byte("other"),
		right: map[[32]byte]bool{},
		compare: func(hash, password []byte) error {
			if !bytes.Equal(hash, password) {
				return bcrypt.ErrMismatchedHashAndPassword
			}
			return nil
		},
	}
	at := time.Unix(1e9, 0)
	now := func() time.Time { return at }
	if err := p.check("noc", "right", now); err != nil {
		t.Fatal(err)
	}
	for i := range freeFailures {
		if err := p.check([]string{"noc", "nobody"}[i%2], "other", now); err == nil || err == errBusy { //nolint:errorlint // the very one
			t.Errorf("guess %d: %v", i, err)
		}
	}
	if err := p.check("cio", "other", now); err != errBusy { //nolint:errorlint // the very one
		t.Errorf("right after %d wrong ones: %v, want %v", freeFailures, err, errBusy)
	}
	if err := p.check("noc", "right", now); err != nil {
		t.Errorf("who was let in before must not suffer: %v", err)
	}
	at = at.Add(pause)
	if err := p.check("cio", "other", now); err != nil {
		t.Errorf("after the pause: %v", err)
	}
	if err := p.check("noc", strings.Repeat("x", maxPassword+1), now); err == nil {
		t.Error("a password longer than bcrypt reads was taken")
	}
	if err := p.check("noc", "other", now); err == nil {
		t.Error("one user's password let another in")
	}
}

func TestPasswordFile(t *testing.T) {
	for content, want := range map[string]string{
		"": "no users", "# nobody\n": "no users", "noc\n": "line 1: want NAME:HASH", ":x": "want NAME:HASH",
		"a:{SHA}xyz": "not one of bcrypt", "\na:$apr1$x$y": "line 2",
		horse + horse: "line 2: the user stands there twice",
		strings.Replace(horse, "$10$", "$04$", 1): "cost 4",
		strings.Replace(horse, "$10$", "$15$", 1): "cost 15",
	} {
		if _, err := readPasswords([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", content, err, want)
		}
	}
}

// TestManyConnections holds that silent ones do not lock others out for long: they
// end within the time for a header, and no more than the limit are open at once.
func TestManyConnections(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limit := newLimited(l, 2)
	accepted := make(chan net.Conn, 3)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := limit.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Error("a third connection was taken")
	default:
	}
	_ = first.Close()
	_ = first.Close() // must not give two slots back
	third := <-accepted
	if len(limit.slots) != 2 {
		t.Errorf("%d slots are taken, want 2", len(limit.slots))
	}
	_ = limit.Close()
	<-done
	_, _ = second.Close(), third.Close()
}
