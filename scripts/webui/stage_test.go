package webui

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"socketha/agent/about"
	"socketha/agent/local"
	"socketha/agent/web"
	"socketha/scripts/needs"
)

// stage is an agent's local interface with a web server in front of it.
type stage struct {
	t      *testing.T
	source *source
	dir    string
	url    string // of the web server
	stop   func() // of the agent

	handler http.Handler // of the agent
	updated atomic.Bool
}

// newStage starts both. The web server is "nginx" or "lighttpd".
func newStage(t *testing.T, server string) *stage {
	t.Helper()
	s := &stage{t: t, source: newSource(), dir: t.TempDir()}
	s.start()
	switch server {
	case "nginx":
		s.nginx()
	case "lighttpd":
		s.lighttpd()
	case "own":
		s.own()
	}
	return s
}

func (s *stage) socket() string { return filepath.Join(s.dir, "s") }

// start runs the agent's local interface. It ends with the test or by stop.
func (s *stage) start() {
	s.t.Helper()
	listener, err := net.Listen("unix", s.socket())
	if err != nil {
		s.t.Fatal(err)
	}
	server, err := local.New(local.Config{
		Listener: listener, Source: s.source, Log: slog.New(slog.DiscardHandler),
		Pages: s.pages(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.handler = server.Handler()
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Run(ctx) }()
	s.stop = func() { cancel(); <-ended }
	s.t.Cleanup(s.stop)
}

// pages are the real ones, until updated says that another agent serves them.
func (s *stage) pages() map[string]http.Handler {
	pages := about.New(s.source).Handlers()
	page := pages[about.PagePath]
	pages[about.PagePath] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.updated.Load() {
			page.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		page.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.Header().Del("Content-Length")
		_, _ = w.Write(bytes.ReplaceAll(answer.Body.Bytes(), []byte(`data-build="`), []byte(`data-build="9`)))
	})
	return pages
}

// sample returns a shipped configuration with the socket's place put in.
func (s *stage) sample(name string) string {
	s.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	const shipped = "/run/socketha/socketha.sock"
	if !bytes.Contains(b, []byte(shipped)) {
		s.t.Fatalf("%s does not name %s", name, shipped)
	}
	return string(bytes.ReplaceAll(b, []byte(shipped), []byte(s.socket())))
}

func (s *stage) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func (s *stage) nginx() {
	s.t.Helper()
	command := needs.Command(s.t, "nginx", "nginx")
	address, root := freeAddress(s.t), sampleRoot(s.t)
	include := s.file("socketha.conf", s.sample("nginx/socketha.conf"))
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	conf := s.file("nginx.conf", fmt.Sprintf(`
daemon off; %[5]s worker_processes 1; pid %[1]s/pid; error_log stderr;
events { worker_connections 128; }
http {
  access_log off;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/g;
  types { text/html html; text/css css; text/javascript js; }
  server {
    listen %[2]s;
    root %[3]s;
    location / { add_header Content-Security-Policy "default-src 'self'; img-src data:; frame-ancestors 'none'" always; }
    include %[4]s;
  }
}`, s.dir, address, root, include, user))
	s.run(address, command, "-p", s.dir, "-e", "stderr", "-c", conf)
}

func (s *stage) lighttpd() {
	s.t.Helper()
	command := needs.Command(s.t, "lighttpd", "lighttpd")
	address, root := freeAddress(s.t), sampleRoot(s.t)
	include := s.file("socketha.conf", s.sample("lighttpd/socketha.conf"))
	host, port, _ := net.SplitHostPort(address)
	conf := s.file("lighttpd.conf", fmt.Sprintf(`
server.document-root = %q
server.bind = %q
server.port = %s
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html", ".css" => "text/css", ".js" => "text/javascript" )
include %q
`, root, host, port, include))
	s.run(address, command, "-D", "-f", conf)
}

// own runs the agent's own listener.
func (s *stage) own() {
	s.t.Helper()
	server, err := web.New(s.t.Context(), web.Config{Address: "127.0.0.1:0"}, s.handler, slog.New(slog.DiscardHandler))
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Run(ctx) }()
	s.t.Cleanup(func() { cancel(); <-ended })
	s.url = "http://" + server.Addr().String()
}

func sampleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("sample")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// freeAddress returns a loopback address that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// run starts a web server and waits until it listens.
func (s *stage) run(address, command string, args ...string) {
	s.t.Helper()
	cmd := exec.Command(command, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		if s.t.Failed() {
			s.t.Logf("%s said: %s", command, said.String())
		}
	})
	s.url = "http://" + address
	for tick := time.Tick(5 * time.Millisecond); ; {
		select {
		case <-ended:
			s.t.Fatalf("%s ended: %s", command, said.String())
		case <-tick:
		}
		if c, err := net.Dial("tcp", address); err == nil {
			_ = c.Close()
			return
		}
	}
}

// get asks the web server without a browser.
func (s *stage) get(method, path string) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}
