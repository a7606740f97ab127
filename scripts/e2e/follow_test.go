package e2e

import (
	"context"
	"sync"
	"time"

	"socketha/agent/status"
)

// follower keeps every status document that an agent tells of, in order, across
// restarts of the agent: what was shown for a moment only is seen too.
type follower struct {
	b *box

	mu      sync.Mutex
	docs    []status.Document
	changed chan struct{} // closed and replaced at each document
}

// follow follows the agent of b until the test ends.
func (b *box) follow() *follower {
	b.t.Helper()
	f := &follower{b: b, changed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.run(ctx)
	}()
	b.t.Cleanup(func() {
		cancel()
		<-done
	})
	return f
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil {
		for doc, err := range f.b.client.Events(ctx) {
			if err != nil {
				break // not up yet, or gone: ask again
			}
			f.add(doc)
		}
		// The agent may not have made its socket yet: there is nothing to wait on.
		select {
		case <-ctx.Done():
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (f *follower) add(doc status.Document) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.docs = append(f.docs, doc)
	close(f.changed)
	f.changed = make(chan struct{})
}

// seen returns all documents from the nth on.
func (f *follower) seen(from int) ([]status.Document, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.docs[from:], f.changed
}

// mark is the place behind the last document so far.
func (f *follower) mark() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.docs)
}

// await returns the first document from the nth on for which cond holds. When
// mark was taken before what is waited for began, nothing is missed.
func (f *follower) await(mark int, what string, cond func(status.Document) bool) status.Document {
	f.b.t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for at := mark; ; {
		docs, changed := f.seen(at)
		for _, d := range docs {
			if at++; cond(d) {
				return d
			}
		}
		select {
		case <-changed:
		case <-timeout.C:
			d := f.last()
			f.b.t.Fatalf("%s: waited in vain for: %s\nreadiness %s, compatibility %s, reasons %v, HA states %s and %s",
				f.b.serial, what, d.Readiness, d.Compatibility, codes(d), d.Self.HAState, d.Peer.HAState)
		}
	}
}

func (f *follower) last() (d status.Document) {
	docs, _ := f.seen(0)
	if len(docs) > 0 {
		d = docs[len(docs)-1]
	}
	return d
}

// never fails the test if cond held in any document from the nth on.
func (f *follower) never(mark int, what string, cond func(status.Document) bool) {
	f.b.t.Helper()
	docs, _ := f.seen(mark)
	for _, d := range docs {
		if cond(d) {
			f.b.t.Errorf("%s at %v: %s; reasons %v, HA states %s and %s",
				f.b.serial, d.GeneratedAt, what, codes(d), d.Self.HAState, d.Peer.HAState)
			return
		}
	}
}

// alarms are the states of the alarm one after another from the nth document on.
func (f *follower) alarms(mark int) (states []string) {
	docs, _ := f.seen(mark)
	for _, d := range docs {
		if d.Alarm == nil {
			continue
		}
		if n := len(states); n == 0 || states[n-1] != d.Alarm.State {
			states = append(states, d.Alarm.State)
		}
	}
	return states
}
