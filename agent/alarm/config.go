package alarm

import (
	"fmt"
	"time"
)

// Bounds of the knobs.
const (
	MinDelay = time.Second
	MaxDelay = 7 * 24 * time.Hour

	MinFlapChanges = 3 // two are but one failure and its end
	MaxFlapChanges = 32
)

// Config holds the knobs of the life cycle (contract section 3). Start from
// [DefaultConfig]: a zero Config is refused.
type Config struct {
	DisconnectedAfter time.Duration // raise after: not connected; MinDelay to MaxDelay
	RaiseAfter        time.Duration // raise after: every other reason; MinDelay to MaxDelay
	UpgradeHold       time.Duration // held for each declared upgrade; MinDelay to MaxDelay
	FailoverHold      time.Duration // held for a declared manual failover; MinDelay to MaxDelay
	ClearAfter        time.Duration // continuously ready before it is clear; MinDelay to MaxDelay
	ReopenWithin      time.Duration // after it was closed; 0 (never) to MaxDelay
	FlapChanges       int           // changes that make it flapping; MinFlapChanges to MaxFlapChanges
	FlapWithin        time.Duration // time in which they happen; MinDelay to MaxDelay
}

// DefaultConfig returns the defaults of the contract.
func DefaultConfig() Config {
	return Config{
		DisconnectedAfter: 5 * time.Minute,
		RaiseAfter:        60 * time.Minute,
		UpgradeHold:       34 * time.Minute, // two attempts of 17 min
		FailoverHold:      5 * time.Minute,
		ClearAfter:        10 * time.Minute,
		ReopenWithin:      120 * time.Minute,
		FlapChanges:       5,
		FlapWithin:        10 * time.Minute,
	}
}

// Check says which knob leaves its bounds, and what they are.
func (c Config) Check() error {
	for _, k := range [...]struct {
		name     string
		value    time.Duration
		shortest time.Duration
	}{
		{"time to raise when not connected", c.DisconnectedAfter, MinDelay},
		{"time to raise for other reasons", c.RaiseAfter, MinDelay},
		{"hold for an upgrade", c.UpgradeHold, MinDelay},
		{"hold for a failover", c.FailoverHold, MinDelay},
		{"time to clear", c.ClearAfter, MinDelay},
		{"time to reopen", c.ReopenWithin, 0},
		{"time for flapping", c.FlapWithin, MinDelay},
	} {
		if k.value < k.shortest || k.value > MaxDelay {
			return fmt.Errorf("alarm: %s %v is outside %v to %v", k.name, k.value, k.shortest, MaxDelay)
		}
	}
	if c.FlapChanges < MinFlapChanges || c.FlapChanges > MaxFlapChanges {
		return fmt.Errorf("alarm: %d changes for flapping are outside %d to %d", c.FlapChanges, MinFlapChanges, MaxFlapChanges)
	}
	return nil
}

// delay returns how long a reason has to stand before it raises the alarm; zero
// raises at once, whatever is declared.
func (c *Config) delay(code string) time.Duration {
	switch code {
	case CodeIdentityConflict, CodePeerReplaced:
		return 0
	case CodeDisconnected:
		return c.DisconnectedAfter
	}
	return c.RaiseAfter
}

// settle is how long after a restart what is only remembered, and not seen
// again, raises nothing: the peer needs a moment to speak.
func (c *Config) settle() time.Duration { return min(c.DisconnectedAfter, c.RaiseAfter) }
