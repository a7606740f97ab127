package local

import (
	"sync"

	"socketha/agent/status"
)

// Source is what the server shows. Its methods are called from many goroutines.
type Source interface {
	// Current returns the status document as of now, and the id of its meaning:
	// at most 64 printable characters without white space, another one for
	// another meaning (see [status.Evaluation.Show]).
	Current() (status.Document, string)

	// History returns the transitions, newest first. It is not changed afterwards.
	History() status.History

	// Changed returns a channel that is closed when the meaning next changes.
	// A change after the call to Changed must not be missed by it.
	Changed() <-chan struct{}

	// Healthy returns nil while the heartbeat loop is alive, else why not.
	Healthy() error
}

// Notice wakes whoever waits for a change; it serves to implement [Source]. The
// zero Notice is ready for use.
type Notice struct {
	mu   sync.Mutex
	next chan struct{}
}

// Changed returns a channel that the next Announce closes.
func (n *Notice) Changed() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next == nil {
		n.next = make(chan struct{})
	}
	return n.next
}

// Announce tells all who wait. What changed must be in place before.
func (n *Notice) Announce() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.next != nil {
		close(n.next)
		n.next = nil
	}
}
