package alarm

import (
	"cmp"
	"slices"
	"time"
)

// Holds is what the declarations amount to at one moment.
type Holds struct {
	Self, Peer, Failover Hold

	Held  bool    // at least one of them holds the alarm back
	Until Instant // when the last of those ends at the latest; meaningless unless Held
}

// Hold is what one declaration amounts to.
type Hold struct {
	Declared   bool
	Begin, End Instant // of the time it holds; meaningless unless Declared
	Over       bool    // declared still, but its time is over: an upgrade is then overdue
}

// Holds returns what the next step at now would make of these declarations,
// without making it: the verdict needs to know whether a failover is declared
// before there is a readiness to step with.
func (c *Cycle) Holds(now Instant, d Declarations) Holds {
	s := c.s
	s.declare(now, &d)
	return s.holds(&c.cfg, now)
}

// holds returns what the remembered declarations amount to at now.
func (s *Saved) holds(cfg *Config, now Instant) Holds {
	hs := Holds{
		Self:     hold(s.Self, cfg.UpgradeHold, now),
		Peer:     hold(s.Peer, cfg.UpgradeHold, now),
		Failover: hold(s.Failover, cfg.FailoverHold, now),
	}
	for _, h := range [...]Hold{hs.Self, hs.Peer, hs.Failover} {
		if !h.Declared || h.Over {
			continue
		}
		if !hs.Held || h.End > hs.Until {
			hs.Until = h.End
		}
		hs.Held = true
	}
	return hs
}

func hold(d SavedDeclaration, length time.Duration, now Instant) Hold {
	if d.State != Declared {
		return Hold{}
	}
	end := d.Begin.Add(length)
	return Hold{Declared: true, Begin: d.Begin, End: end, Over: now >= end}
}

// covered returns how much of the time from a to b any of the holds covers.
func (hs *Holds) covered(a, b Instant) time.Duration {
	spans := [...]Hold{hs.Self, hs.Peer, hs.Failover}
	slices.SortFunc(spans[:], func(x, y Hold) int { return cmp.Compare(x.Begin, y.Begin) })
	var sum time.Duration
	for _, h := range spans {
		if from, to := max(a, h.Begin), min(b, h.End); h.Declared && from < to {
			sum += to.Sub(from)
			a = to // what two of them cover counts once
		}
	}
	return sum
}

// declare takes in what is declared and returns the cause to raise the alarm at
// once: that an upgrade is said, for the first time, to have failed or to have
// been skipped.
func (s *Saved) declare(now Instant, d *Declarations) (trigger string) {
	for _, one := range [...]struct {
		known  *SavedDeclaration
		stated Declaration
	}{{&s.Self, d.Self}, {&s.Peer, d.Peer}} {
		was := one.known.State
		one.known.update(now, one.stated)
		switch is := one.known.State; {
		case is == was:
		case is == EndedFailed:
			trigger = CauseUpgradeFailed
		case is == EndedSkipped && trigger == "":
			trigger = CauseUpgradeSkipped
		}
	}
	s.Failover.update(now, d.Failover)
	return trigger
}

// update takes in what is stated now. Within one declaration only an earlier
// begin is believed: the age of a late report makes it seem later than it was.
func (k *SavedDeclaration) update(now Instant, d Declaration) {
	switch {
	case d.State == DeclarationUnknown || d.State >= numDeclarationStates:
	case d.State != Declared:
		*k = SavedDeclaration{State: d.State}
	case k.State != Declared:
		*k = SavedDeclaration{State: Declared, Begin: stated(d.Since, now)}
	case d.Since != 0:
		k.Begin = min(k.Begin, stated(d.Since, now))
	}
}
