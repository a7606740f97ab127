package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// running opens a journal on a disk in memory and runs it until the test, or the
// function returned, ends it.
func running(t *testing.T, disk *memory, opts Options) (j *Journal, stop func()) {
	t.Helper()
	j, _ = open(disk, opts)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := j.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	synctest.Wait()
	return j, stop
}

// written is what a start would find now.
func written(disk *memory) State {
	disk.mu.Lock()
	defer disk.mu.Unlock()
	cut := memory{names: disk.names}
	return (&store{disk: &cut}).load().state
}

func writes(t *testing.T, j *Journal, want uint64) {
	t.Helper()
	synctest.Wait()
	if got := j.Stats().Writes; got != want {
		t.Fatalf("%d writes, want %d", got, want)
	}
}

func version(v string) func(*State) { return func(s *State) { s.Peer.Version = v } }

func TestEpochOncePerStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		for start := range uint64(3) {
			j, stop := running(t, disk, Options{})
			writes(t, j, 1)
			if s := written(disk); s.Epoch != start+1 || j.State().Epoch != start+1 {
				t.Fatalf("epoch %d on flash and %d in memory, want %d", s.Epoch, j.State().Epoch, start+1)
			}
			j.Update(func(s *State) { s.Epoch = 99 }, Change)
			if j.State().Epoch != start+1 {
				t.Fatal("the epoch can be updated")
			}
			stop()
			writes(t, j, 1)
		}
		// The newer generation is lost: it may have used an epoch more.
		disk.names["state.a"].data[headerSize] ^= 1
		j, recovered := open(disk, Options{})
		if recovered.State.Epoch != 2 || len(recovered.Damaged) != 1 || j.State().Epoch != 4 || j.Stats().Damaged != 1 {
			t.Errorf("recovered %+v, epoch %d", recovered, j.State().Epoch)
		}
	})
}

func TestCadence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		j, _ := running(t, disk, Options{})
		writes(t, j, 1)

		j.Update(version("15.0.2"), Routine)
		time.Sleep(15*time.Minute - time.Nanosecond)
		writes(t, j, 1)
		time.Sleep(time.Nanosecond)
		writes(t, j, 2)

		time.Sleep(24 * time.Hour) // nothing happens, nothing is written
		writes(t, j, 2)

		j.Update(version("18.4.1"), Change)
		writes(t, j, 3)
		j.Update(version("18.4.1"), Change) // no difference
		writes(t, j, 3)
		if s := written(disk); s.Peer.Version != "18.4.1" {
			t.Errorf("%q is on flash", s.Peer.Version)
		}
	})
}

// TestFlapping: a change a second for a day; the latest wins.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		j, _ := running(t, disk, Options{})
		for i := range 24 * 60 * 60 {
			time.Sleep(time.Second)
			j.Update(version(fmt.Sprint(i)), Change)
		}
		synctest.Wait()
		if got, most := j.Stats().Writes, uint64(1+allowance+24*60/5); got > most || got < most-2 {
			t.Errorf("%d writes, want about %d", got, most)
		}
		time.Sleep(refill)
		synctest.Wait()
		if s := written(disk); s.Peer.Version != "86399" {
			t.Errorf("%q is on flash", s.Peer.Version)
		}
	})
}

// TestRefresh: what changes all the time is written every 15 min, and with every other write.
func TestRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, begin := newMemory(), time.Now()
		still := false
		var mu sync.Mutex
		refresh := func(s *State) {
			mu.Lock()
			defer mu.Unlock()
			if !still {
				s.Peer.LastHeard = Moment{Wall: time.Now(), Boot: time.Since(begin) + time.Second, BootID: bootA}
			}
		}
		j, stop := running(t, disk, Options{Refresh: refresh})
		time.Sleep(24 * time.Hour)
		writes(t, j, 1+96)
		mu.Lock()
		still = true
		mu.Unlock()
		time.Sleep(24 * time.Hour)
		writes(t, j, 1+96)
		mu.Lock()
		still = false
		mu.Unlock()
		time.Sleep(time.Minute)
		j.Update(version("1"), Change)
		synctest.Wait()
		if got := written(disk).Peer.LastHeard.Wall; !got.Equal(time.Now()) {
			t.Errorf("last heard %v on flash, now %v", got, time.Now())
		}
		time.Sleep(time.Minute)
		stop() // is no reason to write
		writes(t, j, 1+96+1)
	})
}

func TestSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		j, stop := running(t, disk, Options{})
		for i := range 3 * allowance { // waits for no allowance
			begin := time.Now()
			j.Update(version(fmt.Sprint(i)), Routine)
			if err := j.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			disk.restart(func(int) int { return 0 })
			if s := written(disk); s.Peer.Version != fmt.Sprint(i) || time.Now() != begin {
				t.Fatalf("acknowledged %d, %q is on flash", i, s.Peer.Version)
			}
		}
		if err := j.Sync(t.Context()); err != nil {
			t.Error("nothing to sync:", err)
		}
		stop()
		j.Update(version("late"), Change)
		if err := j.Sync(t.Context()); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// TestSyncsDoNotStarveChanges: however much was asked for, a change waits for 5 min.
func TestSyncsDoNotStarveChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		j, _ := running(t, disk, Options{})
		for i := range 100 * allowance {
			j.Update(version(fmt.Sprint(i)), Change)
			if err := j.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		j.Update(version("last"), Change)
		time.Sleep(refill)
		synctest.Wait()
		if s := written(disk); s.Peer.Version != "last" {
			t.Errorf("%q is on flash", s.Peer.Version)
		}
	})
}

// TestBackAfterAFailure: a write that failed may have reached the flash all the same, so
// the state before it is written again when it is back.
func TestBackAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		j, _ := running(t, disk, Options{})
		sync := func(v string, fault func(string) error) error {
			disk.mu.Lock()
			disk.fault = fault
			disk.mu.Unlock()
			j.Update(version(v), Change)
			return j.Sync(t.Context())
		}
		broken := func(op string) error {
			if op == "syncdir" {
				return unix.EIO
			}
			return nil
		}
		if before, after, back := sync("1", nil), sync("2", broken), sync("1", nil); before != nil || after == nil || back != nil {
			t.Fatal(before, after, back)
		}
		disk.restart(func(n int) int { return n - 1 })
		if s := written(disk); s.Peer.Version != "1" {
			t.Errorf("%q is on flash", s.Peer.Version)
		}
	})
}

// TestFailingDisk: the state stays in memory, the log says so once, Sync says why, attempts
// grow rarer, and all is written when the disk is back.
func TestFailingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		full := func(op string) error {
			if op == "write" {
				return unix.ENOSPC
			}
			return nil
		}
		disk.fault = full
		var log bytes.Buffer
		j, _ := running(t, disk, Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		j.Update(version("18.4.1"), Change)
		if err := j.Sync(t.Context()); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("acknowledged: %v", err)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		st := j.Stats()
		if st.Failures < 90 || st.Failures > 110 || !errors.Is(st.Err, unix.ENOSPC) || !st.Pending || st.Writes != 0 {
			t.Errorf("%+v", st)
		}
		if j.State().Peer.Version != "18.4.1" {
			t.Error("the state is not kept in memory")
		}
		disk.mu.Lock()
		disk.fault = nil
		disk.mu.Unlock()
		time.Sleep(lastRetry)
		writes(t, j, 1)
		if s := written(disk); s.Peer.Version != "18.4.1" || s.Epoch != 1 {
			t.Errorf("on flash: %+v", s)
		}
		if n := strings.Count(log.String(), "\n"); n != 2 {
			t.Errorf("%d lines of log:\n%s", n, &log)
		}
	})
}

// TestStop writes what is urgent a last time, even if it has to wait for its turn otherwise.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newMemory()
		j, stop := running(t, disk, Options{})
		for i := range 2 * allowance {
			j.Update(version(fmt.Sprint(i)), Change)
			synctest.Wait()
		}
		if s := written(disk); s.Peer.Version == fmt.Sprint(2*allowance-1) {
			t.Fatal("the allowance is none")
		}
		stop()
		if s := written(disk); s.Peer.Version != fmt.Sprint(2*allowance-1) {
			t.Errorf("%q is on flash", s.Peer.Version)
		}
	})
}

// TestHangingDisk: a write that takes for ever holds nobody up but those who wait for it.
func TestHangingDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, hang := &hanging{memory: newMemory()}, make(chan struct{})
		disk.until = hang
		j, _ := open(disk, Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- j.Run(ctx) }()
		synctest.Wait()
		begin := time.Now()
		for i := range 1000 {
			j.Update(version(fmt.Sprint(i)), Change)
			_, _ = j.State(), j.Stats()
		}
		if time.Since(begin) != 0 {
			t.Error("an update waits for the disk")
		}
		patience, done := context.WithTimeout(t.Context(), 2*time.Second)
		defer done()
		if err := j.Sync(patience); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Sync: %v", err)
		}
		close(hang)
		if err := j.Sync(t.Context()); err != nil || written(disk.memory).Peer.Version != "999" {
			t.Errorf("Sync: %v", err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

type hanging struct {
	*memory
	until chan struct{}
}

func (h *hanging) sync() error {
	<-h.until
	return h.memory.sync()
}

func TestStatesAreImmutable(t *testing.T) {
	j, _ := open(newMemory(), Options{})
	var held []*State
	for i := range 2 * MaxTransitions {
		j.Update(func(s *State) { s.Add(Transition{Local: fmt.Sprint(i)}) }, Change)
		held = append(held, j.State())
	}
	for i, s := range held {
		n := len(s.Transitions)
		if n != min(i+1, MaxTransitions) || s.Transitions[n-1].Local != fmt.Sprint(i) || s.Transitions[0].Local != fmt.Sprint(i+1-n) {
			t.Fatalf("state %d has changed: %d transitions", i, n)
		}
	}
}

func TestStatesPartWays(t *testing.T) {
	var base State
	for range 5 { // leaves room behind the slice
		base.Add(Transition{})
	}
	one, other := base, base
	one.Add(Transition{Local: "1"})
	other.Add(Transition{Local: "2"})
	if got := one.Transitions[5].Local; got != "1" {
		t.Errorf("%q, written over by another state", got)
	}
}

func TestOpenOptions(t *testing.T) {
	if _, _, err := Open("", Options{}); err == nil {
		t.Error("no directory is accepted")
	}
	if _, _, err := Open(t.TempDir(), Options{Every: -1}); err == nil {
		t.Error("a negative interval is accepted")
	}
}

// TestFolder goes through a life on a real file system, with all that may lie in the way.
func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "var", "lib", "socketha")
	life := func(v string) (Recovered, Stats) {
		j, recovered, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- j.Run(ctx) }()
		j.Update(version(v), Change)
		if err := j.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return recovered, j.Stats()
	}
	if r, _ := life("1"); r.Found || len(r.Damaged) > 0 {
		t.Errorf("found %+v in nothing", r)
	}
	if r, _ := life("2"); r.State.Peer.Version != "1" {
		t.Errorf("found %+v", r)
	}
	inTheWay := map[string]func(name string) error{
		"a folder":  func(n string) error { return os.MkdirAll(filepath.Join(n, "deep"), 0o700) },
		"a pipe":    func(n string) error { return unix.Mkfifo(n, 0o600) },
		"a link":    func(n string) error { return os.Symlink("/dev/zero", n) },
		"no record": func(n string) error { return os.WriteFile(n, make([]byte, 5<<20), 0o600) },
		"emptiness": func(n string) error { return os.WriteFile(n, nil, 0o600) },
	}
	last := "2"
	for what, put := range inTheWay {
		_ = os.RemoveAll(filepath.Join(dir, newName))
		for _, name := range []string{"state.a", newName} {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
			if err := put(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		r, st := life(what)
		if len(r.Damaged) != 1 || r.Damaged[0].Kept == "" || st.Damaged != 1 || st.Failures > 0 {
			t.Errorf("%s: %+v %+v", what, r, st)
		}
		last = what
	}
	if r, _ := life("end"); r.State.Peer.Version != last || len(r.Damaged) > 0 {
		t.Errorf("found %q, want %q; %v", r.State.Peer.Version, last, r.Damaged)
	}
	names, err := folder(dir).list()
	if err != nil || len(names) != 2+MaxDamaged {
		t.Errorf("left: %v, %v", names, err)
	}
}

func TestAge(t *testing.T) {
	now := Moment{Wall: wall, Boot: time.Hour, BootID: bootA}
	year := 365 * 24 * time.Hour
	for _, c := range []struct {
		name  string
		m     Moment
		age   time.Duration
		exact bool
	}{
		{"same boot", Moment{wall.Add(-time.Minute), 59 * time.Minute, bootA}, time.Minute, true},
		{"the clock went back ten years", Moment{wall.Add(10 * year), 59 * time.Minute, bootA}, time.Minute, true},
		{"the clock went on ten years", Moment{wall.Add(-10 * year), 59 * time.Minute, bootA}, time.Minute, true},
		{"the future of the same boot", Moment{wall, 2 * time.Hour, bootA}, 0, true},
		{"a boot before", Moment{wall.Add(-3 * time.Hour), 5 * time.Hour, bootB}, 3 * time.Hour, false},
		{"a boot before, the clock is at 1970 now", Moment{wall.Add(50 * year), time.Minute, bootB}, time.Hour, false},
		{"boot not known", Moment{wall.Add(-time.Minute), time.Minute, BootID{}}, time.Minute, false},
		{"boot not known, in the future", Moment{wall.Add(time.Minute), time.Minute, BootID{}}, 0, false},
	} {
		if age, exact := c.m.Age(now); age != c.age || exact != c.exact {
			t.Errorf("%s: %v, exact %v; want %v, %v", c.name, age, exact, c.age, c.exact)
		}
	}
}

func TestBootID(t *testing.T) {
	id, err := ParseBootID("01020304-0506-0708-090a-0b0c0d0e0f10\n")
	if want := (BootID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}); id != want || err != nil {
		t.Errorf("%v, %v", id, err)
	}
	for _, bad := range []string{"", "0102", "zz020304-0506-0708-090a-0b0c0d0e0f10"} {
		if _, err := ParseBootID(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// An epoch above what a receiver has seen is on flash when it is given out.
func TestRaiseEpoch(t *testing.T) {
	dir := t.TempDir()
	j, _, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- j.Run(ctx) }()
	for _, c := range []struct{ above, want uint64 }{{41, 42}, {3, 43}, {42, 44}} {
		got, err := j.RaiseEpoch(t.Context(), c.above)
		if err != nil || got != c.want || j.State().Epoch != c.want {
			t.Errorf("above %d: %d, %v, want %d", c.above, got, err, c.want)
		}
	}
	if _, err := j.RaiseEpoch(t.Context(), maxEpoch-1); err == nil {
		t.Error("an epoch that JSON cannot carry was given out")
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	j, _, err = Open(dir, Options{})
	if err != nil || j.State().Epoch != 45 {
		t.Errorf("the next start has epoch %d, %v", j.State().Epoch, err)
	}
}
