package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/web"
)

// described calls the API, and fails the test where request or answer is not what the
// document says.
type described struct {
	*person
	router routers.Router
	seen   map[string]bool // operation and status
}

func newDescribed(t *testing.T, p *person) *described {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData([]byte(p.page("/api/openapi.json").body))
	must(t, err)
	must(t, doc.Validate(context.Background()))
	router, err := legacy.NewRouter(doc)
	must(t, err)
	return &described{p, router, map[string]bool{}}
}

func (d *described) call(method, path, body string, into any) int {
	t := d.r.t
	t.Helper()
	kind := ""
	if method == http.MethodPost {
		kind = "application/json"
	}
	got := d.do(method, "/api/v1"+path, kind, body)
	req, err := http.NewRequestWithContext(context.Background(), method, "/api/v1"+path, strings.NewReader(body))
	must(t, err)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	route, params, err := d.router.FindRoute(req)
	if err != nil {
		t.Fatalf("%s %s is not described: %v", method, path, err)
	}
	d.seen[route.Operation.OperationID] = true
	in := &openapi3filter.RequestValidationInput{
		Request: req, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if err := openapi3filter.ValidateRequest(context.Background(), in); (err == nil) != (got.status != http.StatusBadRequest) {
		t.Errorf("%s %s: answered %d, and the document says of the request: %v", method, path, got.status, err)
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: got.status, Header: got.header, Body: io.NopCloser(strings.NewReader(got.body)), Options: in.Options,
	}
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		t.Errorf("%s %s: %d is not as described: %v\n%s", method, path, got.status, err, got.body)
	}
	if into != nil {
		dec := json.NewDecoder(bytes.NewReader([]byte(got.body)))
		must(t, dec.Decode(into))
	}
	return got.status
}

func TestAPIIsAsDescribed(t *testing.T) {
	r := newRig(t, nil)
	_, storyID := aFleet(r)
	p := r.person()
	d := newDescribed(t, p)
	if got := d.call("GET", "/me", "", nil); got != http.StatusUnauthorized {
		t.Errorf("nobody: %d", got)
	}
	var token struct{ Token string }
	if got := d.call("POST", "/login", `{"name":"admin","password":"wrong password"}`, nil); got != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", got)
	}
	d.call("POST", "/login", `{"name":"admin","password":"`+password+`"}`, &token)
	p.header.Set("Authorization", "Bearer "+token.Token)
	for _, path := range []string{
		"/me", "/sites", "/sites?limit=2&sort=name&dir=desc", "/sites?view=vendor", "/sites?state=not_ready&story=1", "/stories", "/stories?status=all&sort=age",
		"/story?id=" + storyID,
	} {
		if got := d.call("GET", path, "", nil); got != http.StatusOK {
			t.Errorf("%s: %d", path, got)
		}
	}
	for n := range 11 {
		d.call("GET", "/site?id="+pair(n, "").Site, "", nil)
		d.call("GET", "/site?view=vendor&id="+pair(n, "").Site, "", nil)
	}
	d.call("GET", "/site?id="+pair(40, "").Site, "", nil)
	for path, want := range map[string]int{
		"/sites?sort=x": 400, "/sites?limit=0": 400, "/stories?status=x": 400, "/site?id=nowhere": 404, "/story?id=nowhere": 404, "/site?id=x&view=x": 400,
	} {
		if got := d.call("GET", path, "", nil); got != want {
			t.Errorf("%s: %d, not %d", path, got, want)
		}
	}
	var after struct {
		Story struct {
			By    string  `json:"acknowledged_by"`
			Until *string `json:"mute_until"`
		}
		Timeline []struct{ Kind, Text string }
	}
	id := "?id=" + url.QueryEscape(storyID)
	d.call("POST", "/story/ack"+id, `{}`, nil)
	d.call("POST", "/story/mute"+id, `{"until":"2026-03-01T20:00:00Z"}`, nil)
	d.call("POST", "/story/note"+id, `{"text":"hello"}`, &after)
	last := after.Timeline[len(after.Timeline)-1]
	if after.Story.By != "admin" || after.Story.Until == nil || last.Kind != "note" || last.Text != "hello" {
		t.Errorf("%+v", after)
	}
	d.call("POST", "/story/mute"+id, `{"until":null}`, nil)
	d.call("POST", "/story/ack"+id, `{"acknowledged":false}`, nil)
	for _, body := range []string{`{"text":""}`, `{"txt":"x"}`, `[]`, `{"text":"x"} {}`} {
		if got := p.do("POST", "/api/v1/story/note"+id, "application/json", body).status; got != 400 && got != 409 {
			t.Errorf("%s: %d", body, got)
		}
	}
	d.call("POST", "/logout", `{}`, nil)
	if got := d.call("GET", "/me", "", nil); got != http.StatusUnauthorized {
		t.Errorf("after the logout: %d", got)
	}
	for _, operation := range []string{"login", "logout", "me", "sites", "site", "stories", "story", "acknowledge", "mute", "note"} {
		if !d.seen[operation] {
			t.Errorf("%s was not tried", operation)
		}
	}
	if got := p.get("/api/v1/nothing"); got.status != http.StatusNotFound || !strings.HasPrefix(got.body, `{"error":`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if doc := p.page("/api/openapi.json").body; strings.Count(doc, `"operationId"`) != len(d.seen) {
		t.Errorf("the document describes more than was tried")
	}
}

// The vendor's words are two-valued: what is unknown is a failure, and only that or a
// failure is.
func TestVendorWords(t *testing.T) {
	r := newRig(t, nil)
	for i, trouble := range []fleet.Trouble{fleet.None, fleet.Incompatible, fleet.Unreadable, fleet.SplitBrain, fleet.Gap} {
		r.both(pair(i, trouble), nil)
	}
	r.until(5)
	dark := pair(9, fleet.Dark)
	r.report(dark, 0, nil)
	r.until(15) // all are silent now
	for i, trouble := range []fleet.Trouble{fleet.None, fleet.Incompatible, fleet.Unreadable, fleet.SplitBrain, fleet.Gap} {
		r.both(pair(i, trouble), nil)
	}
	var page struct {
		Items []struct {
			ID, Readiness, Connected, Keepalive string
			Version                             string `json:"compatible_version"`
			Reasons                             []string
		}
	}
	must(t, json.Unmarshal([]byte(r.admin().page("/api/v1/sites?view=vendor&sort=name").body), &page))
	want := map[string][]string{
		pair(0, "").Site: {"ready", "ok", "ok", "ok"}, pair(1, "").Site: {"not_ready", "ok", "ok", "fail"},
		pair(2, "").Site: {"not_ready", "ok", "ok", "fail"}, pair(3, "").Site: {"not_ready", "ok", "fail", "ok"},
		pair(4, "").Site: {"ready", "ok", "ok", "ok"}, dark.Site: {"not_ready", "fail", "fail", "fail"},
	}
	if len(page.Items) != len(want) {
		t.Fatalf("%+v", page.Items)
	}
	for _, one := range page.Items {
		if got := []string{one.Readiness, one.Connected, one.Keepalive, one.Version}; !slices.Equal(got, want[one.ID]) {
			t.Errorf("%s: %v, not %v", one.ID, got, want[one.ID])
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]web.Config{
		"nothing":           {},
		"nobody":            {Local: web.Local{Disabled: true}},
		"short password":    {Local: web.Local{Password: "short"}},
		"proxy anywhere":    {Proxy: &web.Proxy{NameHeader: "X-User", Grants: map[string]web.Grants{"": {"a": web.Viewer}}}},
		"oidc without role": {OIDC: &web.OIDC{Issuer: "https://a.example", ClientID: "x", Origin: "https://b.example"}},
		"role that is none": {OIDC: &web.OIDC{Issuer: "https://a.example", ClientID: "x", Origin: "https://b.example", Grants: map[string]web.Grants{"g": {"a": "root"}}}},
	} {
		if _, err := web.New(t.Context(), cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
