//go:build !linux

package journal

import "errors"

// ReadBootID has no one to ask: no agent runs on these systems.
func ReadBootID() (BootID, error) { return BootID{}, errors.New("boot id: unknown on this system") }
