package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"

	"socketha/scripts/bench/rig"
)

// settle is how long an agent gets to close what it no longer needs before it is
// looked at.
const settle = 6 * time.Second

// rightWithin is how soon the state must be right again.
var rightWithin = &goal{Max: new(3000.0)}

// churn does something to a pair again and again. What an agent holds is looked
// at before, after a tenth of it, and at the end.
type churn struct {
	*lab
	pair    *rig.Pair
	watched []*rig.Box        // not restarted by cycle
	cycle   func(n int) error // does it once
	// fast cycles do not wait for the pair to be ready in between.
	fast bool
}

// reconnects kills and restarts one peer and looks at the survivor.
func reconnects(ctx context.Context, l *lab) error {
	for _, side := range sideNames {
		err := l.churn(ctx, side+" restarted", func(c *churn) {
			b := sides(c.pair)[side]
			survivor := c.pair.Other(b)
			c.watched = []*rig.Box{survivor}
			c.cycle = func(int) error {
				if _, err := b.Signal(syscall.SIGKILL); err != nil {
					return err
				}
				mark := survivor.Log.Mark()
				begun, _, err := b.Start()
				if err != nil {
					return err
				}
				return within(ctx, patience, func(ctx context.Context) error {
					back, err := survivor.Log.Wait(ctx, mark, "session back", rig.SessionUp)
					if err == nil {
						c.took(side+" restarted: exec → session back", rightWithin, back.Seen.Sub(begun))
					}
					return err
				})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// flaps switches the cable off and on.
func flaps(ctx context.Context, l *lab) error {
	return l.churn(ctx, "link flaps", func(c *churn) {
		c.fast = true
		c.watched = c.pair.Boxes[:]
		c.cycle = func(n int) error {
			cable, err := c.pair.Boxes[n%2].Cable()
			if err != nil {
				return err
			}
			if _, _, err := cable.Unplug(); err != nil {
				return err
			}
			if err := rest(ctx, 2*time.Millisecond, 20*time.Millisecond); err != nil {
				return err
			}
			if _, _, err := cable.Plug(); err != nil {
				return err
			}
			return rest(ctx, 2*time.Millisecond, 20*time.Millisecond)
		}
	})
}

// readds removes the interface and makes it anew.
func readds(ctx context.Context, l *lab) error {
	return l.churn(ctx, "interface re-added", func(c *churn) {
		c.watched = c.pair.Boxes[:]
		c.cycle = func(int) error {
			if err := c.pair.RemoveCable(); err != nil {
				return err
			}
			if err := rest(ctx, 0, time.Second); err != nil { // before and after it was missed
				return err
			}
			if err := c.pair.MakeCable(); err != nil {
				return err
			}
			begun := time.Now()
			err := within(ctx, patience, c.pair.WaitAlive)
			if err == nil {
				c.took("interface re-added → heartbeats again, both Ready", rightWithin, time.Since(begun))
			}
			return err
		}
	})
}

// churn runs the cycles. What prepare sets up is about a pair that runs.
func (l *lab) churn(ctx context.Context, name string, prepare func(*churn)) error {
	l.say("%s", name)
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(100 * time.Millisecond)})
	if err != nil {
		return err
	}
	defer p.Close()
	c := &churn{lab: l, pair: p}
	prepare(c)
	idle, err := c.idleGoroutines(ctx)
	if err != nil {
		return err
	}
	warm := l.runs / 10
	if err := c.cycles(ctx, name, 0, warm); err != nil {
		return err
	}
	before, err := c.look(ctx)
	if err != nil {
		return err
	}
	if err := c.cycles(ctx, name, warm, l.runs); err != nil {
		return err
	}
	healed := time.Now()
	if err := within(ctx, patience, p.WaitAlive); err != nil {
		return err
	}
	l.took(name+": the last one → heartbeats again, both Ready", rightWithin, time.Since(healed))
	after, err := c.look(ctx)
	if err != nil {
		return err
	}
	c.compare(name, before, after)
	return c.compareGoroutines(name, idle)
}

func (c *churn) cycles(ctx context.Context, name string, from, to int) error {
	for n := from; n < to; n++ {
		if !c.fast {
			if err := within(ctx, patience, c.pair.WaitReady); err != nil {
				return fmt.Errorf("%s %d: %w", name, n, err)
			}
			// Somewhere within a heartbeat or two.
			if err := rest(ctx, 0, rand.N(2*c.pair.Options().Interval)); err != nil {
				return err
			}
		}
		if err := c.cycle(n); err != nil {
			return fmt.Errorf("%s %d: %w%w", name, n, err, c.pair.LastWords())
		}
	}
	return nil
}

// look reads what the watched agents use, once they have settled.
func (c *churn) look(ctx context.Context) (all []rig.Usage, err error) {
	if err := within(ctx, patience, c.pair.WaitReady); err != nil {
		return nil, err
	}
	if err := rest(ctx, settle, 0); err != nil {
		return nil, err
	}
	for _, b := range c.watched {
		u, err := b.Usage()
		if err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, nil
}

const mib = 1 << 20

// memoryGoal bounds growth from a tenth of the runs to all of them. After fewer
// the heap has not been collected once and still finds its size.
func (c *churn) memoryGoal() *goal {
	if c.runs < 100 {
		return nil
	}
	return &goal{Max: new(1.0)}
}

// compare reports what the watched agents hold more than before.
func (c *churn) compare(name string, before, after []rig.Usage) {
	for i, b := range before {
		a := after[i]
		c.add(name+": descriptors more than before", "", &goal{Max: new(0.0)}, float64(a.Descriptors-b.Descriptors))
		c.add(name+": threads more than before", "", nil, float64(a.Threads-b.Threads))
		c.add(name+": RSS more than before", "MiB", c.memoryGoal(), float64(a.RSS-b.RSS)/mib)
		c.add(name+": private dirty more than before", "MiB", nil, float64(a.PrivateDirty-b.PrivateDirty)/mib)
		c.add(name+": RSS at the end", "MiB", nil, float64(a.RSS)/mib)
	}
}

// idleGoroutines counts those of agents with nothing behind them, which costs
// their lives, and starts the pair again.
func (c *churn) idleGoroutines(ctx context.Context) (all []map[string]int, err error) {
	if err := rest(ctx, settle, 0); err != nil {
		return nil, err
	}
	for _, b := range c.pair.Boxes {
		n, err := b.Goroutines()
		if err != nil {
			return nil, err
		}
		for _, w := range c.watched {
			if w == b {
				all = append(all, n)
			}
		}
	}
	return all, within(ctx, patience, c.pair.Start)
}

// compareGoroutines ends the watched agents and reports what goroutines they had
// more than idle ones.
func (c *churn) compareGoroutines(name string, idle []map[string]int) error {
	for i, b := range c.watched {
		now, err := b.Goroutines()
		if err != nil {
			return err
		}
		more := 0
		for function, n := range now {
			more += n
			if n > idle[i][function] {
				c.note("%s: goroutines begun by %s: %d, idle %d", name, function, n, idle[i][function])
			}
		}
		for _, n := range idle[i] {
			more -= n
		}
		c.add(name+": goroutines more than idle", "", &goal{Max: new(0.0)}, float64(more))
	}
	return nil
}
