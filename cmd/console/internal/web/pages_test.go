package web_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/store"
)

var (
	siteLink = regexp.MustCompile(`href="/site\?id=(site-\d+)&amp;`)
	nextLink = regexp.MustCompile(`rel="next" href="([^"]+)"`)
	prevLink = regexp.MustCompile(`rel="prev" href="([^"]+)"`)
)

func listed(a *answer) []string {
	var list []string
	for _, m := range siteLink.FindAllStringSubmatch(a.body, -1) {
		if !slices.Contains(list, m[1]) {
			list = append(list, m[1])
		}
	}
	return list
}

func linked(a *answer, re *regexp.Regexp) string {
	m := re.FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return strings.ReplaceAll(m[1], "&amp;", "&")
}

// smallFleet makes n sites: every fifth incompatible, every seventh in split brain.
func smallFleet(r *rig, n int) {
	r.t.Helper()
	for i := range n {
		trouble := fleet.None
		switch {
		case i%5 == 4:
			trouble = fleet.Incompatible
		case i%7 == 6:
			trouble = fleet.SplitBrain
		}
		r.both(pair(i, trouble), nil)
	}
}

// Every order, walked to its end by Next and back by Previous, shows every site once
// and in the same order.
func TestSitesForwardsAndBack(t *testing.T) {
	r := newRig(t, nil)
	smallFleet(r, 23)
	p := r.admin()
	for _, query := range []string{"", "sort=status&dir=desc", "sort=name", "sort=name&dir=desc", "sort=since", "sort=since&dir=desc"} {
		t.Run(query, func(t *testing.T) {
			var there, back [][]string
			a := p.page("/sites?limit=5&" + query)
			for {
				there = append(there, listed(a))
				next := linked(a, nextLink)
				if next == "" {
					break
				}
				a = p.page(next)
			}
			for {
				back = append(back, listed(a))
				prev := linked(a, prevLink)
				if prev == "" {
					break
				}
				a = p.page(prev)
			}
			slices.Reverse(back)
			if fmt.Sprint(there) != fmt.Sprint(back) || len(there) != 5 {
				t.Errorf("there %v\nback %v", there, back)
			}
			if all := slices.Concat(there...); len(all) != 23 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 23 {
				t.Errorf("%d sites: %v", len(all), all)
			}
		})
	}
}

func TestSitesByStatusAndFilters(t *testing.T) {
	r := newRig(t, nil)
	smallFleet(r, 23)
	p := r.admin()
	first := listed(p.page("/sites"))
	if want := []string{"site-000006", "site-000013", "site-000020"}; !slices.Equal(slices.Sorted(slices.Values(first[:3])), want) {
		t.Errorf("split brain comes first: %v", first)
	}
	for query, want := range map[string]int{
		"state=not_ready": 7, "state=ready": 16, "state=unknown": 0, "q=a00000004": 1, "q=site-00001": 10, "story=1": 0,
		"reason=HA_NOT_READY_SPLIT_BRAIN": 3, "q=%25": 0, "state=not_ready&reason=HA_NOT_READY_SPLIT_BRAIN": 3,
	} {
		if got := listed(p.page("/sites?" + query)); len(got) != want {
			t.Errorf("%s: %d sites, not %d", query, len(got), want)
		}
	}
	for _, query := range []string{"state=fine", "sort=rank", "dir=up", "limit=0", "limit=100000", "after=xx", "before=e30", "limit=x"} {
		if got := p.get("/sites?" + query); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", query, got.status)
		}
	}
}

func TestCSVIsTheSameQuery(t *testing.T) {
	r := newRig(t, nil)
	smallFleet(r, 23)
	p := r.admin()
	a := p.page("/sites.csv?state=not_ready&sort=name")
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	must(t, err)
	var ids []string
	for _, row := range rows[1:] {
		ids = append(ids, row[1])
	}
	if want := listed(p.page("/sites?state=not_ready&sort=name")); !slices.Equal(ids, want) {
		t.Errorf("CSV %v, page %v", ids, want)
	}
	if kind := a.header.Get("Content-Type"); kind != "text/csv; charset=utf-8" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%s %s", kind, a.header.Get("Content-Disposition"))
	}
}

func TestSitePageTellsWhatToDo(t *testing.T) {
	r := newRig(t, nil)
	p, bad := r.admin(), pair(1, fleet.Incompatible)
	r.both(bad, impact)
	text := p.page("/site?id=" + bad.Site).text()
	for _, want := range []string{
		"Not Ready", bad.Serials[0], bad.Serials[1], "18.3.3", "15.0.2", "Upgrade this one", "Application-aware routing",
		"Would stop at a failover", "HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS", "Subject: Upgrade Socket", "Active", "Standby",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	file := p.page("/site/support-request?id=" + bad.Site)
	if !strings.HasPrefix(file.body, "Subject: Upgrade Socket S/N "+bad.Serials[1]) || !strings.HasPrefix(file.header.Get("Content-Type"), "text/plain") {
		t.Errorf("%v %s", file.header, file.body)
	}
	if got := p.get("/site?id=nowhere").status; got != http.StatusNotFound {
		t.Errorf("an unknown site: %d", got)
	}
}

// What nobody hears any more is last known, and nothing of it is shown as good.
func TestSilenceIsNeverGreen(t *testing.T) {
	r := newRig(t, nil)
	p, dark := r.admin(), pair(1, fleet.None)
	r.both(dark, nil)
	r.until(30)
	a := p.page("/site?id=" + dark.Site)
	for _, want := range []string{"Unknown", "Neither Socket is heard", "last known", "Not heard"} {
		if !strings.Contains(a.text(), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	main, _, _ := strings.Cut(a.body, `id="history"`)
	if strings.Contains(main, `class="state good"`) || strings.Contains(main, "verdict good") {
		t.Error("something is shown as good")
	}
}

// A person without scripts handles a story from the list to its end.
func TestStoryWithoutScripts(t *testing.T) {
	r := newRig(t, nil)
	one := r.openStory(pair(1, fleet.Incompatible))
	p := r.admin()
	if list := p.page("/stories").text(); !strings.Contains(list, one.SiteName) || !strings.Contains(list, "High 6") || !strings.Contains(list, "Not acknowledged") {
		t.Error(list)
	}
	path := "/story?tenant=acme&id=" + one.ID
	token := p.token(path)
	for _, step := range []struct {
		path  string
		pairs []string
		want  string
	}{
		{"/story/ack", []string{"on", "1"}, "by admin"},
		{"/story/mute", []string{"for", "4h"}, "by admin until 2026"},
		{"/story/mute", []string{"until", "2026-03-02T08:00"}, "until 2026-03-02 08:00:00 UTC"},
		{"/story/note", []string{"text", "Ticket <4711>"}, "Ticket &lt;4711&gt;"},
		{"/story/mute", []string{"for", "off"}, "The mute is over."},
		{"/story/ack", []string{"on", "0"}, "Unacknowledged"},
	} {
		got := p.post(step.path+"?tenant=acme&id="+one.ID, append(step.pairs, "csrf", token)...)
		if got.status != http.StatusSeeOther {
			t.Fatalf("%s %v: %d %s", step.path, step.pairs, got.status, got.text())
		}
		text := p.page(got.header.Get("Location")).text()
		for want := range strings.SplitSeq(step.want, " until 2026") {
			if !strings.Contains(text, want) {
				t.Errorf("%s %v: the page does not say %q", step.path, step.pairs, want)
			}
		}
	}
	for _, pairs := range [][]string{{"for", "9000h"}, {"for", "-1h"}, {"until", "tomorrow"}, {"for", ""}} {
		if got := p.post("/story/mute?id="+one.ID, append(pairs, "csrf", token)...); got.status != http.StatusConflict && got.status != http.StatusBadRequest {
			t.Errorf("mute %v: %d", pairs, got.status)
		}
	}
	audits, err := r.store.Audits(t.Context(), tenant, "", 10)
	must(t, err)
	if !slices.ContainsFunc(audits, func(a store.Audit) bool {
		return a.Actor == "admin" && a.Action == "story acknowledged" && a.Object == one.ID
	}) {
		t.Errorf("who acknowledged is not in the audit: %+v", audits)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	r := newRig(t, nil)
	p := r.admin()
	for _, path := range []string{"/sites", "/login", "/nowhere", "/static/app.js", "/static/htmx.js", "/static/app.css", "/api/v1/me", "/api/openapi.json", "/sites.csv"} {
		h := p.get(path).header
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", path, h)
		}
	}
	for path, kind := range map[string]string{"app.js": "text/javascript", "app.css": "text/css", "icon.svg": "image/svg+xml"} {
		if got := p.page("/static/" + path).header.Get("Content-Type"); !strings.HasPrefix(got, kind) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := p.get("/static/..%2fopenapi.json").status; got != http.StatusNotFound {
		t.Errorf("a file that is none of ours: %d", got)
	}
}
