package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/scripts/bench/rig"
)

// together is how many pairs wait for the same long silence at once. Their
// verdicts are spread over an interval, so they do not blur each other.
const together = 5

// silence measures how far off the detection of a silent peer is.
func silence(ctx context.Context, l *lab) error {
	intervals := []time.Duration{100 * time.Millisecond, time.Second}
	if l.interval != 0 {
		intervals = []time.Duration{l.interval}
	}
	for _, interval := range intervals {
		l.say("heartbeats every %v", interval)
		if err := l.silenceAt(ctx, interval); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) silenceAt(ctx context.Context, interval time.Duration) error {
	pairs := 1
	if interval >= 500*time.Millisecond {
		pairs = min(together, l.runs)
	}
	s := silenceTrial{lab: l, name: fmt.Sprintf("%v × 3", interval)}
	group, ctx := errgroup.WithContext(ctx)
	for i := range pairs {
		runs := l.runs / pairs
		if i < l.runs%pairs {
			runs++
		}
		group.Go(func() error { return s.series(ctx, interval, runs) })
	}
	return group.Wait()
}

// silenceTrial is one timer setting; several pairs report to it.
type silenceTrial struct {
	*lab

	mu   sync.Mutex
	name string
}

func (s *silenceTrial) series(ctx context.Context, interval time.Duration, runs int) error {
	p, err := s.pair(ctx, rig.Options{Interval: interval})
	if err != nil {
		return err
	}
	defer p.Close()
	if _, _, err := p.Drop(0); err != nil { // the filter is ready before it counts
		return err
	}
	var sniffers [2]*rig.Sniffer
	for i, b := range p.Boxes {
		if sniffers[i], err = b.Sniff(); err != nil {
			return err
		}
		defer sniffers[i].Close()
	}
	for range runs {
		if err := s.once(ctx, p, sniffers); err != nil {
			s.mu.Lock()
			err = s.lost(ctx, s.name, err)
			s.mu.Unlock()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// once cuts the cable silently and looks at both agents.
func (s *silenceTrial) once(ctx context.Context, p *rig.Pair, sniffers [2]*rig.Sniffer) error {
	o := p.Options()
	return within(ctx, patience, func(ctx context.Context) error {
		if err := p.WaitReady(ctx); err != nil {
			return err
		}
		if err := rest(ctx, 3*o.Interval, o.Interval); err != nil {
			return err
		}
		var marks [2]int
		for i, b := range p.Boxes {
			marks[i] = b.Log.Mark()
		}
		noise := make(chan time.Duration, 1)
		go func() {
			over, _ := rig.Nap(o.DetectTime())
			noise <- over
		}()
		cut, _, err := p.Drop(100)
		if err != nil {
			return err
		}
		for i, b := range p.Boxes {
			line, err := b.Log.Wait(ctx, marks[i], "silence noticed", rig.SessionLost)
			if err != nil {
				return fmt.Errorf("%w%w", err, p.LastWords())
			}
			s.judge(line, cut, sniffers[i], o)
		}
		s.mu.Lock()
		s.took(s.name+": method: a bare sleep as long is late by", nil, <-noise)
		s.mu.Unlock()
		_, _, err = p.Drop(0)
		return err
	})
}

// judge compares a verdict with the last frame that came in.
func (s *silenceTrial) judge(line rig.Line, cut time.Time, sniffer *rig.Sniffer, o rig.Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last, ok := sniffer.LastBefore(line.Seen)
	if !ok {
		s.note("%s: no frame was seen", s.name)
		return
	}
	off := rig.Between(last, line.Seen) - o.DetectTime()
	s.took(s.name+": detection error (line read − last frame − detect time)", &goal{Min: new(0.0), Median: new(1.0)}, off)
	s.took(s.name+":   by the agent's own stamp", &goal{Min: new(0.0)}, rig.Between(last, line.Said)-o.DetectTime())
	s.took(s.name+":   from the cut to the verdict", nil, line.Seen.Sub(cut))
	if !rig.SessionTimeout(line) { // the other side was first and could still say so
		s.note("%s: the session ended for another reason: %v", s.name, line.Attr["reason"])
	}
}
