// Package nstest gives a test a network namespace of its own, with netlink to
// build interfaces in it.
//
// The namespace has no name: it lives as long as a descriptor to it is open,
// so it is gone with the test, and with the test process whatever ends it.
// Everything inside (interfaces, addresses, routes) goes with it.
//
// A namespace belongs to a thread. Work inside therefore runs on a goroutine
// that is locked to its thread and never unlocked: the runtime throws such a
// thread away, so that no later goroutine can find itself in the namespace.
package nstest
