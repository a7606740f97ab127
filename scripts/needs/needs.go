// Package needs lets a test say what it needs of the machine: root, a command
// from a package, a kernel feature.
//
// Where the need is not met the test is left out, and a line in the file
// $SOCKETHA_LEFT_OUT says so: scripts/test repeats them at the end. In CI nothing may be left out,
// so there the same call fails the test: a silent skip would be a hole in the
// proof.
package needs

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

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
	record(t.Name() + " " + why)
	t.Skipf("%s %s", t.Name(), why)
}

// record adds a line to the file named by SOCKETHA_LEFT_OUT, which scripts/test
// prints at the end. Lines are short, so that appends of test binaries running
// side by side do not mix.
func record(line string) {
	name := os.Getenv("SOCKETHA_LEFT_OUT")
	if name == "" {
		return
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	fmt.Fprintln(f, line)
}
