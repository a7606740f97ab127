//go:build !linux

package agent

import "time"

var processStart = time.Now()

// sinceBoot counts from the start of the process. No agent runs on these systems
// (there is no netlink); they build for the sake of the command.
func sinceBoot() time.Duration { return time.Since(processStart) + 1 }
