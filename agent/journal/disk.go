package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is the directory of the journal, so that tests can cut its power. Each
// method opens what it needs anew.
type disk interface {
	prepare() error                              // makes the directory if it is missing
	read(name string, limit int) ([]byte, error) // at most limit bytes of a plain file
	create(name string) (file, error)            // a file that must not exist
	rename(from, to string) error
	remove(name string) error
	truncate(name string, size int64) error // to at most size bytes
	list() ([]string, error)
	sync() error // of the directory: what was renamed stays renamed
}

// file is a new file being written.
type file interface {
	io.Writer
	io.ReaderAt
	Sync() error
	Close() error
}

const (
	folderMode = 0o750
	fileMode   = 0o640
)

// errNotPlain is damage: where a file was, there is a folder, a pipe or a link.
var errNotPlain = errors.New("not a plain file")

// folder is a disk for real, named by its path.
type folder string

func (d folder) path(name string) string { return filepath.Join(string(d), name) }

func (d folder) prepare() error { return makeFolder(string(d)) }

// makeFolder makes what is missing of a folder so that it survives a power cut.
func makeFolder(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s: %w", path, unix.ENOTDIR)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	parent := filepath.Dir(path)
	if parent == path {
		return err
	}
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(path, folderMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return folder(parent).sync()
}

func (d folder) read(name string, limit int) (data []byte, err error) {
	// Neither a pipe nor a link left there makes this wait or go astray.
	f, err := os.OpenFile(d.path(name), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return nil, errNotPlain
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotPlain
	}
	return io.ReadAll(io.LimitReader(f, int64(limit)))
}

func (d folder) create(name string) (file, error) {
	return os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, fileMode)
}

func (d folder) rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

func (d folder) remove(name string) error { return os.RemoveAll(d.path(name)) }

func (d folder) truncate(name string, size int64) error {
	info, err := os.Lstat(d.path(name))
	if err != nil || !info.Mode().IsRegular() || info.Size() <= size {
		return err
	}
	return os.Truncate(d.path(name), size)
}

func (d folder) list() ([]string, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return f.Readdirnames(-1)
}

func (d folder) sync() (err error) {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return f.Sync()
}
