package journal

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// BootID names one life of the kernel (/proc/sys/kernel/random/boot_id). The
// zero one is unknown, and never the same as another.
type BootID [16]byte

// ParseBootID reads a UUID as the kernel writes it, white space around it ignored.
func ParseBootID(s string) (BootID, error) {
	var id BootID
	digits := strings.ReplaceAll(strings.TrimSpace(s), "-", "")
	if len(digits) != hex.EncodedLen(len(id)) {
		return BootID{}, fmt.Errorf("boot id: %d hex digits, accepted: %d", len(digits), hex.EncodedLen(len(id)))
	}
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return BootID{}, fmt.Errorf("boot id: %w", err)
	}
	return id, nil
}

// Moment is a moment that keeps its meaning across a restart: the wall clock, and
// the boot with the time since it (CLOCK_BOOTTIME). It is kept to the millisecond.
type Moment struct {
	Wall   time.Time
	Boot   time.Duration
	BootID BootID
}

// IsZero reports whether m is no moment at all.
func (m Moment) IsZero() bool { return m == Moment{} }

// Age returns how long ago m was, never negative. Within one boot it is exact,
// whatever was done to the wall clock. Across boots it is what the wall clock says,
// and at least the time since the boot of now; a clock that was set in between makes
// it wrong, so it is not exact.
func (m Moment) Age(now Moment) (age time.Duration, exact bool) {
	var none BootID
	switch {
	case m.BootID == none || now.BootID == none:
		return max(now.Wall.Sub(m.Wall), 0), false
	case m.BootID == now.BootID:
		return max(now.Boot-m.Boot, 0), true
	}
	return max(now.Wall.Sub(m.Wall), now.Boot, 0), false
}

// kept is m as it comes back from flash, so that memory and flash do not differ.
func (m Moment) kept() Moment {
	if !m.Wall.IsZero() {
		m.Wall = time.UnixMilli(m.Wall.UnixMilli()).UTC()
	}
	m.Boot = m.Boot.Truncate(time.Millisecond)
	return m
}
