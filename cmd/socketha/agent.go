package main

import (
	"context"
	"log/slog"

	"socketha/agent"
	"socketha/agent/config"
)

// runAgent runs the agent until ctx ends, and returns nil then.
func runAgent(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	a, err := agent.New(cfg, agentBuild(), log)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}
