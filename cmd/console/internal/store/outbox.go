package store

import (
	"context"
	"database/sql"
	"time"
)

// maxError bounds the text kept of a failed delivery, in bytes.
const maxError = 500

// Enqueue puts a message for a sink into the outbox, to be sent once the transaction
// is on disk. Messages with one story are sent in this order.
func (tx *SiteTx) Enqueue(n Notification) error {
	const text = `INSERT INTO outbox (id, tenant, sink, story, kind, payload, created_at, due_at, attempts, error)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 0, '')`
	return tx.run(text, NewID(tx.Now), tx.Tenant, n.Sink, n.Story, n.Kind, string(n.Payload), millis(tx.Now))
}

// Claim returns messages of a sink that are due at now, at most limit, and keeps
// them from every other claimer for the time of the lease. Of each story only the
// oldest message not yet delivered is returned: what comes later waits for it. Call
// [Store.Delivered] or [Store.Retry] for each; a claimer that dies loses nothing,
// after the lease the message is due again.
func (s *Store) Claim(ctx context.Context, sink string, now time.Time, lease time.Duration, limit int) ([]Notification, error) {
	var list []Notification
	err := s.submit(job{ctx: ctx, alone: true, fn: func(tx *Tx) error {
		list = nil
		text := `SELECT id, tenant, sink, story, kind, payload, created_at, attempts FROM outbox
			WHERE sink = $1 AND done_at IS NULL AND due_at <= $2 AND NOT EXISTS (
				SELECT 1 FROM outbox earlier WHERE earlier.sink = outbox.sink AND earlier.tenant = outbox.tenant
				AND earlier.story = outbox.story AND earlier.id < outbox.id AND earlier.done_at IS NULL)
			ORDER BY due_at LIMIT $3` + s.engine.skipLocked()
		err := tx.query(text, []any{sink, millis(now), pageLimit(limit)}, func(rows *sql.Rows) error {
			var n Notification
			var created int64
			if err := rows.Scan(&n.ID, &n.Tenant, &n.Sink, &n.Story, &n.Kind, &n.Payload, &created, &n.Attempts); err != nil {
				return err
			}
			n.CreatedAt = moment(created)
			list = append(list, n)
			return nil
		})
		if err != nil {
			return err
		}
		for _, n := range list {
			const claim = `UPDATE outbox SET due_at = $2, attempts = attempts + 1 WHERE id = $1`
			if err := tx.run(claim, n.ID, millis(now.Add(lease))); err != nil {
				return err
			}
		}
		return nil
	}})
	return list, err
}

// Delivered takes a message out of the outbox.
func (s *Store) Delivered(ctx context.Context, id string) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.run(`UPDATE outbox SET done_at = $2, error = '' WHERE id = $1`, id, millis(tx.Now))
	})
}

// GiveUp takes a message out of the outbox that will never be delivered, and keeps why.
func (s *Store) GiveUp(ctx context.Context, id, why string) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.run(`UPDATE outbox SET done_at = $2, error = $3 WHERE id = $1`, id, millis(tx.Now), cut(why))
	})
}

// Retry says that a delivery failed, why, and when to try again.
func (s *Store) Retry(ctx context.Context, id string, at time.Time, why string) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.run(`UPDATE outbox SET due_at = $2, error = $3 WHERE id = $1 AND done_at IS NULL`, id, millis(at), cut(why))
	})
}

// cut bounds a text and takes out what PostgreSQL cannot keep.
func cut(s string) string {
	clean := make([]rune, 0, min(len(s), maxError))
	for _, r := range s {
		if r != 0 && len(clean) < maxError {
			clean = append(clean, r)
		}
	}
	return string(clean)
}

// Outbox returns how many messages wait in the outbox, by sink.
func (s *Store) Outbox(ctx context.Context) (map[string]int, error) {
	waiting := make(map[string]int)
	const text = `SELECT sink, COUNT(*) FROM outbox WHERE done_at IS NULL GROUP BY sink`
	err := s.query(ctx, text, nil, func(rows *sql.Rows) error {
		var sink string
		var n int
		if err := rows.Scan(&sink, &n); err != nil {
			return err
		}
		waiting[sink] = n
		return nil
	})
	return waiting, err
}
