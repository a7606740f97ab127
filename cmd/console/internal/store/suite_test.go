package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/alarm"
	"socketha/cmd/console/internal/pgtest"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// onBoth runs a test on each engine. fresh makes an empty database.
func onBoth(t *testing.T, test func(t *testing.T, fresh func(t *testing.T) string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "a b?.db") })
	})
	t.Run("postgres", func(t *testing.T) {
		server := pgtest.Start(t)
		test(t, func(t *testing.T) string { return server.Database(t) })
	})
}

func open(t testing.TB, dsn string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), store.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func socket(serial string, epoch, seq uint64, at time.Time) *store.Socket {
	return &store.Socket{
		Report: site.Report{Serial: serial, ReceivedAt: at, Next: 5 * time.Minute, Version: "18.3.3", Readiness: "ready"},
		Epoch:  epoch, Seq: seq, Body: []byte(`{"raw":"\u0000 is text here"}`),
	}
}

func TestSuite(t *testing.T) {
	onBoth(t, func(t *testing.T, fresh func(*testing.T) string) {
		for _, one := range []struct {
			name string
			test func(*testing.T, *store.Store)
		}{
			{"report", testReport},
			{"life", testLife},
			{"atomic", testAtomic},
			{"batch", testBatch},
			{"pages", testPages},
			{"search", testSearch},
			{"tenants", testTenants},
			{"stories", testStories},
			{"outbox", testOutbox},
			{"users", testUsers},
			{"settings", testSettings},
			{"listening", testListening},
			{"events", testEvents},
			{"sweep", testSweep},
			{"history", testHistory},
		} {
			t.Run(one.name, func(t *testing.T) { one.test(t, open(t, fresh(t))) })
		}
		t.Run("backup", func(t *testing.T) { testBackup(t, open(t, fresh(t)), func() *store.Store { return open(t, fresh(t)) }) })
		t.Run("migrations", func(t *testing.T) { testMigrations(t, fresh(t)) })
	})
}

func testReport(t *testing.T, s *store.Store) {
	ctx := t.Context()
	put := func(id string, one *store.Socket) error {
		return s.Update(ctx, "acme", id, one.Serial, func(tx *store.SiteTx) error { return tx.PutSocket(one) })
	}
	must(t, put("zh", socket("A1", 2, 5, t0)))
	must(t, put("zh", socket("A1", 2, 6, t0.Add(time.Minute))))
	for _, old := range [][2]uint64{{2, 6}, {2, 5}, {1, 900}} {
		if err := put("zh", socket("A1", old[0], old[1], t0.Add(time.Hour))); err == nil {
			t.Errorf("position %v was written over 2/6", old)
		}
	}
	must(t, put("bern", socket("A1", 3, 1, t0.Add(2*time.Minute)))) // it moved
	must(t, s.Update(ctx, "acme", "zh", "A1", func(tx *store.SiteTx) error {
		if len(tx.Sockets) != 0 || tx.Elsewhere == nil || tx.Elsewhere.Site != "bern" || !tx.Elsewhere.FirstAt.Equal(t0) {
			t.Errorf("after the move: %+v, elsewhere %+v", tx.Sockets, tx.Elsewhere)
		}
		if tx.Life.Due.IsZero() {
			t.Error("the site that was left is not due")
		}
		return nil
	}))
	if at, err := s.FindSocket(ctx, "acme", "A1"); err != nil || at != "bern" {
		t.Errorf("found at %q, %v", at, err)
	}
	if _, err := s.FindSocket(ctx, "acme", "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an unknown Socket: %v", err)
	}
}

func testLife(t *testing.T, s *store.Store) {
	ctx := t.Context()
	for i, due := range []time.Duration{3 * time.Minute, time.Minute, 2 * time.Minute} {
		must(t, s.Update(ctx, "acme", fmt.Sprint("site", i), "", func(tx *store.SiteTx) error {
			saved := alarm.Saved{Started: true, At: 7, Number: 3, Spell: []alarm.Trouble{{Since: 5}}}
			return tx.PutLife(store.Life{Story: "x", Saved: saved, Due: t0.Add(due)})
		}))
	}
	var got []string
	step := func(now time.Time) (int, error) {
		return s.StepDue(ctx, now, 10, func(tx *store.SiteTx) error {
			got = append(got, tx.ID)
			if tx.Life.Saved.Number != 3 || tx.Life.Saved.Spell[0].Since != 5 || tx.Life.Story != "x" {
				t.Errorf("life of %s: %+v", tx.ID, tx.Life)
			}
			return tx.PutDue(time.Time{})
		})
	}
	if n, err := step(t0.Add(2 * time.Minute)); n != 2 || err != nil {
		t.Errorf("due: %d, %v", n, err)
	}
	if n, err := step(t0.Add(2 * time.Minute)); n != 0 || err != nil {
		t.Errorf("due again: %d, %v", n, err)
	}
	if !slices.Equal(got, []string{"site1", "site2"}) {
		t.Errorf("stepped %v", got)
	}
}

func testAtomic(t *testing.T, s *store.Store) {
	ctx := t.Context()
	broken := errors.New("broken")
	err := s.Update(ctx, "acme", "zh", "A1", func(tx *store.SiteTx) error {
		if err := tx.PutSocket(socket("A1", 1, 1, t0)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error: %v", err)
	}
	if _, err := s.FindSocket(ctx, "acme", "A1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half of an update is there: %v", err)
	}
}

// testBatch: of many updates at once every good one is written, every bad one is
// not, and each caller learns of its own.
func testBatch(t *testing.T, s *store.Store) {
	ctx := t.Context()
	var wg sync.WaitGroup
	errs := make([]error, 400)
	for i := range errs {
		wg.Go(func() {
			serial := fmt.Sprintf("S%03d", i)
			errs[i] = s.Update(ctx, "acme", fmt.Sprint("site", i%50), serial, func(tx *store.SiteTx) error {
				if err := tx.PutSocket(socket(serial, 1, 1, t0)); err != nil {
					return err
				}
				if i%40 == 7 {
					return errors.New("bad one")
				}
				return nil
			})
		})
	}
	wg.Wait()
	for i, err := range errs {
		_, found := s.FindSocket(ctx, "acme", fmt.Sprintf("S%03d", i))
		if bad := i%40 == 7; bad != (err != nil) || bad != errors.Is(found, store.ErrNotFound) {
			t.Errorf("update %d: %v, found: %v", i, err, found)
		}
	}
}

func putSite(t *testing.T, s *store.Store, id string, one store.Site) {
	t.Helper()
	must(t, s.Update(t.Context(), "acme", id, "", func(tx *store.SiteTx) error {
		if err := tx.PutSocket(socket("sn-"+id, 1, 1, t0)); err != nil {
			return err
		}
		own := one
		return tx.PutSite(&own)
	}))
}

func testPages(t *testing.T, s *store.Store) {
	ranks := []int{store.RankReady, store.RankNotReady - 6, store.RankUnknown, store.RankWarning}
	states := []site.State{site.Ready, site.NotReady, site.Unknown, site.Ready}
	for i := range 23 {
		putSite(t, s, fmt.Sprintf("s%02d", i), store.Site{
			Name: []string{"beta", "Älpha", "alpha"}[i%3], Rank: ranks[i%4], State: states[i%4], Since: t0.Add(time.Duration(i%5) * time.Minute),
		})
	}
	for _, sort := range []store.SiteSort{store.ByStatus, store.ByName, store.BySince, "nonsense"} {
		for _, desc := range []bool{false, true} {
			var ids []string
			var seen []store.Site
			q := store.SiteQuery{Sort: sort, Desc: desc, Limit: 4}
			for {
				page, err := s.Sites(t.Context(), "acme", q)
				must(t, err)
				for _, one := range page.Sites {
					ids, seen = append(ids, one.ID), append(seen, one)
					if len(one.Sockets) != 1 || one.Sockets[0].Serial != "sn-"+one.ID {
						t.Errorf("Sockets of %s: %+v", one.ID, one.Sockets)
					}
				}
				if page.Next == "" {
					break
				}
				q.After = page.Next
			}
			if slices.Sort(ids); len(slices.Compact(ids)) != 23 {
				t.Errorf("sort %s: %d of 23 sites", sort, len(ids))
			}
			if sort == store.ByStatus && !slices.IsSortedFunc(seen, func(a, b store.Site) int {
				if desc {
					a, b = b, a
				}
				return a.Rank - b.Rank
			}) {
				t.Errorf("not sorted by HA status, descending %t", desc)
			}
		}
	}
	for _, cursor := range []string{"x", "W10", "WyJhIiwiYiIsImMiXQ", "WzEsMiwzXQ", "WzEuNSwiYSIsImIiXQ"} {
		if _, err := s.Sites(t.Context(), "acme", store.SiteQuery{After: cursor}); !errors.Is(err, store.ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
	counts, err := s.Counts(t.Context(), "acme")
	if want := (map[site.State]int{site.Ready: 11, site.NotReady: 6, site.Unknown: 6}); err != nil || !cmp.Equal(counts, want) {
		t.Errorf("counts %v, %v", counts, err)
	}
}

func testSearch(t *testing.T, s *store.Store) {
	putSite(t, s, "zh", store.Site{Name: "ZÜRICH 100% _x", State: site.NotReady, Rank: 4, Story: "y", Reasons: []site.Reason{{Code: "HA_A"}}})
	putSite(t, s, "be", store.Site{Name: "Bern", State: site.Ready, Rank: store.RankReady})
	for _, one := range []struct {
		q    store.SiteQuery
		want string
	}{
		{store.SiteQuery{Text: "zürich"}, "zh"},
		{store.SiteQuery{Text: "100%"}, "zh"},
		{store.SiteQuery{Text: "%"}, "zh"},
		{store.SiteQuery{Text: "_"}, "zh"},
		{store.SiteQuery{Text: "SN-BE"}, "be"},
		{store.SiteQuery{Text: "18.3.3", States: []site.State{site.Ready}}, "be"},
		{store.SiteQuery{Text: "' OR 1=1 --"}, ""},
		{store.SiteQuery{Text: `\`}, ""},
		{store.SiteQuery{Text: "a\x00b"}, ""},
		{store.SiteQuery{Story: true}, "zh"},
		{store.SiteQuery{Reason: "HA_A"}, "zh"},
		{store.SiteQuery{Reason: "HA_"}, ""},
		{store.SiteQuery{Text: "ha_a"}, "zh"},
		{store.SiteQuery{States: []site.State{site.NotReady, site.Unknown}}, "zh"},
		{store.SiteQuery{States: []site.State{site.Ready}}, "be"},
	} {
		page, err := s.Sites(t.Context(), "acme", one.q)
		must(t, err)
		got := ""
		for _, found := range page.Sites {
			got += found.ID
		}
		if got != one.want {
			t.Errorf("%+v found %q, want %q", one.q, got, one.want)
		}
	}
}

// testTenants: what belongs to one tenant is not there for another, whatever is asked.
func testTenants(t *testing.T, s *store.Store) {
	ctx := t.Context()
	putSite(t, s, "zh", store.Site{Name: "secret", State: site.Ready})
	must(t, s.Update(ctx, "acme", "zh", "", func(tx *store.SiteTx) error {
		if err := tx.PutStory(&store.Story{ID: "Y1", Status: store.StoryOpen}); err != nil {
			return err
		}
		return tx.AddEntry("Y1", store.Entry{At: t0, Kind: "note", Text: "x"})
	}))
	must(t, s.PutUser(ctx, store.User{Tenant: "acme", Name: "ann"}))
	page, err := s.Sites(ctx, "evil", store.SiteQuery{})
	must(t, err)
	stories, err := s.Stories(ctx, "evil", store.StoryQuery{})
	must(t, err)
	entries, err := s.Timeline(ctx, "evil", "Y1", "", 0)
	must(t, err)
	users, err := s.Users(ctx, "evil")
	must(t, err)
	if len(page.Sites)+len(stories.Stories)+len(entries)+len(users) != 0 {
		t.Error("a tenant sees what is another's")
	}
	for what, err := range map[string]error{
		"site":   errOf(s.Site(ctx, "evil", "zh")),
		"story":  errOf(s.Story(ctx, "evil", "Y1")),
		"user":   errOf(s.User(ctx, "evil", "ann")),
		"socket": errOf(s.FindSocket(ctx, "evil", "sn-zh")),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s of another tenant: %v", what, err)
		}
	}
	must(t, s.Update(ctx, "evil", "zh", "sn-zh", func(tx *store.SiteTx) error {
		if tx.Site != nil || len(tx.Sockets) != 0 || tx.Elsewhere != nil {
			t.Errorf("an update of another tenant's site sees %+v", tx.Record)
		}
		if _, err := tx.Story("Y1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("story of another tenant: %v", err)
		}
		return nil
	}))
}

func errOf[T any](_ T, err error) error { return err }

func testStories(t *testing.T, s *store.Store) {
	ctx := t.Context()
	want := store.Story{
		Tenant: "acme", ID: "Y1", Site: "zh", SiteName: "Zürich", Number: 4, Status: store.StoryOpen, Criticality: 6, Indication: "x",
		FirstSignal: t0, LastSignal: t0.Add(1), OpenedAt: t0, Occurrences: 2, Flapping: true, Reasons: []site.Reason{{Code: "C", Since: t0}},
		AckBy: "ann", AckAt: t0, MuteUntil: t0, MutedBy: "bob", Suppressed: true,
	}
	want.LastSignal = t0
	must(t, s.Update(ctx, "acme", "zh", "", func(tx *store.SiteTx) error {
		one := want
		if err := tx.PutStory(&one); err != nil {
			return err
		}
		for i := range 5 {
			if err := tx.AddEntry("Y1", store.Entry{At: t0, Kind: "note", Text: fmt.Sprint(i)}); err != nil {
				return err
			}
			other := store.Story{ID: fmt.Sprint("Z", i), Number: uint64(i + 10), Status: store.StoryClosed, ClosedAt: t0, Criticality: i}
			if err := tx.PutStory(&other); err != nil {
				return err
			}
		}
		return nil
	}))
	got, err := s.Story(ctx, "acme", "Y1")
	must(t, err)
	want.ChangedAt = got.ChangedAt
	if d := cmp.Diff(&want, got); d != "" {
		t.Error(d)
	}
	entries, err := s.Timeline(ctx, "acme", "Y1", "", 3)
	must(t, err)
	rest, err := s.Timeline(ctx, "acme", "Y1", entries[2].ID, 3)
	must(t, err)
	if len(rest) != 2 || rest[1].Text != "4" {
		t.Errorf("timeline: %v then %v", entries, rest)
	}
	q, ids := store.StoryQuery{Limit: 2}, ""
	for {
		page, err := s.Stories(ctx, "acme", q)
		must(t, err)
		for _, one := range page.Stories {
			ids += one.ID + " "
		}
		if q.After = page.Next; q.After == "" {
			break
		}
	}
	if ids != "Y1 Z4 Z3 Z2 Z1 Z0 " {
		t.Errorf("by criticality: %s", ids)
	}
	counts, err := s.StoryCounts(ctx, "acme")
	if err != nil || counts[store.StoryOpen] != 1 || len(counts) != 1 {
		t.Errorf("counts %v, %v", counts, err)
	}
}

func testOutbox(t *testing.T, s *store.Store) {
	ctx := t.Context()
	must(t, s.Update(ctx, "acme", "zh", "", func(tx *store.SiteTx) error {
		for _, n := range []store.Notification{
			{Sink: "hook", Story: "Y1", Kind: "opened", Payload: []byte(`{"a":1}`)},
			{Sink: "hook", Story: "Y1", Kind: "closed", Payload: []byte(`{}`)},
			{Sink: "hook", Story: "Y2", Kind: "opened", Payload: []byte(`{}`)},
			{Sink: "mail", Story: "Y1", Kind: "opened", Payload: []byte(`{}`)},
		} {
			if err := tx.Enqueue(n); err != nil {
				return err
			}
		}
		return nil
	}))
	now := time.Now().Add(time.Minute)
	claim := func(at time.Time) []store.Notification {
		list, err := s.Claim(ctx, "hook", at, time.Minute, 10)
		must(t, err)
		slices.SortFunc(list, func(a, b store.Notification) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
		return list
	}
	first := claim(now)
	if len(first) != 2 || first[0].Kind != "opened" || first[1].Story != "Y2" || string(first[0].Payload) != `{"a":1}` {
		t.Fatalf("claimed %+v", first)
	}
	if again := claim(now); len(again) != 0 {
		t.Errorf("claimed twice: %+v", again)
	}
	must(t, s.Retry(ctx, first[0].ID, now.Add(time.Hour), "no\x00 answer"))
	must(t, s.Delivered(ctx, first[1].ID))
	if early := claim(now.Add(30 * time.Minute)); len(early) != 0 {
		t.Errorf("a later message overtook, or one came back early: %+v", early)
	}
	retried := claim(now.Add(time.Hour))
	if len(retried) != 1 || retried[0].Attempts != 1 {
		t.Fatalf("retried: %+v", retried)
	}
	expired := claim(now.Add(2 * time.Hour)) // its claimer died
	if len(expired) != 1 || expired[0].ID != retried[0].ID {
		t.Fatalf("after the lease: %+v", expired)
	}
	must(t, s.GiveUp(ctx, expired[0].ID, "never"))
	if last := claim(now.Add(2 * time.Hour)); len(last) != 1 || last[0].Kind != "closed" {
		t.Errorf("the next message of the story: %+v", last)
	}
	waiting, err := s.Outbox(ctx)
	if err != nil || waiting["hook"] != 1 || waiting["mail"] != 1 {
		t.Errorf("waiting %v, %v", waiting, err)
	}
}

func testUsers(t *testing.T, s *store.Store) {
	ctx := t.Context()
	must(t, s.PutUser(ctx, store.User{Tenant: "acme", Name: "ann", Hash: "h1", Role: "admin"}))
	must(t, s.PutUser(ctx, store.User{Tenant: "acme", Name: "ann", Hash: "h2", Role: "viewer", Disabled: true}))
	u, err := s.User(ctx, "acme", "ann")
	if err != nil || u.Hash != "h2" || u.Role != "viewer" || !u.Disabled {
		t.Errorf("user %+v, %v", u, err)
	}
	login := store.Session{Token: "tok", Tenant: "acme", Name: "ann", Role: "admin", CSRF: "c", CreatedAt: t0, ExpiresAt: t0.Add(time.Hour)}
	must(t, s.PutSession(ctx, login))
	got, err := s.Session(ctx, "tok", t0)
	if err != nil || !cmp.Equal(*got, login) {
		t.Errorf("session %+v, %v", got, err)
	}
	if _, err := s.Session(ctx, "tok", t0.Add(time.Hour)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("expired session: %v", err)
	}
	must(t, s.EndSessions(ctx, "acme", "ann"))
	if _, err := s.Session(ctx, "tok", t0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("ended session: %v", err)
	}
	for i := range 3 {
		must(t, s.AddAudit(ctx, "acme", store.Audit{Actor: "ann", Action: fmt.Sprint(i)}))
	}
	list, err := s.Audits(ctx, "acme", "", 2)
	must(t, err)
	rest, err := s.Audits(ctx, "acme", list[1].ID, 2)
	if err != nil || list[0].Action != "2" || len(rest) != 1 || rest[0].Action != "0" {
		t.Errorf("audit %v, %v, %v", list, rest, err)
	}
}

func testSettings(t *testing.T, s *store.Store) {
	ctx := t.Context()
	set, err := s.Settings(ctx, "acme")
	if err != nil || set != store.DefaultSettings() {
		t.Errorf("settings of a new tenant: %+v, %v", set, err)
	}
	set.Cadence = time.Second
	if err := s.PutSettings(ctx, "acme", set, store.Audit{}); err == nil {
		t.Error("a cadence of a second was taken")
	}
	set.Cadence, set.Alarm.RaiseAfter = time.Minute, 7*time.Minute
	must(t, s.PutSettings(ctx, "acme", set, store.Audit{Actor: "ann", Action: "settings"}))
	got, err := s.Settings(ctx, "acme")
	other, _ := s.Settings(ctx, "other")
	if err != nil || got != set || other != store.DefaultSettings() {
		t.Errorf("settings %+v, of another %+v, %v", got, other, err)
	}
	list, err := s.Audits(ctx, "acme", "", 5)
	if err != nil || len(list) != 1 {
		t.Errorf("audit %v, %v", list, err)
	}
}

func testListening(t *testing.T, s *store.Store) {
	for _, one := range []struct{ now, want time.Duration }{
		{0, 0}, {50 * time.Second, 0}, {100 * time.Second, 0}, {90 * time.Second, 0}, {161 * time.Second, 161 * time.Second}, {170 * time.Second, 161 * time.Second},
	} {
		since, err := s.Listening(t.Context(), t0.Add(one.now), time.Minute)
		if err != nil || !since.Equal(t0.Add(one.want)) {
			t.Errorf("at %v listening since %v, want %v, %v", one.now, since.Sub(t0), one.want, err)
		}
	}
}

func testEvents(t *testing.T, s *store.Store) {
	mine, cancel := s.Subscribe("acme")
	defer cancel()
	other, cancelOther := s.Subscribe("other")
	defer cancelOther()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writing sync.WaitGroup
	writing.Go(func() { // until it is heard: PostgreSQL may not be listened to yet
		for ctx.Err() == nil {
			_ = s.Update(ctx, "acme", "zh", "", func(tx *store.SiteTx) error { return tx.PutSite(&store.Site{State: site.Ready}) })
		}
	})
	got := <-mine
	for got.Kind == store.Resync { // it listens from now on
		got = <-mine
	}
	if want := (store.Event{Tenant: "acme", Kind: store.SiteChanged, Site: "zh"}); got != want {
		t.Errorf("event %+v", got)
	}
	stop()
	writing.Wait()
	for len(other) > 0 {
		if e := <-other; e.Kind != store.Resync {
			t.Errorf("another tenant was told %+v", e)
		}
	}
}

func testSweep(t *testing.T, s *store.Store) {
	ctx := t.Context()
	now := t0.Add(1000 * 24 * time.Hour)
	putSite(t, s, "old", store.Site{State: site.Unknown})
	putSite(t, s, "open", store.Site{State: site.Unknown, Story: "Y1"})
	must(t, s.Update(ctx, "acme", "open", "", func(tx *store.SiteTx) error {
		if err := tx.PutStory(&store.Story{ID: "Y0", Number: 1, Status: store.StoryClosed, ClosedAt: t0}); err != nil {
			return err
		}
		if err := tx.AddEntry("Y0", store.Entry{At: t0}); err != nil {
			return err
		}
		if err := tx.AddChange(store.Change{At: t0, To: site.Ready}); err != nil {
			return err
		}
		if err := tx.AddTransitions([]store.Transition{{Serial: "A", At: t0, Body: []byte("{}")}}); err != nil {
			return err
		}
		return tx.PutStory(&store.Story{ID: "Y1", Number: 2, Status: store.StoryOpen})
	}))
	n, err := s.Sweep(ctx, now, store.DefaultRetention())
	if err != nil || n != 6 { // a Socket and its site, a story and its entry, a change, a transition
		t.Errorf("swept %d, %v", n, err)
	}
	page, err := s.Sites(ctx, "acme", store.SiteQuery{})
	if err != nil || len(page.Sites) != 1 || page.Sites[0].ID != "open" || len(page.Sites[0].Sockets) != 1 {
		t.Errorf("left: %+v, %v", page.Sites, err)
	}
	if _, err := s.Story(ctx, "acme", "Y1"); err != nil {
		t.Errorf("an open story was swept: %v", err)
	}
}

func testHistory(t *testing.T, s *store.Store) {
	ctx := t.Context()
	must(t, s.Update(ctx, "acme", "zh", "", func(tx *store.SiteTx) error {
		for i := range 4 {
			at := t0.Add(time.Duration(i) * time.Minute)
			same := store.Transition{Serial: "A1", Stated: at, At: at, Body: []byte(fmt.Sprint(i))}
			if err := tx.AddTransitions([]store.Transition{same, same}); err != nil {
				return err
			}
			if err := tx.AddChange(store.Change{At: at, To: site.Ready, Reasons: []string{"A"}}); err != nil {
				return err
			}
		}
		return nil
	}))
	list, err := s.Transitions(ctx, "acme", "zh", time.Time{}, 3)
	must(t, err)
	rest, err := s.Transitions(ctx, "acme", "zh", list[2].At, 3)
	if err != nil || len(rest) != 1 || string(rest[0].Body) != "0" {
		t.Errorf("transitions %v then %v, %v", list, rest, err)
	}
	changes, err := s.Changes(ctx, "acme", "zh", "", 3)
	must(t, err)
	older, err := s.Changes(ctx, "acme", "zh", changes[2].ID, 3)
	if err != nil || len(older) != 1 || !older[0].At.Equal(t0) {
		t.Errorf("changes %v then %v, %v", changes, older, err)
	}
}

func testBackup(t *testing.T, s *store.Store, fresh func() *store.Store) {
	ctx := t.Context()
	putSite(t, s, "zh", store.Site{Name: "Zürich <b>", State: site.NotReady, Since: t0})
	must(t, s.PutUser(ctx, store.User{Tenant: "acme", Name: "ann", Hash: "h"}))
	must(t, s.PutSession(ctx, store.Session{Token: "t", Tenant: "acme"}))
	testOutboxRow(t, s)
	var file bytes.Buffer
	n, err := s.Backup(ctx, &file)
	must(t, err)
	want, err := s.Site(ctx, "acme", "zh")
	must(t, err)
	whole := slices.Clone(file.Bytes())
	into := fresh()
	got, err := into.Restore(ctx, bytes.NewReader(whole))
	if err != nil || got != n {
		t.Fatalf("restored %d of %d: %v", got, n, err)
	}
	restored, err := into.Site(ctx, "acme", "zh")
	must(t, err)
	if d := cmp.Diff(want, restored); d != "" {
		t.Error(d)
	}
	if _, err := into.Restore(ctx, bytes.NewReader(whole)); err == nil {
		t.Error("restored into what was not empty")
	}
	cut := fresh()
	if _, err := cut.Restore(ctx, bytes.NewReader(whole[:len(whole)-30])); err == nil {
		t.Error("restored a backup that is cut off")
	}
	if page, err := cut.Sites(ctx, "acme", store.SiteQuery{}); err != nil || len(page.Sites) != 0 {
		t.Errorf("half of a backup was restored: %v, %v", page, err)
	}
}

func testOutboxRow(t *testing.T, s *store.Store) {
	t.Helper()
	must(t, s.Update(t.Context(), "acme", "zh", "", func(tx *store.SiteTx) error {
		return tx.Enqueue(store.Notification{Sink: "hook", Story: "Y", Kind: "opened", Payload: []byte("{}")})
	}))
}

// testMigrations: many consoles may start at once on one database.
func testMigrations(t *testing.T, dsn string) {
	var wg sync.WaitGroup
	var did sync.Map
	for i := range 6 {
		wg.Go(func() {
			from, to, err := store.Migrate(context.Background(), store.Config{DSN: dsn})
			if err != nil {
				t.Error(err)
			}
			if from != to {
				did.Store(i, true)
			}
		})
	}
	wg.Wait()
	n := 0
	did.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d of 6 migrated", n)
	}
}
