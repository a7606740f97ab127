package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
)

// Build says which source a program was made from; empty where not known.
type Build struct {
	Version    string
	Commit     string
	CommitTime string // RFC 3339
}

// versionView is the JSON of version.
type versionView struct {
	Version    string  `json:"version"`
	Commit     *string `json:"commit"`
	CommitTime *string `json:"commit_time"`
	Go         string  `json:"go"`
	Platform   string  `json:"platform"`
}

func runVersion(_ context.Context, c *call) (Exit, error) {
	v := versionView{
		Version: c.Build.Version, Commit: orNull(c.Build.Commit), CommitTime: orNull(c.Build.CommitTime),
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	if v.Version == "" {
		v.Version = "unknown"
	}
	if form := c.flag("o"); form != "table" {
		err := writeForm(c.Stdout, form, v)
		return exitOf(err), err
	}
	_, err := io.WriteString(c.Stdout, versionTable(v))
	return exitOf(err), err
}

func versionTable(v versionView) string {
	commit := "unknown"
	if v.Commit != nil {
		commit = *v.Commit
		if v.CommitTime != nil {
			commit += " of " + *v.CommitTime
		}
	}
	return fmt.Sprintf("%s %s\n  commit  %s\n  go      %s %s\n", program, v.Version, commit, v.Go, v.Platform)
}
