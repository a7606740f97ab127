package appliance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// onTheWay are the events of a folder that only leads to a file.
	onTheWay = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

	// inPlace are those of the folder the file is in.
	inPlace = onTheWay | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB

	// ofFolder are events about a watched folder itself, or about the watch:
	// its queue ran over, the folder went or was mounted over.
	ofFolder = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_Q_OVERFLOW | unix.IN_IGNORED | unix.IN_UNMOUNT

	// followTries bounds how often the watches are set again because the way
	// to a file changed while they were set.
	followTries = 5
)

// inotify notices changes of files by watching each folder on the way to them
// (see trail), for these names only.
type inotify struct {
	file    *os.File
	watches map[int32]watch
	ends    map[string]step // the last name on the way to each path
	open    map[step]bool   // files modified and not closed since
	buf     [4096]byte
}

// watch is a watched folder and the names that matter in it.
type watch struct {
	folder string
	mask   uint32
	names  map[string]bool
}

func openInotify() (notifier, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify_init1: %w", err)
	}
	return &inotify{
		file:    os.NewFile(uintptr(fd), "inotify"),
		watches: map[int32]watch{},
		open:    map[step]bool{},
	}, nil
}

func (n *inotify) close() { _ = n.file.Close() }

func (n *inotify) follow(paths []string) time.Duration {
	for range followTries {
		added, err := n.arm(n.wanted(paths))
		if err != nil {
			return pollEvery // a folder that may not be watched, or too many watches
		}
		if !added {
			return recheckEvery
		}
	}
	return pollEvery
}

// wanted lists the folders on the way to the paths.
func (n *inotify) wanted(paths []string) map[string]watch {
	n.ends = map[string]step{}
	wanted := map[string]watch{}
	for _, path := range paths {
		steps := trail(path)
		for i, s := range steps {
			w, ok := wanted[s.folder]
			if !ok {
				w = watch{folder: s.folder, mask: onTheWay, names: map[string]bool{}}
			}
			w.names[s.name] = true
			if i == len(steps)-1 {
				w.mask = inPlace
				n.ends[path] = s
			}
			wanted[s.folder] = w
		}
	}
	return wanted
}

// arm makes the watches what is wanted, and reports whether one was added: then
// what happened before in that folder went unnoticed.
func (n *inotify) arm(wanted map[string]watch) (added bool, err error) {
	raw, err := n.file.SyscallConn()
	if err != nil {
		return false, err
	}
	watches := map[int32]watch{}
	control := raw.Control(func(fd uintptr) {
		for folder, w := range wanted {
			wd, addErr := unix.InotifyAddWatch(int(fd), folder, w.mask)
			if addErr != nil {
				err = fmt.Errorf("watching %s: %w", folder, addErr)
				continue
			}
			watches[int32(wd)] = w
			_, known := n.watches[int32(wd)]
			added = added || !known
		}
		for wd := range n.watches {
			if _, ok := watches[wd]; !ok {
				_, _ = unix.InotifyRmWatch(int(fd), uint32(wd))
			}
		}
	})
	if control != nil {
		return false, control
	}
	n.watches = watches
	return added, err
}

func (n *inotify) wait(d time.Duration) {
	deadline := time.Now().Add(d)
	if n.file.SetReadDeadline(deadline) != nil {
		return
	}
	for {
		size, err := n.file.Read(n.buf[:])
		if err != nil || n.notice(n.buf[:size]) {
			return
		}
	}
}

// notice reads events (inotify(7)) and reports whether one of them matters.
func (n *inotify) notice(events []byte) bool {
	var matters bool
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		if size > len(events) {
			return true
		}
		name, _, _ := bytes.Cut(events[unix.SizeofInotifyEvent:size], []byte{0})
		events = events[size:]
		switch w := n.watches[wd]; {
		case mask&unix.IN_IGNORED != 0:
			_, ours := n.watches[wd] // else it answers to our own removal
			delete(n.watches, wd)
			matters = matters || ours
		case mask&ofFolder != 0:
			matters = true
		case w.names[string(name)]:
			n.track(step{w.folder, string(name)}, mask)
			matters = true
		}
	}
	return matters
}

// track keeps account of files with a writer.
func (n *inotify) track(s step, mask uint32) {
	if mask&unix.IN_MODIFY != 0 {
		n.open[s] = true
	}
	if mask&(unix.IN_CLOSE_WRITE|unix.IN_DELETE|unix.IN_CREATE|unix.IN_MOVED_FROM|unix.IN_MOVED_TO) != 0 {
		delete(n.open, s)
	}
}

func (n *inotify) writing(path string) bool { return n.open[n.ends[path]] }
