package main

import (
	"regexp"
	"time"
)

// described is a version as git describe gives it: a tag, and how far from it.
var described = regexp.MustCompile(`^v?(\d+(?:\.\d+)+)(?:-(alpha|beta|rc)\.?(\d+))?(?:-(\d+)-g([0-9a-f]+))?(-dirty)?$`)

// packageVersion words a version as a package manager sorts it: a release
// candidate before the release, what came after a tag after it, and what has no
// tag, a bare commit, before everything.
func packageVersion(version, format string, at time.Time) string {
	m := described.FindStringSubmatch(version)
	apk := format == "apk"
	switch {
	case m == nil && apk:
		return "0.0.0_git" + at.Format("20060102150405")
	case m == nil:
		return "0.0.0~git" + at.Format("20060102150405") + "." + notDashed(version)
	}
	v := m[1]
	if m[2] != "" {
		if apk {
			v += "_" + m[2] + m[3]
		} else {
			v += "~" + m[2] + m[3]
		}
	}
	if m[4] != "" {
		if apk {
			v += "_p" + m[4]
		} else {
			v += "+" + m[4] + ".g" + m[5]
		}
	}
	if m[6] != "" && !apk {
		v += "+dirty"
	}
	return v
}

// notDashed replaces what would begin a Debian revision.
func notDashed(version string) string {
	b := []byte(version)
	for i, c := range b {
		if c == '-' {
			b[i] = '.'
		}
	}
	return string(b)
}
