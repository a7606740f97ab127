package web_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"socketha/agent/report/schema"
	"socketha/agent/status"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// evils are what a hostile Socket, tenant or person may call itself. Each holds the mark.
var evils = []string{
	`<script>alert('mark')</script>`, `"><img src=x onerror=alert('mark')>`, `'-alert("mark")-'`, `{{.Who}}mark`, `javascript:alert('mark')`,
	`</textarea></title></style><svg onload=mark>`, "=cmd|' /C mark'!A0", "@mark", `" hx-get="/logout" mark="`, "mark\u202egnp.exe", "../../mark/%2e%2e/..",
	`"><a hx-on:click=mark href=//evil.example>`, `--><!-- mark`, "+mark\r\nSet-Cookie: mark=1",
}

// hostileSite puts a site into the store of which every string is hostile: whatever
// the ingest refuses, the pages must bear.
func hostileSite(r *rig, n int, evil string) (tenant, id string) {
	t := r.t
	tenant, id = fmt.Sprintf("t%d %s", n, evil), fmt.Sprintf("s%d %s", n, evil)
	p := fleet.NewPair(tenant, n)
	p.Trouble = fleet.Incompatible
	reason := site.Reason{Code: "HA_NOT_READY_" + evil, Since: r.now(), Summary: evil, Action: evil}
	for i := range 2 {
		doc := p.Report(i, r.now(), schema.Position{Epoch: 1, Seq: 1}, schema.CauseChange, cadence)
		e := evil
		entry := []status.ImpactEntry{{ID: e, Name: &e, Since: &e, Source: e}}
		doc.Self.Version, doc.Self.Model, doc.Site.Name, doc.Peer.Serial, doc.Peer.Version = &e, &e, &e, &e, &e
		doc.Conditions.Keepalive.Detail, doc.Conditions.Connected.Detail = e, e
		doc.Impact = &status.Impact{Now: entry, OnFailover: entry, RestoredOnFailover: entry, Basis: e}
		doc.Remedy.Text, doc.Remedy.Where, doc.Remedy.UpgradeSerial = e, e, &e
		doc.Link.Interface = e
		body, err := schema.Encode(*doc.Self.Serial, doc)
		if err != nil {
			body = []byte(evil) // one that cannot be read must do no harm either
		}
		transition := status.Transition{Time: status.NewTime(r.now()), To: status.View{Readiness: &e}, SelfVersion: &e, PeerVersion: &e, Reasons: []string{e}}
		raw, err := json.Marshal(transition)
		must(t, err)
		view := site.Report{
			Serial: fmt.Sprintf("%d%s", i, evil), ReceivedAt: r.now(), Next: cadence, SiteName: evil, Model: evil, Version: evil, Role: evil,
			HAState: evil, AgentVersion: evil, Readiness: evil, Compatibility: evil, Connected: evil, Keepalive: evil, CompatibleVersion: evil,
			Reasons: []site.Reason{reason}, PeerSerial: evil, PeerVersion: evil, PeerFresh: true, Upgrade: site.Upgrade{State: evil, Target: evil},
		}
		err = r.store.Update(context.Background(), tenant, id, view.Serial, func(tx *store.SiteTx) error {
			if err := tx.PutSocket(&store.Socket{Report: view, Epoch: 1, Seq: 1, Body: body}); err != nil {
				return err
			}
			if err := tx.AddTransitions([]store.Transition{{Serial: view.Serial, Stated: r.now(), At: r.now(), Body: raw}}); err != nil {
				return err
			}
			if err := r.stories.Apply(context.Background(), tx, r.now()); err != nil {
				return err
			}
			one := &store.Story{
				ID: fmt.Sprintf("y%d%s", n, evil), SiteName: evil, Number: 99, Status: store.StoryOpen, Criticality: 6, Indication: evil,
				FirstSignal: r.now(), LastSignal: r.now(), OpenedAt: r.now(), Occurrences: 1, Reasons: []site.Reason{reason},
				AckBy: evil, AckAt: r.now(), MuteUntil: r.now().Add(time.Hour), MutedBy: evil,
			}
			if err := tx.PutStory(one); err != nil {
				return err
			}
			return tx.AddEntry(one.ID, store.Entry{At: r.now(), Kind: evil, Actor: evil, Text: evil})
		})
		must(t, err)
	}
	return tenant, id
}

// inspect fails the test for any element, attribute or address that is not ours.
func inspect(t *testing.T, what, body string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(body))
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return
		}
		if kind == html.CommentToken {
			t.Errorf("%s: a comment: %s", what, z.Raw())
		}
		if kind == html.StartTagToken || kind == html.SelfClosingTagToken {
			raw := string(z.Raw())
			tag := z.Token()
			switch tag.Data {
			case "img", "iframe", "object", "embed", "style", "base":
				t.Errorf("%s: an element of a stranger: %s", what, raw)
			}
			for _, a := range tag.Attr {
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "style", strings.Contains(a.Key, "mark"), strings.HasPrefix(a.Key, "hx-on"):
					t.Errorf("%s: an attribute of a stranger: %s", what, raw)
				case a.Key == "href" || a.Key == "src" || a.Key == "action" || a.Key == "hx-get" || a.Key == "data-events":
					if !strings.HasPrefix(a.Val, "/") && a.Val != "#main" || strings.HasPrefix(a.Val, "//") || a.Val == "/logout" && a.Key == "hx-get" {
						t.Errorf("%s: an address of a stranger: %s", what, raw)
					}
				}
			}
		}
	}
}

func TestHostileStringsInEveryField(t *testing.T) {
	r := newRig(t, nil)
	p := r.admin()
	read := 0
	for n, evil := range evils {
		tenant, id := hostileSite(r, n, evil)
		in := func(path string, pairs ...string) string {
			q := url.Values{"tenant": {tenant}}
			for i := 0; i < len(pairs); i += 2 {
				q.Set(pairs[i], pairs[i+1])
			}
			return path + "?" + q.Encode()
		}
		storyID := fmt.Sprintf("y%d%s", n, evil)
		for _, path := range []string{
			in("/sites"), in("/sites", "q", evil), in("/sites", "reason", evil), in("/site", "id", id), in("/stories"), in("/stories", "q", evil, "site", id),
			in("/story", "id", storyID), in("/account"),
		} {
			a := p.page(path)
			inspect(t, path, a.body)
			if strings.Contains(a.body, "What to do") {
				read++
			}
			if strings.HasPrefix(path, "/site?") && !strings.Contains(html.UnescapeString(a.body), strings.ReplaceAll(evil, "\r", "")) && !strings.Contains(evil, "\r") {
				t.Errorf("%s: the words themselves are not shown", path)
			}
		}
		for _, path := range []string{in("/nowhere", "x", evil), in("/sites", "sort", evil), in("/site", "id", evil), "/login?next=" + url.QueryEscape(evil)} {
			inspect(t, path, p.get(path).body)
		}
		for _, path := range []string{in("/api/v1/sites"), in("/api/v1/site", "id", id), in("/api/v1/stories"), in("/api/v1/story", "id", storyID)} {
			a := p.page(path)
			if !json.Valid([]byte(a.body)) || strings.ContainsAny(a.body, "<>") || a.header.Get("Content-Type") != "application/json; charset=utf-8" {
				t.Errorf("%s: %s", path, a.body)
			}
		}
		rows, err := csv.NewReader(strings.NewReader(p.page(in("/sites.csv")).body)).ReadAll()
		must(t, err)
		for _, cell := range rows[1] {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("a cell starts a formula: %q", cell)
			}
		}
	}
	if read < len(evils)/2 {
		t.Errorf("only %d of the hostile documents could be read at all", read)
	}
}

// A stream tells which site has changed, to who may see it and nobody else, and ends with
// the login.
func TestEvents(t *testing.T) {
	r := newRig(t, nil)
	mine, other := pair(1, fleet.None), pair(2, fleet.None)
	other.Tenant = "globex"
	r.both(mine, nil)
	r.both(other, nil)
	p := r.admin()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.URL+"/events?tenant=acme", nil)
	must(t, err)
	resp, err := p.client.Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	if kind := resp.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("%d %s", resp.StatusCode, kind)
	}
	lines := bufio.NewScanner(resp.Body)
	next := func(prefix string) string {
		t.Helper()
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), prefix); ok {
				return rest
			}
		}
		t.Fatal("the stream ended")
		return ""
	}
	if got := next("event: "); got != "open" {
		t.Fatal(got)
	}
	next("data: ")
	other.Trouble, mine.Trouble = fleet.SplitBrain, fleet.SplitBrain
	r.both(other, nil)
	r.both(mine, nil)
	if kind, data := next("event: "), next("data: "); kind != "change" || data != `{"sites":["`+mine.Site+`"]}` {
		t.Errorf("%s %s", kind, data)
	}
	r.web.Close()
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event: ") {
			t.Errorf("after the end: %s", lines.Text())
		}
	}
	if got := p.get("/events"); got.status != http.StatusServiceUnavailable {
		t.Errorf("a closed console streams: %d", got.status)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	r := newRig(t, nil)
	r.both(pair(1, fleet.None), nil)
	p := r.admin()
	for range 16 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.server.URL+"/events", nil)
		must(t, err)
		resp, err := p.client.Do(req)
		must(t, err)
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.StatusCode)
		}
	}
	if got := p.get("/events"); got.status != http.StatusTooManyRequests {
		t.Errorf("one more: %d", got.status)
	}
}

func TestTooLargeABody(t *testing.T) {
	r := newRig(t, nil)
	one := r.openStory(pair(1, fleet.Incompatible))
	p := r.admin()
	if got := p.post("/story/note?id="+one.ID, "csrf", p.token("/account"), "text", strings.Repeat("x", 20_000)); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", got.status, got.text())
	}
	if got := p.do(http.MethodPost, "/api/v1/story/note?id="+one.ID, "application/json", `{"text":"`+strings.Repeat("x", 20_000)+`"}`); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", got.status, got.body)
	}
}
