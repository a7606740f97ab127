package alarm

// State is where the alarm of the site stands in its life cycle. The numbers
// are saved: they are added to, never changed.
type State uint8

// States.
const (
	Clear    State = iota // nothing to tell of
	Pending               // not ready, or not known to be, but not for long enough
	Raised                // open
	Clearing              // open, and ready again, but not for long enough
	numStates
)

// String returns the word the status document uses.
func (s State) String() string {
	switch s {
	case Clear:
		return "clear"
	case Pending:
		return "pending"
	case Raised:
		return "raised"
	case Clearing:
		return "clearing"
	case numStates:
	}
	return "unknown"
}

// Open reports whether an alarm stands.
func (s State) Open() bool { return s == Raised || s == Clearing }

// Causes of a transition or an action, beside the code of a reason.
const (
	CauseReady          = "ready"
	CauseUnknown        = "unknown"         // not known to be ready, without a reason given
	CauseNotReady       = "not_ready"       // for the ordinary delay, by whatever reasons in turn
	CauseReturned       = "returned"        // within the time to reopen
	CauseFlapping       = "flapping"        // began
	CauseSteady         = "steady"          // flapping is over, the alarm is not
	CauseReasons        = "reasons"         // others stand, or none
	CauseUpgradeFailed  = "upgrade_failed"  // is stated for the first time
	CauseUpgradeSkipped = "upgrade_skipped" // likewise
)

// Output is what a step came to. Its slices are never written to again; they
// are shared and must not be changed.
type Output struct {
	State       State
	Since       Instant // of the state
	RaiseAt     Instant // in Pending: when the alarm is raised if all stays as it is
	Occurrences int     // of the alarm; kept until it can no longer reopen, then 0
	Flapping    bool    // only while open
	Number      uint64  // of the alarm, from 1, the same when it reopens; 0: there was none
	Reasons     []Reason
	Holds       Holds

	Transitions []Transition // in this step, in order
	Actions     []Action     // in this step, in order

	// Save says that what a restart needs has changed. Save first, then act.
	Save bool

	deadline    Instant
	hasDeadline bool
}

// NextDeadline returns when to step again at the latest, always after the step
// that said so; false: not before an input changes.
func (o *Output) NextDeadline() (Instant, bool) { return o.deadline, o.hasDeadline }

// Transition is one change of state. Cause is the code of a reason or one of the
// causes above.
type Transition struct {
	From, To State
	At       Instant
	Cause    string
}

// ActionKind says what to tell of the alarm.
type ActionKind uint8

// Kinds of actions. Opened or Reopened and Closed take turns.
const (
	Opened   ActionKind = iota + 1 // a new alarm
	Reopened                       // the last one stands again
	Updated                        // its reasons, its occurrences or flapping changed
	Closed                         // it is clear
)

// String returns a stable word for logs and scenarios.
func (k ActionKind) String() string {
	switch k {
	case Opened:
		return "opened"
	case Reopened:
		return "reopened"
	case Updated:
		return "updated"
	case Closed:
		return "closed"
	}
	return "unknown"
}

// Action is something to tell of the alarm with that Number.
type Action struct {
	Kind   ActionKind
	At     Instant
	Number uint64
	Cause  string
}
