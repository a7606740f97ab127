package cli

import (
	"context"
	"io"
	"log/slog"

	"socketha/agent/config"
)

func runAgent(ctx context.Context, c *call) (Exit, error) {
	cfg, err := config.Load(c.flag("config"))
	if err != nil {
		return ExitError, err
	}
	err = c.RunAgent(ctx, cfg, logger(c.Stderr, cfg.Log))
	return exitOf(err), err
}

// logger writes as the configuration says. Text has no colours and JSON one
// object a line: both are for a journal.
func logger(w io.Writer, cfg config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
