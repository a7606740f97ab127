package main

import (
	"context"
	"fmt"
	"time"

	"socketha/scripts/bench/rig"
)

// carrier measures how long after the far end went down the near agent knows.
func carrier(ctx context.Context, l *lab) error {
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(time.Second)})
	if err != nil {
		return err
	}
	defer p.Close()
	control, err := p.Initiator().Monitor()
	if err != nil {
		return err
	}
	defer control.Close()
	for range l.runs {
		if err := l.oneCarrier(ctx, p, control); err != nil {
			if err := l.lost(ctx, "carrier", err); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *lab) oneCarrier(ctx context.Context, p *rig.Pair, control *rig.Monitor) error {
	near, far := p.Initiator(), p.Acceptor()
	cable, err := far.Cable()
	if err != nil {
		return err
	}
	return within(ctx, patience, func(ctx context.Context) error {
		if err := p.WaitReady(ctx); err != nil {
			return err
		}
		if err := rest(ctx, 300*time.Millisecond, time.Second); err != nil {
			return err
		}
		line, document, told := near.Log.Mark(), near.Status.Mark(), control.Changes.Mark()
		before, after, err := cable.Unplug()
		if err != nil {
			return err
		}
		logged, waited := near.Log.Wait(ctx, line, "carrier loss logged", func(x rig.Line) bool {
			return x.Is("HA interface changed", "carrier", "no")
		})
		if waited == nil {
			l.took("carrier lost → logged by the agent", nil, logged.Seen.Sub(before))
			seen, err := near.Status.Wait(ctx, document, "link down at a client", rig.HasReason("HA_NOT_READY_HA_LINK_DOWN"))
			waited = err
			if err == nil {
				l.took("carrier lost → HA_LINK_DOWN at a client", &goal{Median: new(2.0), Max: new(10.0)}, seen.Seen.Sub(before))
				l.told(ctx, control, told, before, logged)
				if judged, err := near.Log.Wait(ctx, line, "verdict logged", func(x rig.Line) bool { return x.Is("verdict", "readiness", "not_ready") }); err == nil {
					l.took("  of the agent: interface logged → verdict logged, own stamps", nil, rig.Between(logged.Said, judged.Said))
					l.took("  verdict logged, own stamp → document at a client", nil, rig.Between(judged.Said, seen.Seen))
				}
				l.took("method: the system call that takes the carrier", nil, after.Sub(before))
			}
		}
		up, _, err := cable.Plug()
		if err != nil {
			return err
		}
		if waited != nil {
			return fmt.Errorf("%w%w", waited, p.LastWords())
		}
		ready, err := near.Status.Wait(ctx, near.Status.Mark()-1, "ready again", rig.Ready)
		if err == nil {
			l.took("carrier back → Ready", nil, ready.Seen.Sub(up))
		}
		return err
	})
}

// told compares with a bare listener: what the kernel took, and what the agent.
func (l *lab) told(ctx context.Context, control *rig.Monitor, mark int, before time.Time, logged rig.Line) {
	first, err := control.Changes.Wait(ctx, mark, "", func(c rig.Change) bool { return !c.Carrier })
	if err != nil {
		return
	}
	l.took("method: carrier lost → told by the kernel to a bare listener", nil, first.Seen.Sub(before))
	l.took("told by the kernel → logged by the agent", nil, logged.Seen.Sub(first.Seen))
}
