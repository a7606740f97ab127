package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"socketha/scripts/bench/rig"
)

// restart measures how long after the start of a killed peer the session is back
// on the side that survived.
func restart(ctx context.Context, l *lab) error {
	o := rig.Options{Interval: l.timers(time.Second)}
	p, err := l.pair(ctx, o)
	if err != nil {
		return err
	}
	defer p.Close()
	detect := p.Options().DetectTime()
	for _, gap := range []struct {
		name string
		wait time.Duration
	}{
		{"at once", 50 * time.Millisecond},
		{"after it was missed", detect + 300*time.Millisecond},
	} {
		for _, side := range sideNames {
			name := fmt.Sprintf("%s restarted %s", side, gap.name)
			l.say("%s", name)
			for range l.runs {
				if err := l.oneRestart(ctx, p, side, name, gap.wait); err != nil {
					if err := l.lost(ctx, name, err); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (l *lab) oneRestart(ctx context.Context, p *rig.Pair, side, name string, gap time.Duration) error {
	b := sides(p)[side]
	survivor := p.Other(b)
	interval := p.Options().Interval
	return within(ctx, patience, func(ctx context.Context) error {
		if err := p.WaitReady(ctx); err != nil {
			return err
		}
		if err := rest(ctx, 200*time.Millisecond, interval); err != nil {
			return err
		}
		if _, err := b.Signal(syscall.SIGKILL); err != nil {
			return err
		}
		if err := rest(ctx, gap, 0); err != nil {
			return err
		}
		theirs, ours, documents := survivor.Log.Mark(), b.Log.Mark(), survivor.Status.Mark()
		begun, made, err := b.Start()
		if err != nil {
			return err
		}
		back, err := survivor.Log.Wait(ctx, theirs, "session back on the survivor", rig.SessionUp)
		if err != nil {
			return fmt.Errorf("%w%w", err, p.LastWords())
		}
		up, err := b.Log.Wait(ctx, ours, "session up on the restarted", rig.SessionUp)
		if err != nil {
			return fmt.Errorf("%w%w", err, p.LastWords())
		}
		ready, err := survivor.Status.Wait(ctx, documents, "ready", rig.Ready)
		if err != nil || l.blurred(begun, made) {
			return err
		}
		l.took(name+": exec → session back on the survivor", &goal{P95: new(50.0)}, back.Seen.Sub(begun))
		l.took(name+":   session up on the restarted", nil, up.Seen.Sub(begun))
		l.took(name+":   Ready at a client of the survivor", nil, ready.Seen.Sub(begun))
		l.handshakes(survivor.Log.Since(theirs), name, begun, back)
		l.timeline(ctx, name, back.Seen.Sub(begun), begun, p, map[*rig.Box]int{survivor: theirs, b: ours})
		return nil
	})
}

// handshakes says when the survivor had a new connection to the restarted peer.
func (l *lab) handshakes(lines []rig.Line, name string, begun time.Time, back rig.Line) {
	for _, line := range lines {
		if line.Is("peer connected") && !line.Seen.After(back.Seen) {
			l.took(name+":   new connection on the survivor", nil, rig.Between(begun, line.Said))
			return
		}
	}
}
