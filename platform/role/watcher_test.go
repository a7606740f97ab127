package role

import (
	"context"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// script is a source that says what the test tells it to.
type script chan report

func (s script) run(ctx context.Context, say func(report)) {
	for {
		select {
		case r := <-s:
			say(r)
		case <-ctx.Done():
			return
		}
	}
}

// runSource runs a watcher over one source and stops it with the test. It must
// be called in a bubble.
func runSource(t *testing.T, kind Kind, s source) *Watcher {
	t.Helper()
	w := &Watcher{
		log: slog.New(slog.DiscardHandler), changed: make(chan struct{}, 1),
		sources: []source{s}, voices: []voice{{kind: kind}},
	}
	first := choose(w.voices)
	first.Since = time.Now()
	w.state.Store(&first)
	start(t, w)
	synctest.Wait()
	return w
}

// start runs the watcher until the test ends.
func start(t *testing.T, w *Watcher) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v after its context was cancelled, want nil", err)
		}
	})
}

// expect compares the state once everybody waits.
func expect(t *testing.T, w *Watcher, ha HA, why string) State {
	t.Helper()
	synctest.Wait()
	s := w.State()
	if s.HA != ha {
		t.Fatalf("%s: %v by %s (%s), want %v", why, s.HA, s.Source, s.Detail, ha)
	}
	return s
}

func TestWatcherSinceAndChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := make(script)
		w := runSource(t, FromHook, s)
		began := w.State().Since
		notices := func() int {
			synctest.Wait()
			return len(w.Changed())
		}
		time.Sleep(time.Second)
		s <- silence("no")
		if n, got := notices(), w.State(); n != 1 || got.Since != began {
			t.Errorf("%d notices, %+v: want one, and unknown since the start", n, got)
		}
		<-w.Changed()
		s <- answer(Active, "yes")
		if got := expect(t, w, Active, "an answer"); !got.Since.Equal(time.Now()) {
			t.Errorf("since %v, want now", got.Since)
		}
		<-w.Changed()
		since := w.State().Since
		time.Sleep(time.Second)
		s <- answer(Active, "yes")
		if n := notices(); n != 0 {
			t.Errorf("%d notices of the same answer, want none", n)
		}
		s <- answer(Active, "yes indeed")
		s <- answer(Active, "yes, yes")
		if n, got := notices(), w.State(); n != 1 || got.Detail != "yes, yes" || !got.Since.Equal(since) {
			t.Errorf("%d notices, %+v: want one, and active since %v", n, got, since)
		}
		split := agree([]vote{{"a", "on", Active}, {"b", "off", Standby}})
		s <- split
		expect(t, w, Active, "for the moment that others take to follow")
		time.Sleep(agreeWithin)
		expect(t, w, Unknown, "and not for longer")
	})
}

// fakePipe is a FIFO as the test wants it.
type fakePipe struct {
	data chan []byte
	hung chan struct{} // closed when nobody has it open for writing
	end  chan struct{}
	last string // identity
}

func (p *fakePipe) read(wait time.Duration) ([]byte, error) {
	select {
	case d := <-p.data:
		return d, nil
	default:
	}
	var late <-chan time.Time
	if wait <= 0 {
		now := make(chan time.Time)
		close(now)
		late = now
	} else {
		late = time.After(wait)
	}
	select {
	case <-p.hung:
		return nil, io.EOF
	default:
	}
	select {
	case d := <-p.data:
		return d, nil
	case <-p.hung:
		return nil, io.EOF
	case <-p.end:
		return nil, os.ErrClosed
	case <-late:
		return nil, nil
	}
}

func (p *fakePipe) current() bool    { return true }
func (p *fakePipe) identity() string { return p.last }
func (p *fakePipe) close()           { close(p.end) }

// stage is keepalived as the test plays it.
type stage struct {
	mu   sync.Mutex
	data chan []byte
	hung chan struct{} // nil: there is no FIFO
	run  string
	fifo string
}

func newStage() *stage { return &stage{data: make(chan []byte, 8)} }

// begin starts a run: its end of the FIFO is open, and has written the lines.
func (s *stage) begin(run, lines string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run, s.hung = run, make(chan struct{})
	if lines != "" {
		s.data <- []byte(lines)
	}
}

// hangUp ends it.
func (s *stage) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.hung)
}

func (s *stage) write(lines string) { s.data <- []byte(lines) }

func (s *stage) source(cfg Keepalived) *keepalived {
	return &keepalived{
		cfg: cfg, log: slog.New(slog.DiscardHandler), table: newTable(), boot: "boot",
		open: func() (pipe, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.hung == nil {
				return nil, fs.ErrNotExist
			}
			return &fakePipe{data: s.data, hung: s.hung, end: make(chan struct{}), last: s.fifo}, nil
		},
		identify: func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.run
		},
	}
}

const (
	master = "INSTANCE \"VI_1\" MASTER 100\n"
	backup = "INSTANCE \"VI_1\" BACKUP 100\n"
	stop   = "INSTANCE \"VI_1\" STOP 100\n"
)

func TestKeepalivedComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		w := runSource(t, FromKeepalived, s.source(Keepalived{FIFO: "/f"}))
		expect(t, w, Unknown, "no FIFO")
		s.begin("run 1", "")
		time.Sleep(reopenEvery)
		expect(t, w, Unknown, "nothing told yet")
		s.write(backup)
		expect(t, w, Standby, "a line")
		s.write(master)
		expect(t, w, Active, "a line")

		s.hangUp() // kill -9
		time.Sleep(hold - time.Millisecond)
		expect(t, w, Active, "a reload may take as long")
		time.Sleep(returnEvery + time.Millisecond)
		expect(t, w, Unknown, "dead")

		s.begin("run 2", backup)
		time.Sleep(reopenEvery)
		expect(t, w, Standby, "a new run")
		s.write(stop)
		expect(t, w, Unknown, "stopped")
		s.hangUp()
		time.Sleep(time.Minute)
		if got := expect(t, w, Unknown, "stopped"); got.Detail != "keepalived was stopped" {
			t.Errorf("detail %q", got.Detail)
		}
	})
}

func TestKeepalivedReload(t *testing.T) {
	for _, c := range []struct {
		name   string
		before string
		after  string
		pause  time.Duration
		want   HA
	}{
		{"the same run keeps its state", "run 1", "run 1", 100 * time.Millisecond, Active},
		{"also when it takes long", "run 1", "run 1", time.Minute, Active},
		{"a new run does not inherit it", "run 1", "run 2", 100 * time.Millisecond, Unknown},
		{"and neither without a pid file", "", "", 100 * time.Millisecond, Unknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			s.begin(c.before, master)
			w := runSource(t, FromKeepalived, s.source(Keepalived{FIFO: "/f"}))
			expect(t, w, Active, c.name)
			s.hangUp()
			time.Sleep(c.pause)
			s.begin(c.after, "")
			time.Sleep(reopenEvery)
			expect(t, w, c.want, c.name)
		})
	}
}

// A process that is killed and started again before anybody looked.
func TestKeepalivedRestartUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.begin("run 1", "INSTANCE \"old\" MASTER 1\n")
		w := runSource(t, FromKeepalived, s.source(Keepalived{FIFO: "/f"}))
		expect(t, w, Active, "the first run")
		s.mu.Lock()
		s.run = "run 2"
		s.mu.Unlock()
		s.write(backup)
		expect(t, w, Standby, "the second run knows no instance old")
	})
}

func TestKeepalivedMemory(t *testing.T) {
	for _, c := range []struct {
		name      string
		run, fifo string
		lines     string
		want      HA
	}{
		{"the agent restarts", "run1", "fifo1", "", Active},
		{"and a line waited", "run1", "fifo1", backup, Standby},
		{"a new run", "run2", "fifo1", "", Unknown},
		{"something was written and is gone", "run1", "fifo2", "", Unknown},
		{"no pid file", "", "fifo1", "", Unknown},
	} {
		memory := filepath.Join(t.TempDir(), "role")
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			s.fifo = "fifo1"
			s.begin("run1", master)
			k := s.source(Keepalived{FIFO: "/f", Memory: memory})
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				k.run(ctx, func(report) {})
				close(done)
			}()
			synctest.Wait()
			cancel()
			<-done
		})
		synctest.Test(t, func(t *testing.T) {
			s := newStage()
			s.fifo = c.fifo
			s.begin(c.run, c.lines)
			w := runSource(t, FromKeepalived, s.source(Keepalived{FIFO: "/f", Memory: memory}))
			expect(t, w, c.want, c.name)
		})
	}
}

func TestPollerPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		next := answer(Active, "a")
		closed := false
		p := &poller{
			every: time.Second,
			ask: func(ctx context.Context) report {
				mu.Lock()
				r := next
				mu.Unlock()
				if r.late {
					<-ctx.Done()
					return failure("slow", ctx.Err())
				}
				return r
			},
			close: func() { closed = true },
		}
		set := func(r report) {
			mu.Lock()
			defer mu.Unlock()
			next = r
		}
		t.Cleanup(func() {
			if !closed {
				t.Error("not closed")
			}
		})
		w := runSource(t, FromFRR, p)
		expect(t, w, Active, "an answer")
		set(report{standing: silent, late: true})
		time.Sleep(believe - time.Second)
		expect(t, w, Active, "late answers")
		time.Sleep(believe)
		if s := expect(t, w, Unknown, "none for too long"); s.Detail != "slow: no answer within 2s" {
			t.Errorf("detail %q", s.Detail)
		}
		set(answer(Standby, "s"))
		time.Sleep(askTime + time.Second)
		expect(t, w, Standby, "an answer again")
		set(silence("refused"))
		time.Sleep(time.Second)
		expect(t, w, Unknown, "a failure that is none of time")
	})
}

// Who is asked only now and then is asked at once when the addresses have changed, and
// not when they only speak.
func TestAddressesHintAtATakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		p := &poller{
			every: time.Hour, hints: make(chan struct{}, 1), close: func() {},
			ask: func(context.Context) report {
				asked++
				if asked == 1 {
					return answer(Standby, "s")
				}
				return answer(Active, "a")
			},
		}
		vip := make(script)
		w := &Watcher{
			log: slog.New(slog.DiscardHandler), changed: make(chan struct{}, 1),
			sources: []source{p, vip}, voices: []voice{{kind: FromFRR}, {kind: FromVIP}},
		}
		w.state.Store(&State{})
		start(t, w)
		for _, step := range []struct {
			says HA
			want HA
			n    int
		}{{Unknown, Standby, 1}, {Unknown, Standby, 1}, {Active, Active, 2}, {Active, Active, 2}} {
			vip <- answer(step.says, "v")
			synctest.Wait()
			if s := expect(t, w, step.want, "the addresses say "+step.says.String()); s.Source != string(FromFRR) || asked != step.n {
				t.Errorf("told by %s, asked %d times, want %d", s.Source, asked, step.n)
			}
		}
	})
}

// fakePlaces is a kernel as the test wants it.
type fakePlaces struct {
	mu    sync.Mutex
	found []place
	err   error
	hint  chan struct{}
	end   chan struct{}
}

func (p *fakePlaces) set(err error, found ...place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.found, p.err = found, err
}

func (p *fakePlaces) read([]netip.Addr) ([]place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.found, p.err
}

func (p *fakePlaces) wait(d time.Duration) error {
	select {
	case <-p.hint:
	case <-p.end:
		return os.ErrClosed
	case <-time.After(d):
	}
	return nil
}

func (p *fakePlaces) close() { close(p.end) }

func TestVIPWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		addr := netip.MustParseAddr("203.0.113.1")
		here := place{addr: addr, ifname: "eth0", usable: true, lowerUp: true}
		kernel := &fakePlaces{hint: make(chan struct{})}
		v := &vip{vips: []netip.Addr{addr}, log: slog.New(slog.DiscardHandler), open: func() (places, error) {
			kernel.mu.Lock()
			defer kernel.mu.Unlock()
			kernel.end = make(chan struct{})
			return kernel, nil
		}}
		w := runSource(t, FromVIP, v)
		expect(t, w, Standby, "no address")
		kernel.set(nil, here)
		kernel.hint <- struct{}{}
		time.Sleep(settle)
		expect(t, w, Active, "a hint")
		kernel.set(nil)
		time.Sleep(relookEvery + settle)
		expect(t, w, Standby, "no hint, and a look")
		kernel.set(os.ErrPermission)
		time.Sleep(relookEvery + settle)
		expect(t, w, Unknown, "cannot be read")
		kernel.set(nil, here)
		time.Sleep(resubscribeMin)
		expect(t, w, Active, "subscribed again")
	})
}
