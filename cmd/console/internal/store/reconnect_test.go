package store_test

import (
	"database/sql"
	"testing"

	"socketha/cmd/console/internal/pgtest"
	"socketha/cmd/console/internal/store"
)

// TestReconnect: PostgreSQL cuts every connection; the next update and query find new
// ones, and whoever follows live is told that events were lost.
func TestReconnect(t *testing.T) {
	dsn := pgtest.Start(t).Database(t)
	s := open(t, dsn)
	putSite(t, s, "one", store.Site{State: "ready"})
	admin, err := sql.Open("pgx", dsn)
	must(t, err)
	defer func() { _ = admin.Close() }()
	events, cancel := s.Subscribe("acme")
	defer cancel()
	for e := (store.Event{}); e.Kind != store.SiteChanged; { // it listens
		must(t, s.Update(t.Context(), "acme", "one", "", func(tx *store.SiteTx) error { return tx.PutSite(&store.Site{State: "ready"}) }))
		select {
		case e = <-events:
		default:
		}
	}
	for len(events) > 0 {
		<-events
	}
	const cut = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
	_, err = admin.ExecContext(t.Context(), cut)
	must(t, err)
	putSite(t, s, "two", store.Site{State: "ready"})
	page, err := s.Sites(t.Context(), "acme", store.SiteQuery{})
	if err != nil || len(page.Sites) != 2 {
		t.Errorf("%d sites, %v", len(page.Sites), err)
	}
	for e := range events {
		if e.Kind == store.Resync {
			break
		}
	}
}
