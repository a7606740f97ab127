package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Errors that callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrBusy     = errors.New("too much is waiting to be written")
	ErrClosed   = errors.New("the store is closed")
)

// Config says which database, and how to use it.
type Config struct {
	// DSN is sqlite:PATH, or what PostgreSQL takes: a postgres:// URL or key=value pairs.
	DSN string

	Writers int // connections that write; PostgreSQL only, 1 to 32; 0: 4
	Readers int // connections that read, 1 to 64; 0: 4
	Queue   int // updates waiting to be written; above it ErrBusy; 0: 4096

	Log *slog.Logger // nil: none
}

// Store is an open database. Its methods may be called at the same time.
type Store struct {
	cfg     Config
	engine  engine
	read    *sql.DB
	write   *sql.DB
	hub     *hub
	writers []*writer
	stop    context.CancelFunc
	done    sync.WaitGroup

	settingsMu sync.Mutex
	settings   map[string]cachedSettings
}

// engine is what differs between the two databases.
type engine interface {
	name() string
	// open returns one pool to write with and one to read with.
	open(cfg *Config) (write, read *sql.DB, err error)
	begin() string      // starts a transaction that writes
	snapshot() []string // starts one that reads one state of everything
	lockRow() string    // behind a SELECT: locks what is found
	skipLocked() string // likewise, leaving out what others have locked
	dialect(sql string) string
	contains() string       // the function that says where in a text another begins, 0: nowhere
	lockMigrations() string // within a transaction: one console at a time; may be ""
	notify() string         // a statement with one argument that tells the other processes; "" if there are none
	listen(ctx context.Context, cfg *Config, heard func(payload string), lost func())
	retry(err error) bool // worth another try: a deadlock, or a lost connection
}

// Open opens the database and brings its tables up to date. Close it.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	s, err := open(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.migrate(ctx); err != nil {
		_ = s.read.Close()
		_ = s.write.Close()
		return nil, err
	}
	s.start() //nolint:contextcheck // its writers live until Close
	return s, nil
}

func open(cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Writers = within(cfg.Writers, 4, 1, 32)
	cfg.Readers = within(cfg.Readers, 4, 1, 64)
	cfg.Queue = within(cfg.Queue, 4096, 1, 1<<20)
	s := &Store{cfg: cfg, hub: newHub(), settings: make(map[string]cachedSettings)}
	if path, ok := strings.CutPrefix(cfg.DSN, "sqlite:"); ok {
		s.engine = &sqliteEngine{path: path}
		s.cfg.Writers = 1
	} else {
		s.engine = &postgresEngine{}
	}
	var err error
	if s.write, s.read, err = s.engine.open(&s.cfg); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return s, nil
}

func within(n, otherwise, low, high int) int {
	if n == 0 {
		n = otherwise
	}
	return min(max(n, low), high)
}

// start starts the writers and the listener for other processes' events.
func (s *Store) start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	for range s.cfg.Writers {
		w := newWriter(s, s.cfg.Queue/s.cfg.Writers+1)
		s.writers = append(s.writers, w)
		s.done.Go(func() { w.run(ctx) })
	}
	s.done.Go(func() { s.engine.listen(ctx, &s.cfg, s.hub.heard, s.hub.resync) })
}

// Close ends the writing of what waits, and closes the database.
func (s *Store) Close() error {
	for _, w := range s.writers {
		w.close()
	}
	s.stop()
	s.done.Wait()
	s.hub.close()
	return errors.Join(s.write.Close(), s.read.Close())
}

// Engine returns the name of the database: sqlite or postgres.
func (s *Store) Engine() string { return s.engine.name() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var one int
	if err := s.read.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}

// Waiting returns how many updates wait to be written.
func (s *Store) Waiting() int {
	n := 0
	for _, w := range s.writers {
		n += len(w.queue)
	}
	return n
}

// query runs a query that reads and gives each row to scan.
func (s *Store) query(ctx context.Context, text string, args []any, scan func(*sql.Rows) error) error {
	rows, err := s.read.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return eachRow(rows, scan)
}

func eachRow(rows *sql.Rows, scan func(*sql.Rows) error) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return nil
}
