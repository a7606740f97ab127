package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// Tx is a transaction, for the time of the function it was given to. Its methods
// return errors of the database as they are; the function must return them.
type Tx struct {
	Now time.Time // when the transaction began, by this machine's clock

	store   *Store
	session *session
	ctx     context.Context //nolint:containedctx // a Tx lives no longer than the call it belongs to
	events  []Event
	wrote   bool
	failed  error // of the database: the transaction is lost
}

// session is one connection with its prepared statements.
type session struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// transaction runs fn between begin and COMMIT. After an error of the connection
// the next transaction gets a new one.
func (s *session) transaction(ctx context.Context, begin string, fn func() error) error {
	if s.conn == nil {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		s.conn, s.stmts = conn, make(map[string]*sql.Stmt)
	}
	err := s.exec(ctx, begin)
	if err == nil {
		if err = fn(); err == nil {
			err = s.exec(ctx, "COMMIT")
		}
		if err != nil && s.exec(context.WithoutCancel(ctx), "ROLLBACK") != nil {
			s.reset()
		}
		return err
	}
	s.reset()
	return err
}

func (s *session) exec(ctx context.Context, text string) error {
	if _, err := s.conn.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// reset gives the connection up.
func (s *session) reset() {
	if s.conn == nil {
		return
	}
	for _, stmt := range s.stmts {
		_ = stmt.Close()
	}
	_ = s.conn.Raw(func(any) error { return driver.ErrBadConn }) // not back into the pool
	_ = s.conn.Close()
	s.conn, s.stmts = nil, nil
}

func (s *session) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	if stmt, ok := s.stmts[text]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, text)
	if err == nil {
		s.stmts[text] = stmt
	}
	return stmt, err
}

func (tx *Tx) fail(err error) error {
	err = fmt.Errorf("store: %w", err)
	if tx.failed == nil {
		tx.failed = err
	}
	return err
}

// exec runs a statement that writes and returns how many rows it wrote.
func (tx *Tx) exec(text string, args ...any) (int64, error) {
	tx.wrote = true
	stmt, err := tx.session.prepared(tx.ctx, text)
	if err != nil {
		return 0, tx.fail(err)
	}
	res, err := stmt.ExecContext(tx.ctx, args...)
	if err != nil {
		return 0, tx.fail(err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, tx.fail(err)
	}
	return n, nil
}

func (tx *Tx) run(text string, args ...any) error {
	_, err := tx.exec(text, args...)
	return err
}

// query gives each row of a query to scan.
func (tx *Tx) query(text string, args []any, scan func(*sql.Rows) error) error {
	stmt, err := tx.session.prepared(tx.ctx, text)
	if err != nil {
		return tx.fail(err)
	}
	rows, err := stmt.QueryContext(tx.ctx, args...)
	if err != nil {
		return tx.fail(err)
	}
	if err := eachRow(rows, scan); err != nil {
		return tx.fail(err)
	}
	return nil
}

// row scans the one row of a query, or returns ErrNotFound.
func (tx *Tx) row(text string, args []any, dest ...any) error {
	found := false
	err := tx.query(text, args, func(rows *sql.Rows) error {
		found = true
		return rows.Scan(dest...)
	})
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

// Publish tells subscribers in every process, once the transaction is on disk.
func (tx *Tx) Publish(e Event) {
	if !slices.Contains(tx.events, e) {
		tx.events = append(tx.events, e)
	}
}

// maxNotify bounds what one transaction tells other processes one by one.
const maxNotify = 64

func (tx *Tx) notify() error {
	text := tx.store.engine.notify()
	if text == "" {
		return nil
	}
	events := tx.events
	if len(events) > maxNotify {
		events = []Event{{Kind: Resync}}
	}
	for _, e := range events {
		payload, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if err := tx.query(text, []any{string(payload)}, func(*sql.Rows) error { return nil }); err != nil {
			return err
		}
	}
	return nil
}

// Write runs fn in a transaction and returns when it is on disk. fn may run more
// than once. To change a site use [Store.Update].
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) error {
	return s.submit(job{ctx: ctx, fn: fn})
}

// submit gives the job to the writer that its key belongs to.
func (s *Store) submit(j job) error {
	if len(s.writers) == 0 {
		return errors.New("store: not open")
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(j.key))
	return s.writers[h.Sum32()%uint32(len(s.writers))].submit(j)
}
