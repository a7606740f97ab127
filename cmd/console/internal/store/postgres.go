package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// postgresEngine keeps everything in PostgreSQL, version 12 or newer.
type postgresEngine struct{}

func (*postgresEngine) name() string { return "postgres" }

func (*postgresEngine) open(cfg *Config) (write, read *sql.DB, err error) {
	if _, err := pgx.ParseConfig(cfg.DSN); err != nil {
		return nil, nil, errors.New("postgres: the data source name is neither sqlite:PATH, a postgres:// URL nor key=value pairs")
	}
	if write, err = sql.Open("pgx", cfg.DSN); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(cfg.Writers)
	write.SetMaxIdleConns(cfg.Writers)
	if read, err = sql.Open("pgx", cfg.DSN); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(cfg.Readers)
	read.SetMaxIdleConns(cfg.Readers)
	return write, read, nil
}

// migrationLock is the key of the advisory lock: "console" in ASCII.
const migrationLock = "SELECT pg_advisory_xact_lock(27988522372297829)"

// channel is the name of the notifications.
const channel = "socketha_console"

func (*postgresEngine) begin() string { return "BEGIN" }
func (*postgresEngine) snapshot() []string {
	return []string{"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"}
}
func (*postgresEngine) contains() string       { return "strpos" }
func (*postgresEngine) lockRow() string        { return " FOR UPDATE" }
func (*postgresEngine) skipLocked() string     { return " FOR UPDATE SKIP LOCKED" }
func (*postgresEngine) lockMigrations() string { return migrationLock }
func (*postgresEngine) notify() string         { return "SELECT pg_notify('" + channel + "', $1)" }
func (*postgresEngine) dialect(sql string) string {
	return strings.ReplaceAll(sql, "{C}", `COLLATE "C"`)
}

// retry: 40001 serialization failure, 40P01 deadlock; or the connection was lost
// before the commit was sent.
func (*postgresEngine) retry(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	return errors.Is(err, driver.ErrBadConn) || pgconn.SafeToRetry(err)
}

// listen hands on what any process tells. Whenever it begins to it says so: what
// was told before is lost.
func (*postgresEngine) listen(ctx context.Context, cfg *Config, heard func(string), lost func()) {
	for ctx.Err() == nil {
		err := listenOnce(ctx, cfg.DSN, heard, lost)
		if ctx.Err() != nil {
			return
		}
		cfg.Log.WarnContext(ctx, "no events from other consoles for now", slog.Any("error", err))
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func listenOnce(ctx context.Context, dsn string, heard func(string), ready func()) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	ready()
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		heard(n.Payload)
	}
}
