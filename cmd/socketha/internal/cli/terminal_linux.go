package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

// ScreenOf returns the size of the terminal that f is, or false if it is none
// (ioctl_tty(2)).
func ScreenOf(f *os.File) (columns, rows int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}
