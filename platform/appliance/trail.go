package appliance

import (
	"os"
	"path/filepath"
	"strings"
)

// maxLinks is the number of symbolic links followed, as in the kernel.
const maxLinks = 40

// trail returns the names that the kernel looks up on the way to an absolute
// path, each with the folder it is looked up in, which is free of symbolic
// links. It ends at the first name that does not exist. Whoever watches all of
// these folders for these names learns of every change of what the path means.
func trail(path string) []step {
	var steps []step
	folder, rest, links := "/", strings.Split(path, "/"), 0
	for len(rest) > 0 {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			folder = filepath.Dir(folder)
			continue
		}
		s := step{folder, name}
		steps = append(steps, s)
		target, err := os.Readlink(s.path())
		if err != nil {
			if _, err := os.Lstat(s.path()); err != nil {
				break
			}
			folder = s.path()
			continue
		}
		if links++; links > maxLinks {
			break
		}
		if filepath.IsAbs(target) {
			folder = "/"
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return steps
}
