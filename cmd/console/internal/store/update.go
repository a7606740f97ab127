package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"socketha/cmd/console/internal/site"
)

// SiteTx is a transaction that holds the lock on one site.
type SiteTx struct {
	*Tx
	Record
}

// Update runs fn under a lock on the site, and returns when what it wrote is on
// disk, or with the error that undid it. fn may run more than once. With a serial
// the Record also tells of that Socket where it last reported for another site.
func (s *Store) Update(ctx context.Context, tenant, id, serial string, fn func(*SiteTx) error) error {
	return s.submit(job{ctx: ctx, key: tenant + "\x00" + id, fn: func(tx *Tx) error {
		rec, err := tx.load(tenant, id, serial)
		if err != nil {
			return err
		}
		return fn(&SiteTx{Tx: tx, Record: *rec})
	}})
}

// StepDue runs fn for each site that is due at now, at most limit of them, in one
// transaction, and returns how many there were. Sites that another process is
// busy with are left to it. fn must set another Due, or none.
func (s *Store) StepDue(ctx context.Context, now time.Time, limit int, fn func(*SiteTx) error) (int, error) {
	n := 0
	err := s.submit(job{ctx: ctx, alone: true, fn: func(tx *Tx) error {
		n = 0
		type key struct{ tenant, id string }
		var due []key
		text := "SELECT tenant, site FROM lives WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2" + s.engine.skipLocked()
		err := tx.query(text, []any{millis(now), limit}, func(rows *sql.Rows) error {
			var k key
			defer func() { due = append(due, k) }()
			return rows.Scan(&k.tenant, &k.id)
		})
		if err != nil {
			return err
		}
		for _, k := range due {
			rec, err := tx.load(k.tenant, k.id, "")
			if err != nil {
				return err
			}
			if err := fn(&SiteTx{Tx: tx, Record: *rec}); err != nil {
				return err
			}
			n++
		}
		return nil
	}})
	return n, err
}

// load locks the site and reads it.
func (tx *Tx) load(tenant, id, serial string) (*Record, error) {
	rec := &Record{Tenant: tenant, ID: id}
	var saved string
	var due sql.NullInt64
	lock := "SELECT due_at, story, saved FROM lives WHERE tenant = $1 AND site = $2" + tx.store.engine.lockRow()
	err := tx.row(lock, []any{tenant, id}, &due, &rec.Life.Story, &saved)
	if errors.Is(err, ErrNotFound) { // new: make its row, which is its lock
		if err := tx.newLife(tenant, id); err != nil {
			return nil, err
		}
		err = tx.row(lock, []any{tenant, id}, &due, &rec.Life.Story, &saved)
	}
	if err != nil {
		return nil, err
	}
	if due.Valid {
		rec.Life.Due = moment(due.Int64)
	}
	if err := json.Unmarshal([]byte(saved), &rec.Life.Saved); err != nil {
		return nil, fmt.Errorf("store: life cycle of a site: %w", err)
	}
	if err := tx.loadSockets(rec, serial); err != nil {
		return nil, err
	}
	err = tx.query(siteColumns+" WHERE tenant = $1 AND site = $2", []any{tenant, id}, func(rows *sql.Rows) error {
		rec.Site = new(Site)
		return rec.Site.scan(rows)
	})
	return rec, err
}

func (tx *Tx) newLife(tenant, id string) error {
	const life = `INSERT INTO lives (tenant, site, story, saved) VALUES ($1, $2, '', '{}') ON CONFLICT DO NOTHING`
	if err := tx.run(life, tenant, id); err != nil {
		return err
	}
	const t = `INSERT INTO tenants (tenant, created_at, settings) VALUES ($1, $2, '{}') ON CONFLICT DO NOTHING`
	return tx.run(t, tenant, millis(tx.Now))
}

const socketColumns = `SELECT tenant, serial, site, epoch, seq, first_at, received_at, next_ms, view`

// loadSockets asks by site first: only a Socket that is new there is looked for
// elsewhere. (One query with OR would read every Socket of the tenant.)
func (tx *Tx) loadSockets(rec *Record, serial string) error {
	take := func(rows *sql.Rows) error {
		var s Socket
		if err := s.scan(rows); err != nil {
			return err
		}
		if s.Site == rec.ID {
			rec.Sockets = append(rec.Sockets, s)
		} else {
			rec.Elsewhere = &s
		}
		return nil
	}
	const here = socketColumns + ` FROM sockets WHERE tenant = $1 AND site = $2 ORDER BY received_at DESC LIMIT 8`
	if err := tx.query(here, []any{rec.Tenant, rec.ID}, take); err != nil || serial == "" || rec.Socket(serial) != nil {
		return err
	}
	const anywhere = socketColumns + ` FROM sockets WHERE tenant = $1 AND serial = $2`
	return tx.query(anywhere, []any{rec.Tenant, serial}, take)
}

// scan reads socketColumns and whatever else was asked for behind them.
func (s *Socket) scan(rows *sql.Rows, more ...any) error {
	var first, received, next int64
	var view string
	dest := append([]any{&s.Tenant, &s.Serial, &s.Site, &s.Epoch, &s.Seq, &first, &received, &next, &view}, more...)
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(view), &s.Report); err != nil {
		return err
	}
	s.FirstAt, s.ReceivedAt, s.Next = moment(first), moment(received), time.Duration(next)*time.Millisecond
	return nil
}

// Reports returns what the site is judged by.
func (r *Record) Reports() []site.Report {
	list := make([]site.Report, 0, len(r.Sockets))
	for i := range r.Sockets {
		list = append(list, r.Sockets[i].Report)
	}
	return list
}

// Socket returns the Socket with a serial, wherever it last reported for.
func (r *Record) Socket(serial string) *Socket {
	if r.Elsewhere != nil && r.Elsewhere.Serial == serial {
		return r.Elsewhere
	}
	for i := range r.Sockets {
		if r.Sockets[i].Serial == serial {
			return &r.Sockets[i]
		}
	}
	return nil
}

// errOvertaken cannot happen while each site is locked and a serial stays at one
// site; if it moves between two sites at once, one of the reports loses and is sent again.
var errOvertaken = errors.New("store: overtaken by another report of the same Socket")

// PutSocket keeps the newest report of a Socket for this site. Its position must be
// above the one kept. A site that it has left is due at once.
func (tx *SiteTx) PutSocket(s *Socket) error {
	view, err := json.Marshal(&s.Report)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	const text = `INSERT INTO sockets (tenant, serial, site, epoch, seq, first_at, received_at, next_ms, view, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (tenant, serial) DO UPDATE SET site = excluded.site, epoch = excluded.epoch, seq = excluded.seq,
		received_at = excluded.received_at, next_ms = excluded.next_ms, view = excluded.view, body = excluded.body
		WHERE excluded.epoch > sockets.epoch OR excluded.epoch = sockets.epoch AND excluded.seq > sockets.seq`
	n, err := tx.exec(text, tx.Tenant, s.Serial, tx.ID, int64(s.Epoch), int64(s.Seq), millis(s.ReceivedAt), millis(s.ReceivedAt),
		s.Next.Milliseconds(), string(view), s.Body)
	if err != nil {
		return err
	}
	if n == 0 {
		return errOvertaken
	}
	kept := *s
	kept.Tenant, kept.Site, kept.Body, kept.FirstAt = tx.Tenant, tx.ID, nil, s.ReceivedAt
	if was := tx.Socket(s.Serial); was != nil {
		kept.FirstAt = was.FirstAt
		if was.Site == tx.ID {
			*was = kept
			return nil
		}
		const left = `UPDATE lives SET due_at = $3 WHERE tenant = $1 AND site = $2`
		if err := tx.run(left, tx.Tenant, was.Site, millis(tx.Now)); err != nil {
			return err
		}
		tx.Elsewhere = nil
	}
	tx.Sockets = append(tx.Sockets, kept)
	return nil
}

// PutLife keeps the life cycle.
func (tx *SiteTx) PutLife(l Life) error {
	saved, err := json.Marshal(l.Saved)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	tx.Life = l
	const text = `UPDATE lives SET due_at = $3, story = $4, saved = $5 WHERE tenant = $1 AND site = $2`
	return tx.run(text, tx.Tenant, tx.ID, orNull(l.Due), l.Story, string(saved))
}

// PutDue sets only when to look at the site again; zero: when a report comes.
func (tx *SiteTx) PutDue(at time.Time) error {
	tx.Life.Due = at
	return tx.run(`UPDATE lives SET due_at = $3 WHERE tenant = $1 AND site = $2`, tx.Tenant, tx.ID, orNull(at))
}

// Life returns the life cycle of a site, as it was when it was last saved.
func (s *Store) Life(ctx context.Context, tenant, id string) (Life, error) {
	var l Life
	var due sql.NullInt64
	saved := ""
	const text = "SELECT due_at, story, saved FROM lives WHERE tenant = $1 AND site = $2"
	err := s.query(ctx, text, []any{tenant, id}, func(rows *sql.Rows) error { return rows.Scan(&due, &l.Story, &saved) })
	switch {
	case err != nil:
		return l, err
	case saved == "":
		return l, ErrNotFound
	case due.Valid:
		l.Due = moment(due.Int64)
	}
	if err := json.Unmarshal([]byte(saved), &l.Saved); err != nil {
		return l, fmt.Errorf("store: life cycle of a site: %w", err)
	}
	return l, nil
}
