package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

const (
	newName      = "state.new"
	damagedName  = "state.damaged."
	readAttempts = 3

	// MaxDamaged is how many damaged files are kept; beyond, the oldest goes.
	MaxDamaged = 4
)

// generations are the names of the two files. A write replaces the older one.
var generations = [2]string{"state.a", "state.b"}

// Damage is a file that could not be used.
type Damage struct {
	File string // its name in the directory
	Kept string // the name it was set aside under; empty if it is where it was
	Err  error  // what is wrong with it
}

func (d Damage) String() string {
	if d.Kept == "" {
		return fmt.Sprintf("%s: %v", d.File, d.Err)
	}
	return fmt.Sprintf("%s: %v (set aside as %s)", d.File, d.Err, d.Kept)
}

// store keeps two generations on a disk. It has one owner.
type store struct {
	disk     disk
	newest   int    // of generations: the one never to be touched
	sequence uint64 // the highest ever seen or tried
}

// found is what was on the disk.
type found struct {
	state   State
	exists  bool
	lost    bool // a generation that should be there is not, or is damaged
	damaged []Damage
}

// load reads both generations, sets aside what is damaged, and returns the newer.
func (s *store) load() found {
	var f found
	var newest uint64
	usable := 0
	s.newest = 1 // of an empty disk, so that state.a is the first
	for i, name := range generations {
		sequence, state, err := s.generation(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			f.damaged = append(f.damaged, s.judge(name, err))
			f.lost = true
			if !errors.Is(err, errTrailing) {
				continue
			}
		}
		usable++
		if !f.exists || sequence > newest {
			f.state, f.exists = state, true
			s.newest, newest = i, sequence
		}
	}
	s.sequence += newest
	f.lost = f.lost || usable == 1 && newest > 1
	return f
}

// generation reads one file. A read that fails is tried again: the next write but one
// would replace a file that is perhaps only hard to reach now.
func (s *store) generation(name string) (sequence uint64, state State, err error) {
	var data []byte
	for range readAttempts {
		data, err = s.disk.read(name, maxRead)
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotPlain) {
			break
		}
	}
	if err != nil {
		return 0, State{}, err
	}
	sequence, payload, sealErr := unseal(data)
	if sealErr != nil && !errors.Is(sealErr, errTrailing) {
		return 0, State{}, sealErr
	}
	if state, err = decode(payload); err != nil {
		return 0, State{}, err
	}
	return sequence, state, sealErr
}

// judge sets a damaged file aside; one that is whole but for its tail stays, and
// is replaced in its turn.
func (s *store) judge(name string, why error) Damage {
	d := Damage{File: name, Err: why}
	if errors.Is(why, errTrailing) {
		return d
	}
	kept := s.nextDamaged()
	if err := s.disk.rename(name, kept); err != nil {
		d.Err = errors.Join(why, fmt.Errorf("setting it aside: %w", err))
		// It may come to be readable again, and must not be the newer one then.
		s.sequence += 1 << 32
		return d
	}
	d.Kept = kept
	// Bounded evidence is wanted, not needed: a failure is no one's trouble.
	_ = s.disk.truncate(kept, MaxFile)
	return d
}

// nextDamaged returns a name that is free, and removes the oldest of those kept.
func (s *store) nextDamaged() string {
	names, _ := s.disk.list() // unreadable: as if there were none
	var numbers []uint64
	for _, name := range names {
		if digits, ok := strings.CutPrefix(name, damagedName); ok {
			if n, err := strconv.ParseUint(digits, 10, 32); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	next := uint64(1)
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	for len(numbers) >= MaxDamaged {
		_ = s.disk.remove(damagedName + strconv.FormatUint(numbers[0], 10))
		numbers = numbers[1:]
	}
	return damagedName + strconv.FormatUint(next, 10)
}

// write makes a state the newest generation. When it returns nil, the state
// survives power loss; after an error the former one does, and perhaps this one.
func (s *store) write(state []byte) (size int, err error) {
	s.sequence++
	record := seal(s.sequence, state)
	if err := s.disk.prepare(); err != nil {
		return 0, err
	}
	// What a crash left there. If it cannot be removed, create says why.
	_ = s.disk.remove(newName)
	if err := s.writeNew(record); err != nil {
		_ = s.disk.remove(newName) // on a full disk others need the space
		return 0, err
	}
	older := 1 - s.newest
	if err := s.disk.rename(newName, generations[older]); err != nil {
		_ = s.disk.remove(newName)
		return 0, err
	}
	if err := s.disk.sync(); err != nil {
		return 0, fmt.Errorf("syncing the directory: %w", err)
	}
	s.newest = older
	return len(record), nil
}

// writeNew writes the new file, syncs it, and reads it back: it is about to be
// promised.
func (s *store) writeNew(record []byte) (err error) {
	f, err := s.disk.create(newName)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(record); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	back := make([]byte, len(record))
	if _, err := f.ReadAt(back, 0); err != nil {
		return fmt.Errorf("reading back what was written: %w", err)
	}
	if !bytes.Equal(back, record) {
		return errors.New("reading back what was written: it is not the same")
	}
	return nil
}
