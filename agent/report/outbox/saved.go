package outbox

import (
	"time"

	"socketha/agent/report/schema"
)

// Saved is what is worth keeping over a restart. It holds no report: the next life
// has a newer one within milliseconds, and the old one's ages would be wrong. Our own
// back-off is not kept either, so that a restart tries at once; a wish of the server's
// is. Times count from the moment of saving; seconds.
type Saved struct {
	CadenceS   int     `json:"cadence_s"`     // the server's wish, 0 if it has none
	WaitS      float64 `json:"wait_s"`        // left of Retry-After
	DeliveredS float64 `json:"delivered_s"`   // since the last delivery, if there was one
	Ever       bool    `json:"delivered"`     // there was one
	Owed       bool    `json:"owed"`          // a state is not delivered
	Dropped    uint64  `json:"dropped_total"` // as counted
}

// Save returns what to keep.
func (b *Box) Save(now time.Time) Saved {
	s := Saved{Owed: b.owed, Dropped: b.counters.Dropped}
	if b.cadence != b.cfg.Cadence {
		s.CadenceS = int(b.cadence / time.Second)
	}
	if b.wished {
		s.WaitS = max(0, b.notBefore.Sub(now).Seconds())
	}
	if !b.delivered.IsZero() {
		s.Ever, s.DeliveredS = true, now.Sub(b.delivered).Seconds()
	}
	return s
}

// restore takes over what makes sense of what was saved.
func (b *Box) restore(now time.Time) {
	s, away := b.cfg.Saved, max(0, b.cfg.Away)
	if c := time.Duration(s.CadenceS) * time.Second; c >= schema.MinCadence && c <= schema.MaxCadence {
		b.cadence = c
	}
	if s.WaitS > 0 && s.WaitS <= (MaxRetryAfter+MaxBackoff).Seconds() {
		b.notBefore, b.wished = now.Add(seconds(s.WaitS)-away), true
	}
	// Without the time away the last delivery would look younger than it is, and
	// a Socket that reports no longer would be shown as connected.
	if s.Ever && away > 0 && s.DeliveredS >= 0 && s.DeliveredS < 1e9 {
		b.delivered = now.Add(-seconds(s.DeliveredS) - away)
	}
	b.counters.Dropped = s.Dropped
	if s.Owed {
		b.counters.Dropped++
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
