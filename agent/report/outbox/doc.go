// Package outbox decides when to report, under which number, and what became of it.
//
// The outbox holds no queue: the one state worth reporting is the newest, and it is
// rendered when it is sent, so that its ages are true. What is held is that there is
// one to report, and why. It is pure: every method takes now, [Box.NextDeadline] says
// when to come again, and nothing here sends.
//
//	Observe(meaning) ──► owed ──► Due? ──► Take ──► (the caller sends) ──► Delivered
//	   newest wins         ▲                                          ├──► Failed    back-off
//	   the former one      │ periodic, start                          ├──► Refused   next cadence
//	   is counted as       └──────────────────────────────────────────┴──► Conflict  go above
//	   dropped
//
// # Timing
//
//	a change                at once; 16 in a row, then one every 10 s
//	nothing else            the cadence -20…+20 %, as the report announced
//	after a failure         full jitter: 0 to 2 s, 4 s, 8 s … 10 min; a change waits for it too
//	Retry-After             not before, at most 1 h, and the jitter on top
//	refused for good        the next cadence, or the next change
//	409                     at once with a higher number; a second one in a row backs off
//
// # Numbers
//
// Seq grows with each new content; the same content sent again keeps its number, so
// that an answer that was lost costs the receiver nothing. Content older than
// [MaxAge] is not sent again but rendered anew: the ages in it would be wrong by that.
package outbox
