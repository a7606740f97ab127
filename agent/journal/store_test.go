package journal

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// numbered is a state that tells which one it is.
func numbered(n uint64) *State {
	s := sample()
	s.Epoch = n
	return &s
}

func mustEncode(t interface{ Fatal(args ...any) }, s *State) []byte {
	b, err := encode(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPowerCutAtAnyStep writes states while the disk fails and the power is cut
// anywhere; whatever of the unsynced then reached the flash, what is found is never older
// than what was acknowledged, and never damaged.
func TestPowerCutAtAnyStep(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		disk := newMemory()
		var acked, tried uint64
		for range rapid.IntRange(1, 6).Draw(t, "lives") {
			s := &store{disk: disk}
			f := s.load()
			if len(f.damaged) > 0 || f.state.Epoch < acked || f.state.Epoch > tried {
				t.Fatalf("found %d, acknowledged %d, tried %d, damaged %v", f.state.Epoch, acked, tried, f.damaged)
			}
			disk.fault = faults(t)
			for range rapid.IntRange(1, 6).Draw(t, "writes") {
				tried++
				if _, err := s.write(mustEncode(t, numbered(tried))); err == nil {
					acked = tried
				}
			}
			disk.fault, disk.cut = nil, false // a kill -9, and perhaps a power cut too
			if rapid.Bool().Draw(t, "power") {
				disk.restart(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "kept") })
			}
		}
	})
}

// faults makes some operations fail, and cuts the power at one of them.
func faults(t *rapid.T) func(string) error {
	cut := rapid.IntRange(1, 60).Draw(t, "cut")
	failing := rapid.SliceOfN(rapid.IntRange(1, 60), 0, 6).Draw(t, "failing")
	lying := rapid.IntRange(1, 60).Draw(t, "lying")
	n := 0
	return func(op string) error {
		n++
		switch {
		case n == cut:
			return errCut
		case slices.Contains(failing, n):
			return unix.EIO
		case n == lying && op == "write":
			return errLie
		}
		return nil
	}
}

// TestEachStepMayFail fails each operation of a write once, and then cuts the power
// with nothing, or all, of the unsynced on flash.
func TestEachStepMayFail(t *testing.T) {
	for kept := range 2 {
		for step := 1; ; step++ {
			disk := newMemory()
			s := &store{disk: disk}
			s.load()
			for i := range uint64(3) {
				if _, err := s.write(mustEncode(t, numbered(i+1))); err != nil {
					t.Fatal(err)
				}
			}
			n, failed := 0, ""
			disk.fault = func(op string) error {
				if n++; n == step {
					failed = op
					return unix.ENOSPC
				}
				return nil
			}
			_, err := s.write(mustEncode(t, numbered(4)))
			if failed == "" {
				break // a write has no more steps
			}
			if err == nil && failed != "remove" {
				t.Errorf("acknowledged, though %s failed", failed)
			}
			if err != nil && !errors.Is(err, unix.ENOSPC) {
				t.Errorf("%s failed: %v does not say why", failed, err)
			}
			if err != nil && disk.names[newName] != nil {
				t.Errorf("%s failed: the new file still takes space", failed)
			}
			disk.fault = nil
			if _, err := s.write(mustEncode(t, numbered(5))); err != nil {
				t.Errorf("after %s failed: %v", failed, err)
			}
			disk.restart(func(n int) int { return kept * (n - 1) })
			if f := (&store{disk: disk}).load(); f.state.Epoch != 5 || f.lost {
				t.Errorf("after %s failed: found %d, %+v", failed, f.state.Epoch, f.damaged)
			}
		}
	}
}

// files returns a disk with two generations, the newest in the file returned.
func files(t *testing.T) (disk *memory, newest, older string) {
	t.Helper()
	disk = newMemory()
	s := &store{disk: disk}
	s.load()
	for i := range uint64(4) {
		if _, err := s.write(mustEncode(t, numbered(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	return disk, generations[s.newest], generations[1-s.newest]
}

// TestDamageAtEveryByte cuts the newest file at every length, and changes every byte of it.
// The other generation stands; the damaged one is set aside as it was.
func TestDamageAtEveryByte(t *testing.T) {
	whole, newest, older := files(t)
	next := mustEncode(t, numbered(9))
	damage := func(what string, change func([]byte) []byte) {
		disk := newMemory()
		for name, f := range whole.names {
			disk.names[name] = &inode{data: slices.Clone(f.data)}
		}
		bad := change(disk.names[newest].data)
		disk.names[newest].data = bad
		s := &store{disk: disk}
		f := s.load()
		if f.state.Epoch != 3 || !f.exists || !f.lost || len(f.damaged) != 1 || s.newest != slices.Index(generations[:], older) {
			t.Fatalf("%s: found %+v", what, f)
		}
		if kept := disk.names[f.damaged[0].Kept]; kept == nil || !bytes.Equal(kept.data, bad) || disk.names[newest] != nil {
			t.Fatalf("%s: not set aside: %v", what, f.damaged)
		}
		if _, err := s.write(next); err != nil {
			t.Fatal(err)
		}
		if again := (&store{disk: disk}).load(); again.state.Epoch != 9 || len(again.damaged) > 0 || again.lost {
			t.Fatalf("%s: next start %+v", what, again)
		}
	}
	for i := range whole.names[newest].data {
		damage(fmt.Sprintf("cut at %d", i), func(b []byte) []byte { return b[:i] })
		damage(fmt.Sprintf("byte %d", i), func(b []byte) []byte { b[i] ^= 1 << (i % 8); return b })
		damage(fmt.Sprintf("zeros from %d", i), func(b []byte) []byte { clear(b[i:]); b[len(b)-1] ^= 0xFF; return b })
	}
}

func TestTailIsCutAndCounted(t *testing.T) {
	disk, newest, _ := files(t)
	disk.names[newest].data = append(disk.names[newest].data, "more"...)
	s := &store{disk: disk}
	f := s.load()
	if f.state.Epoch != 4 || len(f.damaged) != 1 || f.damaged[0].Kept != "" || !errors.Is(f.damaged[0].Err, errTrailing) {
		t.Fatalf("found %+v", f)
	}
	for i := range uint64(2) {
		if _, err := s.write(mustEncode(t, numbered(5+i))); err != nil {
			t.Fatal(err)
		}
	}
	if again := (&store{disk: disk}).load(); again.state.Epoch != 6 || again.lost {
		t.Fatalf("found %+v", again)
	}
}

func TestBothDamaged(t *testing.T) {
	disk, newest, older := files(t)
	for round := range 2 * MaxDamaged {
		disk.names[newest] = &inode{data: bytes.Repeat([]byte{byte(round)}, 2*MaxFile)}
		disk.names[older] = &inode{data: []byte("hajl")}
		f := (&store{disk: disk}).load()
		if f.exists || !f.lost || len(f.damaged) != 2 {
			t.Fatalf("found %+v", f)
		}
	}
	if len(disk.names) != MaxDamaged {
		t.Errorf("%d damaged files are kept, want %d", len(disk.names), MaxDamaged)
	}
	last := disk.names[fmt.Sprint(damagedName, 4*MaxDamaged-1)]
	if other := disk.names[fmt.Sprint(damagedName, 4*MaxDamaged)]; last == nil || other == nil {
		t.Errorf("the latest were not kept: %v", disk.names)
	}
	for name, f := range disk.names {
		if len(f.data) > MaxFile {
			t.Errorf("%s has %d bytes", name, len(f.data))
		}
	}
}

// TestHardToRead: a read that fails for a moment costs nothing; one that fails for
// ever sets the file aside whole, or, where even that fails, never lets it win later.
func TestHardToRead(t *testing.T) {
	disk, _, _ := files(t)
	n := 0
	disk.fault = func(op string) error {
		if op == "read" {
			if n++; n < readAttempts {
				return unix.EMFILE
			}
		}
		return nil
	}
	if f := (&store{disk: disk}).load(); f.state.Epoch != 4 || f.lost {
		t.Fatalf("found %+v", f)
	}
	disk.fault = func(op string) error {
		if op == "read" || op == "rename" {
			return unix.EIO
		}
		return nil
	}
	s := &store{disk: disk}
	if f := s.load(); f.exists || len(f.damaged) != 2 || f.damaged[0].Kept != "" || !errors.Is(f.damaged[0].Err, unix.EIO) {
		t.Fatalf("found %+v", f)
	}
	disk.fault = nil
	if _, err := s.write(mustEncode(t, numbered(50))); err != nil {
		t.Fatal(err)
	}
	if f := (&store{disk: disk}).load(); f.state.Epoch != 50 {
		t.Fatalf("an old state is back: %d", f.state.Epoch)
	}
}

func TestOneGenerationMissing(t *testing.T) {
	disk, newest, older := files(t)
	delete(disk.names, newest)
	if f := (&store{disk: disk}).load(); f.state.Epoch != 3 || !f.lost || len(f.damaged) > 0 {
		t.Errorf("the newer is missing: %+v", f)
	}
	delete(disk.names, older)
	if f := (&store{disk: disk}).load(); f.exists || f.lost {
		t.Errorf("an empty disk: %+v", f)
	}
	s := &store{disk: disk}
	s.load()
	if _, err := s.write(mustEncode(t, numbered(1))); err != nil {
		t.Fatal(err)
	}
	if f := (&store{disk: disk}).load(); f.state.Epoch != 1 || f.lost || disk.names["state.a"] == nil {
		t.Errorf("the first write: %+v", f)
	}
}
