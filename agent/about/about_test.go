package about

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"socketha/agent/status"
)

// fixed is a source that shows one document.
type fixed struct {
	doc status.Document
	id  string
}

func (f fixed) Current() (status.Document, string) { return f.doc, f.id }

// golden returns a document of the evaluator's own tests.
func golden(t testing.TB, name string) status.Document {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "status", "testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var d status.Document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func get(t testing.TB, d status.Document, path string) *httptest.ResponseRecorder {
	t.Helper()
	h, ok := New(fixed{d, "m1"}).Handlers()[path]
	if !ok {
		t.Fatalf("there is no handler for %s", path)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	return w
}

// TestPolicy holds what a browser may run and load: the script beside the page,
// the one style sheet by its hash, nothing else.
func TestPolicy(t *testing.T) {
	w := get(t, golden(t, "ready"), PagePath)
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "script-src 'self'", "connect-src 'self'", "base-uri 'none'", "form-action 'none'",
		"frame-ancestors 'none'", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %q: %s", want, policy)
		}
	}
	for _, never := range []string{"unsafe", "*", "http:", "https:"} {
		if strings.Contains(policy, never) {
			t.Errorf("the policy holds %q: %s", never, policy)
		}
	}
	body := w.Body.String()
	if n := strings.Count(body, "<script"); n != 1 {
		t.Errorf("the page has %d scripts, want the one with an address", n)
	}
	if regexp.MustCompile(`\s(style|on[a-z]+)=`).MatchString(body) {
		t.Error("the page has an inline style or handler, which its policy forbids")
	}
}

func TestScript(t *testing.T) {
	w := get(t, status.Document{}, ScriptPath)
	const most = 12 << 10
	if n := w.Body.Len(); n > most {
		t.Errorf("the script has %d bytes, more than the %d that a WebUI was promised", n, most)
	}
	if got := w.Header().Get("Content-Type"); got != "text/javascript; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	for _, sink := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "eval(", "new Function", "createContextualFragment", "setHTML"} {
		if strings.Contains(w.Body.String(), sink) {
			t.Errorf("the script uses %s: it must not parse HTML", sink)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, ScriptPath, nil)
	r.Header.Set("If-None-Match", w.Header().Get("ETag"))
	again := httptest.NewRecorder()
	New(fixed{}).Handlers()[ScriptPath].ServeHTTP(again, r)
	if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("asked again with its tag, the script is answered %d and %d bytes", again.Code, again.Body.Len())
	}
}

// TestEveryGolden renders whatever the evaluator can say: each page says the
// verdict, the gravest reason's words and code, and what to do.
func TestEveryGolden(t *testing.T) {
	files, err := filepath.Glob("../status/testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d golden documents: %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			d := golden(t, name)
			text := textOf(t, get(t, d, PagePath).Body.String())
			want := []string{d.ReadinessLabel()}
			for _, r := range d.Reasons {
				want = append(want, r.Summary, string(r.Code), headline(r.Code))
				if d.Remedy == nil || r.Code != status.CodeIncompatible {
					want = append(want, r.Action)
				}
				if headline(r.Code) == string(r.Code) {
					t.Errorf("%s has no headline", r.Code)
				}
			}
			if d.Remedy != nil {
				want = append(want, d.Remedy.Text, d.Remedy.Where)
			}
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("the page does not say %q:\n%s", w, text)
				}
			}
			if d.Readiness != "ready" && strings.Contains(text, "Nothing to do") {
				t.Error("a pair that is not ready shows that there is nothing to do")
			}
		})
	}
}

func TestEveryCodeHasAHeadline(t *testing.T) {
	for _, c := range status.Codes() {
		if headline(c) == string(c) {
			t.Errorf("%s has no headline", c)
		}
	}
	if got := headline("HA_NEW"); got != "HA_NEW" {
		t.Errorf("an unknown code reads %q", got)
	}
}

// TestLastKnownLooksLastKnown wants nothing of a silent peer in the present tense.
func TestLastKnownLooksLastKnown(t *testing.T) {
	text := textOf(t, get(t, golden(t, "peer_lost_while_incompatible"), PagePath).Body.String())
	for _, want := range []string{"Last seen", "was 15.0.2", "was Standby", "was Secondary"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "Lower major version") {
		t.Error("a Socket that is not heard is marked as the lower one")
	}
}

// TestLongImpact bounds a page that is fetched every few seconds.
func TestLongImpact(t *testing.T) {
	d := golden(t, "ready")
	list := make([]status.ImpactEntry, 2000)
	for i := range list {
		list[i] = status.ImpactEntry{ID: strings.Repeat("x", 40), Source: "advertised"}
	}
	d.Impact = &status.Impact{Now: list, OnFailover: list, RestoredOnFailover: list, Basis: "ha_state"}
	body := get(t, d, PagePath).Body.String()
	if len(body) > 64<<10 {
		t.Errorf("the page has %d bytes", len(body))
	}
	if !strings.Contains(body, "2000 features") || !strings.Contains(body, "and 1950 more") {
		t.Error("the page does not say how many features there are")
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0 s", 0: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min", 59 * time.Minute: "59 min",
		time.Hour: "1 h", 192 * time.Minute: "3 h 12 min", 47 * time.Hour: "47 h", 48 * time.Hour: "2 days",
		1<<63 - 1: "106751 days",
	} {
		if got := age(d); got != want {
			t.Errorf("age(%v) = %q, want %q", d, got, want)
		}
	}
}

func BenchmarkPage(b *testing.B) {
	d := golden(b, "incompatible_with_impact")
	b.ReportAllocs()
	for b.Loop() {
		_ = render(&d, "m1", "b1", false)
	}
}
