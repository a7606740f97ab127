package unixsock

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// ownerVariable makes the test binary the owner of a socket, in a process of
// its own.
const ownerVariable = "UNIXSOCK_TEST_OWNER"

func TestMain(m *testing.M) {
	if os.Getenv(ownerVariable) == "" {
		os.Exit(m.Run())
	}
	input := bufio.NewScanner(os.Stdin)
	input.Scan()
	if _, err := Listen(input.Text(), Options{}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("listening")
	input.Scan() // until the test ends
}

// owner starts a process that listens at path.
func owner(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), ownerVariable+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	if _, err := io.WriteString(stdin, path+"\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "listening\n" {
		t.Fatalf("owner: %q %v", line, err)
	}
	return cmd
}

// socketPath returns a short path in a new folder.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "unixsock") //nolint:usetesting // TempDir makes paths too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "run", "s.sock")
}

func listenFor(t *testing.T, path string, opts Options) *Listener {
	t.Helper()
	l, err := Listen(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// answers reports whether a listener at path accepts and l is that listener.
func answers(t *testing.T, l *Listener, path string) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("connecting: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	accepted, err := l.Accept()
	if err != nil {
		t.Fatalf("accepting: %v", err)
	}
	_ = accepted.Close()
}

func TestListen(t *testing.T) {
	path := socketPath(t)
	l := listenFor(t, path, Options{})
	answers(t, l, path)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket file is still there: %v", err)
	}
	answers(t, listenFor(t, path, Options{}), path)
}

func TestListenReplacesAStaleFile(t *testing.T) {
	path := socketPath(t)
	cmd := owner(t, path)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("the killed owner left no socket: %v", err)
	}
	answers(t, listenFor(t, path, Options{}), path)
}

func TestListenLeavesALiveOwnerAlone(t *testing.T) {
	path := socketPath(t)
	cmd := owner(t, path)
	name := filepath.Base(os.Args[0])
	want := fmt.Sprintf("unix socket %s: already in use by process %d (%q, user id %d)", path, cmd.Process.Pid, name[:min(len(name), 15)], os.Getuid())
	_, err := Listen(path, Options{})
	if !errors.Is(err, ErrInUse) || err.Error() != want {
		t.Errorf("error\n%v\nwant\n%s", err, want)
	}
	// An owner without the lock is known by its answer.
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	_, err = Listen(path, Options{})
	if !errors.Is(err, ErrInUse) || err.Error() != want {
		t.Errorf("without a lock: error\n%v\nwant\n%s", err, want)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the owner is not to be reached any more: %v", err)
	}
	_ = conn.Close()
}

// An owner with a full queue does not answer, but lives.
func TestListenLeavesABusyOwnerAlone(t *testing.T) {
	path := socketPath(t)
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	for {
		conn, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	if _, err := Listen(path, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("error = %v, want %v", err, ErrInUse)
	}
}

func TestOneOfManyStartersWins(t *testing.T) {
	path := socketPath(t)
	for range 30 {
		const starters = 8
		var group sync.WaitGroup
		begin := make(chan struct{})
		won := make(chan *Listener, starters)
		for range starters {
			group.Go(func() {
				<-begin
				l, err := Listen(path, Options{})
				if err == nil {
					won <- l
				} else if !errors.Is(err, ErrInUse) {
					t.Errorf("a loser's error = %v, want %v", err, ErrInUse)
				}
			})
		}
		close(begin)
		group.Wait()
		close(won)
		if len(won) != 1 {
			t.Fatalf("%d starters won, want 1", len(won))
		}
		l := <-won
		answers(t, l, path)
		// Leave a stale file to the next round, as a killed owner would.
		if err := errors.Join(l.UnixListener.Close(), l.lock.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCloseSparesASuccessor(t *testing.T) {
	path := socketPath(t)
	first := listenFor(t, path, Options{})
	if err := errors.Join(os.Remove(path), os.Remove(path+".lock")); err != nil { // by a careless hand
		t.Fatal(err)
	}
	second := listenFor(t, path, Options{})
	if err := first.Close(); err != nil {
		t.Errorf("closing the first: %v", err)
	}
	answers(t, second, path)
}

func TestListenRefuses(t *testing.T) {
	path := socketPath(t)
	folder := filepath.Dir(path)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	if err := os.WriteFile(in("file"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(in("elsewhere"), in("linked.lock")); err != nil {
		t.Fatal(err)
	}
	datagrams, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: in("datagrams"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = datagrams.Close() })
	for name, tc := range map[string]struct {
		path string
		opts Options
		want string
	}{
		"relative path":   {"run/s.sock", Options{}, "must be absolute"},
		"abstract socket": {"@socketha", Options{}, "must be absolute"},
		"zero byte":       {"/tmp/a\x00b", Options{}, "zero byte"},
		"path too long":   {"/" + strings.Repeat("x", 107), Options{}, "the path has 108 bytes, and the kernel accepts 107: choose a shorter one"},
		"a file":          {in("file"), Options{}, "exists and is not a socket"},
		"a folder":        {folder, Options{}, "exists and is not a socket"},
		"datagrams":       {in("datagrams"), Options{}, "socket of another type"},
		"linked lock":     {in("linked"), Options{}, "too many levels of symbolic links"},
		"below a file":    {in("file/s.sock"), Options{}, "not a directory"},
		"unknown group":   {in("s"), Options{Group: "no such group"}, `group "no such group": `},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := Listen(tc.path, tc.opts)
			if err == nil {
				_ = l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) || errors.Is(err, ErrInUse) {
				t.Errorf("error = %v, want %q", err, tc.want)
			}
		})
	}
	if data, err := os.ReadFile(in("file")); string(data) != "precious" {
		t.Errorf("a file was touched: %q %v", data, err)
	}
}

func TestLongestPath(t *testing.T) {
	folder := filepath.Dir(socketPath(t))
	path := folder + "/" + strings.Repeat("x", MaxPath-len(folder)-1)
	answers(t, listenFor(t, path, Options{}), path)
}

// The modes are what is asked for, whatever the umask, and it is put back.
func TestModes(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077, 0o777} {
		for _, tc := range []struct{ asked, want fs.FileMode }{{0, 0o660}, {0o600, 0o600}, {0o666, 0o666}} {
			t.Run(fmt.Sprintf("umask %03o mode %03o", mask, tc.asked), func(t *testing.T) {
				path := socketPath(t)
				before := unix.Umask(mask)
				defer unix.Umask(before)
				listenFor(t, path, Options{Mode: tc.asked})
				if got := unix.Umask(mask); got != mask {
					t.Errorf("umask = %03o afterwards, want %03o", got, mask)
				}
				unix.Umask(before)
				for file, want := range map[string]fs.FileMode{path: tc.want, filepath.Dir(path): 0o750} {
					info, err := os.Stat(file)
					if err != nil {
						t.Fatal(err)
					}
					if got := info.Mode().Perm(); got != want {
						t.Errorf("%s has mode %03o, want %03o", file, got, want)
					}
				}
			})
		}
	}
}

// A folder that is there already belongs to somebody who knows why.
func TestExistingFolderIsLeftAlone(t *testing.T) {
	path := socketPath(t)
	if err := os.Mkdir(filepath.Dir(path), 0o711); err != nil {
		t.Fatal(err)
	}
	listenFor(t, path, Options{})
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("folder mode %v (%v), want 0711", info.Mode(), err)
	}
}
