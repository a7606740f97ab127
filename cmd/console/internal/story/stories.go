package story

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"socketha/agent/alarm"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// signalEvery is how often the last signal of a story is written at most.
const signalEvery = time.Minute

// stories does to the story what the step of the life cycle came to.
func (st *step) stories() error {
	if !st.out.State.Open() && len(st.out.Actions) == 0 {
		return nil
	}
	if err := st.find(); err != nil {
		return err
	}
	for _, t := range st.out.Transitions {
		if err := st.transition(t); err != nil {
			return err
		}
	}
	for _, a := range st.out.Actions {
		if err := st.action(a); err != nil {
			return err
		}
	}
	if err := st.endMute(); err != nil {
		return err
	}
	st.refresh()
	if !st.changed {
		return nil
	}
	return st.PutStory(st.story)
}

// find reads the story that the life cycle is about. A new one is made if there is
// none yet, or none any more.
func (st *step) find() error {
	opens := slices.ContainsFunc(st.out.Actions, func(a alarm.Action) bool { return a.Kind == alarm.Opened })
	if st.life.Story != "" && !opens {
		found, err := st.Story(st.life.Story)
		if err == nil {
			st.story = found
			return nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	st.story = &store.Story{
		ID: store.NewID(st.now), SiteName: st.name(), Number: st.out.Number, Status: store.StoryOpen, Indication: Indication,
		FirstSignal: st.firstSignal(), LastSignal: st.now, OpenedAt: st.now, Occurrences: st.out.Occurrences,
	}
	st.life.Story = st.story.ID
	st.changed = true
	return nil
}

// firstSignal is since when the trouble that goes on has been known.
func (st *step) firstSignal() time.Time {
	first := st.now
	for _, t := range st.saved.Spell {
		if at := site.Time(t.Since); at.Before(first) {
			first = at
		}
	}
	return first
}

// transition follows the life cycle between open and monitoring. While it flaps the
// timeline is quiet: that is the point of the mark, and keeps it bounded.
func (st *step) transition(t alarm.Transition) error {
	quiet := st.story.Flapping && st.out.Flapping
	switch {
	case t.From == alarm.Raised && t.To == alarm.Clearing:
		st.story.Status, st.changed = store.StoryMonitoring, true
		if quiet {
			return nil
		}
		return st.entry("monitoring", "Ready again. The story is closed once the site stays so.")
	case t.From == alarm.Clearing && t.To == alarm.Raised:
		st.story.Status, st.changed = store.StoryOpen, true
		if quiet {
			return nil
		}
		return st.entry("returned", sentence("Not ready again", t.Cause, st.verdict.Reasons))
	}
	return nil
}

// action does what the life cycle says is to be told.
func (st *step) action(a alarm.Action) error {
	st.changed = true
	switch a.Kind {
	case alarm.Opened:
		st.svc.stats.Opened.Add(1)
		return st.tell("opened", a.Cause, sentence("Opened", a.Cause, st.verdict.Reasons))
	case alarm.Reopened:
		st.svc.stats.Reopened.Add(1)
		st.story.Status, st.story.ClosedAt = store.StoryOpen, time.Time{}
		st.story.AckBy, st.story.AckAt = "", time.Time{} // it wants to be seen again
		return st.tell("reopened", a.Cause, sentence("Reopened", a.Cause, st.verdict.Reasons))
	case alarm.Updated:
		if a.Cause == alarm.CauseReady { // the timeline has it as monitoring
			return st.send("updated", a.Cause)
		}
		return st.tell("updated", a.Cause, sentence("Changed", a.Cause, st.verdict.Reasons))
	case alarm.Closed:
		st.svc.stats.Closed.Add(1)
		st.story.Status, st.story.ClosedAt = store.StoryClosed, st.now
		return st.tell("closed", a.Cause, "Closed: the site has stayed ready.")
	}
	return nil
}

// refresh takes in what has changed about the site while the story is open. What was
// known stays while nothing is.
func (st *step) refresh() {
	s := st.story
	if s.Flapping != st.out.Flapping || s.Occurrences != st.out.Occurrences && st.out.Occurrences > 0 || s.SiteName != st.name() {
		s.Flapping, s.SiteName, st.changed = st.out.Flapping, st.name(), true
		s.Occurrences = max(st.out.Occurrences, 1)
	}
	if st.verdict.State == site.NotReady {
		reasons := notReady(st.verdict.Reasons)
		steady(s.Reasons, reasons)
		if !slices.Equal(s.Reasons, reasons) {
			s.Reasons, st.changed = reasons, true
		}
	}
	if c := Criticality(s.Reasons); s.Criticality != c {
		s.Criticality, st.changed = c, true
	}
	if st.verdict.State != site.Ready && (st.changed || st.now.Sub(s.LastSignal) >= signalEvery) {
		s.LastSignal, st.changed = st.now, true
	}
}

// endMute ends a mute whose time is over, and sends what was kept back.
func (st *step) endMute() error {
	s := st.story
	if s.MuteUntil.IsZero() || s.MuteUntil.After(st.now) {
		return nil
	}
	s.MuteUntil, s.MutedBy, st.changed = time.Time{}, "", true
	if err := st.entry("unmuted", "The mute is over."); err != nil {
		return err
	}
	if !s.Suppressed || s.Status == store.StoryClosed {
		return nil
	}
	s.Suppressed = false
	return st.enqueue("updated", "unmuted")
}

func (st *step) entry(kind, text string) error {
	return st.AddEntry(st.story.ID, store.Entry{At: st.now, Kind: kind, Text: text})
}

// tell writes a line of the timeline and sends it.
func (st *step) tell(kind, cause, text string) error {
	if err := st.entry(kind, text); err != nil {
		return err
	}
	return st.send(kind, cause)
}

// send sends what happened to the sinks, unless the story is muted.
func (st *step) send(kind, cause string) error {
	if st.story.MuteUntil.After(st.now) && st.story.Status != store.StoryClosed {
		st.story.Suppressed = true
		return nil
	}
	st.refresh() // the message tells of the story as it is after the step
	return st.enqueue(kind, cause)
}

// sentence says what happened and why.
func sentence(what, cause string, reasons []site.Reason) string {
	switch cause {
	case alarm.CauseUnknown:
		return what + ": the site is not known to be ready."
	case alarm.CauseReady:
		return what + ": the site is ready."
	case alarm.CauseFlapping:
		return what + ": ready and not ready by turns (flapping)."
	case alarm.CauseSteady:
		return what + ": no longer flapping."
	case alarm.CauseReturned:
		return what + ": the trouble is back soon after it was over."
	case alarm.CauseUpgradeFailed:
		return what + ": a declared upgrade failed."
	case alarm.CauseUpgradeSkipped:
		return what + ": a declared upgrade was skipped."
	}
	list := notReady(reasons)
	if i := slices.IndexFunc(list, func(r site.Reason) bool { return r.Code == cause }); i >= 0 && list[i].Summary != "" {
		return fmt.Sprintf("%s: %s", what, list[i].Summary)
	}
	if len(list) > 0 && list[0].Summary != "" {
		return fmt.Sprintf("%s: %s", what, list[0].Summary)
	}
	return what + ": the site is not ready."
}
