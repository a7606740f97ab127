//go:build !linux

package cli

import "os"

// ScreenOf knows no terminal here: the command is for Linux.
func ScreenOf(*os.File) (columns, rows int, ok bool) { return 0, 0, false }
