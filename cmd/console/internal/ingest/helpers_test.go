package ingest_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/ingest"
	"socketha/cmd/console/internal/pgtest"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

// certNow is when the test's certificates are made: their validity is judged by the
// real clock, and by nothing else here.
var certNow = time.Now()

// clock is the console's, turned by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// rig is a console's front door with everything behind it.
type rig struct {
	*clock
	t       testing.TB
	store   *store.Store
	stories *story.Service
	ca      *fleet.CA
	url     string
	server  *httptest.Server
}

func onBoth(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "c.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.Start(t).Database(t)) })
}

func newRig(t testing.TB, dsn string, tweak func(*ingest.Config)) *rig {
	t.Helper()
	return newRigAt(t, dsn, &clock{at: time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)}, tweak)
}

// newRigAt returns one of several consoles with the same clock.
func newRigAt(t testing.TB, dsn string, at *clock, tweak func(*ingest.Config)) *rig {
	t.Helper()
	r := &rig{clock: at, t: t}
	var err error
	if r.store, err = store.Open(context.Background(), store.Config{DSN: dsn}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.store.Close() })
	r.stories, err = story.New(context.Background(), story.Config{Store: r.store, Now: r.now, Sinks: []string{"hook"}, Retention: store.DefaultRetention()})
	if err != nil {
		t.Fatal(err)
	}
	if r.ca, err = fleet.NewCA(certNow); err != nil {
		t.Fatal(err)
	}
	cfg := ingest.Config{Store: r.store, Stories: r.stories, Now: r.now}
	if tweak != nil {
		tweak(&cfg)
	}
	server, err := r.ca.Server(certNow, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	r.server = httptest.NewUnstartedServer(ingest.New(cfg))
	r.server.TLS = ingest.TLS(server, r.ca.Pool())
	r.server.StartTLS()
	t.Cleanup(r.server.Close)
	r.url = r.server.URL
	return r
}

// client speaks for a Socket.
func (r *rig) client(tenant, serial string) *http.Client {
	r.t.Helper()
	cert, err := r.ca.Client(tenant, serial, certNow)
	if err != nil {
		r.t.Fatal(err)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: r.ca.Pool(), Certificates: []tls.Certificate{cert}}}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

// post posts a body and returns what came back.
func (r *rig) post(c *http.Client, body []byte) (int, schema.Answer, http.Header) {
	r.t.Helper()
	resp, err := c.Post(r.url+ingest.Path, schema.ContentType, bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, _ := io.ReadAll(resp.Body)
	var a schema.Answer
	if err := json.Unmarshal(raw, &a); err != nil {
		r.t.Fatalf("answer %q: %v", raw, err)
	}
	return resp.StatusCode, a, resp.Header
}

const cadence = 5 * time.Minute

// report returns what the Socket i of a pair sends now.
func (r *rig) report(p *fleet.Pair, i int, epoch, seq uint64) []byte {
	r.t.Helper()
	b, err := p.Encode(i, r.now(), schema.Position{Epoch: epoch, Seq: seq}, schema.CauseChange, cadence)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) site(tenant, id string) *store.Site {
	r.t.Helper()
	one, err := r.store.Site(context.Background(), tenant, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return one
}

// minutes lets time pass while the console runs.
func (r *rig) minutes(n int) {
	r.t.Helper()
	for range n {
		r.advance(time.Minute)
		must(r.t, r.stories.Listen(context.Background()))
		_, err := r.stories.Tick(context.Background())
		must(r.t, err)
	}
}
