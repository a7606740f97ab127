package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"socketha/agent/alarm"
)

// Settings are a tenant's knobs. What is zero in the database has its default.
type Settings struct {
	Alarm   alarm.Config  `json:"alarm"`
	Cadence time.Duration `json:"cadence"` // how often Sockets report when nothing changes; 30 s to 1 h
}

// Bounds of the cadence.
const (
	MinCadence = 30 * time.Second
	MaxCadence = time.Hour
)

// DefaultSettings returns the defaults of the contract.
func DefaultSettings() Settings {
	return Settings{Alarm: alarm.DefaultConfig(), Cadence: 5 * time.Minute}
}

// Check says what is out of bounds.
func (s Settings) Check() error {
	if s.Cadence < MinCadence || s.Cadence > MaxCadence {
		return fmt.Errorf("cadence %v is outside %v to %v", s.Cadence, MinCadence, MaxCadence)
	}
	return s.Alarm.Check()
}

// settingsAge is how long another process's change of settings may go unseen.
const settingsAge = 10 * time.Second

type cachedSettings struct {
	Settings
	readAt time.Time
}

// Settings returns a tenant's settings, at most ten seconds old.
func (s *Store) Settings(ctx context.Context, tenant string) (Settings, error) {
	now := time.Now()
	s.settingsMu.Lock()
	cached, ok := s.settings[tenant]
	s.settingsMu.Unlock()
	if ok && now.Sub(cached.readAt) < settingsAge {
		return cached.Settings, nil
	}
	set := DefaultSettings()
	err := s.query(ctx, `SELECT settings FROM tenants WHERE tenant = $1`, []any{tenant}, func(rows *sql.Rows) error {
		var raw string
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		return json.Unmarshal([]byte(raw), &set) // absent fields keep their defaults
	})
	if err == nil {
		err = set.Check()
	}
	if err != nil {
		return DefaultSettings(), err
	}
	s.cache(tenant, set, now)
	return set, nil
}

// maxCached bounds the tenants whose settings are kept in memory.
const maxCached = 10_000

func (s *Store) cache(tenant string, set Settings, now time.Time) {
	s.settingsMu.Lock()
	defer s.settingsMu.Unlock()
	if len(s.settings) >= maxCached {
		clear(s.settings)
	}
	s.settings[tenant] = cachedSettings{set, now}
}

// PutSettings changes a tenant's settings. All of its sites are due at once.
func (s *Store) PutSettings(ctx context.Context, tenant string, set Settings, by Audit) error {
	if err := set.Check(); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	raw, err := json.Marshal(set)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	err = s.Write(ctx, func(tx *Tx) error {
		const text = `INSERT INTO tenants (tenant, created_at, settings) VALUES ($1, $2, $3)
			ON CONFLICT (tenant) DO UPDATE SET settings = excluded.settings`
		if err := tx.run(text, tenant, millis(tx.Now), string(raw)); err != nil {
			return err
		}
		if err := tx.run(`UPDATE lives SET due_at = $2 WHERE tenant = $1`, tenant, millis(tx.Now)); err != nil {
			return err
		}
		return tx.Audit(tenant, by)
	})
	if err == nil {
		s.cache(tenant, set, time.Now())
	}
	return err
}

// Tenants returns the tenants, at most MaxLimit, by name.
func (s *Store) Tenants(ctx context.Context) ([]string, error) {
	var list []string
	err := s.query(ctx, `SELECT tenant FROM tenants ORDER BY tenant LIMIT $1`, []any{MaxLimit}, func(rows *sql.Rows) error {
		var t string
		if err := rows.Scan(&t); err != nil {
			return err
		}
		list = append(list, t)
		return nil
	})
	return list, err
}

// Listening says that a console listens at now, and returns since when some console
// has done so without a gap longer than gap. Call it well more often than that.
func (s *Store) Listening(ctx context.Context, now time.Time, gap time.Duration) (since time.Time, err error) {
	err = s.submit(job{ctx: ctx, alone: true, fn: func(tx *Tx) error {
		var from, until int64
		const first = `INSERT INTO listening (id, since_at, until_at) VALUES (1, $1, $1) ON CONFLICT DO NOTHING`
		if err := tx.run(first, millis(now)); err != nil {
			return err
		}
		text := `SELECT since_at, until_at FROM listening WHERE id = 1` + s.engine.lockRow()
		if err := tx.row(text, nil, &from, &until); err != nil {
			return err
		}
		if millis(now)-until > gap.Milliseconds() {
			from = millis(now)
		}
		since = moment(from)
		return tx.run(`UPDATE listening SET since_at = $1, until_at = $2 WHERE id = 1`, from, max(until, millis(now)))
	}})
	if errors.Is(err, ErrNotFound) {
		err = errors.New("store: the row of listening is gone")
	}
	return since, err
}
