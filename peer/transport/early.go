package transport

import (
	"bytes"
	"sync"
)

// maxEarly bounds the messages that are held while the handshake is completed.
const maxEarly = 4

// prompt holds messages that come before the handshake is complete: the peer's last
// flight may be lost, or be slower, and with pion they are lost then. Nobody vouches
// for them yet, so few are held, the newest. The zero value is ready.
type prompt struct {
	mu   sync.Mutex
	over bool
	held [][]byte
}

// hold keeps a copy of a datagram. It returns false when the time for it is over.
func (e *prompt) hold(datagram []byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return false
	}
	if len(e.held) == maxEarly {
		e.held = append(e.held[:0], e.held[1:]...)
	}
	e.held = append(e.held, bytes.Clone(datagram))
	return true
}

// release ends holding and returns what was held.
func (e *prompt) release() [][]byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	held := e.held
	e.over, e.held = true, nil
	return held
}
