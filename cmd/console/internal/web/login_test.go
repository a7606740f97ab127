package web_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
	"socketha/cmd/console/internal/web"
)

func TestNobodySeesAnythingWithoutLogin(t *testing.T) {
	r := newRig(t, nil)
	p := r.person()
	for _, path := range []string{"/", "/sites", "/sites.csv", "/site?id=x", "/stories", "/story?id=x", "/account"} {
		got := p.get(path)
		if got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/login") {
			t.Errorf("%s: %d %s", path, got.status, got.header.Get("Location"))
		}
	}
	for _, path := range []string{"/story/ack?id=x", "/story/mute?id=x", "/story/note?id=x", "/account/password", "/logout"} {
		if got := p.post(path); got.status != http.StatusUnauthorized {
			t.Errorf("POST %s: %d", path, got.status)
		}
	}
	if got := p.get("/events"); got.status != http.StatusUnauthorized {
		t.Errorf("events: %d", got.status)
	}
}

func TestLoginGoesBackToWhereOneWas(t *testing.T) {
	r := newRig(t, nil)
	for next, want := range map[string]string{
		"/site?id=a%2Fb": "/site?id=a%2Fb", "//evil.example": "/sites", "https://evil.example": "/sites", `/\evil.example`: "/sites",
		"": "/sites", "javascript:alert(1)": "/sites", "/\t/evil.example": "/sites",
	} {
		got := r.person().post("/login", "name", "admin", "password", password, "next", next)
		if got.header.Get("Location") != want {
			t.Errorf("%q leads to %q", next, got.header.Get("Location"))
		}
		cookie := got.header.Get("Set-Cookie")
		for _, mark := range []string{"__Host-console=", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
			if !strings.Contains(cookie, mark) {
				t.Errorf("the cookie %q lacks %s", cookie, mark)
			}
		}
	}
}

func TestLoginsAreLimited(t *testing.T) {
	r := newRig(t, nil)
	p := r.person()
	for i := range 5 {
		if got := p.post("/login", "name", "admin", "password", "wrong"); got.status != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", i, got.status)
		}
	}
	got := p.post("/login", "name", "admin", "password", password)
	if got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "15" {
		t.Fatalf("%d, Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	for i := range 15 { // names that are not there count for the address
		p.post("/login", "name", "x"+string(rune('a'+i)), "password", "wrong")
	}
	if got := p.post("/login", "name", "other", "password", "wrong"); got.status != http.StatusTooManyRequests {
		t.Errorf("many names from one address: %d", got.status)
	}
	r.advance(time.Minute)
	r.admin()
}

func TestFirstStart(t *testing.T) {
	db, err := store.Open(t.Context(), store.Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "c.db")})
	must(t, err)
	defer func() { _ = db.Close() }()
	stories, err := story.New(t.Context(), story.Config{Store: db})
	must(t, err)
	var log bytes.Buffer
	cfg := web.Config{Store: db, Stories: stories, Log: slog.New(slog.NewTextHandler(&log, nil))}
	for range 2 {
		_, err := web.New(t.Context(), cfg)
		must(t, err)
	}
	found := regexp.MustCompile(`password=(\S+)`).FindAllStringSubmatch(log.String(), -1)
	if len(found) != 1 || len(found[0][1]) != 24 {
		t.Fatalf("the password is not in the log once: %s", log.String())
	}
	user, err := db.User(t.Context(), "", "admin")
	must(t, err)
	if !strings.HasPrefix(user.Hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(user.Hash, found[0][1]) {
		t.Errorf("kept: %s", user.Hash)
	}
}

func TestPasswordAndSessions(t *testing.T) {
	r := newRig(t, nil)
	one, other := r.admin(), r.admin()
	token := one.token("/account")
	const next = "a new and longer one"
	for _, pairs := range [][]string{
		{"old", "wrong", "new", next, "again", next}, {"old", password, "new", next, "again", "else"}, {"old", password, "new", "short", "again", "short"},
	} {
		if got := one.post("/account/password", append(pairs, "csrf", token)...); got.status == http.StatusSeeOther {
			t.Errorf("taken: %v", pairs)
		}
	}
	if got := one.post("/account/password", "old", password, "new", next, "again", next, "csrf", token); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.text())
	} else if text := one.page(got.header.Get("Location")).text(); !strings.Contains(text, "The password was changed.") {
		t.Error(text)
	}
	one.page("/sites")
	if got := other.get("/sites"); got.status != http.StatusSeeOther {
		t.Errorf("the other login still stands: %d", got.status)
	}
	r.as("admin", next)
	if got := one.post("/logout", "csrf", one.token("/account")); got.status != http.StatusSeeOther || one.get("/sites").status != http.StatusSeeOther {
		t.Error("still logged in after the logout")
	}
	late := r.as("admin", next)
	for range 3 {
		r.advance(11 * time.Hour)
		late.page("/sites")
	}
	r.advance(13 * time.Hour)
	if got := late.get("/sites"); got.status != http.StatusSeeOther {
		t.Errorf("a session outlives its time: %d", got.status)
	}
	long := r.as("admin", next)
	for range 17 {
		r.advance(10 * time.Hour)
		if long.get("/sites").status != http.StatusOK {
			return
		}
	}
	t.Error("a session lives for ever")
}

func TestForgedRequests(t *testing.T) {
	r := newRig(t, nil)
	one := r.openStory(pair(1, fleet.Incompatible))
	p := r.admin()
	path := "/story/ack?id=" + one.ID
	if got := p.post(path, "on", "1"); got.status != http.StatusForbidden {
		t.Errorf("without token: %d", got.status)
	}
	if got := p.post(path, "on", "1", "csrf", r.admin().token("/account")); got.status != http.StatusForbidden {
		t.Errorf("with another session's token: %d", got.status)
	}
	token := p.token("/account")
	p.header.Set("Sec-Fetch-Site", "cross-site")
	if got := p.post(path, "on", "1", "csrf", token); got.status != http.StatusForbidden {
		t.Errorf("from another site: %d", got.status)
	}
	p.header = http.Header{"Origin": {"https://evil.example"}}
	if got := p.do(http.MethodPost, "/api/v1"+path, "application/json", `{}`); got.status != http.StatusForbidden {
		t.Errorf("API from another origin: %d", got.status)
	}
	p.header = http.Header{}
	if got := p.do(http.MethodPost, "/api/v1"+path, "text/plain", `{}`); got.status != http.StatusUnsupportedMediaType {
		t.Errorf("API with a form's type: %d", got.status)
	}
	kept, err := r.store.Story(t.Context(), tenant, one.ID)
	must(t, err)
	if kept.AckBy != "" {
		t.Error("one of them went through")
	}
}

func TestTenantsAreApart(t *testing.T) {
	r := newRig(t, nil)
	mine, other := pair(1, fleet.None), pair(2, fleet.Incompatible)
	other.Tenant = "globex"
	r.both(mine, nil)
	theirs := r.openStory(other)
	must(t, web.PutAccount(t.Context(), r.store, "vera", password, web.Grants{"acme": web.Viewer}, "test"))
	p := r.as("vera", password)
	if text := p.page("/sites").text(); !strings.Contains(text, mine.Name) || strings.Contains(text, other.Name) || strings.Contains(text, "globex") {
		t.Error(text)
	}
	for _, path := range []string{
		"/sites?tenant=globex", "/sites.csv?tenant=globex", "/stories?tenant=globex", "/site?tenant=globex&id=" + other.Site, "/site?id=" + other.Site,
		"/story?tenant=globex&id=" + theirs.ID, "/story?id=" + theirs.ID, "/events?tenant=globex", "/sites?tenant=*",
		"/api/v1/sites?tenant=globex", "/api/v1/story?tenant=globex&id=" + theirs.ID, "/api/v1/story?tenant=acme&id=" + theirs.ID,
	} {
		if got := p.get(path); got.status != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	own := r.openStory(pair(3, fleet.Incompatible))
	if page := p.page("/story?id=" + own.ID); strings.Contains(page.body, `action="/story/`) {
		t.Error("a viewer is offered what only an operator may do")
	}
	for _, what := range []string{"ack", "mute", "note"} {
		got := p.post("/story/"+what+"?id="+own.ID, "csrf", p.token("/account"), "on", "1", "for", "1h", "text", "x")
		if got.status != http.StatusForbidden {
			t.Errorf("a viewer may %s: %d", what, got.status)
		}
		if got := p.do(http.MethodPost, "/api/v1/story/"+what+"?id="+own.ID, "application/json", `{}`); got.status != http.StatusForbidden {
			t.Errorf("a viewer may %s by the API: %d", what, got.status)
		}
	}
	if all := r.admin().page("/sites").body; !strings.Contains(all, "<option>globex</option>") {
		t.Error("the administrator cannot choose the tenant")
	}
}

func TestProxyHeader(t *testing.T) {
	proxied := func(network string) func(*web.Config) {
		return func(c *web.Config) {
			c.Proxy = &web.Proxy{
				From: []netip.Prefix{netip.MustParsePrefix(network)}, NameHeader: "X-Forwarded-User", GroupsHeader: "X-Forwarded-Groups",
				Grants: map[string]web.Grants{"": {"acme": web.Viewer}, "ops": {"acme": web.Operator}},
			}
		}
	}
	r := newRig(t, proxied("127.0.0.1/32"))
	one := r.openStory(pair(1, fleet.Incompatible))
	p := r.person()
	p.header = http.Header{"X-Forwarded-User": {"bob"}}
	if text := p.page("/sites").text(); !strings.Contains(text, "proxy:bob") {
		t.Error(text)
	}
	if got := p.post("/story/ack?id="+one.ID, "on", "1", "csrf", p.token("/account")); got.status != http.StatusForbidden {
		t.Errorf("a viewer: %d", got.status)
	}
	p.header.Set("X-Forwarded-Groups", "users, ops")
	if got := p.post("/story/ack?id="+one.ID, "on", "1"); got.status != http.StatusForbidden {
		t.Errorf("without token: %d", got.status)
	}
	if got := p.post("/story/ack?id="+one.ID, "on", "1", "csrf", p.token("/story?id="+one.ID)); got.status != http.StatusSeeOther {
		t.Errorf("an operator: %d %s", got.status, got.text())
	}
	p.header["X-Forwarded-User"] = []string{"bob", "eve"}
	if got := p.get("/sites"); got.status != http.StatusSeeOther {
		t.Errorf("two names: %d", got.status)
	}
	elsewhere := newRig(t, proxied("10.0.0.0/8")).person()
	elsewhere.header = http.Header{"X-Forwarded-User": {"bob"}, "X-Forwarded-Groups": {"ops"}}
	if got := elsewhere.get("/sites"); got.status != http.StatusSeeOther {
		t.Errorf("from an address that is not the proxy's: %d", got.status)
	}
}
