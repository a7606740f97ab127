package cli

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"socketha/agent/local/client"
	"socketha/agent/status"
)

// liveAgent is an agent under a test's control. Its ages run with the clock of
// the test's bubble.
type liveAgent struct {
	fakeAgent // what is not overridden here is never asked
	mu        sync.Mutex
	doc       status.Document
	at        time.Time // when doc was true
	err       error
	silent    bool // no events
	stream    chan struct{}
	asked     int
	streams   int
}

func newLiveAgent(doc *status.Document) *liveAgent {
	return &liveAgent{doc: *doc, at: time.Now(), stream: make(chan struct{})}
}

// set changes what the agent says and tells the streams.
func (a *liveAgent) set(doc *status.Document, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if doc != nil {
		a.doc, a.at = *doc, time.Now()
	}
	a.err = err
	close(a.stream)
	a.stream = make(chan struct{})
}

// now is the document with its ages and counters as they are by now.
func (a *liveAgent) now() (status.Document, error) {
	d, passed := a.doc, time.Since(a.at)
	d.GeneratedAt = status.NewTime(d.GeneratedAt.Add(passed))
	d.Agent.UptimeS += int64(passed / time.Second)
	age := passed.Seconds()
	d.Peer.AgeS = &age
	seen := d.GeneratedAt
	d.Peer.LastSeenAt = &seen
	d.Link.Sent, d.Link.RTTMS = uint64(passed/time.Second), &age
	return d, a.err
}

func (a *liveAgent) Raw(context.Context) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked++
	return rawOf(a.now())
}

func (a *liveAgent) Events(ctx context.Context) iter.Seq2[status.Document, error] {
	return func(yield func(status.Document, error) bool) {
		for first := true; ; first = false {
			a.mu.Lock()
			doc, err := a.now()
			if a.silent {
				err = errors.New("no events here")
			}
			next := a.stream
			if first {
				a.streams++
			}
			a.mu.Unlock()
			if !yield(doc, err) || err != nil {
				return
			}
			select {
			case <-next:
			case <-ctx.Done():
				return
			}
		}
	}
}

// watch runs status --watch in a bubble, lets script act, and returns the exit
// code and what was written.
func watch(t *testing.T, agent *liveAgent, w *world, script func()) Exit {
	t.Helper()
	w.Dial = func(string) Source { return agent }
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan Exit)
	go func() { done <- Main(ctx, w.Env) }()
	synctest.Wait()
	script()
	stop()
	return <-done
}

func load(t *testing.T, name string) *status.Document {
	return document(t, "testdata/documents/"+name+".json")
}

func TestWatchPrintsOneBlockAChange(t *testing.T) {
	for _, form := range []string{"table", "json", "yaml"} {
		t.Run(form, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				agent := newLiveAgent(load(t, "incompatible_18_15"))
				w := newWorld(t, "status", "--watch", "-o", form)
				exit := watch(t, agent, w, func() {
					time.Sleep(90 * time.Second) // ages run, nothing changes
					agent.set(load(t, "ready"), nil)
					time.Sleep(90 * time.Second)
					agent.set(nil, nil) // an event that changes nothing
					time.Sleep(time.Second)
				})
				if exit != ExitOK {
					t.Errorf("exit code %d, want that of the last status", exit)
				}
				out := w.out.String()
				counts := map[string][2]int{
					"table": {strings.Count(out, " READY  since"), strings.Count(out, "\n\n✓ READY")},
					"json":  {strings.Count(out, "\n"), strings.Count(out, "\n{\"schema\":1,")},
					"yaml":  {strings.Count(out, "schema: 1\n"), strings.Count(out, "\n---\nschema: 1\n")},
				}[form]
				if counts != [2]int{2, 1} && form != "table" || form == "table" && (counts[1] != 1 || strings.Count(out, "READY  since") != 2) {
					t.Errorf("blocks %v in:\n%s", counts, out)
				}
				if agent.asked != 1 {
					t.Errorf("asked %d times although events come", agent.asked)
				}
			})
		})
	}
}

func TestWatchSurvivesTheAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newLiveAgent(load(t, "ready"))
		w := newWorld(t, "status", "--watch")
		exit := watch(t, agent, w, func() {
			agent.set(nil, fmt.Errorf("dial: %w", client.ErrNotRunning))
			time.Sleep(10 * time.Second)
			agent.set(load(t, "ready"), nil)
			time.Sleep(2 * time.Second)
			agent.set(nil, client.ErrNotRunning)
			time.Sleep(2 * time.Second)
		})
		if exit != ExitNotRunning {
			t.Errorf("exit code %d", exit)
		}
		if n := strings.Count(w.out.String(), "✓ READY"); n != 2 {
			t.Errorf("ready printed %d times:\n%s", n, w.out.String())
		}
		if n := strings.Count(w.err.String(), "Status unknown: agent not running"); n != 2 {
			t.Errorf("not running printed %d times:\n%s", n, w.err.String())
		}
	})
}

func TestWatchPollsWhereEventsDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newLiveAgent(load(t, "ready"))
		agent.silent = true
		w := newWorld(t, "status", "--watch")
		exit := watch(t, agent, w, func() {
			time.Sleep(10 * time.Second)
			agent.set(load(t, "incompatible_15_18"), nil)
			time.Sleep(redrawTime + time.Millisecond)
		})
		if exit != ExitNotReady || strings.Count(w.out.String(), "READY  since") != 2 {
			t.Errorf("exit code %d:\n%s", exit, w.out.String())
		}
	})
}

func TestWatchRedrawsAScreen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newLiveAgent(load(t, "incompatible_18_15"))
		w := newWorld(t, "status", "--watch")
		w.Screen = func() (int, int, bool) { return 80, 50, true }
		exit := watch(t, agent, w, func() { time.Sleep(3*time.Second + time.Millisecond) })
		if exit != ExitNotReady {
			t.Errorf("exit code %d", exit)
		}
		out := w.out.String()
		for _, want := range []string{
			"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H", "(2 s)\x1b[K\r\n", "(3 s)\x1b[K\r\n", "(5 s)\x1b[K\r\n",
			"\x1b[K\x1b[J\x1b[?7h\x1b[?25h\x1b[?1049l✗ NOT READY", // and leaves the last behind
		} {
			if !strings.Contains(out, want) {
				t.Errorf("lacks %q", want)
			}
		}
		if strings.Contains(out, "\x1b[2J") {
			t.Error("clears the whole screen: that flickers")
		}
	})
}

func TestWatchShowsAChangeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		agent := newLiveAgent(load(t, "incompatible_18_15"))
		w := newWorld(t, "status", "--watch")
		w.Screen = func() (int, int, bool) { return 80, 50, true }
		watch(t, agent, w, func() {
			time.Sleep(1500 * time.Millisecond)
			agent.set(load(t, "ready"), nil)
			synctest.Wait()
			if !strings.Contains(w.out.String(), "✓ READY") {
				t.Error("waits for the next second to show a change")
			}
		})
	})
}

func TestFrameFitsTheScreen(t *testing.T) {
	text := strings.Repeat("line\n", 30)
	for _, rows := range []int{0, 1, 4, 10, 31, 32, 33} {
		got := frame(text, style{}, rows)
		if foot := got[strings.LastIndex(got, "\n")+1:]; runes(foot) > minColumns {
			t.Errorf("%d rows: the last line may be wrapped, and push the verdict off the screen: %q", rows, foot)
		}
		lines := strings.Count(got, "\r\n") + 1
		if rows > 3 && lines > rows || rows >= 32 && strings.Contains(got, "below") || rows == 31 && !strings.Contains(got, "1 more line below") {
			t.Errorf("%d rows: %d lines: %q", rows, lines, got)
		}
	}
}

// The agent may hang: the command says so instead of hanging too.
func TestStatusSaysWhenTheAgentDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "status")
		w.Dial = func(string) Source { return &hungAgent{} }
		start := time.Now()
		exit := Main(t.Context(), w.Env)
		if exit != ExitError || time.Since(start) != answerTime || w.out.Len() > 0 {
			t.Errorf("exit code %d after %v", exit, time.Since(start))
		}
		if !strings.Contains(w.err.String(), "Status unknown: the agent does not answer within 2 s") {
			t.Errorf("%s", w.err.String())
		}
	})
}

type hungAgent struct{ fakeAgent }

func (*hungAgent) Raw(ctx context.Context) ([]byte, error) {
	<-ctx.Done()
	return nil, fmt.Errorf("ask: %w", ctx.Err())
}

func (*hungAgent) Events(context.Context) iter.Seq2[status.Document, error] {
	return func(func(status.Document, error) bool) {}
}
