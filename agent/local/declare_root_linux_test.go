package local

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"socketha/platform/unixsock"
	"socketha/scripts/needs"
)

const (
	plainUser  = 54321
	adminGroup = 54322
)

// By the kernel's word: root may declare, and a member of the admin group by its
// supplementary groups (SO_PEERGROUPS); a user of neither may read, and no more.
func TestRootWhoMayDeclare(t *testing.T) {
	needs.Root(t)
	folder := t.TempDir()
	for _, f := range []string{folder, filepath.Dir(folder)} {
		if err := os.Chmod(f, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "s")
	l, err := unixsock.Listen(path, unixsock.Options{Mode: 0o666})
	if err != nil {
		t.Fatal(err)
	}
	d := new(fakeDeclarer)
	declaringServer(t, l, d, func(c net.Conn) (Caller, error) {
		who, err := unixsock.Peer(c)
		return Caller{UID: uint32(who.UID), MayChange: who.MayChange(adminGroup)}, err
	})
	for _, c := range []struct {
		name   string
		user   int
		groups []uint32
		may    bool
	}{
		{"root", 0, nil, true},
		{"member of the admin group", plainUser, []uint32{4, adminGroup}, true},
		{"stranger", plainUser, []uint32{4}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var conn net.Conn
			if err := needs.As(c.user, c.user, c.groups, func() (err error) {
				conn, err = net.Dial("unix", path)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
			before, _ := d.taken()
			say(t, conn, "POST /v1/upgrade HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"state\":\"begin\"}")
			answer := make([]byte, 12)
			if _, err := conn.Read(answer); err != nil {
				t.Fatal(err)
			}
			want := map[bool]string{true: "HTTP/1.1 200", false: "HTTP/1.1 403"}[c.may]
			if string(answer) != want {
				t.Errorf("answered %q, want %s", answer, want)
			}
			after, _ := d.taken()
			switch taken := len(after) - len(before); {
			case c.may && (taken != 1 || after[len(after)-1].UID != uint32(c.user)):
				t.Errorf("declared: %+v", after)
			case !c.may && taken != 0:
				t.Errorf("declared: %+v", after)
			}
		})
	}
}
