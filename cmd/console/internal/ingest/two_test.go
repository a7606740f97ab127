package ingest_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/pgtest"
	"socketha/cmd/console/internal/store"
)

// TestTwoConsoles: two consoles on one PostgreSQL take reports of the same sites and
// step them at once. Every story is opened once, and told once.
func TestTwoConsoles(t *testing.T) {
	dsn := pgtest.Start(t).Database(t)
	one := newRig(t, dsn, nil)
	two := newRigAt(t, dsn, one.clock, nil)
	ctx := t.Context()
	const sites = 60
	var wg sync.WaitGroup
	for n := range sites {
		p := fleet.NewPair("acme", n)
		p.Trouble = fleet.SplitBrain
		for i, r := range []*rig{one, two} {
			wg.Go(func() {
				if code, a, _ := r.post(r.client("acme", p.Serials[i]), r.report(&p, i, 1, 1)); code != 200 {
					t.Errorf("%d %+v", code, a)
				}
			})
		}
	}
	wg.Wait()
	one.advance(61 * time.Minute) // the Sockets are silent by now, and the hour is over
	for _, r := range []*rig{one, two} {
		for range 3 {
			wg.Go(func() {
				if _, err := r.stories.Tick(ctx); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	list, err := one.store.Stories(ctx, "acme", store.StoryQuery{Limit: 1000})
	must(t, err)
	perSite := make(map[string]int)
	for _, s := range list.Stories {
		perSite[s.Site]++
		entries, err := two.store.Timeline(ctx, "acme", s.ID, "", 0)
		must(t, err)
		if s.Number != 1 || len(entries) == 0 || entries[0].Kind != "opened" {
			t.Errorf("story of %s: %+v %+v", s.Site, s, entries)
		}
	}
	waiting, err := two.store.Outbox(ctx)
	must(t, err)
	if len(perSite) != sites || len(list.Stories) != sites || waiting["hook"] != sites {
		t.Errorf("%d stories of %d sites, %d told, want %d of each", len(list.Stories), len(perSite), waiting["hook"], sites)
	}
	claimed := make([]map[string]bool, 2)
	for i, r := range []*rig{one, two} {
		claimed[i] = make(map[string]bool)
		wg.Go(func() {
			for {
				batch, err := r.store.Claim(ctx, "hook", time.Now().Add(time.Hour), time.Hour, 7)
				if err != nil || len(batch) == 0 {
					return
				}
				for _, n := range batch {
					claimed[i][n.ID] = true
				}
			}
		})
	}
	wg.Wait()
	for id := range claimed[0] {
		if claimed[1][id] {
			t.Errorf("message %s was claimed twice", id)
		}
	}
	if n := len(claimed[0]) + len(claimed[1]); n != sites {
		t.Errorf("%d messages claimed, want %d", n, sites)
	}
}

// TestEventsAcross: what one console writes the other one's pages learn.
func TestEventsAcross(t *testing.T) {
	dsn := pgtest.Start(t).Database(t)
	one, two := newRig(t, dsn, nil), newRig(t, dsn, nil)
	events, cancel := two.store.Subscribe("acme")
	defer cancel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writing sync.WaitGroup
	writing.Go(func() { // until it is heard: the other console may still be connecting
		for n := 0; ctx.Err() == nil; n++ {
			_ = one.store.Update(ctx, "acme", fmt.Sprint("s", n), "", func(tx *store.SiteTx) error {
				return tx.PutSite(&store.Site{State: "ready"})
			})
		}
	})
	e := <-events
	for e.Kind == store.Resync {
		e = <-events
	}
	if e.Tenant != "acme" || e.Kind == "" {
		t.Errorf("event %+v", e)
	}
	stop()
	writing.Wait()
}
