// Package rig builds a pair of Sockets outside of a test: two real agents in two
// network namespaces without names, joined by a veth cable, with instruments
// that say when something happened to a fraction of a millisecond.
//
// A [Pair] is two [Box]es. A box has the agent's files, runs its process, and
// keeps two records of what became known and when: [Box.Log], the lines that the
// agent wrote, and [Box.Status], the documents that a client following the local
// interface was sent. Faults are done to the pair: [Pair.Unplug],
// [Pair.Drop], [Pair.RemoveCable].
//
// Everything ends with [Pair.Close], and with this process whatever ends it: the
// namespaces live by descriptors and processes only, and the agents are killed
// by the kernel when the thread that started them is gone.
//
// # Clocks
//
// Times are readings of this process. Lines and documents are stamped as soon as
// they have been read, which is later than the event by what it takes to write,
// wake up and read; [Line.Said] is the agent's own stamp of the same, so the
// difference is measured and not guessed. Frames are stamped by the kernel on
// their way in ([Sniffer]).
package rig
