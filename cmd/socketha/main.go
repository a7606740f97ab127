package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"socketha/agent/config"
	"socketha/agent/local/client"
	"socketha/cmd/socketha/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first
	return int(cli.Main(ctx, cli.Env{
		Args:          os.Args[1:],
		Stdin:         os.Stdin,
		Stdout:        os.Stdout,
		Stderr:        os.Stderr,
		Getenv:        os.Getenv,
		Screen:        func() (columns, rows int, ok bool) { return cli.ScreenOf(os.Stdout) },
		Dial:          func(socket string) cli.Source { return client.New(socket) },
		DefaultConfig: config.DefaultFile,
		Build:         buildInfo(),
		Meet:          meet,
		RunAgent:      runAgent,
	}))
}
