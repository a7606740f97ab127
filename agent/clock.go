package agent

import (
	"sync"
	"time"

	"socketha/agent/status"
)

// clock reads the two clocks of the status document: time since boot, which
// orders everything and which no wall-clock step moves, and the wall time of the
// boot, which is attached when a document is rendered.
//
// Boot time, not Go's monotonic clock: the latter stands still while the
// appliance is suspended, and a peer last heard before that would look younger
// than it is.
type clock struct {
	mu   sync.Mutex
	boot time.Time // as last given out, see status.SteadyBoot
}

// now returns the time since boot.
func (c *clock) now() status.Instant { return status.Instant(sinceBoot()) }

// anchor returns the time since boot and the wall time of the boot.
func (c *clock) anchor() (status.Instant, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.boot = status.SteadyBoot(c.boot, now, time.Now())
	return now, c.boot
}

// instant translates a reading of Go's monotonic clock; zero stays zero.
func (c *clock) instant(t time.Time) status.Instant {
	if t.IsZero() {
		return 0
	}
	return c.now().Add(-time.Since(t))
}
