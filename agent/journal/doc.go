// Package journal keeps the agent's small state across restarts, kill -9 and
// power loss: the peer as last known, the epoch, the transitions, the alarm and
// what was declared.
//
//	Update ──► State, in memory ──► Run: one writer, when it is due ──► flash
//	                │
//	State() ◄───────┘              Sync: "it is on flash now", or why not
//
// Nothing but [Open] and [Journal.Run] touches the disk. Update, State and Stats take
// a lock for as long as a copy takes, so that a disk that is full, read-only,
// broken or slow costs no heartbeat: the state then stays in memory, the log says so
// once, and Run goes on trying, at longer and longer intervals of at most 15 min.
// The latest state wins; what came between is never written.
//
// # On flash
//
// Two files, state.a and state.b, each a whole state: a header, then JSON (record.go,
// codec.go). A write replaces the older of the two:
//
//	write state.new · fsync(state.new) · read it back · rename over the older ·
//	fsync(directory)
//
// and only then is it acknowledged. So the newest acknowledged state is never
// touched, and a crash between any two steps leaves it as it is. Which of the two is
// newer says a sequence in the header, not a clock. After any error all is done
// anew with new descriptors: a second fsync of the same one may report success
// for pages the kernel has thrown away.
//
// A file that is damaged (header, length, CRC32C, contents) is set aside as
// state.damaged.N, counted, and told in [Recovered]; the other one stands. At most
// [MaxDamaged] are kept, at most [MaxFile] bytes of each. Damage is never fatal. Since
// the generation that was lost may have used one epoch more, the next epoch skips one.
//
// # Why whole states, and not a log of records
//
// A log would write less a day, and needs compaction, torn tails and a second
// way to write. What whole states cost (measured, see TestBytesPerDay), each with at
// least its file system's block for data and a few for metadata:
//
//	                       a write   a quiet day     the worst day
//	                                 (96 writes)     (400 writes, see below)
//	few transitions        1.5 KB     147 KB          0.6 MB
//	all 256, two reasons    24 KB     2.3 MB          9.7 MB
//	the bound ([MaxFile])   64 KB     6.2 MB           26 MB
//
// The worst of all, every day, and as much again for metadata, wears a partition of
// 64 MB with 3,000 cycles for 10 years.
//
// JSON and not CBOR: CBOR halves the files (12 KB with all transitions) and, with its
// encoder that nothing else links, adds 303 KB to the binary instead of 115; that is dearer
// than flash that lasts ten years at its worst. Texts are numbered, so that each
// takes its bytes once. Own code and not google/renameio (v2.0.2): it does not fsync the
// directory, and its temporary files have random names, so that each kill leaves one
// more behind.
//
// # When it writes
//
//	once a start            the epoch
//	Change                  at once: 16 in a row, then one in 5 min, so that a
//	                        flapping cable does not wear the flash out
//	Sync                    at once, always: a person waits (declarations)
//	Routine, and Refresh    15 min after the last write
//	no difference           never
//
// # One owner
//
// A directory has one journal at a time. The agent's unix socket sees to that: take it
// first.
//
// # Newer and older agents
//
// Within a format unknown fields are ignored, and known ones never change their
// meaning or type. A header names the oldest format that a reader must know; a
// file that asks for more than this agent knows (a firmware was rolled back) is
// set aside like a damaged one.
package journal
