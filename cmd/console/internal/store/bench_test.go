package store_test

import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/pgtest"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// benchSites is how many sites the page benchmarks have: CONSOLE_BENCH_SITES, or 10,000.
// The goal is for 100,000.
func benchSites() int {
	if n, err := strconv.Atoi(os.Getenv("CONSOLE_BENCH_SITES")); err == nil {
		return n
	}
	return 10_000
}

// BenchmarkPages measures what a page of the web costs the store.
func BenchmarkPages(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchPages(b, "sqlite:"+b.TempDir()+"/c.db") })
	b.Run("postgres", func(b *testing.B) { benchPages(b, pgtest.Start(b).Database(b)) })
}

func benchPages(b *testing.B, dsn string) {
	s := open(b, dsn)
	seed(b, s, benchSites())
	middle := ""
	for range 20 {
		page, err := s.Sites(b.Context(), "acme", store.SiteQuery{Sort: store.ByStatus, After: middle, Limit: 200})
		must(b, err)
		middle = page.Next
	}
	for _, one := range []struct {
		name string
		q    store.SiteQuery
	}{
		{"status/first", store.SiteQuery{Sort: store.ByStatus}},
		{"status/middle", store.SiteQuery{Sort: store.ByStatus, After: middle}},
		{"status/last-first", store.SiteQuery{Sort: store.ByStatus, Desc: true}},
		{"name", store.SiteQuery{Sort: store.ByName}},
		{"since", store.SiteQuery{Sort: store.BySince}},
		{"filter-not-ready", store.SiteQuery{States: []site.State{site.NotReady}}},
		{"filter-unknown", store.SiteQuery{States: []site.State{site.Unknown}}},
		{"filter-reason-none", store.SiteQuery{Reason: "HA_NOT_READY_MTU"}},
		{"search-few", store.SiteQuery{Text: "zürich plant 99"}},
		{"search-serial", store.SiteQuery{Text: "B00000099"}},
		{"search-none", store.SiteQuery{Text: "no such site"}},
	} {
		b.Run(one.name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Sites(b.Context(), "acme", one.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("counts", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Counts(b.Context(), "acme"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("site", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Site(b.Context(), "acme", "site-000077"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// seed fills a store as reports would.
func seed(b *testing.B, s *store.Store, sites int) {
	b.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	ids := make(chan int)
	var workers sync.WaitGroup
	for range 512 {
		workers.Go(func() {
			for n := range ids {
				if err := seedOne(b, s, n, now); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for n := range sites {
		ids <- n
	}
	close(ids)
	workers.Wait()
}

func seedOne(b *testing.B, s *store.Store, n int, now time.Time) error {
	p := fleet.NewPair("acme", n)
	var sockets [2]store.Socket
	for i := range sockets {
		at := schema.Position{Epoch: 1, Seq: 1}
		r := p.Report(i, now, at, schema.CauseStart, 5*time.Minute)
		body, err := schema.Encode(p.Serials[i], r)
		if err != nil {
			return err
		}
		sockets[i] = store.Socket{Report: site.Read(&r.Document, now, 5*time.Minute), Epoch: 1, Seq: 1, Body: body}
	}
	v := site.Judge(now, now, []site.Report{sockets[0].Report, sockets[1].Report})
	rank := store.RankReady
	switch {
	case p.Trouble == fleet.Dark:
		v.State, rank = site.Unknown, store.RankUnknown
	case v.State == site.NotReady:
		rank = store.RankNotReady - 1 - n%9
	case len(v.Reasons) > 0:
		rank = store.RankWarning
	}
	return s.Update(b.Context(), "acme", p.Site, "", func(tx *store.SiteTx) error {
		for i := range sockets {
			if err := tx.PutSocket(&sockets[i]); err != nil {
				return fmt.Errorf("%s: %w", p.Serials[i], err)
			}
		}
		if err := tx.PutDue(now.Add(10 * time.Minute)); err != nil {
			return err
		}
		return tx.PutSite(&store.Site{
			Name: p.Name, State: v.State, Rank: rank, Since: now.Add(-time.Duration(n) * time.Second), Compatibility: v.Compatibility,
			Connected: string(v.Connected), Keepalive: string(v.Keepalive), CompatibleVersion: string(v.CompatibleVersion), Reasons: v.Reasons,
		})
	})
}
