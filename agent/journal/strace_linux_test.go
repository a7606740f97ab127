package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"socketha/scripts/needs"
)

// defaultRounds is how many rounds of TestFaultsInSystemCalls kill, each with another
// that fails a call; SOCKETHA_JOURNAL_ROUNDS sets another number.
const defaultRounds = 200

// calls are the system calls that a helper makes on the journal's files, and
// about how often.
var calls = []struct {
	name  string
	times int
}{
	{"openat", 14}, {"read", 4}, {"write", 6}, {"fsync", 12}, {"pread64", 6}, {"close", 14}, {"renameat", 6}, {"unlinkat", 6},
}

// injected is a fault in the nth call of its kind that touches the journal's files.
type injected struct {
	call, fault string
	when        int
	ever        bool // and in each one after it
}

func (f injected) String() string {
	s := fmt.Sprintf("inject=%s:%s:when=%d", f.call, f.fault, f.when)
	if f.ever {
		s += "+"
	}
	return s
}

const kill = "signal=KILL"

// draw makes up the fault of a round; the same round has the same fault.
func draw(round int) injected {
	r := rand.New(rand.NewPCG(1, uint64(round)))
	call := calls[r.IntN(len(calls))]
	f := injected{call: call.name, when: 1 + r.IntN(call.times)}
	f.fault = pick(r, "error=EIO", "error=ENOSPC", "error=EROFS")
	switch {
	case round%2 == 0:
		f.fault = kill
	case f.call == "write" && r.IntN(2) == 0:
		f.fault = "retval=7" // told to be short, and not even that
	}
	// A kill needs to be told once; and of the last bytes, 7 may be more than were asked for.
	f.ever = strings.HasPrefix(f.fault, "error=") && r.IntN(3) == 0
	if f.ever && (f.call == "openat" || f.call == "read") {
		// Files that can never be read are set aside, as they must: that is another test.
		f.when += len(generations) * 2
	}
	return f
}

func pick(r *rand.Rand, of ...string) string { return of[r.IntN(len(of))] }

// TestFaultsInSystemCalls kills a process that keeps a journal at, or fails, the nth call of
// some kind, round after round over the same files. Nothing acknowledged is
// lost, nothing is damaged, and the next round goes on.
func TestFaultsInSystemCalls(t *testing.T) {
	strace := needs.Command(t, "strace", "strace")
	rounds := defaultRounds
	if s := os.Getenv("SOCKETHA_JOURNAL_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	dir := t.TempDir()
	acked, tried, killed, failed, round := 0, 0, 0, 0, 0
	for ; killed < rounds && round < 4*rounds; round++ {
		fault := draw(round)
		said := strain(t, strace, dir, fault, tried+1)
		acked, tried = max(acked, said.acked), max(tried, said.tried)
		f := (&store{disk: folder(dir)}).load()
		got := numberIn(&f.state)
		if got < acked || got > tried || len(f.damaged) > 0 || len(said.damaged) > 0 {
			t.Fatalf("round %d, %v: found %d, acknowledged %d, tried %d, damaged %v %v",
				round, fault, got, acked, tried, f.damaged, said.damaged)
		}
		if fault.fault == kill && !said.done {
			killed++
		}
		if len(said.errors) > 0 {
			failed++
		}
	}
	names, err := folder(dir).list()
	if err != nil || len(names) > 3 {
		t.Errorf("left in the folder: %v, %v", names, err)
	}
	t.Logf("%d rounds: %d killed, %d with writes refused, %d states, the last one acknowledged %d", round, killed, failed, tried, acked)
	if killed < rounds || failed < rounds/4 {
		t.Error("the faults do not reach the journal")
	}
}

// strain runs the helper in dir with one fault, and returns what it told.
func strain(t *testing.T, strace, dir string, fault injected, from int) told {
	t.Helper()
	args := []string{"-f", "-qq", "-o", "/dev/null", "-e", "trace=" + fault.call, "-e", fault.String()}
	for _, name := range []string{"", newName, generations[0], generations[1]} {
		args = append(args, "-P", filepath.Join(dir, name))
	}
	cmd := exec.CommandContext(t.Context(), strace, append(args, os.Args[0])...)
	cmd.Env = helperEnv(dir, from)
	output, err := cmd.Output()
	said := parseTold(output)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || fault.fault != kill) {
		t.Fatalf("%v: %v\n%s", fault, err, output)
	}
	return said
}
