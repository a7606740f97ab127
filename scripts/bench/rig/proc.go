package rig

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a process uses now, or has used so far.
type Usage struct {
	CPU          time.Duration // user and system, all threads, by the scheduler's clock
	Switches     uint64        // voluntary and involuntary, of the threads there are
	Threads      int
	Descriptors  int
	RSS          int64 // bytes
	PrivateDirty int64 // bytes
}

// Usage reads what the agent uses.
func (b *Box) Usage() (Usage, error) {
	pid := b.PID()
	if pid == 0 {
		return Usage{}, fmt.Errorf("%s: no agent runs", b.Serial)
	}
	u := Usage{}
	var err error
	if u.CPU, err = cpuTime(pid); err != nil {
		return u, err
	}
	dir := fmt.Sprintf("/proc/%d", pid)
	if u.Threads, u.Switches, err = switches(dir); err != nil {
		return u, err
	}
	fds, err := os.ReadDir(dir + "/fd")
	if err != nil {
		return u, fmt.Errorf("count descriptors: %w", err)
	}
	u.Descriptors = len(fds)
	u.RSS, u.PrivateDirty, err = memory(dir)
	return u, err
}

// cpuTime reads the CPU clock of a process (clock_getcpuclockid(3)): nanoseconds,
// where /proc has ticks of 4 ms.
func cpuTime(pid int) (time.Duration, error) {
	const schedClock = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &ts); err != nil {
		return 0, fmt.Errorf("read the CPU clock of %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

func switches(dir string) (threads int, n uint64, err error) {
	all, err := filepath.Glob(dir + "/task/*/status")
	if err != nil {
		return 0, 0, err
	}
	for _, name := range all {
		v, err := fields(name, "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
		if err != nil {
			continue // the thread has ended
		}
		threads++
		n += uint64(v[0] + v[1])
	}
	return threads, n, nil
}

func memory(dir string) (rss, dirty int64, err error) {
	v, err := fields(dir+"/smaps_rollup", "Rss", "Private_Dirty")
	if err != nil {
		return 0, 0, err
	}
	return v[0] << 10, v[1] << 10, nil // the file says kB and means KiB
}

// fields reads numbers from a file of lines "key: number".
func fields(name string, keys ...string) ([]int64, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	out := make([]int64, len(keys))
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		key, value, _ := strings.Cut(sc.Text(), ":")
		for i, k := range keys {
			if k != key {
				continue
			}
			word, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			if out[i], err = strconv.ParseInt(word, 10, 64); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, k, err)
			}
		}
	}
	return out, nil
}
