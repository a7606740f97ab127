package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	version int
	name    string
	text    string
}

// migrations returns the embedded migrations in order: NNNN_name.sql.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var list []migration
	for _, name := range names {
		number, _, _ := strings.Cut(strings.TrimPrefix(name, "migrations/"), "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != len(list)+1 {
			return nil, fmt.Errorf("migration %s: not number %d", name, len(list)+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		list = append(list, migration{version, name, string(text)})
	}
	return list, nil
}

// Migrate brings the tables of a database up to date and returns the version
// before and after.
func Migrate(ctx context.Context, cfg Config) (from, to int, err error) {
	s, err := open(cfg)
	if err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = s.read.Close()
		_ = s.write.Close()
	}()
	return s.migrateFrom(ctx, migrationFiles)
}

func (s *Store) migrate(ctx context.Context) error {
	_, _, err := s.migrateFrom(ctx, migrationFiles)
	return err
}

// migrateFrom runs what is missing in one transaction: all of it or nothing. Of two
// consoles that start at once the second waits and finds the work done.
func (s *Store) migrateFrom(ctx context.Context, files fs.FS) (from, to int, err error) {
	list, err := migrations(files)
	if err != nil {
		return 0, 0, fmt.Errorf("store: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("store: %w", err)
	}
	defer func() { _ = conn.Close() }()
	err = inTransaction(ctx, conn, s.engine.begin(), func() error {
		from, to, err = s.runMigrations(ctx, conn, list)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("store: migration: %w", err)
	}
	if from != to {
		s.cfg.Log.InfoContext(ctx, "tables brought up to date", slog.Int("from", from), slog.Int("to", to))
	}
	return from, to, nil
}

func (s *Store) runMigrations(ctx context.Context, conn *sql.Conn, list []migration) (from, to int, err error) {
	if lock := s.engine.lockMigrations(); lock != "" {
		if _, err := conn.ExecContext(ctx, lock); err != nil {
			return 0, 0, err
		}
	}
	const table = `CREATE TABLE IF NOT EXISTS migrations (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, at BIGINT NOT NULL)`
	if _, err := conn.ExecContext(ctx, table); err != nil {
		return 0, 0, err
	}
	if err := conn.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM migrations`).Scan(&from); err != nil {
		return 0, 0, err
	}
	if from > len(list) {
		return from, from, fmt.Errorf("the database is of version %d, this console knows up to %d: use a newer console", from, len(list))
	}
	for _, m := range list[from:] {
		if err := runScript(ctx, conn, s.engine.dialect(m.text)); err != nil {
			return from, from, fmt.Errorf("%s: %w", m.name, err)
		}
		const done = `INSERT INTO migrations (version, name, at) VALUES ($1, $2, $3)`
		if _, err := conn.ExecContext(ctx, done, m.version, m.name, time.Now().UnixMilli()); err != nil {
			return from, from, err
		}
	}
	return from, len(list), nil
}

// runScript runs the statements of a file one by one: they end in a semicolon at the
// end of a line.
func runScript(ctx context.Context, conn *sql.Conn, text string) error {
	for statement := range strings.SplitSeq(text, ";\n") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// inTransaction runs fn between begin and COMMIT, or ROLLBACK if it fails.
func inTransaction(ctx context.Context, conn *sql.Conn, begin string, fn func() error) error {
	if _, err := conn.ExecContext(ctx, begin); err != nil {
		return err
	}
	if err := fn(); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	if _, err := conn.ExecContext(ctx, "COMMIT"); err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	return nil
}
