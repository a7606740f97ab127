package report

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketha/agent/report/outbox"
	"socketha/agent/report/post"
	"socketha/agent/report/schema"
	"socketha/peer"
)

// within runs a test in a bubble, where time passes when all wait.
func within(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestStartChangePeriodic(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, reply(204, ""))
		if s := g.first; s.State != peer.UpstreamUnknown || !s.LastDelivered.IsZero() || s.Queued != 1 {
			t.Errorf("before the first attempt: %+v", s)
		}
		start := time.Now()
		pass(time.Second)
		got := g.server.got()
		if len(got) != 1 || got[0].at != start || got[0].Report.Cause != schema.CauseStart || got[0].ID() != "A1000001/7/1" ||
			got[0].Report.NextReportInS != 300 {
			t.Fatalf("%+v", got)
		}
		if s := g.Stats(); s.State != peer.UpstreamConnected || s.LastDelivered != start || s.Queued != 0 || s.Delivered != 1 {
			t.Errorf("%+v", s)
		}
		select {
		case <-g.Changed():
		default:
			t.Error("nobody was told of being connected")
		}
		name := g.site.change()
		changed := time.Now()
		pass(time.Second)
		got = g.server.got()
		if len(got) != 1 || got[0].at != changed || got[0].Report.Cause != schema.CauseChange || *got[0].Report.Site.Name != name {
			t.Fatalf("%+v", got)
		}
		pass(299 * time.Second)
		got = g.server.got()
		if len(got) != 1 || got[0].at != changed.Add(300*time.Second) || got[0].Report.Cause != schema.CausePeriodic || got[0].Report.Seq != 3 ||
			!got[0].Report.GeneratedAt.Equal(got[0].at) {
			t.Fatalf("%+v", got)
		}
		select {
		case <-g.Changed():
			t.Error("a change was told where there was none")
		default:
		}
	})
}

func TestTransitions(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, reply(204, ""))
		for range 30 {
			g.site.change()
		}
		pass(time.Second)
		got := g.server.got()
		last := got[len(got)-1].Report
		if len(last.Transitions) != schema.MaxTransitions || *last.Transitions[0].SelfVersion != "31" || *last.Transitions[15].SelfVersion != "16" {
			t.Errorf("%d transitions", len(last.Transitions))
		}
	})
}

// TestCadenceFromServer: in bounds it is followed, out of bounds counted and ignored.
func TestCadenceFromServer(t *testing.T) {
	within(t, func(t *testing.T) {
		var body atomic.Value
		body.Store(`{"cadence_s":60}`)
		g := run(t, func(a arrival) (*post.Answer, error) { return reply(200, body.Load().(string))(a) })
		pass(10*time.Minute + time.Second)
		if n := len(g.server.got()); n != 11 || g.Stats().Cadence != time.Minute {
			t.Errorf("%d reports in ten minutes at %v", n, g.Stats().Cadence)
		}
		body.Store(`{"cadence_s":1}`)
		pass(10 * time.Minute)
		if n, s := len(g.server.got()), g.Stats(); n != 10 || s.Cadence != time.Minute || s.Malformed != 10 || s.Delivered != 21 {
			t.Errorf("%d reports in ten minutes, %+v", n, s)
		}
		body.Store("")
		pass(10 * time.Minute)
		if n, s := len(g.server.got()), g.Stats(); n != 2 || s.Cadence != outbox.DefaultCadence {
			t.Errorf("%d reports in ten minutes at %v", n, s.Cadence)
		}
	})
}

// TestNoAcknowledgement: a 2xx that is not an answer of ours delivers nothing.
func TestNoAcknowledgement(t *testing.T) {
	for _, body := range []string{"<html>It works!</html>", "ok", "[]", `{"epoch":7`, `{"epoch":6,"seq":9}`, `{"epoch":"x","seq":9}`} {
		within(t, func(t *testing.T) {
			g := run(t, reply(200, body))
			pass(time.Millisecond)
			s := g.Stats()
			if s.Delivered != 0 || s.Failed != 1 || s.State != peer.UpstreamDisconnected || s.Queued != 1 || !strings.Contains(s.LastError, "200 OK") {
				t.Errorf("%q: %+v", body, s)
			}
		})
	}
	for _, body := range []string{"", "{}", `{"accepted":true}`, `{"epoch":7,"seq":1}`, `{"epoch":0,"seq":0}`} {
		within(t, func(t *testing.T) {
			g := run(t, reply(200, body))
			pass(time.Millisecond)
			if s := g.Stats(); s.Delivered != 1 || s.LastError != "" || s.Malformed != 0 {
				t.Errorf("%q: %+v", body, s)
			}
		})
	}
}

func TestStatusCodes(t *testing.T) {
	for status, want := range map[int]outcome{
		200: delivered, 201: delivered, 202: delivered, 204: delivered, 299: delivered,
		300: failed, 301: failed, 302: failed, 307: failed, 308: failed,
		400: refused, 401: refused, 403: refused, 404: refused, 405: refused, 410: refused, 413: refused, 415: refused, 422: refused,
		408: failed, 425: failed, 429: failed,
		409: conflict,
		500: failed, 501: failed, 502: failed, 503: failed, 504: failed, 599: failed, 999: failed,
	} {
		v := judge(schema.Position{Epoch: 7, Seq: 1})(&post.Answer{Status: status, Body: nil}, nil)
		if v.outcome != want || (v.why == "") != (want == delivered) {
			t.Errorf("%d: %v, %q", status, v.outcome, v.why)
		}
	}
}

// TestRefusedIsNotHot: what will not get better is tried again by the cadence, and said once.
func TestRefusedIsNotHot(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, reply(403, `{"error":"serial A1000001 is not enrolled \u001b[31m<b>"}`))
		pass(time.Hour)
		s := g.Stats()
		if n := len(g.server.got()); n != 13 || s.Refused != 13 || s.State != peer.UpstreamDisconnected || s.Dropped != 1 || s.Queued != 0 {
			t.Errorf("%d reports in an hour, %+v", n, s)
		}
		if s.LastError != `the server answered 403 Forbidden: serial A1000001 is not enrolled \x1b[31m\x3cb\x3e` {
			t.Errorf("last error %q", s.LastError)
		}
		if n := strings.Count(g.log.String(), "report not delivered"); n != 1 {
			t.Errorf("said %d times:\n%s", n, g.log)
		}
	})
}

// TestAnotherErrorIsTold: whoever shows why hears of it, though the state is the same.
func TestAnotherErrorIsTold(t *testing.T) {
	within(t, func(t *testing.T) {
		tries := 0
		g := run(t, func(a arrival) (*post.Answer, error) {
			if tries++; tries < 3 {
				return reply(500, "")(a)
			}
			return reply(502, "")(a)
		})
		for _, want := range []string{"500", "502"} {
			pass(2 * time.Second) // two attempts, then a third
			if s := g.Stats(); len(g.Changed()) != 1 || !strings.Contains(s.LastError, want) || s.State != peer.UpstreamDisconnected {
				t.Errorf("%+v, want %s, and somebody told", s, want)
			}
			<-g.Changed()
		}
		pass(time.Hour)
		if len(g.Changed()) != 0 {
			t.Error("the same error was told twice")
		}
	})
}

func TestRedirectIsSaid(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, reply(307, ""))
		pass(time.Millisecond)
		if s := g.Stats(); s.Failed != 1 || !strings.Contains(s.LastError, "redirects (307 Temporary Redirect)") {
			t.Errorf("%+v", s)
		}
	})
}

// TestRetryAfter: nobody comes back sooner, not even for a change.
func TestRetryAfter(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, func(a arrival) (*post.Answer, error) {
			return &post.Answer{Status: 429, RetryAfter: 10 * time.Minute}, nil
		})
		start := time.Now()
		pass(time.Minute)
		g.site.change()
		pass(10*time.Minute + 5*time.Second)
		got := g.server.got()
		if len(got) != 2 || got[1].at.Sub(start) != 10*time.Minute+time.Second || *got[1].Report.Site.Name != "2" {
			t.Errorf("%d reports, the second after %v", len(got), got[len(got)-1].at.Sub(start))
		}
		if s := g.Stats(); s.Failed != 2 || s.Dropped != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestLostAnswer: the same bytes come again, so that a second copy does no harm.
func TestLostAnswer(t *testing.T) {
	within(t, func(t *testing.T) {
		tries := 0
		g := run(t, func(a arrival) (*post.Answer, error) {
			if tries++; tries < 4 {
				return nil, errors.New("answer of cloud.example: cut off")
			}
			return reply(204, "")(a)
		})
		pass(time.Minute)
		got := g.server.got()
		if len(got) != 4 {
			t.Fatalf("%d arrived", len(got))
		}
		for _, a := range got[1:] {
			if !bytes.Equal(a.body, got[0].body) {
				t.Errorf("%s and %s are not the same", got[0].ID(), a.ID())
			}
		}
	})
}

// TestConflict: the server knows a higher epoch; the agent goes above it at once.
func TestConflict(t *testing.T) {
	within(t, func(t *testing.T) {
		var raised []uint64
		g := run(t, func(a arrival) (*post.Answer, error) {
			if a.Report.Epoch <= 90 {
				return reply(409, `{"epoch":90,"seq":1234}`)(a)
			}
			return reply(200, `{"epoch":91,"seq":1}`)(a)
		}, func(c *Config) {
			c.RaiseEpoch = func(_ context.Context, above uint64) (uint64, error) {
				raised = append(raised, above)
				time.Sleep(3 * time.Second) // flash is slow
				return above + 1, nil
			}
		})
		start := time.Now()
		pass(10 * time.Second)
		got := g.server.got()
		if len(got) != 2 || got[1].at.Sub(start) != 3*time.Second || got[1].ID() != "A1000001/91/1" || got[1].Report.Cause != schema.CauseStart {
			t.Fatalf("%d arrived", len(got))
		}
		if len(raised) != 1 || raised[0] != 90 {
			t.Errorf("raised above %v", raised)
		}
		if s := g.Stats(); s.State != peer.UpstreamConnected || s.Conflicts != 1 || s.LastError != "" || s.Position.Epoch != 91 {
			t.Errorf("%+v", s)
		}
	})
}

// TestOvertaken: a server that calls a report an old one has not taken it, whatever the
// status of its answer.
func TestOvertaken(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, func(a arrival) (*post.Answer, error) {
			if a.Report.Seq <= 500 {
				return reply(200, `{"epoch":7,"seq":500}`)(a)
			}
			return reply(200, `{"epoch":7,"seq":501}`)(a)
		})
		pass(time.Millisecond)
		got := g.server.got()
		if len(got) != 2 || got[1].ID() != "A1000001/7/501" {
			t.Errorf("%d arrived", len(got))
		}
		if s := g.Stats(); s.Delivered != 1 || s.Conflicts != 1 || s.LastError != "" {
			t.Errorf("%+v", s)
		}
	})
}

func TestConflictWithBrokenFlash(t *testing.T) {
	within(t, func(t *testing.T) {
		var broken atomic.Bool
		broken.Store(true)
		g := run(t, func(a arrival) (*post.Answer, error) {
			if a.Report.Epoch < 91 {
				return reply(409, `{"epoch":90,"seq":1}`)(a)
			}
			return reply(204, "")(a)
		}, func(c *Config) {
			c.RaiseEpoch = func(_ context.Context, above uint64) (uint64, error) {
				if broken.Load() {
					return 0, errors.New("no space left on device")
				}
				return above + 1, nil
			}
		})
		pass(time.Millisecond)
		if s := g.Stats(); s.State != peer.UpstreamDisconnected || s.LastError != "no higher epoch: no space left on device" || s.Queued != 1 {
			t.Errorf("%+v", s)
		}
		broken.Store(false)
		pass(time.Minute)
		if s := g.Stats(); s.State != peer.UpstreamConnected {
			t.Errorf("%+v", s)
		}
	})
}

// TestSenseless409 covers answers that ask for nothing that could be followed.
func TestSenseless409(t *testing.T) {
	for _, body := range []string{"", "garbage", `{"epoch":1,"seq":1}`, `{"epoch":9007199254740991,"seq":1}`} {
		within(t, func(t *testing.T) {
			g := run(t, reply(409, body), func(c *Config) {
				c.RaiseEpoch = func(context.Context, uint64) (uint64, error) {
					t.Errorf("%q raised the epoch", body)
					return 0, errors.New("no")
				}
			})
			pass(time.Hour)
			if s, n := g.Stats(), len(g.server.got()); s.Conflicts != 0 || s.Failed != uint64(n) || n > 30 || s.LastError == "" {
				t.Errorf("%q: %d reports, %+v", body, n, s)
			}
		})
	}
}

// TestDisconnectedByTime: two cadences after the last delivery somebody is told, though
// an attempt hangs and nothing else happens.
func TestDisconnectedByTime(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, reply(204, ""), func(c *Config) { c.Sender = firstThen{c.Sender, hanging{}, new(int)} })
		start := time.Now()
		pass(time.Second)
		<-g.Changed()
		pass(598 * time.Second)
		if s := g.Stats(); s.State != peer.UpstreamConnected || s.Queued != 1 {
			t.Errorf("%+v", s)
		}
		<-g.Changed()
		if after := time.Since(start); after != 600*time.Second || g.Stats().State != peer.UpstreamDisconnected {
			t.Errorf("%v after %v", g.Stats().State, after)
		}
	})
}

// TestStop: an attempt under way ends with Run, and is nobody's failure.
func TestStop(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, nil, func(c *Config) { c.Sender = hanging{} })
		pass(time.Second)
		g.stop()
		if s := g.Stats(); s.State != peer.UpstreamUnknown || s.Failed != 0 || s.LastError != "" {
			t.Errorf("%+v", s)
		}
	})
}

// TestNothingOutlivesRun: Run waits for the attempt under way.
func TestNothingOutlivesRun(t *testing.T) {
	within(t, func(t *testing.T) {
		var ended atomic.Bool
		g := run(t, nil, func(c *Config) { c.Sender = slowToEnd{&ended} })
		pass(time.Second)
		g.stop()
		if !ended.Load() {
			t.Error("Run has returned, the attempt has not")
		}
	})
}

// slowToEnd is a sender that takes its time when it is cancelled.
type slowToEnd struct{ ended *atomic.Bool }

func (s slowToEnd) Post(ctx context.Context, _ string, _ []byte) (*post.Answer, error) {
	<-ctx.Done()
	time.Sleep(time.Second)
	s.ended.Store(true)
	return nil, ctx.Err()
}

// TestSettleAfterTheEnd: an answer that comes together with the end does not count.
func TestSettleAfterTheEnd(t *testing.T) {
	r, err := New(Config{
		Serial: "A1000001", Source: newSite(t), Sender: hanging{}, Epoch: 7, Log: slog.New(slog.DiscardHandler),
		RaiseEpoch: func(context.Context, uint64) (uint64, error) { return 0, errors.New("no") },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.box.Take(time.Now(), "1")
	r.settle(ctx, time.Now(), verdict{outcome: failed, why: "context canceled"}, nil)
	if c := r.box.Counters(); c.Failed != 0 || r.lastError != "" {
		t.Errorf("%+v, %q", c, r.lastError)
	}
}

// firstThen sends the first report by one sender, and all others by another.
type firstThen struct {
	first, then Sender
	n           *int
}

func (s firstThen) Post(ctx context.Context, contentType string, body []byte) (*post.Answer, error) {
	if *s.n++; *s.n == 1 {
		return s.first.Post(ctx, contentType, body)
	}
	return s.then.Post(ctx, contentType, body)
}

// hanging is a sender whose server never answers.
type hanging struct{}

func (hanging) Post(ctx context.Context, _ string, _ []byte) (*post.Answer, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestSave(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, func(a arrival) (*post.Answer, error) {
			if a.Report.Seq == 1 {
				return reply(200, `{"cadence_s":600}`)(a)
			}
			return &post.Answer{Status: 503, RetryAfter: 30 * time.Minute}, nil
		})
		pass(time.Second)
		delivered := g.Stats().LastDelivered
		g.site.change()
		pass(time.Minute)
		g.stop()
		saved := g.Save()
		if len(saved) > 1024 {
			t.Errorf("%d bytes", len(saved))
		}
		pass(time.Minute)
		restarted := time.Now()
		next := run(t, reply(204, ""), func(c *Config) { c.Epoch, c.Saved, c.Away = 8, saved, time.Minute })
		if s := next.first; s.Cadence != 10*time.Minute || s.State != peer.UpstreamUnknown || s.Dropped != 1 ||
			s.LastDelivered.Sub(delivered).Abs() > time.Millisecond {
			t.Errorf("%+v", s)
		}
		pass(time.Hour)
		first := next.server.got()[0]
		if wait := first.at.Sub(restarted); wait < 28*time.Minute || wait > 29*time.Minute || first.ID() != "A1000001/8/1" {
			t.Errorf("%s after %v", first.ID(), wait)
		}
	})
}

func TestSavedGarbage(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, reply(204, ""), func(c *Config) { c.Saved = []byte(`{"wait_s":"x"`) })
		pass(time.Millisecond)
		if s := g.Stats(); s.State != peer.UpstreamConnected || !strings.Contains(g.log.String(), "does not read") {
			t.Errorf("%+v", s)
		}
	})
}

// TestTooLarge: a document beyond the bound is said, and takes nothing with it.
func TestTooLarge(t *testing.T) {
	within(t, func(t *testing.T) {
		g := run(t, reply(204, ""))
		pass(time.Second)
		g.site.mu.Lock()
		g.site.doc.Link.Interface = strings.Repeat("x", schema.MaxReport)
		g.site.mu.Unlock()
		g.site.change()
		pass(time.Second)
		if s := g.Stats(); s.Refused != 1 || !strings.Contains(s.LastError, "too large") || s.State != peer.UpstreamConnected {
			t.Errorf("%+v", s)
		}
	})
}

func TestShown(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                      "plain",
		"a\nb\x1b[31m":               `a\x0ab\x1b[31m`,
		"<b>&\\":                     `\x3cb\x3e\x26\\`,
		"ü \u202e \U0001f600":        `\xfc \u202e \U0001f600`,
		strings.Repeat("x", 1000):    strings.Repeat("x", MaxError),
		strings.Repeat("\u202e", 99): strings.Repeat(`\u202e`, MaxError/6),
	} {
		if got := shown(in); got != want {
			t.Errorf("%.40q: %q", in, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("an empty config was taken")
	}
}
