package main

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strings"
	"syscall"
	"time"

	"socketha/scripts/bench/rig"
)

// floodRate is in hellos a second.
const floodRate = 3000

// flood pours ClientHellos over the acceptor: first to see that the session and
// the memory do not notice, then that a restarted peer gets through.
func flood(ctx context.Context, l *lab) error {
	for _, from := range []rig.Source{rig.FromPeer, rig.FromSpoofed} {
		l.say("from %s addresses", from)
		if err := l.floodFrom(ctx, from); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) floodFrom(ctx context.Context, from rig.Source) error {
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(100 * time.Millisecond)})
	if err != nil {
		return err
	}
	defer p.Close()
	if err := rest(ctx, 3*time.Second, 0); err != nil {
		return err
	}
	name := fmt.Sprintf("from %s addresses", from)
	if err := l.calm(ctx, p, from, name); err != nil {
		return err
	}
	for _, side := range sideNames {
		for range l.runs {
			if err := l.rejoin(ctx, p, from, name, side); err != nil {
				if err := l.lost(ctx, name+", "+side+" restarted", err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// calm floods an established session.
func (l *lab) calm(ctx context.Context, p *rig.Pair, from rig.Source, name string) error {
	victim := p.Acceptor()
	var marks [2]int
	for i, b := range p.Boxes {
		marks[i] = b.Log.Mark()
	}
	// The watch itself costs memory: it is there before the flood is.
	warm, done := context.WithTimeout(ctx, time.Second)
	l.watchFlood(warm, victim, rig.Usage{})
	done()
	before, err := victim.Usage()
	if err != nil {
		return err
	}
	was, err := victim.Ask(ctx)
	if err != nil {
		return err
	}
	pouring, stop := context.WithTimeout(ctx, l.length)
	defer stop()
	poured := l.pour(pouring, p, from)
	w := l.watchFlood(pouring, victim, before)
	r := <-poured
	if r.err != nil {
		return r.err
	}
	after, err := victim.Usage()
	if err != nil {
		return err
	}
	is, err := victim.Ask(ctx)
	if err != nil {
		return err
	}
	changes := 0
	for i, b := range p.Boxes {
		for _, line := range b.Log.Since(marks[i]) {
			if rig.SessionLost(line) {
				changes++
			}
		}
	}
	seconds := l.length.Seconds()
	l.add(name+": hellos sent", "/s", &goal{Min: new(0.9 * floodRate)}, float64(r.sent)/seconds)
	l.add(name+": session lost, either side", "times", &goal{Max: new(0.0)}, float64(changes))
	l.add(name+": heartbeats lost", "", &goal{Max: new(0.0)}, float64(is.Link.Lost-was.Link.Lost))
	l.add(name+": RSS more than before, at most", "MiB", &goal{Max: new(10.0)}, float64(w.rss-before.RSS)/mib)
	l.add(name+": RSS at most", "MiB", &goal{Max: new(12.0)}, float64(w.rss)/mib)
	l.add(name+": threads, at most", "", nil, float64(w.threads))
	l.add(name+": descriptors, at most", "", &goal{Max: new(64.0)}, float64(w.descriptors))
	l.add(name+": CPU of the victim", "%", nil, 100*(after.CPU-before.CPU).Seconds()/seconds)
	l.add(name+": age of the last heartbeat, at most", "ms", nil, w.age)
	l.add(name+": status answered within", "ms", nil, w.answer)
	if is.Link.RTTMS != nil {
		l.add(name+": round trip measured by the agent", "ms", &goal{Max: new(100.0)}, math.Max(w.rtt, *is.Link.RTTMS))
	}
	l.note("%s, rejected meanwhile: %s", name, rejections(was.Link.Rejected, is.Link.Rejected))
	return nil
}

// outcome of a flood.
type outcome struct {
	sent int
	err  error
}

// pour floods the acceptor in the background until ctx ends.
func (l *lab) pour(ctx context.Context, p *rig.Pair, from rig.Source) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		sent, err := p.Flood(ctx, p.Acceptor(), from, floodRate)
		done <- outcome{sent, err}
	}()
	return done
}

// worst is the worst that was seen during a flood.
type worst struct {
	rss                  int64
	threads, descriptors int
	age, answer, rtt     float64 // ms
}

// watchFlood looks at the victim 20 times a second until ctx ends.
func (l *lab) watchFlood(ctx context.Context, victim *rig.Box, start rig.Usage) worst {
	w := worst{rss: start.RSS, threads: start.Threads, descriptors: start.Descriptors}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return w
		case <-tick.C:
		}
		if u, err := victim.Usage(); err == nil {
			w.rss, w.threads, w.descriptors = max(w.rss, u.RSS), max(w.threads, u.Threads), max(w.descriptors, u.Descriptors)
		}
		asked := time.Now()
		doc, err := victim.Ask(ctx)
		if err != nil {
			continue
		}
		w.answer = math.Max(w.answer, ms(time.Since(asked)))
		if doc.Peer.AgeS != nil {
			w.age = math.Max(w.age, 1e3**doc.Peer.AgeS)
		}
		if doc.Link.RTTMS != nil {
			w.rtt = math.Max(w.rtt, *doc.Link.RTTMS)
		}
	}
}

// rejoin restarts a peer while the flood goes on.
func (l *lab) rejoin(ctx context.Context, p *rig.Pair, from rig.Source, name, side string) error {
	b := sides(p)[side]
	survivor := p.Other(b)
	pouring, stop := context.WithTimeout(ctx, patience)
	defer stop()
	return within(ctx, patience, func(ctx context.Context) error {
		if err := p.WaitReady(ctx); err != nil {
			return err
		}
		done := l.pour(pouring, p, from)
		defer func() {
			stop()
			<-done
		}()
		if err := rest(ctx, time.Second, 0); err != nil {
			return err
		}
		if _, err := b.Signal(syscall.SIGKILL); err != nil {
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
		last := up.Seen
		if back.Seen.After(last) {
			last = back.Seen
		}
		l.took(fmt.Sprintf("%s: %s restarted: exec → session back on both", name, side), rightWithin, last.Sub(begun))
		return nil
	})
}

// rejections says what was refused between two documents.
func rejections(before, after map[string]uint64) string {
	var parts []string
	for reason, n := range after {
		if n > before[reason] {
			parts = append(parts, fmt.Sprintf("%s %d", reason, n-before[reason]))
		}
	}
	sort.Strings(parts)
	if len(parts) == 0 {
		return "nothing"
	}
	return strings.Join(parts, ", ")
}
