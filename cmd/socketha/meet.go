package main

import (
	"context"

	"socketha/agent/pairing"
	"socketha/cmd/socketha/internal/cli"
)

// meet looks for the peer that is to be paired.
func meet(ctx context.Context, cfg pairing.Config) (*cli.Meeting, error) {
	cfg.TimeFloor = agentBuild().CommitTime
	m, err := pairing.Find(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &cli.Meeting{Peer: m.Peer, Spoiled: m.Spoiled(), Close: m.Close}, nil
}
