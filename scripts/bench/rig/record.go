package rig

import (
	"context"
	"fmt"
	"sync"
)

// keep is how many entries a record holds before the older half is dropped.
const keep = 1 << 17

// Record is what has happened so far, in order, and a way to wait for more. It
// may be used from any goroutine.
type Record[T any] struct {
	mu      sync.Mutex
	entries []T
	dropped int // before entries[0]
	more    chan struct{}
}

func newRecord[T any]() *Record[T] { return &Record[T]{more: make(chan struct{})} }

func (r *Record[T]) add(e T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.entries) == keep {
		r.entries = append(r.entries[:0], r.entries[keep/2:]...)
		r.dropped += keep / 2
	}
	r.entries = append(r.entries, e)
	close(r.more)
	r.more = make(chan struct{})
}

// Mark is the position after the newest entry.
func (r *Record[T]) Mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropped + len(r.entries)
}

// Since returns the entries from mark on.
func (r *Record[T]) Since(mark int) []T {
	all, _ := r.from(mark)
	return all
}

func (r *Record[T]) from(mark int) ([]T, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := min(max(mark-r.dropped, 0), len(r.entries))
	return append([]T(nil), r.entries[i:]...), r.more
}

// Wait returns the first entry from mark on that match accepts. When ctx ends
// first the error says what was waited for.
func (r *Record[T]) Wait(ctx context.Context, mark int, what string, match func(T) bool) (T, error) {
	for {
		all, more := r.from(mark)
		for _, e := range all {
			if match(e) {
				return e, nil
			}
		}
		mark += len(all)
		select {
		case <-more:
		case <-ctx.Done():
			var none T
			return none, fmt.Errorf("waited in vain for: %s: %w", what, context.Cause(ctx))
		}
	}
}
