package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo
)

// sqliteEngine keeps everything in one file. Write-ahead log, synced at every commit:
// what was acknowledged survives a power cut.
type sqliteEngine struct{ path string }

func (*sqliteEngine) name() string { return "sqlite" }

func (e *sqliteEngine) open(cfg *Config) (write, read *sql.DB, err error) {
	if e.path == "" {
		return nil, nil, errors.New("sqlite: which file?")
	}
	pragmas := []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)",
		"cache_size(-65536)", "mmap_size(1073741824)", "temp_store(MEMORY)", "wal_autocheckpoint(4000)",
	}
	dsn := func(more ...string) string {
		q := url.Values{"_pragma": append(pragmas, more...)}
		return "file:" + (&url.URL{Path: e.path}).EscapedPath() + "?" + q.Encode()
	}
	if write, err = sql.Open("sqlite", dsn()); err != nil {
		return nil, nil, err
	}
	write.SetMaxOpenConns(2) // one for the writer, one for migrations and restores, which wait for the file's lock
	if read, err = sql.Open("sqlite", dsn("query_only(1)")); err != nil {
		return nil, nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(cfg.Readers)
	read.SetMaxIdleConns(cfg.Readers)
	return write, read, nil
}

func (*sqliteEngine) begin() string             { return "BEGIN IMMEDIATE" }
func (*sqliteEngine) snapshot() []string        { return []string{"BEGIN"} }
func (*sqliteEngine) lockRow() string           { return "" } // one writer has it all
func (*sqliteEngine) skipLocked() string        { return "" }
func (*sqliteEngine) dialect(sql string) string { return strings.ReplaceAll(sql, "{C}", "") }
func (*sqliteEngine) lockMigrations() string    { return "" } // BEGIN IMMEDIATE is one
func (*sqliteEngine) notify() string            { return "" } // one process
func (*sqliteEngine) contains() string          { return "instr" }
func (*sqliteEngine) retry(error) bool          { return false }

func (*sqliteEngine) listen(ctx context.Context, _ *Config, _ func(string), _ func()) { <-ctx.Done() }
