package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/ingest"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

func pair(trouble fleet.Trouble) fleet.Pair {
	p := fleet.NewPair("acme", 1)
	p.Trouble, p.Versions = trouble, [2]string{"18.3.3", "18.3.3"}
	return p
}

// TestPositions: duplicates, late ones, old epochs, a restart.
func TestPositions(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		r := newRig(t, dsn, nil)
		p := pair(fleet.None)
		c := r.client("acme", p.Serials[0])
		for _, one := range []struct {
			name       string
			epoch, seq uint64
			code       int
			last       schema.Position
			taken      bool
		}{
			{"first", 3, 1, 200, schema.Position{Epoch: 3, Seq: 1}, true},
			{"gap", 3, 5, 200, schema.Position{Epoch: 3, Seq: 5}, true},
			{"twice", 3, 5, 200, schema.Position{Epoch: 3, Seq: 5}, false},
			{"late", 3, 2, 200, schema.Position{Epoch: 3, Seq: 5}, false},
			{"old epoch", 2, 99, 409, schema.Position{Epoch: 3, Seq: 5}, false},
			{"restart", 4, 1, 200, schema.Position{Epoch: 4, Seq: 1}, true},
			{"from before the restart", 3, 6, 409, schema.Position{Epoch: 4, Seq: 1}, false},
		} {
			r.advance(time.Minute)
			code, answer, _ := r.post(c, r.report(&p, 0, one.epoch, one.seq))
			if code != one.code || answer.Position != one.last {
				t.Errorf("%s: %d with %+v, want %d with %+v", one.name, code, answer.Position, one.code, one.last)
			}
			if code == 200 && answer.Cadence() != cadence {
				t.Errorf("%s: cadence %v", one.name, answer.Cadence())
			}
			got := r.site("acme", p.Site).Sockets[0]
			if taken := got.ReceivedAt.Equal(r.now()); taken != one.taken {
				t.Errorf("%s: written %t, want %t", one.name, taken, one.taken)
			}
		}
		elsewhere := p
		elsewhere.Site = "another"
		r.post(c, r.report(&elsewhere, 0, 1, 1))
		n, err := r.store.StepDue(t.Context(), r.now().Add(1000*time.Hour), 10, func(tx *store.SiteTx) error {
			if tx.ID != p.Site {
				t.Errorf("an old report made the site %s", tx.ID)
			}
			return nil
		})
		if n != 1 || err != nil {
			t.Errorf("%d sites, %v", n, err)
		}
	})
}

// TestRefused: what is refused stores nothing, and says why.
func TestRefused(t *testing.T) {
	r := newRig(t, "sqlite:"+t.TempDir()+"/c.db", func(c *ingest.Config) { c.Burst = 1000 })
	p := pair(fleet.None)
	good := r.report(&p, 0, 1, 1)
	own, foreign := r.client("acme", p.Serials[0]), r.client("acme", p.Serials[1])
	noSerial := r.client("acme", "")
	for _, one := range []struct {
		name   string
		client *http.Client
		body   []byte
		code   int
	}{
		{"foreign serial", foreign, good, 403},
		{"no serial in the certificate", noSerial, good, 401},
		{"huge", own, append(bytes.Repeat([]byte(" "), ingest.DefaultMaxBody), good...), 413},
		{"empty", own, nil, 400},
		{"cut off", own, good[:len(good)/2], 400},
		{"twice in one body", own, append(bytes.Clone(good), good...), 400},
		{"not UTF-8", own, bytes.Replace(good, []byte("ready"), []byte("re\xffdy"), 1), 400},
		{"deep", own, []byte(strings.Repeat("[", 100_000)), 400},
		{"control character", own, bytes.Replace(good, []byte(p.Name), []byte(`a\u0000b`), 1), 400},
		{"long site", own, bytes.ReplaceAll(good, []byte(p.Site), bytes.Repeat([]byte("s"), 300)), 400},
		{"another word", own, bytes.Replace(good, []byte(`"readiness":"ready"`), []byte(`"readiness":"fine"`), 1), 400},
	} {
		code, answer, _ := r.post(one.client, one.body)
		if code != one.code || answer.Error == "" {
			t.Errorf("%s: %d %+v, want %d", one.name, code, answer, one.code)
		}
	}
	for name, change := range map[string]func(*http.Request){
		"get":    func(q *http.Request) { q.Method = http.MethodGet },
		"path":   func(q *http.Request) { q.URL.Path = "/" },
		"type":   func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") },
		"packed": func(q *http.Request) { q.Header.Set("Content-Encoding", "gzip") },
	} {
		q, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+ingest.Path, bytes.NewReader(good))
		q.Header.Set("Content-Type", schema.ContentType)
		change(q)
		resp, err := own.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	for _, serial := range p.Serials {
		if _, err := r.store.FindSocket(t.Context(), "acme", serial); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("something was stored of %s: %v", serial, err)
		}
	}
	if code, _, _ := r.post(own, good); code != 200 {
		t.Errorf("the report itself: %d", code)
	}
}

// TestStrangers: without a certificate of the clients' CA there is no connection.
func TestStrangers(t *testing.T) {
	r := newRig(t, "sqlite:"+t.TempDir()+"/c.db", nil)
	other, err := fleet.NewCA(certNow)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := other.Client("acme", "A1", certNow)
	if err != nil {
		t.Fatal(err)
	}
	stranger := r.client("acme", "A1")
	stranger.Transport.(*http.Transport).TLSClientConfig.Certificates[0] = cert
	nobody := r.client("acme", "A1")
	nobody.Transport.(*http.Transport).TLSClientConfig.Certificates = nil
	old := r.client("acme", "A1")
	old.Transport.(*http.Transport).TLSClientConfig.MaxVersion = 0x0303
	for name, c := range map[string]*http.Client{"another CA": stranger, "no certificate": nobody, "TLS 1.2": old} {
		resp, err := c.Post(r.url+ingest.Path, schema.ContentType, nil)
		if err == nil {
			_ = resp.Body.Close()
			t.Errorf("%s: answered %d", name, resp.StatusCode)
		}
	}
}

// TestHostileText: markup is data. It comes back as it went in.
func TestHostileText(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		r := newRig(t, dsn, nil)
		evil := `<script>alert("1")</script>'; DROP TABLE sites; --{{.}}%00\u003c`
		p := pair(fleet.None)
		p.Name, p.Site, p.Versions = evil, evil, [2]string{evil[:64], evil[:64]}
		code, answer, _ := r.post(r.client(evil[:64], p.Serials[0]), r.report(&p, 0, 1, 1))
		if code != 200 {
			t.Fatalf("%d %+v", code, answer)
		}
		got := r.site(evil[:64], evil)
		if got.Name != evil || got.Sockets[0].Version != evil[:64] || !json.Valid(got.Sockets[0].Body) {
			t.Errorf("came back as %+v", got)
		}
	})
}

func TestRate(t *testing.T) {
	r := newRig(t, "sqlite:"+t.TempDir()+"/c.db", func(c *ingest.Config) { c.Burst, c.Every = 3, 10*time.Second })
	p := pair(fleet.None)
	c, peer := r.client("acme", p.Serials[0]), r.client("acme", p.Serials[1])
	for seq := range uint64(3) {
		if code, _, _ := r.post(c, r.report(&p, 0, 1, seq+1)); code != 200 {
			t.Fatalf("report %d: %d", seq+1, code)
		}
	}
	code, _, header := r.post(c, r.report(&p, 0, 1, 4))
	if code != 429 || header.Get("Retry-After") != "10" {
		t.Errorf("one too many: %d, Retry-After %q", code, header.Get("Retry-After"))
	}
	if code, _, _ := r.post(peer, r.report(&p, 1, 1, 1)); code != 200 {
		t.Errorf("the peer pays for it: %d", code)
	}
	r.advance(10 * time.Second)
	if code, _, _ := r.post(c, r.report(&p, 0, 1, 4)); code != 200 {
		t.Errorf("after Retry-After: %d", code)
	}
}

// TestStory: an incompatible pair, its upgrade, and the story from first to last.
func TestStory(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		r := newRig(t, dsn, nil)
		p := pair(fleet.Incompatible)
		p.Versions[1] = "15.0.2"
		clients := [2]*http.Client{r.client("acme", p.Serials[0]), r.client("acme", p.Serials[1])}
		seq := uint64(0)
		both := func() {
			seq++
			for i, c := range clients {
				if code, a, _ := r.post(c, r.report(&p, i, 1, seq)); code != 200 {
					t.Fatalf("%d %+v", code, a)
				}
			}
		}
		pass := func(d time.Duration) {
			for end := r.now().Add(d); r.now().Before(end); both() {
				r.minutes(int(cadence / time.Minute))
			}
		}
		stories := func() []store.Story {
			page, err := r.store.Stories(t.Context(), "acme", store.StoryQuery{ByAge: true})
			must(t, err)
			return page.Stories
		}
		both()
		if s := r.site("acme", p.Site); s.State != site.NotReady || s.Story != "" || len(s.Sockets) != 2 {
			t.Fatalf("at first: %+v", s)
		}
		out, err := r.stories.Outlook(t.Context(), r.site("acme", p.Site))
		must(t, err)
		if at := site.Time(out.RaiseAt); out.State != alarm.Pending || !at.Equal(r.now().Add(40*time.Minute)) {
			t.Errorf("outlook: %v, raised at %v", out.State, at)
		}
		pass(35 * time.Minute)
		if n := len(stories()); n != 0 {
			t.Fatalf("%d stories before the hour is over (20 minutes stood when it was first reported)", n)
		}
		pass(10 * time.Minute)
		list := stories()
		if len(list) != 1 || list[0].Status != store.StoryOpen || list[0].Criticality != 6 || list[0].Reasons[0].Code != string("HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS") {
			t.Fatalf("after the hour: %+v", list)
		}
		id := list[0].ID
		must(t, r.stories.Acknowledge(t.Context(), "acme", id, "ann", true))
		must(t, r.stories.Note(t.Context(), "acme", id, "ann", "ticket 7 <b>"))
		p.Trouble, p.Versions[1] = fleet.None, "18.3.3"
		pass(cadence)
		if one := stories()[0]; one.Status != store.StoryMonitoring || one.AckBy != "ann" {
			t.Fatalf("after the upgrade: %+v", one)
		}
		pass(15 * time.Minute)
		if one := stories()[0]; one.Status != store.StoryClosed || one.ClosedAt.IsZero() {
			t.Fatalf("at the end: %+v", one)
		}
		p.Trouble, p.Versions[1] = fleet.Incompatible, "15.0.2"
		pass(cadence)
		list = stories()
		if len(list) != 1 || list[0].Status != store.StoryOpen || list[0].Occurrences != 2 || list[0].AckBy != "" {
			t.Fatalf("back within two hours: %+v", list)
		}
		entries, err := r.store.Timeline(t.Context(), "acme", id, "", 0)
		must(t, err)
		var kinds []string
		for _, e := range entries {
			kinds = append(kinds, e.Kind)
		}
		if got := strings.Join(kinds, " "); got != "opened acknowledged note monitoring closed reopened" {
			t.Errorf("timeline: %s", got)
		}
		waiting, err := r.store.Outbox(t.Context())
		must(t, err)
		if waiting["hook"] != 4 {
			t.Errorf("outbox: %v", waiting)
		}
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
