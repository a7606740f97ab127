//go:build !linux

package role

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
)

// What needs Linux says so, and the state is unknown.

func unsupported(what string) error {
	return fmt.Errorf("%s needs Linux, and this is %s: %w", what, runtime.GOOS, errors.ErrUnsupported)
}

func openPipe(string) (pipe, error) { return nil, unsupported("the FIFO of keepalived") }

func openPlaces() (places, error) { return nil, unsupported("looking for virtual addresses") }

func fileIdentity([]string) string { return "" }

func bootID() string { return "" }

func ownGroup(*exec.Cmd) {}
