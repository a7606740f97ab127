package journal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

// The test binary is its own victim: with helperDir set it keeps a journal there,
// writes numbered states, and tells of each on standard output before ("try 7") and after it is
// acknowledged ("ack 7") or refused ("err 7 …").
const (
	helperDir  = "JOURNAL_HELPER_DIR"
	helperFrom = "JOURNAL_HELPER_FROM" // the first number
	helperStop = "JOURNAL_HELPER_STOP" // stops itself before and after each step on the disk
	helperSkip = "JOURNAL_HELPER_SKIP" // a step to leave out: what must not go unnoticed

	helperWrites = 5
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		// strace counts by thread: all of the journal's calls come from this one.
		runtime.LockOSThread()
		helper(dir)
		return
	}
	os.Exit(m.Run())
}

// helperEnv is the environment of a helper. The race detector's wait of a second at
// each exit would be most of the test.
func helperEnv(dir string, from int) []string {
	return append(os.Environ(), helperDir+"="+dir, helperFrom+"="+strconv.Itoa(from), "GORACE=atexit_sleep_ms=0")
}

func helper(dir string) {
	var d disk = folder(dir)
	if os.Getenv(helperStop) != "" {
		d = stopping{folder(dir)}
	}
	from, _ := strconv.Atoi(os.Getenv(helperFrom))
	j, recovered := open(d, Options{})
	for _, damage := range recovered.Damaged {
		fmt.Println("damaged", damage)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	go func() {
		defer cancel()
		for n := from; n < from+helperWrites; n++ {
			fmt.Println("try", n)
			j.Update(number(n), Change)
			if err := j.Sync(ctx); err != nil {
				fmt.Println("err", n, err)
				continue
			}
			fmt.Println("ack", n)
		}
	}()
	_ = j.Run(ctx)
	fmt.Println("done")
}

func number(n int) func(*State) {
	return func(s *State) { s.Upgrade.Target = strconv.Itoa(n) }
}

// numberIn is the number of a state; 0 for that of a start before its first.
func numberIn(s *State) int {
	n, _ := strconv.Atoi(s.Upgrade.Target)
	return n
}

// told is what a helper said.
type told struct {
	tried, acked int // the last ones
	errors       []string
	damaged      []string
	done         bool
}

func parseTold(output []byte) told {
	var s told
	for lines := bufio.NewScanner(bytes.NewReader(output)); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "try":
			s.tried, _ = strconv.Atoi(rest)
		case "ack":
			s.acked, _ = strconv.Atoi(rest)
		case "err":
			s.errors = append(s.errors, rest)
		case "damaged":
			s.damaged = append(s.damaged, rest)
		case "done":
			s.done = true
		}
	}
	return s
}

// stopping is a folder whose owner stops around each step, so that another
// process can look at the flash as it is then.
type stopping struct{ folder }

func (d stopping) around(step string, do func() error) error {
	if os.Getenv(helperSkip) == step {
		return nil
	}
	halt()
	err := do()
	halt()
	return err
}

func halt() { _ = unix.Kill(os.Getpid(), unix.SIGSTOP) }

func (d stopping) rename(from, to string) error {
	return d.around("rename", func() error { return d.folder.rename(from, to) })
}
func (d stopping) sync() error { return d.around("syncdir", d.folder.sync) }
func (d stopping) create(name string) (file, error) {
	f, err := d.folder.create(name)
	return stoppingFile{f, d}, err
}

type stoppingFile struct {
	file
	d stopping
}

func (f stoppingFile) Sync() error { return f.d.around("fsync", f.file.Sync) }

// inOwnMounts runs the calling test in a mount namespace of its own, so that
// nothing stays mounted whatever becomes of it. It returns true there; where it
// returns false, all is done.
func inOwnMounts(t *testing.T) bool {
	t.Helper()
	const inside = "JOURNAL_OWN_MOUNTS"
	if os.Getenv(inside) != "" {
		return true
	}
	needs.Root(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	output, err := cmd.CombinedOutput()
	if strings.Contains(string(output), "--- SKIP") {
		t.Skipf("left out inside the mount namespace:\n%s", output) // and recorded there
	}
	t.Logf("%s", output)
	if err != nil {
		t.Error(err)
	}
	return false
}
