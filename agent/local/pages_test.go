package local

import (
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"socketha/agent/status"
)

func TestHistory(t *testing.T) {
	ready := "ready"
	src := &fakeSource{past: status.History{Schema: 1, Transitions: []status.Transition{{To: status.View{Readiness: &ready}, Reasons: []string{}}}}}
	c := overUnix(t, src)
	resp, body := do(t, c, "GET", "http://any/v1/history", nil)
	want := `{"schema":1,"transitions":[{"time":"0001-01-01T00:00:00.000Z","from":{"readiness":null,"compatibility":null},` +
		`"to":{"readiness":"ready","compatibility":null},"reasons":[],"self_version":null,"peer_version":null,"duration_s":null}]}` + "\n"
	if resp.StatusCode != 200 || body != want || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

func TestSupportRequest(t *testing.T) {
	src := &fakeSource{n: 3}
	c := overUnix(t, src)
	resp, body := do(t, c, "GET", "http://any/v1/support-request", nil)
	d, _ := src.Current()
	if resp.StatusCode != 200 || body != status.SupportRequest(&d) || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %s %s", resp.StatusCode, resp.Header.Get("Content-Type"), body)
	}
	head, nothing := do(t, c, "HEAD", "http://any/v1/support-request", nil)
	if head.StatusCode != 200 || nothing != "" || head.ContentLength != int64(len(body)) {
		t.Errorf("HEAD: %d, %d bytes, %q", head.StatusCode, head.ContentLength, nothing)
	}
}

// A page stands behind the guards of the server and writes its own header.
func TestPages(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self'")
		_, _ = io.WriteString(w, "<p>hello")
	})
	synctest.Test(t, func(t *testing.T) {
		l := newPipeListener()
		run(t, Config{
			Listener: l, Source: &fakeSource{}, Log: slog.New(slog.DiscardHandler), Hosts: []string{"appliance"},
			Pages: map[string]http.Handler{"/v1/about": page},
		})
		for request, want := range map[string]string{
			"GET /v1/about HTTP/1.0\r\nHost: appliance\r\n\r\n":                                        "HTTP/1.0 200",
			"HEAD /v1/about HTTP/1.0\r\nHost: appliance\r\n\r\n":                                       "HTTP/1.0 200",
			"POST /v1/about HTTP/1.0\r\nHost: appliance\r\n\r\n":                                       "HTTP/1.0 405",
			"GET /v1/about/ HTTP/1.0\r\nHost: appliance\r\n\r\n":                                       "HTTP/1.0 404",
			"GET /v1/about HTTP/1.0\r\nHost: evil.example\r\n\r\n":                                     "HTTP/1.0 421",
			"GET /v1/about HTTP/1.0\r\nHost: appliance\r\nContent-Length: 1\r\n\r\nx":                  "HTTP/1.0 400",
			"POST /v1/about HTTP/1.0\r\nHost: appliance\r\nOrigin: http://evil.example\r\n\r\n":        "HTTP/1.0 403",
			"POST /v1/upgrade HTTP/1.0\r\nHost: appliance\r\nContent-Type: application/json\r\n\r\n{}": "HTTP/1.0 403",
		} {
			c := connect(t, l)
			go func() { _, _ = io.WriteString(c, request) }()
			answer, err := io.ReadAll(c)
			if err != nil || !strings.HasPrefix(string(answer), want) {
				t.Errorf("%q: %.200q, %v", request, answer, err)
			}
			if want == "HTTP/1.0 200" {
				for _, line := range []string{"Content-Security-Policy: default-src 'self'\r\n", "X-Content-Type-Options: nosniff\r\n", "Content-Type: text/html"} {
					if !strings.Contains(string(answer), line) {
						t.Errorf("%q without %q", answer, line)
					}
				}
				if got := strings.HasSuffix(string(answer), "<p>hello"); got != strings.HasPrefix(request, "GET") {
					t.Errorf("%q: %q", request, answer)
				}
			}
		}
	})
}

func TestPagesTakeNoPathOfTheServer(t *testing.T) {
	for _, path := range []string{"/v1/status", "/v1/upgrade", "/healthz", "metrics", ""} {
		_, err := New(Config{
			Listener: newPipeListener(), Source: &fakeSource{}, Log: slog.New(slog.DiscardHandler),
			Pages: map[string]http.Handler{path: http.NotFoundHandler()},
		})
		if err == nil {
			t.Errorf("%q is a page", path)
		}
	}
	_, err := New(Config{
		Listener: newPipeListener(), Source: &fakeSource{}, Log: slog.New(slog.DiscardHandler),
		Pages: map[string]http.Handler{"/metrics": nil},
	})
	if err == nil {
		t.Error("a page that is none")
	}
}
