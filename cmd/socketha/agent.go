package main

import (
	"context"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"

	"socketha/agent"
	"socketha/agent/config"
	"socketha/platform/service"
)

// gcPercent keeps the heap close to what is live: at a heartbeat a second there
// is a collection every few minutes either way, and each page counts.
const gcPercent = 20

// runAgent runs the agent until ctx ends, and returns nil then.
func runAgent(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	tune()
	notifier, err := service.NewNotifier(os.Getenv, os.Getpid())
	if err != nil {
		return err
	}
	defer func() { _ = notifier.Close() }() // nothing is told any more
	a, err := agent.New(cfg, agentBuild(), log)
	if err != nil {
		return err
	}
	a.Supervise(notifier)
	if err := a.Confine(); err != nil {
		return err
	}
	return a.Run(ctx)
}

// tune fits Go's runtime to an appliance, unless the environment already says
// what is wanted. One heartbeat passes three goroutines; on one P they follow
// one another without waking another thread, which halves the context switches
// of an exchange (9 to 10 with two, about 5 with one).
func tune() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
