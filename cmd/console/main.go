// Command console is the reference receiver of Sockets' reports: it takes them in,
// judges sites, keeps stories, and shows them. It runs on a server, never on an
// appliance.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"socketha/cmd/console/internal/cli"
)

// Set by the linker.
var (
	version = "devel"
	commit  = "unknown"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not heed the first
	return cli.Main(ctx, cli.Env{
		Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr,
		Version: "console " + version + " (" + commit + ")",
	})
}
