package unixsock

import (
	"net"
	"os"
	"slices"
	"testing"
)

// connected returns both ends of a connection to l.
func connected(t *testing.T, l *Listener, path string) (client, server net.Conn) {
	t.Helper()
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	server, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return client, server
}

func TestPeer(t *testing.T) {
	path := socketPath(t)
	client, server := connected(t, listenFor(t, path, Options{}), path)
	groups, err := os.Getgroups()
	if err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]net.Conn{"client": client, "server": server} {
		c, err := Peer(conn)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		slices.Sort(c.Groups)
		slices.Sort(groups)
		if c.PID != os.Getpid() || c.UID != os.Geteuid() || c.GID != os.Getegid() || !slices.Equal(c.Groups, groups) {
			t.Errorf("peer of the %s = %+v, want this process with groups %v", name, c, groups)
		}
	}
}

func TestPeerOfWhatIsNoSocket(t *testing.T) {
	a, b := net.Pipe()
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	if c, err := Peer(a); err == nil {
		t.Errorf("peer of a pipe = %+v", c)
	}
}

func TestMayChange(t *testing.T) {
	for name, tc := range map[string]struct {
		c     Credentials
		admin int
		want  bool
	}{
		"root":                            {Credentials{UID: 0, GID: 5}, 1000, true},
		"root without an admin group":     {Credentials{UID: 0}, -1, true},
		"member by its group":             {Credentials{UID: 7, GID: 1000}, 1000, true},
		"member by a supplementary group": {Credentials{UID: 7, GID: 7, Groups: []int{3, 1000}}, 1000, true},
		"no member":                       {Credentials{UID: 7, GID: 7, Groups: []int{3}}, 1000, false},
		"without an admin group":          {Credentials{UID: 7, GID: 7}, -1, false},
		"the group of root is configured": {Credentials{UID: 7, GID: 7}, 0, false},
		"overflowed group id, none set":   {Credentials{UID: 7, GID: -1, Groups: []int{-1}}, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.c.MayChange(tc.admin); got != tc.want {
				t.Errorf("may change = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestLookupGroup(t *testing.T) {
	for group, want := range map[string]int{"root": 0, "0": 0, "54322": 54322} {
		if got, err := LookupGroup(group); err != nil || got != want {
			t.Errorf("group %q = %d (%v), want %d", group, got, err, want)
		}
	}
	for _, group := range []string{"", "-1", "no such group", "2147483648", "1e3"} {
		if got, err := LookupGroup(group); err == nil {
			t.Errorf("group %q = %d, want an error", group, got)
		}
	}
}
