package session

import (
	"errors"
	"fmt"
	"time"

	"socketha/peer"
)

// Defaults of the timers.
const (
	DefaultInterval   = time.Second
	DefaultDetectMult = 3
	DefaultSlowTx     = time.Second // RFC 5880 section 6.8.3
)

// DefaultTimers are the timers of a Socket whose configuration names none: lost
// after three seconds of silence.
func DefaultTimers() peer.Timers {
	return peer.Timers{DesiredTx: DefaultInterval, RequiredRx: DefaultInterval, DetectMult: DefaultDetectMult}
}

// CheckTimers says which of the timers leaves its bounds: intervals from
// [peer.MinInterval] to [peer.MaxInterval], multiplier from [peer.MinDetectMult] to [peer.MaxDetectMult].
func CheckTimers(t peer.Timers) error {
	if !validInterval(t.DesiredTx) {
		return fmt.Errorf("desired transmit interval %v is outside %v to %v", t.DesiredTx, peer.MinInterval, peer.MaxInterval)
	}
	if !validInterval(t.RequiredRx) {
		return fmt.Errorf("required receive interval %v is outside %v to %v", t.RequiredRx, peer.MinInterval, peer.MaxInterval)
	}
	if t.DetectMult < peer.MinDetectMult || t.DetectMult > peer.MaxDetectMult {
		return fmt.Errorf("detect multiplier %d is outside %d to %d", t.DetectMult, peer.MinDetectMult, peer.MaxDetectMult)
	}
	return nil
}

func validInterval(d time.Duration) bool { return d >= peer.MinInterval && d <= peer.MaxInterval }

func validTimers(t peer.Timers) bool {
	return validInterval(t.DesiredTx) && validInterval(t.RequiredRx) &&
		t.DetectMult >= peer.MinDetectMult && t.DetectMult <= peer.MaxDetectMult
}

// Config is what a session needs to know about its own side. Intervals are
// rounded up to whole milliseconds, because that is what the peer is told.
type Config struct {
	Timers        peer.Timers   // zero: DefaultTimers
	Discriminator uint32        // drawn at random once a boot, never 0 (RFC 5880 section 6.3)
	SlowTx        time.Duration // shortest interval while not Up, peer.MinInterval to peer.MaxInterval; 0: DefaultSlowTx

	// Jitter returns a number from 0 (the longest interval) up to 1 (the
	// shortest). Nil: a generator of the session's own, seeded by the discriminator.
	Jitter func() float64
}

// withDefaults fills in what was left out and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if c.Timers == (peer.Timers{}) {
		c.Timers = DefaultTimers()
	}
	if c.SlowTx == 0 {
		c.SlowTx = DefaultSlowTx
	}
	if c.Discriminator == 0 {
		return c, errors.New("session: the discriminator must not be 0")
	}
	if err := CheckTimers(c.Timers); err != nil {
		return c, fmt.Errorf("session: %w", err)
	}
	if !validInterval(c.SlowTx) {
		return c, fmt.Errorf("session: slow transmit interval %v is outside %v to %v", c.SlowTx, peer.MinInterval, peer.MaxInterval)
	}
	for _, d := range []*time.Duration{&c.Timers.DesiredTx, &c.Timers.RequiredRx, &c.SlowTx} {
		*d = (*d + time.Millisecond - 1).Truncate(time.Millisecond)
	}
	if c.Jitter == nil {
		c.Jitter = xorshift(c.Discriminator)
	}
	return c, nil
}

// xorshift spreads the heartbeats of two Sockets; it hides nothing, so the three
// shifts of Marsaglia's generator are enough.
func xorshift(seed uint32) func() float64 {
	return func() float64 {
		seed ^= seed << 13
		seed ^= seed >> 17
		seed ^= seed << 5
		return float64(seed) / (1 << 32)
	}
}
