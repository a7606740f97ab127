package post

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestMain looks for goroutines that are still there when all is closed.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		println(left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines of this package once they have had the
// chance to end.
func leaked() string {
	buf := make([]byte, 1<<20)
	for range 1000 {
		all := string(buf[:runtime.Stack(buf, true)])
		found := ""
		for stack := range strings.SplitSeq(all, "\n\n") {
			if strings.Contains(stack, "report/post.") && !strings.Contains(stack, "TestMain") {
				found = stack
			}
		}
		if found == "" {
			return ""
		}
		runtime.Gosched()
		<-time.After(time.Millisecond) // only a failing run waits the second
		if all == "" {
			break
		}
	}
	return string(buf)
}

// validFrom is after 1970 and before any clock that is right.
var validFrom = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: validFrom, NotAfter: validFrom.AddDate(50, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.cert = a.sign(t, template, template, &a.key.PublicKey)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(t testing.TB, template, parent *x509.Certificate, key *ecdsa.PublicKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue makes a certificate with its key, for 127.0.0.1 and cloud.example.
func (a *authority) issue(t testing.TB, serial string) *tls.Certificate {
	t.Helper()
	key := newKey(t)
	cert := a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{SerialNumber: serial, Organization: []string{"tenant-1"}},
		NotBefore:    validFrom, NotAfter: validFrom.AddDate(50, 0, 0),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"cloud.example"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, a.cert, &key.PublicKey)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// cloud starts a server that asks for certificates of the authority. change may bend
// its TLS.
func (a *authority) cloud(t testing.TB, handler http.HandlerFunc, change ...func(*tls.Config)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{*a.issue(t, "cloud")},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool(),
		MinVersion: tls.VersionTLS12,
	}
	for _, c := range change {
		c(s.TLS)
	}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// client makes a client for a URL, with a certificate of the authority.
func (a *authority) client(t testing.TB, url string, change ...func(*Config)) *Client {
	t.Helper()
	target, err := ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	cert := a.issue(t, "SKT-0001")
	cfg := Config{
		Target: target, Roots: a.pool(),
		Certificate: func() (*tls.Certificate, error) { return cert, nil },
	}
	for _, c := range change {
		c(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// raw starts a server that speaks TLS and then does as it likes with each connection.
func (a *authority) raw(t testing.TB, talk func(net.Conn)) (url string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{*a.issue(t, "cloud")},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: a.pool(), MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, talk)
	return "https://" + l.Addr().String() + "/v1/reports"
}

// serve accepts until the test ends, and waits for its connections.
func serve(t testing.TB, l net.Listener, talk func(net.Conn)) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			talk(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
}

// readRequest reads one request whole.
func readRequest(c net.Conn) {
	var b []byte
	buf := make([]byte, 4096)
	for !strings.HasSuffix(string(b), "{}") {
		n, err := c.Read(buf)
		if b = append(b, buf[:n]...); err != nil {
			return
		}
	}
}

// send posts a small body.
func send(t testing.TB, c *Client) (*Answer, error) {
	t.Helper()
	return c.Post(t.Context(), "application/cloudevents+json", []byte("{}"))
}

// refusal sends, and expects an error that says all of words.
func refusal(t *testing.T, c *Client, words ...string) error {
	t.Helper()
	a, err := send(t, c)
	if err == nil {
		t.Fatalf("answer %+v", a)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	return err
}

var errTest = errors.New("the test's own error")

func failDial(context.Context, string, string) (net.Conn, error) { return nil, errTest }
