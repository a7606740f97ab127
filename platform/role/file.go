package role

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// errKind says that something is not what its path should lead to.
var errKind = errors.New("refused")

// openKind opens a path for reading, without waiting for anybody, if it leads to
// a file of the kind wanted (fs.ModeNamedPipe, or 0 for a plain file). What is of
// another kind is not opened: opening some devices does something.
func openKind(path string, want fs.FileMode) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := checkKind(path, info, want); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	// What was looked at need not be what was opened.
	if info, err = f.Stat(); err == nil {
		err = checkKind(path, info, want)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func checkKind(path string, info fs.FileInfo, want fs.FileMode) error {
	if got := info.Mode().Type(); got != want {
		word := "a plain file"
		if want == fs.ModeNamedPipe {
			word = "a FIFO"
		}
		return fmt.Errorf("%s is not %s: %w", path, word, errKind)
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("everybody may write to %s: %w", path, errKind)
	}
	return nil
}

// readFile reads a plain file of at most limit bytes.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := openKind(path, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s has more than %d bytes: %w", path, limit, errKind)
	}
	return data, err
}
