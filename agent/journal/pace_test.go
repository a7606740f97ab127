package journal

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDue(t *testing.T) {
	begin := time.Unix(1_000_000, 0)
	after := func(d time.Duration) time.Time { return begin.Add(d) }
	fresh := pace{every: DefaultEvery, written: begin}
	spent, failed, longFailed := fresh, fresh, fresh
	for range allowance {
		spent.wrote(begin, Change)
	}
	failed.failedAt(begin)
	for range 40 {
		longFailed.failedAt(begin)
	}
	for _, c := range []struct {
		name   string
		pace   pace
		now    time.Time
		change Urgency
		want   time.Time
	}{
		{"a change goes at once", fresh, after(time.Second), Change, after(time.Second)},
		{"routine waits", fresh, after(time.Second), Routine, after(15 * time.Minute)},
		{"routine is due", fresh, after(16 * time.Minute), Routine, after(15 * time.Minute)},
		{"one change too many waits", spent, after(time.Second), Change, after(5 * time.Minute)},
		{"the allowance grows", spent, after(5 * time.Minute), Change, after(5 * time.Minute)},
		{"routine does not need it", spent, after(time.Second), Routine, after(15 * time.Minute)},
		{"who waits does not either", spent, after(time.Second), waited, after(time.Second)},
		{"after a failure", failed, after(time.Second), Change, after(5 * time.Second)},
		{"after a failure, routine", failed, after(time.Second), Routine, after(15 * time.Minute)},
		{"after a failure, who waits", failed, after(time.Second), waited, after(time.Second)},
		{"after many failures", longFailed, after(time.Second), Change, after(15 * time.Minute)},
	} {
		// Due now or before: the same to whoever asks.
		if got := c.pace.Due(c.now, c.change); !got.Equal(c.want) {
			t.Errorf("%s: due %v after the beginning, want %v", c.name, got.Sub(begin), c.want.Sub(begin))
		}
	}
}

// TestWritesPerDay: whatever changes how often, and whether or not attempts fail,
// the writes of 24 h stay within the allowance, and nothing waits for longer than
// what is routine does.
func TestWritesPerDay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		begin := time.Unix(1_000_000, 0)
		p := pace{every: DefaultEvery, written: begin}
		now, writes := begin, 0
		gap := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(int64(time.Second), int64(rapid.SampledFrom([]time.Duration{2 * time.Second, 10 * time.Minute}).Draw(t, "up to"))).Draw(t, "gap"))
		})
		change := rapid.SampledFrom([]Urgency{Routine, Change, Change})
		fails := rapid.SampledFrom([]bool{false, false, true})
		for {
			now = now.Add(gap.Draw(t, "gap"))
			urgency := change.Draw(t, "urgency")
			due := p.Due(now, urgency)
			if wait := due.Sub(now); wait > DefaultEvery {
				t.Fatalf("%v waits for %v", urgency, wait)
			} else if wait > 0 {
				now = due
			}
			if now.Sub(begin) >= 24*time.Hour {
				break
			}
			if fails.Draw(t, "fails") {
				p.failedAt(now)
			} else {
				p.wrote(now, urgency)
				writes++
			}
		}
		if most := allowance + 24*60/5 + 24*4; writes > most {
			t.Fatalf("%d writes a day, want at most %d", writes, most)
		}
	})
}
