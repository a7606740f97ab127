package journal

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// memory is a disk whose power can be cut: it knows what of its files and of its
// directory is on flash, and what is merely on its way there.
type memory struct {
	mu      sync.Mutex
	names   map[string]*inode
	durable map[string]*inode
	moves   []move // since the directory was synced

	// fault, if set, is asked before each operation; errCut ends all of them.
	fault func(op string) error
	cut   bool
	ops   int
}

type inode struct {
	data, durable []byte
	lost          bool // an fsync has failed: the kernel calls its pages clean
}

// move is a change of the directory that is atomic: names, and what they are then.
type move map[string]*inode

var errCut = errors.New("the power is cut")

func newMemory() *memory {
	return &memory{names: map[string]*inode{}, durable: map[string]*inode{}}
}

func (m *memory) op(name string) error {
	m.ops++
	if m.cut {
		return errCut
	}
	if m.fault == nil {
		return nil
	}
	err := m.fault(name)
	m.cut = errors.Is(err, errCut)
	return err
}

// restart is what is there after the power was cut. keep says how much of n bytes
// not yet synced, or whether (of 2) a move not yet synced, has reached the flash.
func (m *memory) restart(keep func(n int) int) {
	for _, mv := range m.moves {
		if keep(2) == 1 {
			maps.Copy(m.durable, mv)
		}
	}
	names := map[string]*inode{}
	for _, name := range slices.Sorted(maps.Keys(m.durable)) {
		f := m.durable[name]
		if f == nil {
			continue
		}
		data := f.durable
		if !slices.Equal(f.data, data) {
			data = f.data[:keep(len(f.data)+1)]
		}
		names[name] = &inode{data: slices.Clone(data), durable: slices.Clone(data)}
	}
	*m = memory{names: names, durable: maps.Clone(names)}
}

func (m *memory) change(mv move) {
	m.moves = append(m.moves, mv)
	for name, f := range mv {
		if f == nil {
			delete(m.names, name)
		} else {
			m.names[name] = f
		}
	}
}

func (m *memory) prepare() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.op("prepare")
}

func (m *memory) read(name string, limit int) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("read"); err != nil {
		return nil, err
	}
	f, ok := m.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return slices.Clone(f.data[:min(len(f.data), limit)]), nil
}

func (m *memory) create(name string) (file, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("create"); err != nil {
		return nil, err
	}
	if m.names[name] != nil {
		return nil, fs.ErrExist
	}
	f := &inode{}
	m.change(move{name: f})
	return &handle{m: m, f: f}, nil
}

func (m *memory) rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("rename"); err != nil {
		return err
	}
	if m.names[from] == nil {
		return fs.ErrNotExist
	}
	m.change(move{to: m.names[from], from: nil})
	return nil
}

func (m *memory) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("remove"); err != nil {
		return err
	}
	m.change(move{name: nil})
	return nil
}

func (m *memory) truncate(name string, size int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.names[name]; f != nil && int64(len(f.data)) > size {
		f.data = f.data[:size]
	}
	return nil
}

func (m *memory) list() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Keys(m.names)), m.op("list")
}

func (m *memory) sync() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("syncdir"); err != nil {
		return err
	}
	m.durable, m.moves = maps.Clone(m.names), nil
	return nil
}

type handle struct {
	m *memory
	f *inode
}

// Write may write less than it was given, with an error, and may lie about it.
func (h *handle) Write(b []byte) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	err := h.m.op("write")
	switch {
	case errors.Is(err, errLie):
		h.f.data = append(append(h.f.data, b[:len(b)/2]...), make([]byte, len(b)-len(b)/2)...)
		return len(b), nil
	case err != nil:
		h.f.data = append(h.f.data, b[:len(b)/2]...)
		return len(b) / 2, err
	}
	h.f.data = append(h.f.data, b...)
	return len(b), nil
}

var errLie = errors.New("half of it and zeros, told as the whole")

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.op("readback"); err != nil {
		return 0, err
	}
	n := copy(b, h.f.data[min(int(at), len(h.f.data)):])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) Sync() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	if err := h.m.op("fsync"); err != nil {
		h.f.lost = true
		return err
	}
	if !h.f.lost {
		h.f.durable = slices.Clone(h.f.data)
	}
	return nil
}

func (h *handle) Close() error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	return h.m.op("close")
}
