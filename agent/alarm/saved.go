package alarm

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"socketha/peer"
)

// farthest bounds the instants of a saved state (146 years either way), so that
// no damage makes one that cannot be moved.
const farthest Instant = math.MaxInt64 / 2

// maxOccurrences is where counting ends.
const maxOccurrences = 1_000_000_000

// Saved is all that a [Cycle] knows: plain values, to be written down in any
// form and read back. Its instants are on the clock of the steps that led to
// it, and mean something only against At. The zero Saved is that of a new Cycle.
type Saved struct {
	Started bool    // a step was made
	At      Instant // the last one

	State       State
	Since       Instant
	Number      uint64
	Occurrences int
	Reopenable  bool    // the last alarm was closed at ClosedAt and may reopen
	ClosedAt    Instant //
	ClearFrom   Instant // in Clearing: ready since, as far as it counts

	// Spell holds the reasons of the time without readiness that goes on, and
	// first, without a code, that time itself. Empty while ready.
	Spell []Trouble

	LastKnown peer.Readiness // before it was unknown, or now
	Changes   []Instant      // of what is known, the last ones
	Flapping  bool

	Self, Peer, Failover SavedDeclaration

	Resumed   bool // nothing is known again since ResumedAt
	ResumedAt Instant
}

// Trouble is one reason, since when it stands, and for how long of that time the
// alarm was held. A dormant one is remembered from before a restart and not
// stated again yet.
type Trouble struct {
	Code    string
	Since   Instant
	Held    time.Duration
	Dormant bool
}

// SavedDeclaration is what is remembered of a declaration.
type SavedDeclaration struct {
	State DeclarationState
	Begin Instant // while declared
}

// New returns a cycle in Clear. The error says which knob is out of bounds.
func New(cfg Config) (*Cycle, error) { return Restore(cfg, Saved{}) }

// Restore returns a cycle that goes on as if it had never been saved: nobody
// was away, and the clock is the same. After a restart call [Cycle.Resume] too.
//
// What contradicts itself, and so cannot have been saved by a Cycle, is an
// error, as is a knob out of bounds. Of the changes kept, those that the knobs
// no longer ask for are dropped.
func Restore(cfg Config, saved Saved) (*Cycle, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if err := saved.check(); err != nil {
		return nil, fmt.Errorf("alarm: saved state: %w", err)
	}
	return &Cycle{cfg: cfg, s: saved.clone()}, nil
}

// Save returns what the cycle knows. The copy is the caller's.
func (c *Cycle) Save() Saved { return c.s.clone() }

// Resume takes up the life cycle after nobody has looked for a while, at now on
// a clock that may count from elsewhere (a reboot). away is how long ago the
// last saved step was, as far as that can be told: zero if it cannot.
//
// What was told stays told: an open alarm is open, and is not opened again. But
// silence clears nothing and raises nothing: the time to clear starts anew, and
// what is only remembered needs to be seen again, or not to be for a
// while, before it raises. Reasons that are seen again keep their since.
func (c *Cycle) Resume(now Instant, away time.Duration) {
	s := &c.s
	if !s.Started {
		return
	}
	now = min(max(now, -farthest), farthest)
	last := max(now.Add(-max(away, 0)), -farthest)
	s.move(last.Sub(s.At))
	s.Resumed, s.ResumedAt = true, now
}

// move shifts every instant by d.
func (s *Saved) move(d time.Duration) {
	for _, at := range []*Instant{
		&s.At, &s.Since, &s.ClosedAt, &s.ClearFrom, &s.ResumedAt,
		&s.Self.Begin, &s.Peer.Begin, &s.Failover.Begin,
	} {
		*at = at.Add(d)
	}
	for i := range s.Spell {
		s.Spell[i].Since = s.Spell[i].Since.Add(d)
	}
	for i := range s.Changes {
		s.Changes[i] = s.Changes[i].Add(d)
	}
}

func (s *Saved) clone() Saved {
	out := *s
	out.Spell, out.Changes = slices.Clone(s.Spell), slices.Clone(s.Changes)
	return out
}

// check finds what no Cycle saves.
func (s *Saved) check() error {
	if !s.Started {
		if s.State != Clear || s.Number != 0 || len(s.Spell) > 0 || len(s.Changes) > 0 || s.Flapping || s.Reopenable {
			return errors.New("something has happened before the first step")
		}
		return nil
	}
	if s.State >= numStates || s.LastKnown > peer.Ready {
		return errors.New("no such state")
	}
	if s.State.Open() && (s.Number == 0 || s.Occurrences < 1) {
		return errors.New("an open alarm without a number or an occurrence")
	}
	if s.Occurrences < 0 || s.Occurrences > maxOccurrences || s.Number > math.MaxInt64 {
		return errors.New("a count out of range")
	}
	if s.Flapping && (!s.State.Open() || len(s.Changes) == 0) {
		return errors.New("flapping without an alarm or without changes")
	}
	if s.Reopenable && (s.State.Open() || s.Number == 0) {
		return errors.New("an alarm to reopen that is open or never was")
	}
	if err := s.checkInstants(); err != nil {
		return err
	}
	return s.checkSpell()
}

func (s *Saved) checkInstants() error {
	if s.At < -farthest || s.At > farthest {
		return errors.New("a time out of range")
	}
	for _, d := range [...]SavedDeclaration{s.Self, s.Peer, s.Failover} {
		if d.State >= numDeclarationStates {
			return errors.New("no such declaration")
		}
		if d.State == Declared && d.Begin > s.At {
			return errors.New("a declaration from after the last step")
		}
	}
	if s.Since > s.At || s.Reopenable && s.ClosedAt > s.At || s.State == Clearing && s.ClearFrom > s.At {
		return errors.New("a time after the last step")
	}
	if len(s.Changes) > MaxFlapChanges || !slices.IsSorted(s.Changes) {
		return errors.New("changes too many or out of order")
	}
	if n := len(s.Changes); n > 0 && s.Changes[n-1] > s.At {
		return errors.New("a change after the last step")
	}
	return nil
}

func (s *Saved) checkSpell() error {
	if len(s.Spell) > MaxReasons+1 {
		return errors.New("too many reasons")
	}
	if len(s.Spell) > 0 != (s.State == Pending || s.State == Raised) {
		return errors.New("ready and not ready at once")
	}
	for i, r := range s.Spell {
		switch {
		case r.Since > s.At, r.Held < 0, r.Held > s.At.Sub(r.Since):
			return errors.New("a reason from after the last step, or held for longer than it stands")
		case i == 0 && (r.Code != "" || r.Dormant):
			return errors.New("the spell has no beginning")
		case i > 0 && !remembered(r.Code):
			return errors.New("a reason whose code is none")
		}
	}
	return nil
}
