//go:build !linux

package service

import (
	"errors"
	"time"
)

// Confine is for Linux.
func Confine(Confinement) (Confined, error) { return Confined{Missing: "not Linux"}, nil }

// BindNeedsCapability is for Linux.
func BindNeedsCapability() bool { return false }

func monotonic() (time.Duration, error) { return 0, errors.ErrUnsupported }
