// Package link watches one network interface by its name: whether it exists,
// has a carrier and is up, its index, MTU and addresses. With it a dead link
// is told apart from a silent peer.
//
// A [Watcher] has one goroutine, the one that calls Run. It subscribes to the
// kernel's netlink messages and then reads the interface afresh; a message is
// a hint to do that again, and never trusted for more than that, because
// messages come late, may be lost (ENOBUFS) and describe the past. Every 30 s
// the interface is read without a hint.
//
//	netlink message ─► about our interface? ─► carrier lost? ─► publish at once
//	                                       └─► read afresh ─► differs? ─► publish
//
// The one exception is the loss of the carrier, which is published from the
// message itself: reading takes the kernel's configuration lock, and whoever
// tears an interface down may hold that for tens of milliseconds. The kernel's
// count of carrier changes tells a new loss from an old message that the
// published state has already overtaken.
//
// The kernel itself may hold a carrier change back: a physical port whose
// carrier changed less than a second ago reports the next change at the end of
// that second (net/core/link_watch.c).
//
// What is not trusted, and why:
//
//   - Messages of other families. A bridge announces its ports with AF_BRIDGE
//     messages of the same type; there RTM_DELLINK means "left the bridge".
//   - The index. An interface that is removed and added again has a new one,
//     and sockets bound to the old one are dead for ever.
//   - Tentative and failed addresses (RFC 4862 section 5.4): the kernel lists
//     them, but they cannot be used.
//   - Oper state "unknown", which bridges, loopback and simple drivers report
//     for good: such an interface is up when it is running and has a carrier.
//
// Consumers get immutable snapshots by [Watcher.State] and one notification
// for any number of changes by [Watcher.Changed].
package link
