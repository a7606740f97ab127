package webui

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"socketha/agent/status"
)

// TestProxies holds what both sample configurations promise: four paths, for
// reading only, and events as they come.
func TestProxies(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"nginx", "lighttpd"} {
		t.Run(server, func(t *testing.T) {
			s := newStage(t, server)
			s.t = t
			var d status.Document
			if err := json.NewDecoder(s.get(http.MethodGet, "/v1/status").Body).Decode(&d); err != nil || d.Readiness != "ready" {
				t.Errorf("the status is %q: %v", d.Readiness, err)
			}
			for path, kind := range map[string]string{"/v1/about": "text/html", "/v1/about.js": "text/javascript", "/v1/status": "application/json"} {
				res := s.get(http.MethodGet, path)
				if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || !strings.HasPrefix(got, kind) {
					t.Errorf("%s: %s, %s", path, res.Status, got)
				}
				if res.Header.Get("Content-Security-Policy") == "" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s has lost the agent's headers: %v", path, res.Header)
				}
				if res := s.get(http.MethodHead, path); res.StatusCode != http.StatusOK {
					t.Errorf("HEAD %s: %s", path, res.Status)
				}
			}
			for _, path := range []string{"/v1/history", "/v1/upgrade", "/v1/failover", "/v1/support-request", "/metrics", "/healthz", "/v1/about/", "/v1/statusx", "/v1/aboutxjs"} {
				if res := s.get(http.MethodGet, path); res.StatusCode != http.StatusNotFound || res.Header.Get("Content-Security-Policy") != "" && server == "lighttpd" {
					t.Errorf("GET %s: %s, want the web server's own 404", path, res.Status)
				}
			}
			for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
				for _, path := range []string{"/v1/about", "/v1/status", "/v1/events"} {
					if res := s.get(method, path); res.StatusCode != http.StatusForbidden {
						t.Errorf("%s %s: %s, want 403", method, path, res.Status)
					}
				}
			}
			events(t, s)
			s.stop()
			if res := s.get(http.MethodGet, "/v1/status"); res.StatusCode < 500 {
				t.Errorf("without an agent the status is answered %s", res.Status)
			}
			body, _ := io.ReadAll(s.get(http.MethodGet, "/v1/about").Body)
			if server == "nginx" && !strings.Contains(string(body), "Status unknown") {
				t.Errorf("without an agent the page says %s", body)
			}
		})
	}
}

// events reads two of them, the second caused only after the first was read: a
// server that keeps them back never gets that far.
func events(t *testing.T, s *stage) {
	t.Helper()
	res := s.get(http.MethodGet, "/v1/events")
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("events are %s, %s", res.Status, got)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for _, want := range []string{`"readiness":"ready"`, `"readiness":"not_ready"`} {
		data := ""
		for data == "" && lines.Scan() {
			data, _ = strings.CutPrefix(lines.Text(), "data: ")
			if data == lines.Text() {
				data = ""
			}
		}
		if !strings.Contains(data, want) {
			t.Fatalf("no event with %s: %v, %.200s", want, lines.Err(), data)
		}
		s.source.show(splitBrain, nil)
	}
}
