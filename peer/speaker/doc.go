// Package speaker keeps the conversation with the peer: it is the loop that owns
// one session and brings connections, peer/wire and peer/session together.
//
//	Adopt ──► conn ──reader──► inbox ─┐              ┌─► outbox ──writer──► conn
//	                                  ▼              │
//	                   wire.Unmarshal, session.Step, actions          one goroutine
//	                                  │              ▲
//	          Snapshot, Changed ◄─────┘              └──── SetLocal
//
// One goroutine, in [Speaker.Run], owns all state. Nobody locks it: connections
// and what is to be told come in by a mailbox, messages by the inbox of their
// connection, and what is known goes out as an immutable [Snapshot] by an atomic
// pointer. One timer is armed for whatever is due next. It is the
// kernel's where there is one: Go's is late by up to a millisecond, and as long as a timer is
// overdue the runtime's watchdog (sysmon) wakes up every 50 us, which cost half of all
// wake-ups and a quarter of the CPU time.
//
// # A connection may block
//
// A [Conn] may block in Write or Close (a lock, a full socket buffer) and the
// peer's timers go on meanwhile. So each connection has two goroutines for its
// whole life: a permanent reader and a writer, each with a bounded queue to the
// loop. A full queue drops its oldest message, and that is counted; the newest heartbeat
// says all that an older one did. An error of Write is counted, never fatal; after
// three in a row another connection is asked for. A connection ends when its
// Read says io.EOF or net.ErrClosed, or nothing but errors.
//
// # Several connections
//
// The newest connection wins. Until it has delivered a heartbeat it is not proven:
// the peer may not have finished its handshake, so heartbeats go out on the last proven one
// too, and the sequence numbers sort out the doubles. Once it is proven, the older
// ones are read until two intervals have passed without a heartbeat, and closed; what
// they deliver counts only if it comes from the same life of the peer (the same
// discriminator), and only that prolongs their time. If the newest ends, the one before it is used again, if it is still there.
//
// [Config.Redial] is called when the peer is lost, when the newest connection ends
// or cannot be written to, and again and again (3 s, doubling to 30 s) while nothing
// is heard.
//
// # Facts and capabilities
//
// Each heartbeat carries the digests of the sender's facts and capability set. What
// they stand for is sent on reaching Up and on a change, a few messages at a time
// so that no queue overflows, and is asked for again while the digest in the
// heartbeat differs from that of what is held: 200 ms after the last piece came, then
// at intervals that double from 250 ms to a minute.
//
// # Stopping
//
// When the context of Run ends, the planned stop is announced (at most 40 ms: a
// few copies, fewer when the peer confirms), the queues are written out and the
// connections closed. Whoever owns what is beneath the connections must keep it
// going until Run has returned.
package speaker
