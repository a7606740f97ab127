package main

import (
	"context"
	"fmt"
	"time"

	"socketha/scripts/bench/rig"
)

// costGoals are those of budgets.md, by the interval.
var costGoals = map[time.Duration]struct{ exchange, perSecond, switches *goal }{
	time.Second:            {exchange: &goal{Median: new(220.0)}, switches: &goal{Median: new(13.0)}},
	100 * time.Millisecond: {perSecond: &goal{Median: new(2200.0)}, switches: &goal{Median: new(130.0)}},
}

// cost measures what a quiet pair uses.
func cost(ctx context.Context, l *lab) error {
	intervals := []time.Duration{time.Second, 100 * time.Millisecond}
	if l.interval != 0 {
		intervals = []time.Duration{l.interval}
	}
	for _, interval := range intervals {
		if err := l.costAt(ctx, interval); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) costAt(ctx context.Context, interval time.Duration) error {
	p, err := l.pair(ctx, rig.Options{Interval: interval, Quiet: true})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := rest(ctx, 10*time.Second, 0); err != nil {
		return err
	}
	for range l.runs {
		var before, after [2]rig.Usage
		var sent, have [2]rig.Traffic
		begun := time.Now()
		if err := readBoth(p, &before, &sent); err != nil {
			return err
		}
		if err := rest(ctx, l.length, 0); err != nil {
			return err
		}
		elapsed := time.Since(begun)
		if err := readBoth(p, &after, &have); err != nil {
			return err
		}
		for i := range p.Boxes {
			l.window(interval, sideNames[i], elapsed, before[i], after[i], sent[i], have[i])
		}
	}
	return nil
}

func readBoth(p *rig.Pair, u *[2]rig.Usage, t *[2]rig.Traffic) (err error) {
	for i, b := range p.Boxes {
		if u[i], err = b.Usage(); err != nil {
			return err
		}
		if t[i], err = b.Traffic(); err != nil {
			return err
		}
	}
	return nil
}

// window reports one stretch of time of one agent.
func (l *lab) window(interval time.Duration, side string, elapsed time.Duration, u0, u1 rig.Usage, t0, t1 rig.Traffic) {
	name := fmt.Sprintf("every %v, %s: ", interval, side)
	goals := costGoals[interval]
	seconds := elapsed.Seconds()
	cpu := float64((u1.CPU - u0.CPU).Microseconds())
	tx, rx := float64(t1.TxPackets-t0.TxPackets), float64(t1.RxPackets-t0.RxPackets)
	l.add(name+"CPU per exchange (tx + rx)", "µs", goals.exchange, cpu/((tx+rx)/2))
	l.add(name+"CPU", "µs/s", goals.perSecond, cpu/seconds)
	l.add(name+"context switches", "/s", goals.switches, float64(u1.Switches-u0.Switches)/seconds)
	l.add(name+"RSS", "MiB", &goal{Median: new(8.0)}, float64(u1.RSS)/mib)
	l.add(name+"private dirty", "MiB", &goal{Median: new(1.5)}, float64(u1.PrivateDirty)/mib)
	l.add(name+"threads", "", nil, float64(u1.Threads))
	l.add(name+"descriptors", "", &goal{Max: new(64.0)}, float64(u1.Descriptors))
	l.add(name+"frame sent, Ethernet without FCS", "bytes", &goal{Median: new(159.0)}, float64(t1.TxBytes-t0.TxBytes)/tx)
	l.add(name+"frames sent", "/s", nil, tx/seconds)
}

// hold keeps a pair.
func hold(ctx context.Context, l *lab) error {
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(time.Second), Quiet: true})
	if err != nil {
		return err
	}
	defer p.Close()
	for _, side := range sideNames {
		b := sides(p)[side]
		fmt.Printf("    %-9s  pid %d  config %s/socketha.toml\n", side, b.PID(), b.Dir)
	}
	return rest(ctx, l.length, 0)
}
