package transport

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"socketha/scripts/needs"
)

const saveInto = "TRANSPORT_TEST_SAVE_INTO"

// TestSaveHelper is the program that TestSaveIsDurable watches.
func TestSaveHelper(t *testing.T) {
	dir := os.Getenv(saveInto)
	if dir == "" {
		return // not asked to
	}
	id := identity(t, "SN-1")
	if err := id.Save(filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")); err != nil {
		t.Fatal(err)
	}
}

// TestSaveIsDurable watches the system calls: each file is synced before it is
// renamed, and its directory after. Anything less was seen to lose the rename,
// or to leave an empty file, in a power cut.
func TestSaveIsDurable(t *testing.T) {
	strace := needs.Command(t, "strace", "strace")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), strace, "-f", "-y", "-o", trace, "-e", "trace=fsync,rename,renameat,renameat2",
		self, "-test.run=^TestSaveHelper$")
	cmd.Env = append(os.Environ(), saveInto+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	want := "fsync(.key.pem) rename(key.pem) fsync(dir) fsync(.cert.pem) rename(cert.pem) fsync(dir)"
	if got := strings.Join(steps(string(log), dir), " "); got != want {
		t.Errorf("steps %s\nwant  %s\n%s", got, want, log)
	}
}

var (
	// A call during which another thread does something is cut in two.
	fsyncLine  = regexp.MustCompile(`fsync\(\d+<([^>]*)>(?:\)\s+= 0| <unfinished)`)
	renameLine = regexp.MustCompile(`rename\w*\(.*"([^"]+)"[^"]*(?:\)\s+= 0| <unfinished)`)
	random     = regexp.MustCompile(`\.\d+\.tmp$`)
)

// steps reads the calls that concern dir out of a trace.
func steps(log, dir string) []string {
	var out []string
	for line := range strings.Lines(log) {
		if m := fsyncLine.FindStringSubmatch(line); m != nil && m[1] == dir {
			out = append(out, "fsync(dir)")
		} else if m != nil && strings.HasPrefix(m[1], dir) {
			out = append(out, "fsync("+random.ReplaceAllString(filepath.Base(m[1]), "")+")")
		} else if m := renameLine.FindStringSubmatch(line); m != nil && strings.HasPrefix(m[1], dir) {
			out = append(out, "rename("+filepath.Base(m[1])+")")
		}
	}
	return out
}
