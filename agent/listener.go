package agent

import (
	"context"
	"log/slog"
	"time"

	"socketha/agent/web"
)

// faceTasks are the tasks of what shows the status beside the local interface.
func (a *Agent) faceTasks() []task {
	if a.cfg.Web.Address == "" {
		return nil
	}
	l := &listening{log: a.log, open: func(ctx context.Context) (runner, error) {
		return web.New(ctx, a.cfg.Web, a.server.Handler(), a.log)
	}}
	return []task{{"own web listener", l.run}}
}

// listenAgain is how long the own listener waits after a failure.
const listenAgain = 10 * time.Second

// listening keeps the own listener open. Its address may come later than the
// agent, its port may be taken, its files may be wrong: heartbeats go on, the log
// tells it once, and it is tried again.
type listening struct {
	open func(context.Context) (runner, error)
	log  *slog.Logger
}

type runner interface {
	Run(ctx context.Context) error
}

func (l *listening) run(ctx context.Context) error {
	told := ""
	for ctx.Err() == nil {
		server, err := l.open(ctx)
		if err == nil {
			l.log.Info("own web listener opens")
			told, err = "", server.Run(ctx)
		}
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			l.log.Error("no own web listener until this is remedied", "error", err, "again", listenAgain)
		}
		again := time.NewTimer(listenAgain)
		select {
		case <-ctx.Done():
		case <-again.C:
		}
		again.Stop()
	}
	return nil
}
