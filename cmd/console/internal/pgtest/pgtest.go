package pgtest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"socketha/scripts/needs"
)

// Server is a running PostgreSQL.
type Server struct{ dir string }

var databases atomic.Int64

// Start starts a server that is stopped when the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	initdb := find(t, "initdb")
	postgres := filepath.Join(filepath.Dir(initdb), "postgres")
	ctl := filepath.Join(filepath.Dir(initdb), "pg_ctl")
	dir, err := os.MkdirTemp("", "pg") //nolint:usetesting // short: the path of a socket has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attr := unprivileged(t, dir)
	data := filepath.Join(dir, "data")
	run(t, attr, initdb, "-D", data, "-A", "trust", "-U", "console", "-E", "UTF8", "--locale=C", "--no-sync")
	run(t, attr, ctl, "-D", data, "-w", "-s", "-l", filepath.Join(dir, "log"), "-p", postgres,
		"-o", fmt.Sprintf("-c listen_addresses='' -c unix_socket_directories='%s' -c max_connections=60", dir), "start")
	t.Cleanup(func() { run(t, attr, ctl, "-D", data, "-s", "-m", "immediate", "stop") })
	return &Server{dir: dir}
}

// Database makes an empty database and returns its data source name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("t%d", databases.Add(1))
	db, err := sql.Open("pgx", s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.dsn(name)
}

func (s *Server) dsn(name string) string {
	return fmt.Sprintf("host=%s user=console dbname=%s sslmode=disable", s.dir, name)
}

// find returns a program of the server, which Debian keeps off the PATH.
func find(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	slices.Sort(found)
	if len(found) > 0 {
		return found[len(found)-1]
	}
	return needs.Command(t, name, "postgresql")
}

// unprivileged returns how to run as somebody who is not root, to whom dir is given.
func unprivileged(t testing.TB, dir string) *syscall.SysProcAttr {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	who, err := user.Lookup("postgres")
	if err != nil {
		who, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func run(t testing.TB, attr *syscall.SysProcAttr, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...) //nolint:gosec // a program of the server, from find
	cmd.SysProcAttr, cmd.Dir, cmd.Env = attr, "/", []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", filepath.Base(name), err, out)
	}
}
