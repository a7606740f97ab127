package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"socketha/scripts/needs"
)

var update = flag.Bool("update", false, "write sizes.txt anew")

// growth is how much larger a binary may be than sizes.txt says, in percent.
const growth = 2

const sizesHeader = `# Stripped size of the appliance's binary, in bytes. The tests fail at +2 %.
# After a growth that is meant: go test ./scripts/dist -run Size -update
`

// binaries builds all targets once, as make build does, and returns their folder;
// the short tests build this machine's alone.
func binaries(t *testing.T) (dir string, built []target) {
	t.Helper()
	built = targets
	if testing.Short() {
		built = []target{host(t)}
	}
	all.Do(func() {
		all.dir = filepath.Join(scratch, "binaries")
		for _, b := range built {
			if all.err = build(context.Background(), sourceRoot, filepath.Join(all.dir, b.name), b, "-s -w -buildid="); all.err != nil {
				return
			}
		}
	})
	if all.err != nil {
		t.Fatal(all.err)
	}
	return all.dir, built
}

var all struct {
	sync.Once
	dir string
	err error
}

// TestSize is the gate: nothing grows unnoticed.
func TestSize(t *testing.T) {
	dir, built := binaries(t)
	limits := readSizes(t)
	now := make(map[string]int64)
	for _, b := range built {
		info, err := os.Stat(filepath.Join(dir, b.name))
		if err != nil {
			t.Fatal(err)
		}
		now[b.name] = info.Size()
		switch was := limits[b.name]; {
		case *update:
		case was == 0:
			t.Errorf("sizes.txt does not know %s (%d bytes)", b.name, info.Size())
		case info.Size() > was+was*growth/100:
			t.Errorf("%s grew from %d to %d bytes, %.1f %%: cut it, or say that it is meant (sizes.txt)",
				b.name, was, info.Size(), float64(info.Size()-was)*100/float64(was))
		}
	}
	if *update {
		writeSizes(t, now, limits)
	}
	for name := range limits {
		if !slices.ContainsFunc(targets, func(t target) bool { return t.name == name }) {
			t.Errorf("sizes.txt has %s, which is not built", name)
		}
	}
}

func readSizes(t *testing.T) map[string]int64 {
	t.Helper()
	file, err := os.Open("sizes.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	sizes := make(map[string]int64)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		f := strings.Fields(lines.Text())
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		n, err := strconv.ParseInt(f[len(f)-1], 10, 64)
		if err != nil || len(f) != 2 {
			t.Fatalf("sizes.txt: %q", lines.Text())
		}
		sizes[f[0]] = n
	}
	return sizes
}

func writeSizes(t *testing.T, now, before map[string]int64) {
	t.Helper()
	text := sizesHeader
	for _, b := range targets {
		size := now[b.name]
		if size == 0 {
			size = before[b.name]
		}
		text += fmt.Sprintf("%-8s %9d\n", b.name, size)
	}
	if err := os.WriteFile("sizes.txt", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEmulated runs each binary where its CPU is emulated: what is not the agent
// works, and gives the same answers. The agent itself is another matter:
// it asks the kernel for more than emulation has.
func TestEmulated(t *testing.T) {
	dir, built := binaries(t)
	for _, b := range built {
		t.Run(b.name, func(t *testing.T) {
			command := []string{filepath.Join(dir, b.name)}
			if b.qemu != "" {
				command = append([]string{needs.Command(t, b.qemu, "qemu-user")}, command...)
			}
			for _, test := range []struct {
				args []string
				code int
				want string
			}{
				{[]string{"version"}, 0, "linux/" + strings.TrimPrefix(b.env[0], "GOARCH=")},
				{[]string{"compare", "18.3.3", "18.4.1"}, 0, ""},
				{[]string{"compare", "18.3.3", "15.0.2", "-o", "json"}, 3, `"gap_majors":[16,17,18]`},
				{[]string{"compare", "18.3.3", "18..1"}, 4, ""},
			} {
				cmd := exec.Command(command[0], append(command[1:], test.args...)...)
				out, _ := cmd.Output()
				dense := strings.Join(strings.Fields(string(out)), "")
				if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(dense, test.want) {
					t.Errorf("%v: exit code %d, want %d; wrote %s, want %s", test.args, code, test.code, out, test.want)
				}
			}
		})
	}
}

// TestStatic: no binary needs anything of the system it comes to.
func TestStatic(t *testing.T) {
	dir, built := binaries(t)
	for _, b := range built {
		out, err := exec.Command(needs.Command(t, "readelf", "binutils"), "--program-headers", "--dynamic", filepath.Join(dir, b.name)).CombinedOutput()
		if err != nil || strings.Contains(string(out), "INTERP") || strings.Contains(string(out), "NEEDED") {
			t.Errorf("%s: %v\n%s", b.name, err, out)
		}
	}
}
