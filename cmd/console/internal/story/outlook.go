package story

import (
	"context"

	"socketha/agent/alarm"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// Verdict judges a site as it is now, from what the store returned of it: who is
// heard, and what the silence of the other means.
func (s *Service) Verdict(one *store.Site) site.Verdict {
	reports := make([]site.Report, 0, len(one.Sockets))
	for i := range one.Sockets {
		reports = append(reports, one.Sockets[i].Report)
	}
	return site.Judge(s.cfg.Now().UTC(), s.Listening(), reports)
}

// Outlook tells where the life cycle of a site stands: whether it is pending, when it
// will be raised, what holds it. It changes nothing.
func (s *Service) Outlook(ctx context.Context, one *store.Site) (alarm.Output, error) {
	set, err := s.cfg.Store.Settings(ctx, one.Tenant)
	if err != nil {
		return alarm.Output{}, err
	}
	life, err := s.cfg.Store.Life(ctx, one.Tenant, one.ID)
	if err != nil {
		return alarm.Output{}, err
	}
	c, err := alarm.Restore(set.Alarm, life.Saved)
	if err != nil {
		return alarm.Output{}, err
	}
	v := s.Verdict(one)
	return c.Step(site.Instant(s.cfg.Now()), v.Input()), nil
}
