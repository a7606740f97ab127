package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"socketha/scripts/bench/rig"
)

// verdict measures how long a started agent takes to its first verdict while its
// peer has been up all along.
func verdict(ctx context.Context, l *lab) error {
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(time.Second)})
	if err != nil {
		return err
	}
	defer p.Close()
	for _, side := range sideNames {
		for range l.runs {
			if err := l.oneVerdict(ctx, p, side); err != nil {
				if err := l.lost(ctx, side, err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (l *lab) oneVerdict(ctx context.Context, p *rig.Pair, side string) error {
	b := sides(p)[side]
	other := p.Other(b)
	gone := other.Log.Mark()
	if _, err := b.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return within(ctx, patience, func(ctx context.Context) error {
		if _, err := other.Log.Wait(ctx, gone, "planned stop noticed", rig.SessionLost); err != nil {
			return err
		}
		// Long enough for the other side to try less often.
		if err := rest(ctx, time.Second, 200*time.Millisecond); err != nil {
			return err
		}
		document, line, theirs := b.Status.Mark(), b.Log.Mark(), other.Log.Mark()
		begun, made, err := b.Start()
		if err != nil {
			return err
		}
		seen, err := b.Status.Wait(ctx, document, "verdict", rig.Compatible)
		if err != nil {
			return fmt.Errorf("%w%w", err, p.LastWords())
		}
		if l.blurred(begun, made) {
			return p.WaitReady(ctx)
		}
		l.took(side+" started: exec → verdict at a client", &goal{Median: new(60.0), Max: new(150.0)}, seen.Seen.Sub(begun))
		l.took(side+" started: of this, to make the process", nil, made.Sub(begun))
		ready, err := b.Status.Wait(ctx, document, "ready", rig.Ready)
		if err != nil {
			return fmt.Errorf("%w%w", err, p.LastWords())
		}
		l.took(side+" started: exec → Ready at a client", nil, ready.Seen.Sub(begun))
		// What is told first may be logged later.
		for _, match := range []func(rig.Line) bool{verdictLogged, rig.SessionUp} {
			if _, err := b.Log.Wait(ctx, line, "the same in the log", match); err != nil {
				return err
			}
		}
		l.phases(b.Log.Since(line), side, begun)
		l.timeline(ctx, side+" started", seen.Seen.Sub(begun), begun, p, map[*rig.Box]int{b: line, other: theirs})
		return p.WaitReady(ctx)
	})
}

func verdictLogged(x rig.Line) bool { return x.Is("verdict", "compatibility", "compatible") }

// phases says when, from exec on, the agent logged the steps to its verdict, by
// its own stamps, and how much later than it the client knew.
func (l *lab) phases(lines []rig.Line, side string, begun time.Time) {
	steps := []struct {
		name  string
		match func(rig.Line) bool
	}{
		{"agent starts", func(x rig.Line) bool { return x.Is("agent starts") }},
		{"interface known", func(x rig.Line) bool { return x.Is("HA interface changed") }},
		{"peer authenticated", func(x rig.Line) bool { return x.Is("peer connected") }},
		{"session up", rig.SessionUp},
		{"verdict logged", verdictLogged},
	}
	for _, s := range steps {
		for _, line := range lines {
			if s.match(line) {
				l.took(fmt.Sprintf("%s started:   exec → %s", side, s.name), nil, rig.Between(begun, line.Said))
				if s.name == "verdict logged" {
					l.took("method: agent's stamp → line read here", nil, rig.Between(line.Said, line.Seen))
				}
				break
			}
		}
	}
}
