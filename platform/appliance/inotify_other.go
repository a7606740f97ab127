//go:build !linux

package appliance

import (
	"errors"
	"fmt"
	"runtime"
)

// openInotify says that there is none, and the watcher polls.
func openInotify() (notifier, error) {
	return nil, fmt.Errorf("inotify is of Linux, and this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
