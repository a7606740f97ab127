package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"socketha/scripts/bench/rig"
)

// patience ends a wait for something that does not come.
const patience = 30 * time.Second

// experiment is one entry of the catalog.
type experiment struct {
	name  string
	title string
	how   string // the method and its error
	quick plan
	full  plan
	run   func(ctx context.Context, l *lab) error

	byHand bool // not part of "all"
}

// plan is how much of an experiment is done.
type plan struct {
	runs   int           // repetitions
	length time.Duration // of one, where it has a length
	about  time.Duration // what all of it takes
}

// lab is what an experiment works with.
type lab struct {
	*result
	plan

	binary   string
	interval time.Duration // of the heartbeats; 0: what the experiment is about
	ipv6     bool
	env      []string // of the agents
	pinARP   bool     // no address resolution on the cable
	discover bool     // no addresses in the configuration
	verbose  bool
	slow     map[string]slowest
}

// pair makes a pair and starts both agents.
func (l *lab) pair(ctx context.Context, o rig.Options) (*rig.Pair, error) {
	p, err := l.idlePair(o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.Start(ctx); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// idlePair makes a pair without agents.
func (l *lab) idlePair(o rig.Options) (*rig.Pair, error) {
	o.Binary, o.IPv6, o.Env, o.PinARP, o.Discover = l.binary, l.ipv6, l.env, l.pinARP, l.discover
	return rig.New(o)
}

// timers is the interval asked for, or the usual one.
func (l *lab) timers(usual time.Duration) time.Duration {
	if l.interval != 0 {
		return l.interval
	}
	return usual
}

// say tells the viewer what goes on.
func (l *lab) say(format string, args ...any) {
	if l.verbose {
		fmt.Printf("    "+format+"\n", args...)
	}
}

// within runs fn with an end to its patience.
func within(ctx context.Context, d time.Duration, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, d, fmt.Errorf("nothing within %v", d))
	defer cancel()
	return fn(ctx)
}

// rest sleeps for d and up to a heartbeat more, so that runs begin anywhere
// between two heartbeats.
func rest(ctx context.Context, d, interval time.Duration) error {
	timer := time.NewTimer(d + rand.N(interval+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// sides are the two boxes under the names of their sides.
func sides(p *rig.Pair) map[string]*rig.Box {
	return map[string]*rig.Box{"initiator": p.Initiator(), "acceptor": p.Acceptor()}
}

// sideNames in the order of the report.
var sideNames = []string{"initiator", "acceptor"}

// notes that a run was lost, and goes on unless ctx has ended.
func (l *lab) lost(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	l.note("%s: a run was lost: %v", what, err)
	return nil
}
