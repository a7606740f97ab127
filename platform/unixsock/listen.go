package unixsock

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// MaxPath is the longest path of a socket in bytes: the kernel's sun_path
	// without the zero byte at its end (unix(7)).
	MaxPath = 107

	// dialTime bounds the question whether somebody is listening.
	dialTime = time.Second

	defaultMode = 0o660
	folderMode  = 0o750
)

// ErrInUse says that a living process has the socket. The error that wraps it
// names the process, as far as it is known.
var ErrInUse = errors.New("already in use")

// Options say who may connect.
type Options struct {
	Mode  fs.FileMode // of the socket file, permission bits alone; 0 means 0660
	Group string      // name or number of the group that owns the file; empty: that of the process
}

// Listener is a unix listener that owns its socket file.
type Listener struct {
	*net.UnixListener

	path string
	file os.FileInfo // of the socket, as bound
	lock *os.File
	once sync.Once
	err  error
}

// Listen listens at path, which must be absolute and have at most MaxPath
// bytes. Missing folders are made, with mode 0750 and the group of opts. What
// is left of a dead owner is removed; of a living one, and of a file that is no
// socket, Listen keeps its hands off and returns an error, which matches
// ErrInUse in the first case.
func Listen(path string, opts Options) (*Listener, error) {
	l, err := listen(path, opts)
	if err != nil {
		return nil, fmt.Errorf("unix socket %s: %w", path, err)
	}
	return l, nil
}

func listen(path string, opts Options) (*Listener, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	gid := -1 // as it is
	if opts.Group != "" {
		var err error
		if gid, err = LookupGroup(opts.Group); err != nil {
			return nil, err
		}
	}
	if err := makeFolder(filepath.Dir(path), gid); err != nil {
		return nil, err
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	l, err := replace(path, opts.Mode, gid)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	l.lock = lock
	return l, nil
}

func checkPath(path string) error {
	switch {
	case len(path) > MaxPath:
		return fmt.Errorf("the path has %d bytes, and the kernel accepts %d: choose a shorter one", len(path), MaxPath)
	case !filepath.IsAbs(path):
		return errors.New("the path must be absolute")
	case strings.ContainsRune(path, 0):
		return errors.New("the path has a zero byte")
	}
	return nil
}

// makeFolder makes what is missing of a folder. Existing ones stay as they are.
func makeFolder(folder string, gid int) error {
	_, err := os.Stat(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := makeFolder(filepath.Dir(folder), gid); err != nil {
		return err
	}
	if err := os.Mkdir(folder, folderMode); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil // somebody else was faster
		}
		return err
	}
	// Nobody but its owner can have put anything in it yet.
	if err := errors.Join(os.Chmod(folder, folderMode), chown(folder, gid)); err != nil {
		return fmt.Errorf("setting up its folder: %w", err)
	}
	return nil
}

func chown(path string, gid int) error {
	if gid < 0 {
		return nil
	}
	return os.Lchown(path, -1, gid)
}

// takeLock makes this process the only one that may touch the socket file.
func takeLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = flock(lock)
	if err == nil {
		return lock, nil
	}
	_ = lock.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		owner, _ := connect(path)
		return nil, inUse(owner)
	}
	return nil, fmt.Errorf("locking %s.lock: %w", path, err)
}

func flock(file *os.File) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	control := raw.Control(func(fd uintptr) {
		err = unix.Flock(int(fd), unix.LOCK_EX|unix.LOCK_NB)
	})
	return errors.Join(control, err)
}

// replace removes a stale file and listens in its place. The caller holds the
// lock.
func replace(path string, mode fs.FileMode, gid int) (*Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, errors.New("the file exists and is not a socket: remove it, or choose another path")
	default:
		if err := removeStale(path); err != nil {
			return nil, err
		}
	}
	if mode == 0 {
		mode = defaultMode
	}
	l, err := bind(path, mode)
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	info, err := os.Lstat(path)
	if err == nil {
		err = chown(path, gid)
	}
	if err != nil {
		return nil, errors.Join(err, os.Remove(path), l.Close())
	}
	return &Listener{UnixListener: l, path: path, file: info}, nil
}

// removeStale removes a socket file unless somebody listens at it.
func removeStale(path string) error {
	owner, err := connect(path)
	switch {
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, os.ErrDeadlineExceeded):
		return inUse(owner) // the last two: it listens, but does not get round to accepting
	case errors.Is(err, unix.EPROTOTYPE):
		return errors.New("the file is a socket of another type: remove it, or choose another path")
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
	default:
		return fmt.Errorf("asking whether somebody listens: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the stale socket: %w", err)
	}
	return nil
}

// connect asks who listens at path.
func connect(path string) (Credentials, error) {
	conn, err := net.DialTimeout("unix", path, dialTime)
	if err != nil {
		return Credentials{}, err
	}
	owner, _ := Peer(conn) // unknown if it cannot be had
	return owner, conn.Close()
}

// inUse names the owner: by its process id, its name and its user.
func inUse(owner Credentials) error {
	if owner.PID == 0 {
		return fmt.Errorf("%w by another process", ErrInUse)
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", owner.PID))
	if err != nil {
		name = []byte("unknown")
	}
	return fmt.Errorf("%w by process %d (%q, user id %d)", ErrInUse, owner.PID, strings.TrimSpace(string(name)), owner.UID)
}

// umask guards the process's umask while it is changed.
var umask sync.Mutex

// bind listens with a file of exactly that mode.
func bind(path string, mode fs.FileMode) (*net.UnixListener, error) {
	umask.Lock()
	defer umask.Unlock()
	before := unix.Umask(int(0o777 &^ mode.Perm()))
	defer unix.Umask(before)
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// Close removes the socket file, if it is still the one this listener made,
// stops listening and lets the next owner in. It may be called more than once.
func (l *Listener) Close() error {
	l.once.Do(func() {
		var remove error
		// The listening socket keeps the file's inode, so that no other file
		// can have its number until it is closed.
		if info, err := os.Lstat(l.path); err == nil && os.SameFile(info, l.file) {
			remove = os.Remove(l.path)
		}
		l.err = errors.Join(remove, l.UnixListener.Close(), l.lock.Close())
	})
	return l.err
}
