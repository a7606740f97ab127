package role

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// writer opens a FIFO as keepalived does (its notify.c), making it if needed.
func writer(t testing.TB, path string) *os.File {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil && !errors.Is(err, unix.EEXIST) {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func reader(t testing.TB, path string) pipe {
	t.Helper()
	p, err := openPipe(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.close)
	return p
}

// aLongTime is never waited for: an event comes first, or the test hangs.
const aLongTime = time.Hour

func TestFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	w := writer(t, path)
	write := func(s string) {
		t.Helper()
		if _, err := w.WriteString(s); err != nil {
			t.Fatal(err)
		}
	}
	write("before\n")
	p := reader(t, path)
	read := func(wait time.Duration, want string, wantErr error) {
		t.Helper()
		if data, err := p.read(wait); string(data) != want || !errors.Is(err, wantErr) {
			t.Fatalf("read(%v) = %q, %v; want %q, %v", wait, data, err, want, wantErr)
		}
	}
	read(0, "before\n", nil)
	empty := p.identity()
	read(0, "", nil)
	read(time.Millisecond, "", nil)
	read(0, "", nil) // after a deadline that has passed
	if got := p.identity(); got != empty || empty == "" {
		t.Errorf("identity %q became %q by reading", empty, got)
	}
	write(strings.Repeat("x", 5000))
	read(aLongTime, strings.Repeat("x", 4096), nil)
	read(aLongTime, strings.Repeat("x", 5000-4096), nil)
	if got := p.identity(); got == empty {
		t.Errorf("identity %q is the same after a write", got)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	read(aLongTime, "", io.EOF)
	read(0, "", io.EOF)
	w = writer(t, path)
	write("again\n")
	read(aLongTime, "again\n", nil)
}

func TestFIFOWithoutWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := reader(t, path).read(0); !errors.Is(err, io.EOF) || data != nil {
		t.Errorf("read = %q, %v; want %v", data, err, io.EOF)
	}
}

func TestFIFOReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	writer(t, path)
	p := reader(t, path)
	if !p.current() {
		t.Error("not current from the start")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if p.current() {
		t.Error("current after it was removed")
	}
	writer(t, path)
	if p.current() {
		t.Error("current after it was replaced")
	}
}

func TestFIFOCloseEndsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	writer(t, path)
	p, err := openPipe(path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := p.read(aLongTime)
		done <- err
	}()
	p.close()
	if err := <-done; err == nil {
		t.Error("a read ended by close has no error")
	}
}

func TestFIFORefused(t *testing.T) {
	dir := t.TempDir()
	file, open := filepath.Join(dir, "file"), filepath.Join(dir, "open")
	if err := os.WriteFile(file, []byte(master), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(open, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o602); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, open, dir, "/dev/null", "/dev/zero"} {
		if p, err := openPipe(path); !errors.Is(err, errKind) {
			t.Errorf("%s: %v, %v; want it refused", path, p, err)
		}
	}
	if _, err := readFile("/dev/zero", 10); !errors.Is(err, errKind) {
		t.Errorf("/dev/zero as a file: %v", err)
	}
	if _, err := readFile(file, int64(len(master)-1)); !errors.Is(err, errKind) {
		t.Errorf("a file above the limit: %v", err)
	}
	if data, err := readFile(file, int64(len(master))); string(data) != master || err != nil {
		t.Errorf("a file at the limit: %q, %v", data, err)
	}
}

func TestFileIdentity(t *testing.T) {
	dir := t.TempDir()
	pid, other := filepath.Join(dir, "vrrp.pid"), filepath.Join(dir, "other.pid")
	write := func(path, text string) string {
		t.Helper()
		if err := os.WriteFile(path+"~", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+"~", path); err != nil {
			t.Fatal(err)
		}
		return fileIdentity([]string{other, pid})
	}
	if got := fileIdentity([]string{other, pid}); got != "" {
		t.Errorf("no pid file: %q", got)
	}
	first := write(pid, "123\n")
	if first == "" || fileIdentity([]string{other, pid}) != first {
		t.Errorf("the same file: %q", first)
	}
	if again := write(pid, "123\n"); again == first {
		t.Errorf("written anew: %q both times", again)
	}
	if got := write(pid, "124\n"); !strings.HasSuffix(got, ":124") {
		t.Errorf("identity %q", got)
	}
	for _, text := range []string{"", "\n", "x", "1 2", strings.Repeat("1", 65)} {
		if got := write(pid, text); got != "" {
			t.Errorf("a file with %.9q: %q", text, got)
		}
	}
	if got := write(other, "5"); !strings.HasSuffix(got, ":5") {
		t.Errorf("the first that exists: %q", got)
	}
	if id := bootID(); len(id) != 36 {
		t.Errorf("boot id %q", id)
	}
}
