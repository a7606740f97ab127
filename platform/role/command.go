package role

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"
)

const (
	// maxComplaint bounds what is kept of a command's stderr, in bytes.
	maxComplaint = 256

	// pipesTime bounds the wait for whoever inherited the output of a command
	// that has ended.
	pipesTime = 200 * time.Millisecond
)

// errExit says that a command ended with another exit code than 0.
var errExit = errors.New("exit code")

// runCommand runs a command until ctx ends at the latest and returns its output,
// of which it keeps limit bytes, and its exit code. It has an environment with
// nothing but a path, and is killed with all that it started and left in its
// process group.
func runCommand(ctx context.Context, argv []string, limit int) (out []byte, code int, err error) {
	var stdout, stderr bounded
	stdout.limit, stderr.limit = limit, maxComplaint
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // running what is configured is the job
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = pipesTime
	ownGroup(cmd)
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, 0, ctx.Err()
	case stdout.over:
		return nil, 0, fmt.Errorf("it printed more than %d bytes", limit)
	case errors.As(err, &exit) && exit.Exited():
		err = fmt.Errorf("%w %d", errExit, exit.ExitCode())
		if line, _, _ := bytes.Cut(stderr.kept.Bytes(), []byte("\n")); len(line) > 0 {
			err = fmt.Errorf("%w: %s", err, quote(string(line)))
		}
		return stdout.kept.Bytes(), exit.ExitCode(), err
	}
	return stdout.kept.Bytes(), 0, err
}

// bounded keeps the first bytes of what is written to it. It does not embed the
// buffer, whose ReadFrom would go around the bound.
type bounded struct {
	kept  bytes.Buffer
	limit int
	over  bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := min(b.limit-b.kept.Len(), len(p))
	b.over = b.over || room < len(p)
	_, _ = b.kept.Write(p[:room])
	return len(p), nil
}
