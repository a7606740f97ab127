package link

import (
	"errors"
	"time"
)

// feed is what the watcher needs from the operating system. All of it is used
// from one goroutine but for close, which may come from another at any time,
// makes a waiting call return and waits for that.
type feed interface {
	// read looks the interface up now. One that does not exist is a reading,
	// not an error.
	read(name string) (reading, error)

	// wait returns the messages that came in, all that are there, after at
	// most d; none came if it returns none. errMissed says that some were
	// lost. The slice is valid until the next call.
	wait(d time.Duration) ([]message, error)

	close()
}

// errMissed says that the kernel dropped messages because they were not taken
// fast enough. The subscription goes on.
var errMissed = errors.New("netlink messages lost")

// kind is what a message is about.
type kind uint8

const (
	linkSet     kind = iota + 1 // an interface was made or changed
	linkGone                    // an interface was removed, or left the namespace
	addrChanged                 // an address was added, removed or changed its state
)

// String returns a word for tests and logs.
func (k kind) String() string {
	switch k {
	case linkSet:
		return "link set"
	case linkGone:
		return "link gone"
	case addrChanged:
		return "address changed"
	}
	return "unknown"
}

// message is a netlink message about any interface, translated.
type message struct {
	kind  kind
	index int
	link  reading // for linkSet, without addresses
}
