package service

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// Reloader is the task that reads the configuration again at each SIGHUP.
type Reloader struct {
	Notifier *Notifier

	// Reload reads, checks and takes over the new configuration. An error means
	// that the one before stays in force, whole.
	Reload func(ctx context.Context) error

	Status func() string // as of the Keeper
	Log    *slog.Logger

	done, refused atomic.Uint64
}

// Counts returns how many configurations were taken over and refused.
func (r *Reloader) Counts() (done, refused uint64) { return r.done.Load(), r.refused.Load() }

// Run reloads until ctx is cancelled, and then returns nil. Signals that come
// while one reload is under way lead to one more.
func (r *Reloader) Run(ctx context.Context) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	return r.run(ctx, hangup)
}

func (r *Reloader) run(ctx context.Context, hangup <-chan os.Signal) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-hangup:
			r.reload(ctx)
		}
	}
}

func (r *Reloader) reload(ctx context.Context) {
	r.mind(r.Notifier.Reloading())
	err := r.Reload(ctx)
	status := "running"
	if r.Status != nil {
		status = r.Status()
	}
	if err != nil {
		r.refused.Add(1)
		r.Log.Error("the new configuration is refused, the one before stays in force", "error", err)
		status = "configuration refused, the one before is in force: " + err.Error()
	} else {
		r.done.Add(1)
		r.Log.Info("the new configuration is in force")
	}
	// systemd waits for it in either case; what went wrong is in the status.
	r.mind(r.Notifier.Ready(status))
}

func (r *Reloader) mind(err error) {
	if err != nil {
		r.Log.Warn("the service manager cannot be told", "error", err)
	}
}
