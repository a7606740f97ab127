package unixsock

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

const (
	otherUser  = 54321
	adminGroup = 54322
)

// reachable lets everybody into the folder the socket's folder is in.
func reachable(t *testing.T) (path string) {
	t.Helper()
	path = socketPath(t)
	if err := os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRootGroupOwnsTheSocket(t *testing.T) {
	needs.Root(t)
	path := reachable(t)
	listenFor(t, path, Options{Group: "54322"})
	for _, file := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if gid := info.Sys().(*syscall.Stat_t).Gid; gid != adminGroup {
			t.Errorf("%s belongs to group %d, want %d", file, gid, adminGroup)
		}
	}
	dial := func() error {
		conn, err := net.Dial("unix", path)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	if err := needs.As(otherUser, otherUser, []uint32{adminGroup}, dial); err != nil {
		t.Errorf("a member cannot connect: %v", err)
	}
	if err := needs.As(otherUser, otherUser, nil, dial); !errors.Is(err, unix.EACCES) {
		t.Errorf("connecting as a stranger: %v, want %v", err, unix.EACCES)
	}
}

// More groups than are asked for at first.
func TestRootPeerOfAnotherUser(t *testing.T) {
	needs.Root(t)
	path := reachable(t)
	l := listenFor(t, path, Options{Mode: 0o666})
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	groups := make([]uint32, firstGroups+1)
	for i := range groups {
		groups[i] = uint32(adminGroup + i)
	}
	var client, server net.Conn
	err := needs.As(otherUser, otherUser, groups, func() error {
		client, server = connected(t, l, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	c, err := Peer(server)
	if err != nil {
		t.Fatal(err)
	}
	if c.PID != os.Getpid() || c.UID != otherUser || c.GID != otherUser || len(c.Groups) != len(groups) {
		t.Errorf("peer = %+v, want user and group %d with %d groups", c, otherUser, len(groups))
	}
	if last := adminGroup + firstGroups; !c.MayChange(last) || c.MayChange(last+1) {
		t.Errorf("peer with groups up to %d: may change %t, one beyond %t", last, c.MayChange(last), c.MayChange(last+1))
	}
	if owner, err := Peer(client); err != nil || owner.UID != 0 {
		t.Errorf("who listens = %+v (%v), want root", owner, err)
	}
}
