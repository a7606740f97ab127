// Package needs lets a test say what it needs of the machine: root, a command
// from a package, a kernel feature.
//
// Where the need is not met the test is left out, and said so in a line that
// scripts/test collects and repeats at the end. In CI nothing may be left out,
// so there the same call fails the test: a silent skip would be a hole in the
// proof.
package needs

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Marker starts every line that tells of a test left out.
const Marker = "LEFT-OUT:"

// Root requires an effective user id of 0, for namespaces and raw sockets.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		leftOut(t, "needs root (network namespaces)")
	}
}

// Command requires an executable on PATH and names the Debian package that
// brings it. It returns the path found.
func Command(t testing.TB, name, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		leftOut(t, fmt.Sprintf("needs the command %s (package %s)", name, pkg))
	}
	return path
}

// Feature requires that err, from trying a kernel feature, is nil.
func Feature(t testing.TB, feature string, err error) {
	t.Helper()
	if err != nil {
		leftOut(t, fmt.Sprintf("needs %s: %v", feature, err))
	}
}

func leftOut(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("%s %s: in CI this test must run", t.Name(), why)
	}
	t.Skipf("%s %s %s", Marker, t.Name(), why)
}
