package web_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"socketha/agent/report/schema"
	"socketha/agent/status"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
	"socketha/cmd/console/internal/web"
)

const (
	tenant   = "acme"
	password = "correct horse battery"
	cadence  = 5 * time.Minute
)

// rig is the pages over a real store, with a clock turned by hand.
type rig struct {
	t       testing.TB
	mu      sync.Mutex
	at      time.Time
	seq     uint64
	store   *store.Store
	stories *story.Service
	web     *web.Server
	server  *httptest.Server
}

func (r *rig) now() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = r.at.Add(d)
}

func newRig(t testing.TB, tweak func(*web.Config)) *rig {
	t.Helper()
	r := &rig{t: t, at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	var err error
	r.store, err = store.Open(t.Context(), store.Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "c.db")})
	must(t, err)
	t.Cleanup(func() { _ = r.store.Close() })
	r.stories, err = story.New(t.Context(), story.Config{Store: r.store, Now: r.now, Retention: store.DefaultRetention()})
	must(t, err)
	cfg := web.Config{Store: r.store, Stories: r.stories, Now: r.now, Local: web.Local{Password: password}}
	if tweak != nil {
		tweak(&cfg)
	}
	r.web, err = web.New(t.Context(), cfg)
	must(t, err)
	r.server = httptest.NewTLSServer(r.web)
	t.Cleanup(func() { r.web.Close(); r.server.Close() })
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// report takes in what the Socket i of a pair reports now, as the front door does.
func (r *rig) report(p fleet.Pair, i int, tweak func(*schema.Report)) {
	r.t.Helper()
	r.seq++
	one := p.Report(i, r.now(), schema.Position{Epoch: 1, Seq: r.seq}, schema.CauseChange, cadence)
	if tweak != nil {
		tweak(one)
	}
	body, err := schema.Encode(*one.Self.Serial, one)
	must(r.t, err)
	event, err := schema.Parse(body)
	must(r.t, err)
	view := site.Read(&event.Report.Document, r.now(), cadence)
	view.Serial = event.Serial
	raw, err := json.Marshal(event.Report.Transitions[0])
	must(r.t, err)
	err = r.store.Update(context.Background(), p.Tenant, *event.Report.Site.ID, event.Serial, func(tx *store.SiteTx) error {
		if err := tx.PutSocket(&store.Socket{Report: view, Epoch: 1, Seq: r.seq, Body: body}); err != nil {
			return err
		}
		list := []store.Transition{{Serial: event.Serial, Stated: event.Report.Transitions[0].Time.Time, At: r.now(), Body: raw}}
		if err := tx.AddTransitions(list); err != nil {
			return err
		}
		return r.stories.Apply(context.Background(), tx, r.now())
	})
	must(r.t, err)
}

// pair returns the n-th site with a trouble.
func pair(n int, trouble fleet.Trouble) fleet.Pair {
	p := fleet.NewPair(tenant, n)
	p.Trouble, p.Versions = trouble, [2]string{"18.3.3", "18.3.3"}
	switch trouble {
	case fleet.Incompatible:
		p.Versions[1] = "15.0.2"
	case fleet.Unreadable:
		p.Versions[1] = "18..1"
	default:
	}
	return p
}

// impact is what a failover of an incompatible pair would cost.
func impact(one *schema.Report) {
	name, since := "Application-aware routing", "16.0"
	one.Impact = &status.Impact{
		Now: []status.ImpactEntry{}, RestoredOnFailover: []status.ImpactEntry{}, Basis: "ha_state",
		OnFailover: []status.ImpactEntry{
			{ID: "app-routing", Name: &name, Since: &since, Source: "catalog"}, {ID: "ipv6-lan", Since: &since, Source: "catalog"},
		},
	}
}

// both lets both Sockets report that do.
func (r *rig) both(p fleet.Pair, tweak func(*schema.Report)) {
	r.t.Helper()
	for i := range 2 {
		if p.Reports(i) {
			r.report(p, i, tweak)
		}
	}
}

// until lets minutes pass in which a pair goes on reporting.
func (r *rig) until(minutes int, pairs ...fleet.Pair) {
	r.t.Helper()
	for m := range minutes {
		r.advance(time.Minute)
		must(r.t, r.stories.Listen(context.Background()))
		if m%4 == 0 {
			for _, p := range pairs {
				r.both(p, nil)
			}
		}
		_, err := r.stories.Tick(context.Background())
		must(r.t, err)
	}
}

// openStory makes a site with an open story and returns it.
func (r *rig) openStory(p fleet.Pair) store.Story {
	r.t.Helper()
	r.both(p, nil)
	r.until(65, p)
	list, err := r.store.Stories(context.Background(), p.Tenant, store.StoryQuery{Site: p.Site})
	must(r.t, err)
	if len(list.Stories) != 1 {
		r.t.Fatalf("%d stories", len(list.Stories))
	}
	return list.Stories[0]
}

// person is a browser without scripts.
type person struct {
	r      *rig
	client *http.Client
	header http.Header
}

func (r *rig) person() *person {
	jar, err := cookiejar.New(nil)
	must(r.t, err)
	client := *r.server.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &person{r: r, client: &client, header: http.Header{}}
}

func (r *rig) admin() *person { return r.as("admin", password) }

func (r *rig) as(name, pass string) *person {
	r.t.Helper()
	p := r.person()
	got := p.post("/login", "name", name, "password", pass)
	if got.status != http.StatusSeeOther {
		r.t.Fatalf("login: %d %s", got.status, got.text())
	}
	return p
}

type answer struct {
	status int
	header http.Header
	body   string
}

var (
	tags  = regexp.MustCompile(`<[^>]*>`)
	space = regexp.MustCompile(`\s+`)
)

// text is what a person reads.
func (a *answer) text() string {
	return space.ReplaceAllString(tags.ReplaceAllString(a.body, " "), " ")
}

func (p *person) do(method, path, kind string, body string) *answer {
	p.r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, p.r.server.URL+path, strings.NewReader(body))
	must(p.r.t, err)
	maps.Copy(req.Header, p.header)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := p.client.Do(req)
	must(p.r.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	must(p.r.t, err)
	return &answer{resp.StatusCode, resp.Header, string(raw)}
}

func (p *person) get(path string) *answer {
	p.r.t.Helper()
	return p.do(http.MethodGet, path, "", "")
}

// page gets a page that must be there.
func (p *person) page(path string) *answer {
	p.r.t.Helper()
	a := p.get(path)
	if a.status != http.StatusOK {
		p.r.t.Fatalf("%s: %d %s", path, a.status, a.text())
	}
	return a
}

func (p *person) post(path string, pairs ...string) *answer {
	p.r.t.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return p.do(http.MethodPost, path, "application/x-www-form-urlencoded", q.Encode())
}

var csrf = regexp.MustCompile(`name="csrf" value="([^"]+)"`)

// token is what forms of a page bring.
func (p *person) token(path string) string {
	p.r.t.Helper()
	found := csrf.FindStringSubmatch(p.page(path).body)
	if found == nil {
		p.r.t.Fatalf("%s has no token", path)
	}
	return found[1]
}
