// Package session decides when the peer is there, when it is lost and when to
// speak: the heart of BFD (RFC 5880), asynchronous mode, without any I/O.
//
// A [Session] reads no clock and starts no timer. Its one owner hands it events
// with the time at which they happened ([Session.Step]), performs the actions it
// gets back, and calls again at [Session.NextDeadline] at the latest. Decide
// first, act afterwards: that is why a whole day of a lossy link runs in a test
// within a second, and why testdata/*.txt can say in words what happens when.
//
// # States
//
//	              Start                 peer: Down                peer: Init, Up
//	┌───────────┐ ──────► ┌──────────┐ ───────────► ┌──────────┐ ───────────────► ┌──────────┐
//	│ AdminDown │         │   Down   │              │   Init   │                  │    Up    │
//	└───────────┘ ◄────── └──────────┘ ◄─────────── └──────────┘                  └──────────┘
//	     ▲         Stop     ▲  │       silence, peer: AdminDown                      ▲   │
//	     │                  │  └────────────────── peer: Init ───────────────────────┘   │
//	     │ Stop (any state) └───────── silence, peer: Down, AdminDown ───────────────────┘
//
// The same as a table (the code is the variable table), as RFC 5880 section 6.8.6
// has it. "tell" leaves the state and answers at once, because the peer has not
// heard our last word:
//
//	we are     peer says: AdminDown   Down    Init    Up      silence
//	AdminDown             -           -       -       -       -
//	Down                  -           Init    Up      tell    forget the peer
//	Init                  Down        tell    Up      Up      Down
//	Up                    Down        Down    tell    -       Down
//
// # Time
//
//   - While not Up a Session announces and keeps a transmit interval of at least
//     Config.SlowTx (section 6.8.3); a change of state is sent at once, so that the
//     way to Up takes round trips and not seconds.
//   - On a new path (authenticated, so the peer is there) what is said is repeated after
//     50 ms, then twice as long each time, until both are Up or the interval is the
//     usual one. A change of state starts anew with 50 ms. So a handshake of which a
//     third is lost takes a fifth of a second (p95) and not 2.3 s.
//   - Transmit interval: the larger of our DesiredTx and the peer's RequiredRx, less
//     10 to 25 % of jitter (section 6.8.7), so that the last heartbeat before
//     detection is never in a race with the timer.
//   - Detection time: the larger of our RequiredRx and the peer's DesiredTx, times the
//     peer's multiplier (section 6.8.4), from the last heartbeat that counted.
//     Never earlier, not even by a nanosecond.
//   - Phase lock: a heartbeat that arrives when three quarters of our own interval are
//     over is answered at once. That side then needs one wake-up for each exchange
//     instead of two, and the answer comes too soon after the asker's own
//     heartbeat to be answered again.
//   - Probes: a heartbeat overdue by a tenth of the interval is asked for (Poll) every
//     quarter of the interval, and the peer answers each (Final) at once, in addition to
//     its own heartbeats: eight more chances within the same detection time.
//   - Round-trip time: measured from a Poll that was alone under way until its Final: one
//     on reaching Up, then about every ten intervals, at least 10 s apart.
//   - Own stall: a call later than the deadline by more than a quarter of the interval
//     means that we slept (SIGSTOP, a busy CPU) and the heartbeats may still be queued.
//     The peer is then asked, and not judged for one more interval, at most
//     five times in a row without a heartbeat, so that a machine that is always
//     late still sees a dead peer.
//
// # Who is heard
//
// A new discriminator is a restart of the peer, not a loss; what its former life left
// in the network is ignored for a second. Within one life only a
// heartbeat with a higher sequence number counts: late and doubled ones move neither
// the state nor a timer. Gaps are counted as lost, and taken back when the late one
// comes. A heartbeat meant for our own former life counts as if the peer said Down,
// so that it learns of our restart from the answer.
package session
