package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"socketha/scripts/needs"
)

// TestPowerCutExt4 copies the image of an ext4 file system before and after each
// step of each write, while the writer stands still and nothing is flushed for
// the occasion. Each copy is what a power cut would have left; mounted anew, it holds what was
// acknowledged. The copies of a writer that leaves out the sync of the directory
// do not, so the copies are worth something.
func TestPowerCutExt4(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	needs.Command(t, "mkfs.ext4", "e2fsprogs")
	needs.Command(t, "mount", "mount")
	cuts := cutPower(t, "")
	for i, c := range cuts {
		if c.found < c.acked || c.found > c.tried || c.damaged > 0 {
			t.Errorf("cut %d: found %d, acknowledged %d, tried %d, %d damaged", i, c.found, c.acked, c.tried, c.damaged)
		}
	}
	t.Logf("%d cuts, nothing acknowledged lost", len(cuts))
	if len(cuts) < 6*helperWrites {
		t.Errorf("only %d cuts", len(cuts))
	}
	lost := 0
	for _, c := range cutPower(t, "syncdir") {
		if c.found < c.acked {
			lost++
		}
	}
	t.Logf("without the sync of the directory %d cuts lose what was acknowledged", lost)
	if lost == 0 {
		t.Error("the copies do not show what a power cut does")
	}
}

type powerCut struct{ acked, tried, found, damaged int }

// cutPower runs a helper on a new file system, without one step, and returns what the copies
// hold.
func cutPower(t *testing.T, without string) []powerCut {
	t.Helper()
	dir := t.TempDir()
	image, mounted := filepath.Join(dir, "image"), filepath.Join(dir, "mounted")
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 8<<20), os.Mkdir(mounted, 0o700)); err != nil {
		t.Fatal(err)
	}
	command(t, "mkfs.ext4", "-q", "-F", "-m", "0", image)
	mount(t, image, mounted)
	defer command(t, "umount", mounted)

	stdout, err := os.Create(filepath.Join(dir, "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdout.Close() }()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Stdout, cmd.Stderr = stdout, os.Stderr
	cmd.Env = append(helperEnv(filepath.Join(mounted, "journal"), 1), helperStop+"=1", helperSkip+"="+without)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var cuts []powerCut
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(cmd.Process.Pid, &status, unix.WUNTRACED, nil); err != nil {
			t.Fatal(err)
		}
		if !status.Stopped() {
			break
		}
		cuts = append(cuts, cutNow(t, dir, image, stdout.Name()))
		if err := unix.Kill(cmd.Process.Pid, unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	return cuts
}

// cutNow copies the image as it is, mounts the copy, and looks.
func cutNow(t *testing.T, dir, image, stdout string) powerCut {
	t.Helper()
	output, err := os.ReadFile(stdout)
	if err != nil {
		t.Fatal(err)
	}
	said := parseTold(output)
	copied, mounted := filepath.Join(dir, "copy"), filepath.Join(dir, "copied")
	copyFile(t, copied, image)
	if err := os.MkdirAll(mounted, 0o700); err != nil {
		t.Fatal(err)
	}
	mount(t, copied, mounted)
	defer command(t, "umount", mounted)
	f := (&store{disk: folder(filepath.Join(mounted, "journal"))}).load()
	return powerCut{acked: said.acked, tried: said.tried, found: numberIn(&f.state), damaged: len(f.damaged)}
}

func copyFile(t *testing.T, to, from string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

func mount(t *testing.T, image, at string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "mount", "-o", "loop", image, at).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, output)
	}
	needs.Feature(t, "loop mounts of ext4", err)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	// Not the test's context: it ends before what is left is cleaned up.
	if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", name, err, output)
	}
}

// TestFullAndReadOnly fills a real disk and makes it read-only, and back again.
func TestFullAndReadOnly(t *testing.T) {
	if !inOwnMounts(t) {
		return
	}
	dir := t.TempDir()
	needs.Feature(t, "mounts of tmpfs", unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"))
	defer func() { _ = unix.Unmount(dir, 0) }()
	readOnly := func(flag uintptr) {
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flag, "size=64k"); err != nil {
			t.Fatal(err)
		}
	}
	sync, stop := keeping(t, dir)
	defer func() { stop() }()
	filler := filepath.Join(dir, "filler")
	for n, step := range []struct {
		name    string
		arrange func()
		want    error
	}{
		{"good", func() {}, nil},
		{"full", func() { _ = os.WriteFile(filler, make([]byte, 64<<10), 0o600) }, unix.ENOSPC},
		{"still full", func() {}, unix.ENOSPC},
		{"space again", func() { _ = os.Remove(filler) }, nil},
		{"read-only", func() { readOnly(unix.MS_RDONLY) }, unix.EROFS},
		{"writable again", func() { readOnly(0) }, nil},
	} {
		step.arrange()
		if err := sync(n + 1); !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
		if f := (&store{disk: readingOnly{folder(dir)}}).load(); step.want == nil && numberIn(&f.state) != n+1 || len(f.damaged) > 0 {
			t.Errorf("%s: found %d, %v", step.name, numberIn(&f.state), f.damaged)
		}
	}
	// A start on a disk that is read-only from the beginning.
	stop()
	readOnly(unix.MS_RDONLY)
	sync, stop = keeping(t, dir)
	if err := sync(7); !errors.Is(err, unix.EROFS) {
		t.Errorf("started read-only: %v", err)
	}
	stop()
	readOnly(0)
}

// keeping runs a journal; sync updates it to a number and waits for the flash.
func keeping(t *testing.T, dir string) (sync func(int) error, stop func()) {
	t.Helper()
	j, recovered, err := Open(dir, Options{})
	if err != nil || len(recovered.Damaged) > 0 {
		t.Fatal(err, recovered.Damaged)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- j.Run(ctx) }()
	sync = func(n int) error {
		j.Update(number(n), Change)
		if err := j.Sync(t.Context()); err != nil {
			if got := numberIn(j.State()); got != n {
				return errors.New("lost in memory: " + strconv.Itoa(got))
			}
			return err
		}
		return nil
	}
	var once bool
	return sync, func() {
		if once {
			return
		}
		once = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// readingOnly sets nothing aside.
type readingOnly struct{ folder }

func (readingOnly) rename(string, string) error { return unix.EROFS }
