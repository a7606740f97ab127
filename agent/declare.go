package agent

import (
	"context"
	"errors"
	"fmt"
	"net"

	"socketha/agent/local"
	"socketha/agent/status"
	"socketha/platform/unixsock"
)

// History implements [local.Source].
func (o *observer) History() status.History {
	return status.History{Schema: status.SchemaVersion, Transitions: []status.Transition{}}
}

var errNotYet = errors.New("declarations are not available yet")

// DeclareUpgrade implements [local.Declarer].
func (o *observer) DeclareUpgrade(context.Context, local.Declaration) error { return errNotYet }

// DeclareFailover implements [local.Declarer].
func (o *observer) DeclareFailover(context.Context, local.Declaration) error { return errNotYet }

// callers returns how the local interface tells who asks, and who of them may
// change anything: root and, if there is one, the admin group.
func callers(adminGroup string) (func(net.Conn) (local.Caller, error), error) {
	gid := -1
	if adminGroup != "" {
		var err error
		if gid, err = unixsock.LookupGroup(adminGroup); err != nil {
			return nil, fmt.Errorf("admin group: %w", err)
		}
	}
	return func(conn net.Conn) (local.Caller, error) {
		c, err := unixsock.Peer(conn)
		if err != nil {
			return local.Caller{}, err
		}
		return local.Caller{UID: uint32(c.UID), MayChange: c.MayChange(gid)}, nil //nolint:gosec // it came from 32 bits
	}, nil
}
