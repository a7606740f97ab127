package story

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"socketha/cmd/console/internal/store"
)

// Timing of the service.
const (
	tickEvery   = time.Second
	listenEvery = 10 * time.Second
	listenGap   = time.Minute // a longer one is a gap in which nobody listened
	sweepEvery  = time.Hour
	batch       = 200 // sites stepped in one transaction
)

// Config says what the service works with.
type Config struct {
	Store     *store.Store
	Sinks     []string // names of the sinks that are told of every story
	Retention store.Retention
	Now       func() time.Time // nil: time.Now
	Log       *slog.Logger
}

// Service runs the stories. Its methods may be called at the same time.
type Service struct {
	cfg       Config
	listening atomic.Int64 // Unix milliseconds
	stats     Stats
}

// Stats counts what the service did since it started.
type Stats struct {
	Steps, Opened, Reopened, Closed atomic.Uint64
}

// New returns a service that has been listening from now on, or for longer if another
// console has been, or this one before it was restarted a moment ago.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{cfg: cfg}
	return s, s.Listen(ctx)
}

// Stats returns the live counters.
func (s *Service) Stats() *Stats { return &s.stats }

// Listen says in the store that this console is listening, and learns since when
// some console has been.
func (s *Service) Listen(ctx context.Context) error {
	since, err := s.cfg.Store.Listening(ctx, s.cfg.Now(), listenGap)
	if err == nil {
		s.listening.Store(since.UnixMilli())
	}
	return err
}

// Listening returns since when some console has been listening without a gap.
func (s *Service) Listening() time.Time { return time.UnixMilli(s.listening.Load()).UTC() }

// Run steps what is due, says that we listen, and deletes what is old, until ctx ends.
// What fails is logged and tried again.
func (s *Service) Run(ctx context.Context) error {
	tick, listen, sweep := time.NewTicker(tickEvery), time.NewTicker(listenEvery), time.NewTicker(sweepEvery)
	defer tick.Stop()
	defer listen.Stop()
	defer sweep.Stop()
	for {
		var what string
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			what = "stepping sites"
			_, err = s.Tick(ctx)
		case <-listen.C:
			what = "saying that we listen"
			err = s.Listen(ctx)
		case <-sweep.C:
			what = "deleting what is old"
			_, err = s.cfg.Store.Sweep(ctx, s.cfg.Now(), s.cfg.Retention)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
			s.cfg.Log.ErrorContext(ctx, "not done, trying again", slog.String("what", what), slog.Any("error", err))
		}
	}
}

// Tick steps every site that is due now, and returns how many there were.
func (s *Service) Tick(ctx context.Context) (int, error) {
	total := 0
	for ctx.Err() == nil {
		now := s.cfg.Now()
		n, err := s.cfg.Store.StepDue(ctx, now, batch, func(tx *store.SiteTx) error { return s.Apply(ctx, tx, now) })
		total += n
		if err != nil || n < batch {
			return total, err
		}
	}
	return total, nil
}
