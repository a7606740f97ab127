package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
)

const storyColumns = `SELECT tenant, id, site, site_name, number, status, criticality, indication, first_signal, last_signal,
	opened_at, closed_at, occurrences, flapping, reasons, ack_by, ack_at, mute_until, muted_by, suppressed, changed_at FROM stories`

func (s *Story) scan(rows *sql.Rows) error {
	var first, last, opened, changed int64
	var closed, ack, mute sql.NullInt64
	var reasons, status string
	if err := rows.Scan(&s.Tenant, &s.ID, &s.Site, &s.SiteName, &s.Number, &status, &s.Criticality, &s.Indication, &first, &last,
		&opened, &closed, &s.Occurrences, &s.Flapping, &reasons, &s.AckBy, &ack, &mute, &s.MutedBy, &s.Suppressed, &changed); err != nil {
		return err
	}
	s.Status = Status(status)
	s.FirstSignal, s.LastSignal, s.OpenedAt, s.ChangedAt = moment(first), moment(last), moment(opened), moment(changed)
	if closed.Valid {
		s.ClosedAt = moment(closed.Int64)
	}
	if ack.Valid {
		s.AckAt = moment(ack.Int64)
	}
	if mute.Valid {
		s.MuteUntil = moment(mute.Int64)
	}
	return json.Unmarshal([]byte(reasons), &s.Reasons)
}

// PutStory keeps a story of this site, and tells the subscribers.
func (tx *SiteTx) PutStory(s *Story) error {
	reasons, err := json.Marshal(s.Reasons)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.Tenant, s.Site, s.ChangedAt = tx.Tenant, tx.ID, tx.Now
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	const text = `INSERT INTO stories (tenant, id, site, site_name, number, status, criticality, indication, first_signal, last_signal,
		opened_at, closed_at, occurrences, flapping, reasons, ack_by, ack_at, mute_until, muted_by, suppressed, changed_at, search)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)
		ON CONFLICT (tenant, id) DO UPDATE SET site_name = excluded.site_name, status = excluded.status,
		criticality = excluded.criticality, first_signal = excluded.first_signal, last_signal = excluded.last_signal,
		closed_at = excluded.closed_at, occurrences = excluded.occurrences, flapping = excluded.flapping, reasons = excluded.reasons,
		ack_by = excluded.ack_by, ack_at = excluded.ack_at, mute_until = excluded.mute_until, muted_by = excluded.muted_by,
		suppressed = excluded.suppressed, changed_at = excluded.changed_at, search = excluded.search`
	err = tx.run(text, s.Tenant, s.ID, s.Site, s.SiteName, int64(s.Number), string(s.Status), s.Criticality, s.Indication,
		millis(s.FirstSignal), millis(s.LastSignal), millis(s.OpenedAt), orNull(s.ClosedAt), s.Occurrences, flag(s.Flapping),
		string(reasons), s.AckBy, orNull(s.AckAt), orNull(s.MuteUntil), s.MutedBy, flag(s.Suppressed), millis(s.ChangedAt),
		fold(s.Site+"\n"+s.SiteName))
	if err != nil {
		return err
	}
	tx.Publish(Event{Tenant: tx.Tenant, Kind: StoryChanged, Site: tx.ID, Story: s.ID})
	return nil
}

// Story returns a story of this site.
func (tx *SiteTx) Story(id string) (*Story, error) {
	var found *Story
	const where = " WHERE tenant = $1 AND id = $2 AND site = $3"
	err := tx.query(storyColumns+where, []any{tx.Tenant, id, tx.ID}, func(rows *sql.Rows) error {
		found = new(Story)
		return found.scan(rows)
	})
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

// AddEntry adds a line to the timeline of a story.
func (tx *SiteTx) AddEntry(storyID string, e Entry) error {
	const text = `INSERT INTO timeline (tenant, story, id, at, kind, actor, text) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	return tx.run(text, tx.Tenant, storyID, NewID(tx.Now), millis(e.At), e.Kind, e.Actor, e.Text)
}

// StoryQuery asks for a page of stories.
type StoryQuery struct {
	Statuses []Status // empty: all
	Site     string   // only of this site
	Text     string   // in the site's id or name, in any case
	After    string   // cursor from the last page
	Limit    int      // 0: DefaultLimit; at most MaxLimit

	// ByAge sorts the newest first; else the most critical come first, and of
	// those the newest.
	ByAge bool
}

// StoryPage is one page.
type StoryPage struct {
	Stories []Story
	Next    string
}

// Stories returns a page of a tenant's stories.
func (s *Store) Stories(ctx context.Context, tenant string, q StoryQuery) (StoryPage, error) {
	keys := []string{"criticality", "id"}
	if q.ByAge {
		keys = []string{"id"}
	}
	b := s.newQuery(tenant)
	in(b, "status", q.Statuses)
	if q.Site != "" {
		b.where("site = " + b.arg(q.Site))
	}
	if q.Text != "" {
		b.holds("search", fold(q.Text))
	}
	if err := b.after(keys, true, q.After); err != nil {
		return StoryPage{}, err
	}
	limit := pageLimit(q.Limit)
	var page StoryPage
	err := s.query(ctx, b.text(storyColumns, keys, true, limit+1), b.args, func(rows *sql.Rows) error {
		var one Story
		if err := one.scan(rows); err != nil {
			return err
		}
		page.Stories = append(page.Stories, one)
		return nil
	})
	if err == nil && len(page.Stories) > limit {
		page.Stories = page.Stories[:limit]
		last := page.Stories[limit-1]
		page.Next = cursor(last.Criticality, last.ID)
		if q.ByAge {
			page.Next = cursor(last.ID)
		}
	}
	return page, err
}

// Story returns a story.
func (s *Store) Story(ctx context.Context, tenant, id string) (*Story, error) {
	var found *Story
	err := s.query(ctx, storyColumns+" WHERE tenant = $1 AND id = $2", []any{tenant, id}, func(rows *sql.Rows) error {
		found = new(Story)
		return found.scan(rows)
	})
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

// Timeline returns what happened to a story, oldest first, behind an entry ("" for
// the first).
func (s *Store) Timeline(ctx context.Context, tenant, storyID, after string, limit int) ([]Entry, error) {
	var list []Entry
	const text = `SELECT id, at, kind, actor, text FROM timeline WHERE tenant = $1 AND story = $2 AND id > $3 ORDER BY id LIMIT $4`
	err := s.query(ctx, text, []any{tenant, storyID, after, pageLimit(limit)}, func(rows *sql.Rows) error {
		var e Entry
		var at int64
		if err := rows.Scan(&e.ID, &at, &e.Kind, &e.Actor, &e.Text); err != nil {
			return err
		}
		e.At = moment(at)
		list = append(list, e)
		return nil
	})
	return list, err
}

// StoryCounts returns how many stories of a tenant have each status, the closed ones
// left out.
func (s *Store) StoryCounts(ctx context.Context, tenant string) (map[Status]int, error) {
	counts := make(map[Status]int)
	const text = `SELECT status, COUNT(*) FROM stories WHERE tenant = $1 AND status IN ('open', 'monitoring') GROUP BY status`
	err := s.query(ctx, text, []any{tenant}, func(rows *sql.Rows) error {
		var status string
		var n int
		if err := rows.Scan(&status, &n); err != nil {
			return err
		}
		counts[Status(status)] = n
		return nil
	})
	return counts, err
}
