package role

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// source is one way to learn the HA state. run reports whenever it has
// something to say, for the first time within 3 s, and returns soon after ctx ends.
type source interface {
	run(ctx context.Context, say func(report))
}

// Watcher keeps the HA state up to date. Make it with New and run it once.
type Watcher struct {
	log     *slog.Logger
	sources []source
	state   atomic.Pointer[State]
	changed chan struct{}

	// The rest is owned by Run.
	voices []voice // of the sources, in the same order
}

// said is a report on its way to the watcher.
type said struct {
	index  int
	report report
}

// New checks the configuration and returns a watcher that knows nothing yet.
// None of what it names need exist.
func New(cfg Config) (*Watcher, error) {
	cfg, err := check(cfg)
	if err != nil {
		return nil, err
	}
	w := &Watcher{log: cfg.Log, changed: make(chan struct{}, 1)}
	w.add(cfg, FromKeepalived, cfg.Keepalived.FIFO != "", func() source { return newKeepalived(cfg.Keepalived, cfg.Log) })
	w.add(cfg, FromFRR, cfg.FRR.Socket != "" || len(cfg.FRR.Command) > 0, func() source { return newFRR(cfg.FRR) })
	w.add(cfg, FromHook, cfg.Hook.File != "" || len(cfg.Hook.Command) > 0, func() source { return newHook(cfg.Hook) })
	w.add(cfg, FromVIP, len(cfg.VIPs) > 0, func() source { return newVIP(cfg.VIPs, cfg.Log) })
	if len(w.sources) == 0 {
		return nil, fmt.Errorf("source of the HA state %q: nothing that belongs to it is configured", cfg.Source)
	}
	first := choose(w.voices)
	first.Since = time.Now()
	w.state.Store(&first)
	return w, nil
}

func (w *Watcher) add(cfg Config, kind Kind, configured bool, make func() source) {
	if configured && (cfg.Source == Auto || cfg.Source == kind) {
		w.sources = append(w.sources, make())
		w.voices = append(w.voices, voice{kind: kind})
	}
}

// State returns the HA state as it was last read. It never blocks.
func (w *Watcher) State() State { return *w.state.Load() }

// Changed delivers one notification for all changes since the last was taken,
// after which State tells the latest. It is for one consumer and never closed.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Run watches until ctx is cancelled, and then returns nil. It has no error:
// whatever fails is tried again, and State says what does not answer.
func (w *Watcher) Run(ctx context.Context) error {
	reports := make(chan said)
	var running sync.WaitGroup
	for i, s := range w.sources {
		running.Go(func() {
			s.run(ctx, func(r report) {
				select {
				case reports <- said{i, r}:
				case <-ctx.Done():
				}
			})
		})
	}
	defer running.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-reports:
			w.hear(s)
		case <-timer.C:
		}
		if due := w.settle(time.Now()); due.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(due))
		}
		w.publish(choose(w.voices))
	}
}

// hear takes a report. Where the addresses tell of another state those who are asked
// only now and then are asked at once: a takeover is seen as soon as it is made.
func (w *Watcher) hear(s said) {
	v := &w.voices[s.index]
	before := v.last.ha
	v.hear(time.Now(), s.report)
	if v.kind != FromVIP || v.last.ha == before {
		return
	}
	for _, s := range w.sources {
		if p, ok := s.(*poller); ok {
			p.hint()
		}
	}
}

// settle lets the voices that waited long enough speak, and returns when the next one will
// have; zero if none waits.
func (w *Watcher) settle(now time.Time) (next time.Time) {
	for i := range w.voices {
		v := &w.voices[i]
		v.settle(now)
		if !v.due.IsZero() && (next.IsZero() || v.due.Before(next)) {
			next = v.due
		}
	}
	return next
}

// publish replaces the snapshot if s says anything new.
func (w *Watcher) publish(s State) {
	before := w.State()
	if s.same(before) {
		return
	}
	s.Since = before.Since
	if s.HA != before.HA {
		s.Since = time.Now()
	}
	w.state.Store(&s)
	select {
	case w.changed <- struct{}{}:
	default: // one is waiting already, and State is the latest
	}
	if s.HA != before.HA || s.Source != before.Source {
		w.log.Info("HA state changed", "from", before.HA.String(), "to", s.HA.String(), "source", s.Source, "detail", s.Detail)
	} else {
		w.log.Debug("HA state seen anew", "state", s.HA.String(), "source", s.Source, "detail", s.Detail)
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// closeWith calls release when ctx ends, or at the latest when the function it
// returns is called, which waits until release has returned.
func closeWith(ctx context.Context, release func()) (end func()) {
	released := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		release()
		close(released)
	})
	return func() {
		if stop() {
			release()
			return
		}
		<-released
	}
}
