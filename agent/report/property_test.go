package report

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"socketha/agent/report/outbox"
	"socketha/agent/report/post"
	"socketha/agent/report/schema"
)

// fate is what becomes of one attempt, and how much of it.
type fate struct {
	kind string
	n    int
}

var anyFate = rapid.Custom(func(t *rapid.T) fate {
	return fate{
		rapid.SampledFrom([]string{"lost", "answer lost", "slow", "busy", "gone", "fine", "fine"}).Draw(t, "kind"),
		rapid.IntRange(0, 59).Draw(t, "n"),
	}
})

// receiver keeps to the contract, behind a way that loses and delays as it is told.
type receiver struct {
	fates    []fate // of the attempts to come; then all are fine
	last     schema.Position
	body     string
	accepted []schema.Position
	contents map[schema.Position]string
	fault    string
}

func (r *receiver) Post(ctx context.Context, _ string, body []byte) (*post.Answer, error) {
	e, err := schema.Parse(body)
	if err != nil {
		return nil, err
	}
	f := fate{kind: "fine"}
	if len(r.fates) > 0 {
		f, r.fates = r.fates[0], r.fates[1:]
	}
	switch f.kind {
	case "lost":
		return nil, errors.New("lost")
	case "busy":
		return &post.Answer{Status: 503, RetryAfter: time.Duration(f.n) * 10 * time.Second}, nil
	case "gone": // another Socket has used our serial
		r.last.Epoch += uint64(f.n % 3)
		r.last.Seq += uint64(f.n%7 + 1)
		r.body = ""
	case "slow":
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(f.n) * time.Second):
		}
	}
	answer := r.take(e.Report.Position, string(body))
	if f.kind == "answer lost" {
		return nil, errors.New("answer lost")
	}
	return answer, nil
}

func (r *receiver) take(p schema.Position, body string) *post.Answer {
	if before, ok := r.contents[p]; ok && before != body {
		r.fault = fmt.Sprintf("%+v stands for two contents", p)
	}
	r.contents[p] = body
	status := 200
	switch {
	case p.Above(r.last):
		r.last, r.body = p, body
		r.accepted = append(r.accepted, p)
	case p != r.last || body != r.body:
		status = 409
	}
	return &post.Answer{Status: status, Body: fmt.Appendf(nil, `{"epoch":%d,"seq":%d}`, r.last.Epoch, r.last.Seq)}
}

// TestAcceptedRises: whatever happens on the way, what the server accepts of one agent
// rises strictly, no number stands for two contents, and at the end the server has the newest.
func TestAcceptedRises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fates := rapid.SliceOfN(anyFate, 0, 30).Draw(rt, "fates")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 15).Draw(rt, "pauses")
		fault := ""
		synctest.Test(t, func(t *testing.T) { fault = playThrough(t, fates, pauses) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// playThrough changes a site after each pause, in seconds, and returns what is wrong in
// the end.
func playThrough(t *testing.T, fates []fate, pauses []int) string {
	s := newSite(t)
	r := &receiver{fates: fates, contents: map[schema.Position]string{}}
	g := run(t, nil, func(c *Config) { c.Sender, c.Source = r, s })
	for _, pause := range pauses {
		s.change()
		pass(time.Duration(pause) * time.Second)
	}
	// Until all fates have come true, at the longest wait each, and one more.
	pass(32 * (outbox.MaxBackoff + 10*time.Minute))
	g.stop()
	for i := 1; i < len(r.accepted); i++ {
		if !r.accepted[i].Above(r.accepted[i-1]) {
			return fmt.Sprintf("%+v was accepted after %+v", r.accepted[i], r.accepted[i-1])
		}
	}
	e, err := schema.Parse([]byte(r.body))
	if err != nil {
		return err.Error()
	}
	if _, newest := s.Current(); *e.Report.Site.Name != newest || g.Stats().Queued != 0 {
		return fmt.Sprintf("the server has state %s, the newest is %s", *e.Report.Site.Name, newest)
	}
	return r.fault
}
