package store

import (
	"context"
	"fmt"
	"time"
)

// Retention says how long histories are kept.
type Retention struct {
	History time.Duration // transitions and changes of sites
	Stories time.Duration // after they were closed
	Audit   time.Duration
	Silent  time.Duration // Sockets that have not reported for this long, unless their site's story is open
}

// DefaultRetention keeps what people look back at.
func DefaultRetention() Retention {
	const day = 24 * time.Hour
	return Retention{History: 90 * day, Stories: 400 * day, Audit: 400 * day, Silent: 90 * day}
}

// sentFor is how long delivered messages are kept.
const sentFor = 7 * 24 * time.Hour

// maxSweep bounds the rows that one transaction deletes, so that writers do not wait.
const maxSweep = 2000

// Sweep deletes what is older than it is kept for, in small transactions, and returns
// how many rows. Any process may call it at any time.
func (s *Store) Sweep(ctx context.Context, now time.Time, r Retention) (int, error) {
	ago := func(d time.Duration) int64 { return millis(now.Add(-d)) }
	total := 0
	for _, one := range []struct {
		table, key, where string
		before            int64
	}{
		{"transitions", "tenant, serial, stated", "at < $1", ago(r.History)},
		{"changes", "tenant, site, id", "at < $1", ago(r.History)},
		{"timeline", "tenant, story, id", `EXISTS (SELECT 1 FROM stories WHERE stories.tenant = timeline.tenant
			AND stories.id = timeline.story AND stories.closed_at < $1)`, ago(r.Stories)},
		{"stories", "tenant, id", "closed_at < $1 AND NOT EXISTS (SELECT 1 FROM lives WHERE lives.tenant = stories.tenant AND lives.story = stories.id)", ago(r.Stories)},
		{"audit", "tenant, id", "at < $1", ago(r.Audit)},
		{"outbox", "id", "done_at < $1", ago(sentFor)},
		{"sessions", "token", "expires_at < $1", millis(now)},
		{"sockets", "tenant, serial", `received_at < $1 AND NOT EXISTS (SELECT 1 FROM sites WHERE sites.tenant = sockets.tenant
			AND sites.site = sockets.site AND sites.story <> '')`, ago(r.Silent)},
	} {
		n, err := s.sweep(ctx, one.table, one.key, one.where, one.before)
		total += n
		if err != nil {
			return total, err
		}
	}
	n, err := s.sweepSites(ctx)
	return total + n, err
}

func (s *Store) sweep(ctx context.Context, table, key, where string, before int64) (int, error) {
	text := fmt.Sprintf("DELETE FROM %s WHERE (%s) IN (SELECT %s FROM %s WHERE %s LIMIT %d)", table, key, key, table, where, maxSweep)
	total := 0
	for ctx.Err() == nil {
		var n int64
		err := s.submit(job{ctx: ctx, alone: true, fn: func(tx *Tx) (err error) {
			n, err = tx.exec(text, before)
			return err
		}})
		total += int(n)
		if err != nil || n < maxSweep {
			return total, err
		}
	}
	return total, ctx.Err()
}

// sweepSites deletes sites that no Socket reports for any more and that have no
// open story.
func (s *Store) sweepSites(ctx context.Context) (int, error) {
	const gone = `FROM sites WHERE story = '' AND NOT EXISTS (SELECT 1 FROM sockets WHERE sockets.tenant = sites.tenant AND sockets.site = sites.site)`
	var n int64
	err := s.submit(job{ctx: ctx, alone: true, fn: func(tx *Tx) (err error) {
		if err = tx.run("DELETE FROM lives WHERE (tenant, site) IN (SELECT tenant, site " + gone + ")"); err != nil {
			return err
		}
		n, err = tx.exec("DELETE " + gone)
		return err
	}})
	return int(n), err
}
