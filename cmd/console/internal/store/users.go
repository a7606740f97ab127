package store

import (
	"context"
	"database/sql"
	"time"
)

// PutUser makes a user, or changes hash, role and whether the user may log in.
func (s *Store) PutUser(ctx context.Context, u User) error {
	return s.Write(ctx, func(tx *Tx) error {
		disabled := 0
		if u.Disabled {
			disabled = 1
		}
		const text = `INSERT INTO users (tenant, name, hash, role, disabled, created_at) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (tenant, name) DO UPDATE SET hash = excluded.hash, role = excluded.role, disabled = excluded.disabled`
		return tx.run(text, u.Tenant, u.Name, u.Hash, u.Role, disabled, millis(tx.Now))
	})
}

const userColumns = `SELECT tenant, name, hash, role, disabled, created_at FROM users WHERE tenant = $1`

func (u *User) scan(rows *sql.Rows) error {
	var created int64
	err := rows.Scan(&u.Tenant, &u.Name, &u.Hash, &u.Role, &u.Disabled, &created)
	u.CreatedAt = moment(created)
	return err
}

// User returns a user.
func (s *Store) User(ctx context.Context, tenant, name string) (*User, error) {
	var found *User
	err := s.query(ctx, userColumns+" AND name = $2", []any{tenant, name}, func(rows *sql.Rows) error {
		found = new(User)
		return found.scan(rows)
	})
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

// Users returns the users of a tenant by name, at most MaxLimit.
func (s *Store) Users(ctx context.Context, tenant string) ([]User, error) {
	var list []User
	err := s.query(ctx, userColumns+" ORDER BY name LIMIT $2", []any{tenant, MaxLimit}, func(rows *sql.Rows) error {
		var u User
		if err := u.scan(rows); err != nil {
			return err
		}
		list = append(list, u)
		return nil
	})
	return list, err
}

// PutSession keeps a login.
func (s *Store) PutSession(ctx context.Context, one Session) error {
	return s.Write(ctx, func(tx *Tx) error {
		const text = `INSERT INTO sessions (token, tenant, name, role, csrf, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (token) DO UPDATE SET expires_at = excluded.expires_at`
		return tx.run(text, one.Token, one.Tenant, one.Name, one.Role, one.CSRF, millis(one.CreatedAt), millis(one.ExpiresAt))
	})
}

// Session returns the login that a token (its digest) stands for, unless it has
// expired by now.
func (s *Store) Session(ctx context.Context, token string, now time.Time) (*Session, error) {
	var found *Session
	const text = `SELECT token, tenant, name, role, csrf, created_at, expires_at FROM sessions WHERE token = $1 AND expires_at > $2`
	err := s.query(ctx, text, []any{token, millis(now)}, func(rows *sql.Rows) error {
		var created, expires int64
		found = new(Session)
		err := rows.Scan(&found.Token, &found.Tenant, &found.Name, &found.Role, &found.CSRF, &created, &expires)
		found.CreatedAt, found.ExpiresAt = moment(created), moment(expires)
		return err
	})
	if err == nil && found == nil {
		err = ErrNotFound
	}
	return found, err
}

// EndSession ends a login.
func (s *Store) EndSession(ctx context.Context, token string) error {
	return s.Write(ctx, func(tx *Tx) error { return tx.run(`DELETE FROM sessions WHERE token = $1`, token) })
}

// EndSessions ends every login of a user, as when the password changes.
func (s *Store) EndSessions(ctx context.Context, tenant, name string) error {
	return s.Write(ctx, func(tx *Tx) error {
		return tx.run(`DELETE FROM sessions WHERE tenant = $1 AND name = $2`, tenant, name)
	})
}

// Audit writes down, within a transaction, what somebody did.
func (tx *Tx) Audit(tenant string, a Audit) error {
	const text = `INSERT INTO audit (tenant, id, at, actor, action, object, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	return tx.run(text, tenant, NewID(tx.Now), millis(tx.Now), a.Actor, a.Action, a.Object, a.Detail)
}

// AddAudit writes down what somebody did, where nothing else is written with it.
func (s *Store) AddAudit(ctx context.Context, tenant string, a Audit) error {
	return s.Write(ctx, func(tx *Tx) error { return tx.Audit(tenant, a) })
}

// Audits returns what was done, newest first. before is the id of the last one
// seen, "" for the newest.
func (s *Store) Audits(ctx context.Context, tenant, before string, limit int) ([]Audit, error) {
	if before == "" {
		before = "~"
	}
	var list []Audit
	const text = `SELECT id, at, actor, action, object, detail FROM audit WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3`
	err := s.query(ctx, text, []any{tenant, before, pageLimit(limit)}, func(rows *sql.Rows) error {
		var a Audit
		var at int64
		if err := rows.Scan(&a.ID, &at, &a.Actor, &a.Action, &a.Object, &a.Detail); err != nil {
			return err
		}
		a.At = moment(at)
		list = append(list, a)
		return nil
	})
	return list, err
}
