// Package alarm decides when the state of a pair is worth waking somebody: the
// state flips at once, the alarm does not (contract section 3). There is one alarm
// per site. The agent runs the life cycle for its log, metrics and status
// document, the console for its stories, each with its own clock and knobs.
//
// A [Cycle] reads no clock and does no I/O. Its one owner steps it with how the
// pair is now, whenever that changes and at the deadline of the last step, saves
// it when the step says so, and then does what the step says:
//
//	Input ──► Cycle.Step(now) ──► Output{State, RaiseAt, …, Actions, NextDeadline}
//
// All that it knows is in [Saved], so that the console may also keep a million of
// them in a table and call [Restore], [Cycle.Step], [Cycle.Save] for each report.
//
// # States
//
//	         not ready, or unknown          due           ready
//	┌───────┐ ───────────────► ┌─────────┐ ─────► ┌────────┐ ─────► ┌──────────┐
//	│ Clear │                  │ Pending │        │ Raised │        │ Clearing │
//	└───────┘ ◄─────────────── └─────────┘        └────────┘ ◄───── └──────────┘
//	  ▲            ready                          not ready, or unknown   │
//	  └──────────────── ready for 10 min without a break ─────────────────┘
//
// The alarm is open in Raised and Clearing. Due is the earliest of:
//
//	each reason            its since + 5 min (not connected), + 60 min (any other)
//	the site               not ready for 60 min, by whatever reasons in turn
//	identity conflict,     at once, whatever is declared
//	  peer replaced
//	upgrade failed or      at once, the first time it is stated, even if the pair is
//	  skipped              ready
//	flapping               at once, on the fifth change in 10 min
//	a return               at once, within 120 min of the close: the same alarm, one
//	                       more occurrence
//
// # Holds
//
// A declared upgrade (34 min each) or failover (5 min) stops these clocks, but for
// those that say "at once, whatever" and the failed upgrade: time under a hold
// counts for no delay, changes under it count neither as a return nor towards
// flapping. What stood before the hold keeps the time it had. When the hold is
// over the clocks go on; a return that still stands then raises at once. An upgrade
// declared for longer than its hold is overdue ([Hold].Over). An open
// alarm is not held: it stays what it is.
//
// # What is known, and what is not
//
// Not ready is known if a condition fails or a reason stands that tells of more than
// missing knowledge; all else that is not ready is unknown. Silence is unknown. It
// waits for its delay like any trouble, and interrupts the time to clear; but it
// clears nothing, and it is no change: it neither counts towards flapping nor is it
// a return.
//
// Nothing happens between two steps. After a restart [Cycle.Resume] tells that nobody
// has looked: what was remembered counts again once it is seen again, or
// once five minutes have passed without knowing better; the time to clear starts
// anew; nothing is told twice. Save before acting on a step: an open alarm can
// then be told again by its number, which no other alarm of the site has had.
package alarm
