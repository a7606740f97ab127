package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/scripts/bench/rig"
)

// lossGoals are the false alarms allowed in ten minutes of 100 ms × 3, on both
// sides together, by the loss in percent.
var lossGoals = map[int]*goal{0: {Max: new(0.0)}, 10: {Max: new(0.0)}, 20: {Max: new(1.0)}, 30: nil}

// loss counts how often a living peer is declared lost under random loss.
func loss(ctx context.Context, l *lab) error {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	percents := []int{0, 10, 20, 30}
	for _, percent := range percents {
		l.figure(lossName(percent), "losses", lossGoals[percent]) // in this order
	}
	for _, percent := range percents {
		group.Go(func() error {
			t := lossTrial{lab: l, mu: &mu, percent: percent}
			return t.run(ctx)
		})
	}
	return group.Wait()
}

func lossName(percent int) string {
	return fmt.Sprintf("%2d %% lost both ways: peer falsely declared lost", percent)
}

type lossTrial struct {
	*lab

	mu      *sync.Mutex
	percent int
}

func (t *lossTrial) run(ctx context.Context) error {
	p, err := t.idlePair(rig.Options{Interval: t.timers(100 * time.Millisecond)})
	if err != nil {
		return err
	}
	defer p.Close()
	if _, _, err := p.Drop(t.percent); err != nil {
		return err
	}
	begun := time.Now()
	if err := within(ctx, 2*patience, p.Start); err != nil {
		return err
	}
	t.mu.Lock()
	t.took(fmt.Sprintf("%2d %%: exec of both → both Ready under that loss", t.percent), nil, time.Since(begun))
	t.mu.Unlock()
	if err := rest(ctx, 2*time.Second, 0); err != nil {
		return err
	}
	var marks [2]int
	for i, b := range p.Boxes {
		marks[i] = b.Log.Mark()
	}
	if err := rest(ctx, t.length, 0); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	losses := 0
	for i, b := range p.Boxes {
		losses += t.count(b.Log.Since(marks[i]), sideNames[i])
	}
	t.add(lossName(t.percent), "losses", nil, float64(losses))
	return t.finish(ctx, p)
}

// count counts the losses in one log and how long each lasted. A peer that was
// told of the loss by the other side has not judged by itself.
func (t *lossTrial) count(lines []rig.Line, side string) (losses int) {
	var since time.Time
	reasons := map[string]int{}
	for _, line := range lines {
		switch {
		case rig.SessionLost(line):
			reasons[fmt.Sprint(line.Attr["reason"])]++
			if rig.SessionTimeout(line) {
				losses++
			}
			since = line.Seen
		case rig.SessionUp(line) && !since.IsZero():
			t.took(fmt.Sprintf("%2d %%: lost → session back", t.percent), nil, line.Seen.Sub(since))
			since = time.Time{}
		}
	}
	if len(reasons) > 0 {
		t.note("%d %%, %s: left Up for %v in %v", t.percent, side, reasons, t.length)
	}
	return losses
}

// finish heals the cable and looks whether all is well again.
func (t *lossTrial) finish(ctx context.Context, p *rig.Pair) error {
	if _, _, err := p.Drop(0); err != nil {
		return err
	}
	begun := time.Now()
	err := within(ctx, patience, p.WaitReady)
	if err != nil {
		return err
	}
	t.took(fmt.Sprintf("%2d %%: healed → both Ready", t.percent), nil, time.Since(begun))
	doc, err := p.Initiator().Ask(ctx)
	if err != nil {
		return err
	}
	var rejected []string
	for reason, n := range doc.Link.Rejected {
		rejected = append(rejected, fmt.Sprintf("%s %d", reason, n))
	}
	t.note("%d %%, initiator: sent %d, received %d, counted as lost %d, rejected: %s",
		t.percent, doc.Link.Sent, doc.Link.Received, doc.Link.Lost, strings.Join(rejected, ", "))
	return nil
}

// resolution looks whether a session lives on where link addresses are not
// answered for, though every heartbeat arrives.
func resolution(ctx context.Context, l *lab) error {
	p, err := l.pair(ctx, rig.Options{Interval: l.timers(100 * time.Millisecond)})
	if err != nil {
		return err
	}
	defer p.Close()
	var marks [2]int
	for i, b := range p.Boxes {
		marks[i] = b.Log.Mark()
	}
	begun := time.Now()
	if err := p.DropResolution(); err != nil {
		return err
	}
	if err := rest(ctx, l.length, 0); err != nil {
		return err
	}
	lost := 0
	for i, b := range p.Boxes {
		for _, line := range b.Log.Since(marks[i]) {
			if rig.SessionLost(line) {
				lost++
				l.note("%s: left Up after %.1f s: %v", sideNames[i], line.Seen.Sub(begun).Seconds(), line.Attr["reason"])
			}
		}
	}
	l.add("session lost, both sides, though no heartbeat was dropped", "times", &goal{Max: new(0.0)}, float64(lost))
	return nil
}
