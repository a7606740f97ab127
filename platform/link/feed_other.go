//go:build !linux

package link

import (
	"errors"
	"fmt"
	"runtime"
)

// openFeed says that there is none: the watcher needs netlink.
func openFeed(int) (feed, error) {
	return nil, fmt.Errorf("watching a network interface needs Linux netlink, and this is %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
