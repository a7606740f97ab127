package main

import (
	"runtime/debug"
	"time"

	"socketha/agent"
	"socketha/cmd/socketha/internal/cli"
)

// Set by the Makefile (-ldflags -X): the version, the commit and its time in
// RFC 3339. A plain `go build` leaves them empty, and what the Go tool wrote
// down by itself serves instead.
var version, commit, commitTime string

// oldest is before any certificate judged by this code was of use: the floor
// under the clock where the commit time was not built in.
var oldest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// buildInfo says which source this binary was made from.
func buildInfo() cli.Build {
	b := cli.Build{Version: version, Commit: commit, CommitTime: commitTime}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = first(b.Version, info.Main.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = first(b.Commit, s.Value)
		case "vcs.time":
			b.CommitTime = first(b.CommitTime, s.Value)
		}
	}
	return b
}

func agentBuild() agent.Build {
	b := buildInfo()
	floor, err := time.Parse(time.RFC3339, b.CommitTime)
	if err != nil || floor.Before(oldest) {
		floor = oldest
	}
	return agent.Build{Version: b.Version, Commit: b.Commit, CommitTime: floor}
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
