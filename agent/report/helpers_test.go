package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"socketha/agent/report/post"
	"socketha/agent/report/schema"
	"socketha/agent/status"
)

// TestMain looks for goroutines that are still there when all tests have ended.
func TestMain(m *testing.M) {
	code := m.Run()
	buf := make([]byte, 1<<20)
	all := string(buf[:runtime.Stack(buf, true)])
	for stack := range strings.SplitSeq(all, "\n\n") {
		if code == 0 && strings.Contains(stack, "agent/report") && !strings.Contains(stack, "TestMain") {
			println(stack)
			code = 1
		}
	}
	os.Exit(code)
}

// site is a Socket's state as the agent would give it: a document whose only content is
// a number in the site's name.
type site struct {
	mu      sync.Mutex
	next    chan struct{} // closed by the next change
	doc     status.Document
	n       int
	history []status.Transition
}

var _ Source = (*site)(nil)

func newSite(t testing.TB) *site {
	t.Helper()
	b, err := os.ReadFile("../status/testdata/ready.json")
	if err != nil {
		t.Fatal(err)
	}
	s := &site{next: make(chan struct{})}
	if err := json.Unmarshal(b, &s.doc); err != nil {
		t.Fatal(err)
	}
	s.change()
	return s
}

// change gives the site another state, and returns its name.
func (s *site) change() string {
	s.mu.Lock()
	s.n++
	name := strconv.Itoa(s.n)
	s.doc.Site.Name = &name
	s.history = append([]status.Transition{{SelfVersion: &name}}, s.history...)
	s.history = s.history[:min(len(s.history), status.MaxTransitions)]
	close(s.next)
	s.next = make(chan struct{})
	s.mu.Unlock()
	return name
}

func (s *site) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

func (s *site) Current() (status.Document, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.doc
	d.GeneratedAt = status.NewTime(time.Now())
	return d, *d.Site.Name
}

func (s *site) History() status.History {
	s.mu.Lock()
	defer s.mu.Unlock()
	return status.History{Schema: status.SchemaVersion, Transitions: s.history}
}

// arrival is a report as the server got it.
type arrival struct {
	*schema.Event
	at   time.Time
	body []byte
}

// server answers reports in memory, as the test says.
type server struct {
	t      testing.TB
	answer func(arrival) (*post.Answer, error)

	mu       sync.Mutex
	arrivals []arrival
	down     bool
	refused  int // while down
}

func (s *server) Post(ctx context.Context, contentType string, body []byte) (*post.Answer, error) {
	if s.away() {
		return nil, errUnreachable
	}
	e, err := schema.Parse(body)
	if err != nil || contentType != schema.ContentType {
		s.t.Errorf("%s: %v", contentType, err)
		return nil, errors.New("the report does not read")
	}
	a := arrival{e, time.Now(), body}
	s.mu.Lock()
	s.arrivals = append(s.arrivals, a)
	s.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return s.answer(a)
}

// away reports whether nothing arrives now, and counts what does not.
func (s *server) away() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		s.refused++
	}
	return s.down
}

// setDown ends or restores the way to the server.
func (s *server) setDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// got returns what has arrived since the last call.
func (s *server) got() []arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.arrivals
	s.arrivals = nil
	return list
}

// reply returns an answer that is the same whatever arrives.
func reply(status int, body string) func(arrival) (*post.Answer, error) {
	return func(arrival) (*post.Answer, error) {
		return &post.Answer{Status: status, Body: []byte(body)}, nil
	}
}

var errUnreachable = errors.New("connecting to cloud.example:443: no route to host")

// rig is a reporter between a site and a server, inside a bubble.
type rig struct {
	*Reporter
	first  *Stats // before Run
	site   *site
	server *server
	log    *bytes.Buffer
	stop   func()
}

// run starts a reporter that ends with the test.
func run(t *testing.T, answer func(arrival) (*post.Answer, error), change ...func(*Config)) *rig {
	t.Helper()
	g := &rig{site: newSite(t), server: &server{t: t, answer: answer}, log: &bytes.Buffer{}}
	cfg := Config{
		Serial: "A1000001", Source: g.site, Sender: g.server, Epoch: 7,
		RaiseEpoch: func(_ context.Context, above uint64) (uint64, error) { return above + 1, nil },
		Log:        slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Random:     func() float64 { return 0.5 },
	}
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if g.Reporter, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	g.first = g.Stats()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	g.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(g.stop)
	return g
}
