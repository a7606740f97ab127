package store

import (
	"bufio"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// backupFormat marks the first line of a backup.
const backupFormat = "socketha-console-backup"

// tables in the order they are written and restored.
var tables = []string{
	"tenants", "listening", "sites", "lives", "sockets", "transitions", "changes", "stories", "timeline", "outbox",
	"users", "sessions", "audit",
}

// header is the first line of a backup; behind it come rows, and a footer.
type header struct {
	Format  string    `json:"format"`
	Version int       `json:"version"` // of the tables
	Engine  string    `json:"engine"`
	MadeAt  time.Time `json:"made_at"`
}

// line is every line behind the header: the columns of a table, one of its rows,
// or the end.
type line struct {
	Table   string   `json:"table,omitempty"`
	Columns []string `json:"columns,omitempty"`
	Row     []any    `json:"row,omitempty"`
	Rows    *int     `json:"rows,omitempty"` // all of them: the end
}

// blobs are columns that hold bytes; they are written in base64.
var blobs = []string{"sockets.body"}

// Backup writes everything as of one moment: gzip, one JSON value a line. It may
// run while the console serves, and either engine can restore it. Sessions are left out.
func (s *Store) Backup(ctx context.Context, to io.Writer) (rows int, err error) {
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	defer func() { _ = conn.Close() }()
	packed, _ := gzip.NewWriterLevel(to, gzip.BestSpeed)
	buffered := bufio.NewWriterSize(packed, 1<<16)
	out := json.NewEncoder(buffered)
	out.SetEscapeHTML(false)
	err = inTransaction(ctx, conn, s.engine.snapshot()[0], func() error {
		rows, err = s.backup(ctx, conn, out)
		return err
	})
	if err == nil {
		err = errors.Join(buffered.Flush(), packed.Close())
	}
	if err != nil {
		return rows, fmt.Errorf("backup: %w", err)
	}
	return rows, nil
}

func (s *Store) backup(ctx context.Context, conn *sql.Conn, out *json.Encoder) (int, error) {
	h := header{Format: backupFormat, Engine: s.engine.name(), MadeAt: time.Now().UTC()}
	if err := conn.QueryRowContext(ctx, "SELECT MAX(version) FROM migrations").Scan(&h.Version); err != nil {
		return 0, err
	}
	if err := out.Encode(h); err != nil {
		return 0, err
	}
	total := 0
	for _, table := range tables {
		if table == "sessions" {
			continue
		}
		n, err := backupTable(ctx, conn, table, out)
		if total += n; err != nil {
			return total, fmt.Errorf("%s: %w", table, err)
		}
	}
	return total, out.Encode(line{Rows: &total})
}

func backupTable(ctx context.Context, conn *sql.Conn, table string, out *json.Encoder) (n int, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT * FROM "+table) //nolint:gosec // one of tables
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return 0, err
	}
	if err := out.Encode(line{Table: table, Columns: columns}); err != nil {
		return 0, err
	}
	values, dest := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return n, err
		}
		for i, v := range values { // text may come as bytes; base64 is for bytes alone
			if b, ok := v.([]byte); ok && !slices.Contains(blobs, table+"."+columns[i]) {
				values[i] = string(b)
			}
		}
		if err := out.Encode(line{Row: values}); err != nil {
			return n, err
		}
		n++
	}
	return n, rows.Err()
}

// Restore fills an empty database from a backup, all of it or nothing. It must not run
// while a console serves from that database.
func (s *Store) Restore(ctx context.Context, from io.Reader) (rows int, err error) {
	packed, err := gzip.NewReader(bufio.NewReader(from))
	if err != nil {
		return 0, fmt.Errorf("restore: not a backup: %w", err)
	}
	in := json.NewDecoder(bufio.NewReaderSize(packed, 1<<16))
	in.UseNumber()
	var h header
	if err := in.Decode(&h); err != nil || h.Format != backupFormat {
		return 0, errors.New("restore: not a backup of this console")
	}
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	defer func() { _ = conn.Close() }()
	err = inTransaction(ctx, conn, s.engine.begin(), func() error {
		if err := s.mayRestore(ctx, conn, h); err != nil {
			return err
		}
		rows, err = restoreRows(ctx, conn, in)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("restore: %w", err)
	}
	return rows, nil
}

// mayRestore refuses a database that holds something, or tables that differ.
func (s *Store) mayRestore(ctx context.Context, conn *sql.Conn, h header) error {
	version := 0
	if err := conn.QueryRowContext(ctx, "SELECT MAX(version) FROM migrations").Scan(&version); err != nil {
		return err
	}
	if version != h.Version {
		return fmt.Errorf("the backup has tables of version %d, this console of %d: restore with the console that made it, then upgrade", h.Version, version)
	}
	for _, table := range tables {
		n := 0
		if err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
			return err
		}
		if n > 0 && table != "listening" {
			return fmt.Errorf("the database is not empty (%s has %d rows): restore into a new one", table, n)
		}
	}
	_, err := conn.ExecContext(ctx, "DELETE FROM listening")
	return err
}

func restoreRows(ctx context.Context, conn *sql.Conn, in *json.Decoder) (n int, err error) {
	var table string
	var columns []string
	var insert *sql.Stmt
	defer func() {
		if insert != nil {
			_ = insert.Close()
		}
	}()
	for {
		var l line
		if err := in.Decode(&l); err != nil {
			return n, fmt.Errorf("the backup is cut off behind row %d: %w", n, err)
		}
		switch {
		case l.Rows != nil:
			if *l.Rows != n {
				return n, fmt.Errorf("the backup says %d rows and holds %d", *l.Rows, n)
			}
			return n, nil
		case l.Table != "":
			table, columns = l.Table, l.Columns
			if insert != nil {
				_ = insert.Close()
			}
			if insert, err = prepareInsert(ctx, conn, table, columns); err != nil {
				return n, err
			}
		case insert == nil || len(l.Row) != len(columns):
			return n, fmt.Errorf("row %d of the backup does not fit", n+1)
		default:
			if _, err := insert.ExecContext(ctx, restored(table, columns, l.Row)...); err != nil {
				return n, fmt.Errorf("%s: %w", table, err)
			}
			n++
		}
	}
}

func prepareInsert(ctx context.Context, conn *sql.Conn, table string, columns []string) (*sql.Stmt, error) {
	if !slices.Contains(tables, table) || slices.ContainsFunc(columns, func(c string) bool {
		return c == "" || strings.Trim(c, "abcdefghijklmnopqrstuvwxyz_") != ""
	}) {
		return nil, errors.New("the backup names a table or column that is none")
	}
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	text := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), strings.Join(marks, ", "))
	return conn.PrepareContext(ctx, text)
}

// restored turns the JSON values of a row back into those of the database.
func restored(table string, columns []string, row []any) []any {
	for i, v := range row {
		switch v := v.(type) {
		case json.Number:
			if n, err := v.Int64(); err == nil {
				row[i] = n
			}
		case string:
			if slices.Contains(blobs, table+"."+columns[i]) {
				var b []byte
				if json.Unmarshal([]byte(`"`+v+`"`), &b) == nil {
					row[i] = b
				}
			}
		}
	}
	return row
}
