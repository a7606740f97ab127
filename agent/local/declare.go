package local

import (
	"context"
	"errors"
)

// ErrConflict says that a declaration does not fit what is declared already:
// nothing is, or something is. It is wrapped by an error whose text says which and
// what to do; the client gets that text with 409.
var ErrConflict = errors.New("this does not fit what is declared")

// Declarer takes declarations. A declaration is acknowledged once the method has
// returned nil; so by then it must be where a power cut does not undo it. An error
// that is no [ErrConflict] is one of the agent (500). The server logs those only: what
// was declared, and by whom, the Declarer logs.
type Declarer interface {
	DeclareUpgrade(ctx context.Context, d Declaration) error
	DeclareFailover(ctx context.Context, d Declaration) error
}

// Declaration is the begin or the end of an upgrade or of a manual failover.
type Declaration struct {
	End    bool   // else the begin
	Target string // begin of an upgrade: a readable version, or empty if not said
	Result string // end: "ok", "failed" or "skipped"; may be empty for a failover
	UID    uint32 // of who declares it
}

// Caller is who made a connection.
type Caller struct {
	UID       uint32 // effective user id
	MayChange bool   // root, or a member of the admin group
}
