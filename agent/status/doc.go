// Package status decides what a Socket says about its pair, and holds the one
// document in which it says so.
//
// The command, the local API, the About page, the metrics and the report to the
// cloud all render the same [Document]; whoever wants to know what a field means
// finds it here. The package is pure: it reads no clock, does no I/O and imports
// only the domain types, so every rule is a table test away.
//
// The way through it:
//
//	Input ──► Evaluator.Evaluate ──► *Evaluation ──► Document(Live) ──► JSON
//	facts      remembers since when    immutable       ages and counters
//	           each value holds        (swap it)       of this very moment
//
// The owner of the [Evaluator] calls Evaluate whenever an input changes and at
// [Evaluation.NextDeadline]; it publishes the result and sends an event when
// [Evaluation.Meaning] differs from the one before. Readers render the published
// evaluation as often as they like, from any goroutine: ages, counters and wall
// times are filled in only then.
//
// # Time
//
// All instants are [Instant], the time since boot, because the wall clock of an
// appliance may jump by years. Wall times appear only in the document, counted
// back from one anchor, so that a step of the clock moves no age.
//
// # Rules
//
// The rules are those of the contract: conditions in conditions.go, reasons and
// their order in reasons.go, their words in texts.go. Unknown and stale never
// read as ok; readiness is ready only if every condition is ok or not evaluated
// and no NOT_READY reason stands.
package status
