package unixsock

import (
	"fmt"
	"os/user"
	"slices"
	"strconv"
)

// Credentials are who was at the other end of a connection when it was made,
// as the kernel knows it.
type Credentials struct {
	PID    int // as seen from here, 0 if it is in another PID namespace
	UID    int // effective user id
	GID    int // effective group id
	Groups []int
}

// InGroup reports whether the process belongs to the group, by its effective
// or one of its supplementary groups. No process belongs to a negative one.
func (c Credentials) InGroup(gid int) bool {
	return gid >= 0 && (c.GID == gid || slices.Contains(c.Groups, gid))
}

// MayChange reports whether the process may change anything: root may, and
// members of the admin group, which is negative if there is none.
func (c Credentials) MayChange(admin int) bool {
	return c.UID == 0 || c.InGroup(admin)
}

// LookupGroup returns the id of a group given by name or number.
func LookupGroup(group string) (gid int, err error) {
	g, err := user.LookupGroup(group)
	if err == nil {
		group = g.Gid
	}
	n, notNumber := strconv.ParseUint(group, 10, 31)
	if notNumber != nil {
		return 0, fmt.Errorf("group %q: %w: add the group, or name another", group, err)
	}
	return int(n), nil
}
