package role

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// fifo is a FIFO opened for reading without waiting for a writer.
type fifo struct {
	path string
	file *os.File
	buf  [4096]byte
}

func openPipe(path string) (pipe, error) {
	f, err := openKind(path, fs.ModeNamedPipe)
	if err != nil {
		return nil, err
	}
	return &fifo{path: path, file: f}, nil
}

func (p *fifo) close() { _ = p.file.Close() }

func (p *fifo) read(wait time.Duration) ([]byte, error) {
	if wait <= 0 {
		return p.look()
	}
	if err := p.file.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return nil, err
	}
	n, err := p.file.Read(p.buf[:])
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, nil
	}
	return p.buf[:n], err
}

// look reads once: a deadline in the past would not even try.
func (p *fifo) look() (data []byte, err error) {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := p.file.SetReadDeadline(time.Time{}); err != nil {
		return nil, err
	}
	readErr := raw.Read(func(fd uintptr) bool {
		n, e := unix.Read(int(fd), p.buf[:])
		for errors.Is(e, unix.EINTR) {
			n, e = unix.Read(int(fd), p.buf[:])
		}
		switch {
		case errors.Is(e, unix.EAGAIN):
		case e != nil:
			err = fmt.Errorf("read %s: %w", p.path, e)
		case n == 0:
			err = io.EOF
		default:
			data = p.buf[:n]
		}
		return true
	})
	return data, errors.Join(err, readErr)
}

func (p *fifo) current() bool {
	now, err := os.Stat(p.path)
	if err != nil {
		return false
	}
	open, err := p.file.Stat()
	return err == nil && os.SameFile(now, open)
}

func (p *fifo) identity() string {
	raw, err := p.file.SyscallConn()
	if err != nil {
		return ""
	}
	var st unix.Stat_t
	var statErr error
	if raw.Control(func(fd uintptr) { statErr = unix.Fstat(int(fd), &st) }) != nil || statErr != nil {
		return ""
	}
	return identity(&st)
}

// fileIdentity is the identity of the first of the files that exists, with its first
// word; empty if there is none. A pid file is written anew by each run.
func fileIdentity(paths []string) string {
	for _, path := range paths {
		var st unix.Stat_t
		if unix.Stat(path, &st) != nil {
			continue
		}
		data, err := readFile(path, 64)
		word := strings.TrimSpace(string(data))
		if err != nil || word == "" || strings.ContainsFunc(word, func(r rune) bool { return r < '0' || r > '9' }) {
			return ""
		}
		return identity(&st) + ":" + word
	}
	return ""
}

func identity(st *unix.Stat_t) string {
	return fmt.Sprintf("%d:%d:%d", st.Dev, st.Ino, unix.TimespecToNsec(st.Mtim))
}

// bootID is a random number the kernel makes at each boot (random(4)).
func bootID() string {
	data, err := readFile("/proc/sys/kernel/random/boot_id", 64)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
