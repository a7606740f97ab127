package main

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/scripts/bench/rig"
)

// connect measures how long a restarted peer takes to connect while frames are
// lost at random, several pairs at once.
func connect(ctx context.Context, l *lab) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, percent := range []int{0, 10, 20, 30} {
		for _, side := range sideNames {
			l.figure(connectName(percent, side), "ms", nil) // in this order
		}
	}
	for _, percent := range []int{0, 10, 20, 30} {
		group.Go(func() error { return l.connectUnder(ctx, percent, &mu) })
	}
	return group.Wait()
}

func connectName(percent int, side string) string {
	return fmt.Sprintf("%2d %% lost both ways, %s restarted: exec → session up on both", percent, side)
}

func (l *lab) connectUnder(ctx context.Context, percent int, mu *sync.Mutex) error {
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(100 * time.Millisecond)})
	if err != nil {
		return err
	}
	defer p.Close()
	for n := range 2 * l.runs {
		side := sideNames[n%2]
		took, handshake, err := oneConnect(ctx, p, side, percent)
		mu.Lock()
		if err == nil {
			l.took(connectName(percent, side), nil, took)
			l.took(fmt.Sprintf("%2d %%, %s restarted:   of this, from the first connection to the session", percent, side), nil, took-handshake)
		} else {
			err = l.lost(ctx, connectName(percent, side), err)
		}
		mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// oneConnect also returns how long it took until the restarted side had the
// first connection.
func oneConnect(ctx context.Context, p *rig.Pair, side string, percent int) (took, handshake time.Duration, err error) {
	b := sides(p)[side]
	survivor := p.Other(b)
	err = within(ctx, patience, func(ctx context.Context) error {
		if _, _, err := p.Drop(0); err != nil {
			return err
		}
		if err := p.WaitAlive(ctx); err != nil {
			return err
		}
		theirs := survivor.Log.Mark()
		if _, err := b.Signal(syscall.SIGKILL); err != nil {
			return err
		}
		if _, err := survivor.Log.Wait(ctx, theirs, "death noticed", rig.SessionLost); err != nil {
			return err
		}
		if _, _, err := p.Drop(percent); err != nil {
			return err
		}
		theirs, ours := survivor.Log.Mark(), b.Log.Mark()
		begun, _, err := b.Start()
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
		took = max(back.Seen.Sub(begun), up.Seen.Sub(begun))
		connected, err := b.Log.Wait(ctx, ours, "connected", func(x rig.Line) bool { return x.Is("peer connected") })
		handshake = connected.Seen.Sub(begun)
		return err
	})
	return took, handshake, err
}
