package ingest_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

// TestSilence: one falls silent, then both; the story opens, and no silence closes it.
func TestSilence(t *testing.T) {
	onBoth(t, func(t *testing.T, dsn string) {
		r := newRig(t, dsn, nil)
		p := pair(fleet.None)
		clients := [2]*http.Client{r.client("acme", p.Serials[0]), r.client("acme", p.Serials[1])}
		seq := uint64(0)
		report := func(i int) {
			seq++
			if code, a, _ := r.post(clients[i], r.report(&p, i, 1, seq)); code != 200 {
				t.Fatalf("%d %+v", code, a)
			}
		}
		report(0)
		report(1)
		for range 4 { // B is silent from here on
			r.minutes(5)
			report(0)
		}
		one := r.site("acme", p.Site)
		if one.State != site.NotReady || one.Story == "" || one.Connected != "fail" || one.Reasons[0].Code != "HA_NOT_READY_SOCKET_DISCONNECTED" {
			t.Fatalf("one Socket silent: %+v", one)
		}
		r.minutes(11)
		one = r.site("acme", p.Site)
		if one.State != site.Unknown || one.Story == "" {
			t.Fatalf("both silent: %+v", one)
		}
		r.minutes(24 * 60)
		one = r.site("acme", p.Site)
		s, err := r.store.Story(t.Context(), "acme", one.Story)
		must(t, err)
		if one.State != site.Unknown || s.Status != store.StoryOpen || len(s.Reasons) != 1 {
			t.Errorf("a day later: %+v, story %+v", one, s)
		}
		report(0)
		report(1)
		if one = r.site("acme", p.Site); one.State != site.Ready || one.Story == "" {
			t.Errorf("both back: %+v", one)
		}
		r.minutes(5)
		report(0)
		report(1)
		r.minutes(6)
		if one = r.site("acme", p.Site); one.State != site.Ready || one.Story != "" {
			t.Errorf("back for long enough: %+v", one)
		}
	})
}

// TestOutage: the console was away for three days. No Socket is blamed for that, and
// nothing stale is shown as ready.
func TestOutage(t *testing.T) {
	r := newRig(t, "sqlite:"+t.TempDir()+"/c.db", nil)
	p := pair(fleet.None)
	clients := [2]*http.Client{r.client("acme", p.Serials[0]), r.client("acme", p.Serials[1])}
	for i, c := range clients {
		r.post(c, r.report(&p, i, 1, 1))
	}
	r.minutes(3)
	r.advance(72 * time.Hour)
	must(t, r.stories.Listen(t.Context())) // as a console does when it starts
	_, err := r.stories.Tick(t.Context())
	must(t, err)
	if one := r.site("acme", p.Site); one.State != site.Unknown {
		t.Errorf("after the outage: %+v", one)
	}
	r.post(clients[0], r.report(&p, 0, 1, 2))
	if one := r.site("acme", p.Site); one.State != site.NotReady || one.Connected != "unknown" || len(one.Reasons) != 0 {
		t.Errorf("one is back, the other awaited: %+v", one)
	}
	r.minutes(6)
	r.post(clients[1], r.report(&p, 1, 1, 2))
	one := r.site("acme", p.Site)
	list, err := r.store.Stories(t.Context(), "acme", store.StoryQuery{})
	must(t, err)
	if one.State != site.Ready || len(list.Stories) != 0 {
		t.Errorf("both are back: %+v, stories %+v", one, list.Stories)
	}
}

// TestMute: what is muted is not sent until the mute ends, and then is.
func TestMute(t *testing.T) {
	r := newRig(t, "sqlite:"+t.TempDir()+"/c.db", nil)
	ctx := t.Context()
	p := pair(fleet.LostPeer)
	c := r.client("acme", p.Serials[0])
	seq := uint64(0)
	run := func(d time.Duration) {
		for end := r.now().Add(d); r.now().Before(end); {
			seq++
			r.post(c, r.report(&p, 0, 1, seq))
			r.minutes(5)
		}
	}
	run(45 * time.Minute)
	one := r.site("acme", p.Site)
	if one.Story == "" {
		t.Fatalf("no story: %+v", one)
	}
	must(t, r.stories.Mute(ctx, "acme", one.Story, "ann", r.now().Add(time.Hour)))
	p.Trouble = fleet.SplitBrain
	run(30 * time.Minute)
	waiting := func() int {
		n, err := r.store.Outbox(ctx)
		must(t, err)
		return n["hook"]
	}
	if n := waiting(); n != 1 {
		t.Errorf("%d sent while muted, want only that it opened", n)
	}
	run(40 * time.Minute)
	if n := waiting(); n != 2 {
		t.Errorf("%d sent when the mute was over, want 2", n)
	}
	for name, err := range map[string]error{
		"mute in the past": r.stories.Mute(ctx, "acme", one.Story, "ann", r.now()),
		"mute for ever":    r.stories.Mute(ctx, "acme", one.Story, "ann", r.now().Add(1e6*time.Hour)),
		"empty note":       r.stories.Note(ctx, "acme", one.Story, "ann", " \n"),
		"control note":     r.stories.Note(ctx, "acme", one.Story, "ann", "a\x1bb"),
	} {
		if !errors.Is(err, story.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.stories.Note(ctx, "other", one.Story, "ann", "x"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("note on another tenant's story: %v", err)
	}
	if err := r.stories.Mute(ctx, "acme", one.Story, "ann", time.Time{}); err != nil {
		t.Errorf("ending a mute: %v", err)
	}
}
