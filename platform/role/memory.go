package role

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// This file keeps what keepalived told across a restart of the agent, in a text
// file whose lines are those of the FIFO between a first and a last line.

const (
	memoryFormat = "socketha-role 1"
	memoryEnd    = "end"
	maxMemory    = 1 << 20 // bytes; 1,024 lines of at most 300 need a third of it
)

// moment says to which run of keepalived, and to which moment of its FIFO, a
// table belongs. Two equal moments have no line between them.
type moment struct {
	boot string // id of the boot
	run  string // identity of the pid file: a new one with each run, the same over a reload
	fifo string // identity of the FIFO and the time of the last write to it
}

// known reports whether the moment can be told from others.
func (m moment) known() bool { return m.boot != "" && m.run != "" && m.fifo != "" }

func (m moment) line() string {
	return strings.Join([]string{memoryFormat, m.boot, m.run, m.fifo}, " ")
}

// formatMemory writes the table down.
func formatMemory(m moment, t *table) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, m.line())
	write := func(kind string, known map[string]vrrpState) {
		for _, name := range slices.Sorted(maps.Keys(known)) {
			fmt.Fprintf(&b, "%s \"%s\" %s\n", kind, name, known[name].word())
		}
	}
	write("INSTANCE", t.instances)
	write("GROUP", t.groups)
	fmt.Fprintln(&b, memoryEnd)
	return b.Bytes()
}

var errMemory = errors.New("not a whole memory of this moment")

// parseMemory reads a table that was written down at the moment m.
func parseMemory(data []byte, m moment) (table, error) {
	t := newTable()
	data, whole := bytes.CutSuffix(data, []byte("\n"+memoryEnd+"\n"))
	first, body, _ := bytes.Cut(data, []byte("\n"))
	if !m.known() || !whole || string(first) != m.line() {
		return t, errMemory
	}
	for line := range bytes.Lines(body) {
		e, err := parseNotify(bytes.TrimSuffix(line, []byte("\n")))
		if err != nil || e.state == vrrpGone {
			return newTable(), errMemory
		}
		t.apply(e)
	}
	return t, nil
}

// loadMemory reads the file, which is bounded and may be missing.
func loadMemory(path string, m moment) (table, error) {
	data, err := readFile(path, maxMemory)
	if err != nil {
		return newTable(), err
	}
	return parseMemory(data, m)
}

// saveMemory replaces the file. It is not synced: it belongs to a folder that
// does not outlive the boot, and what is not whole is not believed.
func saveMemory(path string, m moment, t *table) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(formatMemory(m, t))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
