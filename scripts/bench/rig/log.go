package rig

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Line is one line that an agent wrote.
type Line struct {
	Seen time.Time // when it had been read
	Said time.Time // the agent's own stamp, wall clock; zero if it is not a log line
	Text string    // the message, or the whole line if it is not a log line
	Attr map[string]any
}

// Is reports whether the line has the message and the attributes, given as
// key, value, key, value.
func (l Line) Is(text string, attrs ...string) bool {
	if l.Text != text {
		return false
	}
	for i := 0; i+1 < len(attrs); i += 2 {
		if fmt.Sprint(l.Attr[attrs[i]]) != attrs[i+1] {
			return false
		}
	}
	return true
}

// Summary is the message with the attributes that tell a story.
func (l Line) Summary() string {
	text := []byte(l.Text)
	for _, key := range []string{"from", "to", "reason", "error", "remote", "readiness", "carrier", "addresses"} {
		if v, ok := l.Attr[key]; ok {
			text = fmt.Appendf(text, " %s=%v", key, v)
		}
	}
	return string(text)
}

// Session lines, the words of peer/speaker.
const sessionChanged = "session changed"

// SessionUp matches the line that says that the heartbeat session is Up.
func SessionUp(l Line) bool { return l.Is(sessionChanged, "to", "up") }

// SessionLost matches the line that says that the session is no longer Up, for
// whatever reason.
func SessionLost(l Line) bool { return l.Is(sessionChanged, "from", "up") }

// SessionTimeout matches the line that says that the peer fell silent.
func SessionTimeout(l Line) bool { return l.Is(sessionChanged, "from", "up", "reason", "timeout") }

// Connected matches the line that says that a connection has authenticated: at
// the start, after a loss, and for new keys.
func Connected(l Line) bool { return l.Is("peer connected") }

func parseLine(raw []byte, seen time.Time) Line {
	l := Line{Seen: seen, Text: string(raw)}
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &l.Attr) != nil {
		return l
	}
	if said, ok := l.Attr["time"].(string); ok {
		l.Said, _ = time.Parse(time.RFC3339Nano, said)
	}
	l.Text, _ = l.Attr["msg"].(string)
	return l
}

// logPipe is what the agents of one box write to, one after the other.
type logPipe struct {
	write *os.File
	done  chan struct{}
}

// newLogPipe reads every line into the record. The reading end blocks its thread
// instead of going through the runtime's poller, which would wake up a second
// thread for each line.
func newLogPipe(lines *Record[Line]) (*logPipe, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("make a pipe for the log: %w", err)
	}
	p := &logPipe{write: os.NewFile(uintptr(fds[1]), "log"), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer func() { _ = unix.Close(fds[0]) }()
		readLines(fds[0], lines)
	}()
	return p, nil
}

func readLines(fd int, lines *Record[Line]) {
	buf := make([]byte, 64<<10)
	var rest []byte
	for {
		n, err := unix.Read(fd, buf)
		seen := time.Now()
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		rest = append(rest, buf[:n]...)
		for {
			line, after, ok := bytes.Cut(rest, []byte("\n"))
			if !ok {
				break
			}
			lines.add(parseLine(line, seen))
			rest = after
		}
	}
}

// end waits until everything written has been read. No agent may run any more.
func (p *logPipe) end() {
	_ = p.write.Close()
	<-p.done
}
