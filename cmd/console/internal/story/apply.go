package story

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"socketha/agent/alarm"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// step is one step of one site.
type step struct {
	*store.SiteTx
	svc     *Service
	now     time.Time
	verdict site.Verdict
	out     alarm.Output
	saved   alarm.Saved
	story   *store.Story // the open one, or the one that this step is about
	changed bool         // the story has to be written
	life    store.Life
}

// Apply judges a site by the reports in the transaction, steps its life cycle at now,
// and writes what comes of it.
func (s *Service) Apply(ctx context.Context, tx *store.SiteTx, now time.Time) error {
	set, err := s.cfg.Store.Settings(ctx, tx.Tenant)
	if err != nil {
		return err
	}
	s.stats.Steps.Add(1)
	st := &step{SiteTx: tx, svc: s, now: now.UTC().Truncate(time.Millisecond), life: tx.Life}
	st.verdict = site.Judge(st.now, s.Listening(), tx.Reports())
	resumed, err := st.cycle(ctx, set.Alarm)
	if err != nil {
		return err
	}
	if err := st.stories(); err != nil {
		return err
	}
	if err := st.site(); err != nil {
		return err
	}
	return st.keep(resumed)
}

// cycle steps the life cycle. One that cannot be read back starts anew: a site that
// is in trouble gets a new story after its delay rather than none ever.
func (st *step) cycle(ctx context.Context, cfg alarm.Config) (resumed bool, err error) {
	at := site.Instant(st.now)
	c, err := alarm.Restore(cfg, st.Life.Saved)
	if err != nil {
		st.svc.cfg.Log.ErrorContext(ctx, "life cycle of a site is damaged and starts anew",
			slog.String("tenant", st.Tenant), slog.String("site", st.ID), slog.Any("error", err))
		fresh := alarm.Saved{Started: true, At: at, Since: at, Number: st.Life.Saved.Number}
		if c, err = alarm.Restore(cfg, fresh); err != nil {
			return false, err
		}
	} else if last := st.Life.Saved; last.Started && site.Time(last.At).Before(st.svc.Listening()) {
		c.Resume(at, at.Sub(last.At))
		resumed = true
	}
	st.out = c.Step(at, st.verdict.Input())
	st.saved = c.Save()
	for i := range st.verdict.Reasons { // an agent that restarted states a reason anew, but it is the same
		r := &st.verdict.Reasons[i]
		j := slices.IndexFunc(st.out.Reasons, func(known alarm.Reason) bool { return known.Code == r.Code })
		if j >= 0 {
			r.Since = site.Time(st.out.Reasons[j].Since)
		}
	}
	return resumed, nil
}

// keep saves the life cycle, or only a deadline that has come nearer or is over. One
// that merely moved on with a report is left as it is: the tick then finds nothing
// due and moves it, once for many reports.
func (st *step) keep(resumed bool) error {
	due := st.due()
	was := st.Life.Due
	passed := !was.IsZero() && !was.After(st.now)
	nearer := !due.IsZero() && (was.IsZero() || due.Before(was))
	switch {
	case st.out.Save || resumed || st.life.Story != st.Life.Story || st.Life.Saved.Number == 0 && st.saved.Number != 0:
		return st.PutLife(store.Life{Story: st.life.Story, Saved: st.saved, Due: due})
	case passed || nearer:
		return st.PutDue(due)
	}
	return nil
}

// due is when the site has to be looked at again.
func (st *step) due() time.Time {
	due := st.verdict.Deadline
	sooner := func(at time.Time) {
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	if at, ok := st.out.NextDeadline(); ok {
		sooner(site.Time(at))
	}
	if st.story != nil && st.story.Status != store.StoryClosed && st.story.MuteUntil.After(st.now) {
		sooner(st.story.MuteUntil)
	}
	return due
}

// settled is how much of a reason's since is jitter of the way here.
const settled = 2 * time.Second

// site writes what lists show, if that has another meaning now.
func (st *step) site() error {
	v := &st.verdict
	next := &store.Site{
		Name: st.name(), State: v.State, Since: st.now, Compatibility: v.Compatibility,
		Connected: string(v.Connected), Keepalive: string(v.Keepalive), CompatibleVersion: string(v.CompatibleVersion),
		Reasons: v.Reasons, Rank: rank(v),
	}
	if st.story != nil && st.story.Status != store.StoryClosed {
		next.Story = st.story.ID
	}
	was := st.Site
	if was != nil {
		if was.State == next.State {
			next.Since = was.Since
		}
		steady(was.Reasons, next.Reasons)
		if same(was, next) {
			return nil
		}
	}
	if was == nil || was.State != next.State {
		change := store.Change{At: st.now, To: next.State, Reasons: codes(next.Reasons)}
		if was != nil {
			change.From = was.State
		}
		if err := st.AddChange(change); err != nil {
			return err
		}
	}
	return st.PutSite(next)
}

// name is the site's name as its Socket heard last states it.
func (st *step) name() string {
	var newest time.Time
	name := ""
	for i := range st.Sockets {
		if s := &st.Sockets[i]; s.SiteName != "" && s.ReceivedAt.After(newest) {
			newest, name = s.ReceivedAt, s.SiteName
		}
	}
	switch {
	case name != "":
		return name
	case st.Site != nil:
		return st.Site.Name
	}
	return st.ID
}

// steady keeps the since of reasons that stand on, but for one that turns out to be
// older by more than jitter.
func steady(was, now []site.Reason) {
	for i := range now {
		j := slices.IndexFunc(was, func(r site.Reason) bool { return r.Code == now[i].Code })
		if j >= 0 && now[i].Since.After(was[j].Since.Add(-settled)) {
			now[i].Since = was[j].Since
		}
	}
}

func same(a, b *store.Site) bool {
	return a.Name == b.Name && a.State == b.State && a.Compatibility == b.Compatibility && a.Connected == b.Connected &&
		a.Keepalive == b.Keepalive && a.CompatibleVersion == b.CompatibleVersion && a.Story == b.Story && a.Rank == b.Rank &&
		slices.EqualFunc(a.Reasons, b.Reasons, func(x, y site.Reason) bool {
			return x.Code == y.Code && x.Since.Equal(y.Since) && x.Summary == y.Summary && x.Action == y.Action
		})
}
