package main

import (
	"context"
	"time"

	"socketha/scripts/bench/rig"
)

// keyChange is how often the pair of the experiment gets new keys.
const keyChange = 2 * time.Second

// rekey changes keys all the time and looks for a heartbeat that went missing.
func rekey(ctx context.Context, l *lab) error {
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(100 * time.Millisecond), KeyChange: keyChange})
	if err != nil {
		return err
	}
	defer p.Close()
	var marks [2]int
	for i, b := range p.Boxes {
		marks[i] = b.Log.Mark()
	}
	if err := rest(ctx, l.length/10, 0); err != nil { // the heap finds its size
		return err
	}
	var before, after [2]rig.Usage
	var traffic [2]rig.Traffic
	if err := readBoth(p, &before, &traffic); err != nil {
		return err
	}
	if err := rest(ctx, l.length-l.length/10, 0); err != nil {
		return err
	}
	if err := readBoth(p, &after, &traffic); err != nil {
		return err
	}
	for i, b := range p.Boxes {
		changes, losses := 0, 0
		for _, line := range b.Log.Since(marks[i]) {
			switch {
			case rig.Connected(line):
				changes++
			case rig.SessionLost(line):
				losses++
			}
		}
		d, err := b.Ask(ctx)
		if err != nil {
			return err
		}
		side := sideNames[i]
		wanted := 0.9 * float64(l.length/keyChange)
		l.add(side+": key changes", "", &goal{Min: &wanted}, float64(changes))
		l.add(side+": heartbeats received", "", nil, float64(d.Link.Received))
		l.add(side+": heartbeats lost", "", &goal{Max: new(0.0)}, float64(d.Link.Lost))
		l.add(side+": session left Up", "", &goal{Max: new(0.0)}, float64(losses))
		l.add(side+": RSS more than after a tenth of the time", "MiB", &goal{Max: new(1.0)}, float64(after[i].RSS-before[i].RSS)/mib)
		l.add(side+": descriptors more", "", &goal{Max: new(2.0)}, float64(after[i].Descriptors-before[i].Descriptors))
	}
	return nil
}
