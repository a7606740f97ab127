package cli

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/serve"
	"socketha/cmd/console/internal/simulate"
)

type simulateFlags struct {
	sites, rounds, connections int
	dir, url, tenant, dsn, web string
	cadence                    time.Duration
}

func (f *simulateFlags) define(set *flag.FlagSet) {
	set.IntVar(&f.sites, "sites", 100, "`N` sites, each of two Sockets")
	set.IntVar(&f.rounds, "rounds", 0, "`N` reports of each Socket as fast as they are taken; 0: one a cadence, until Ctrl-C")
	set.IntVar(&f.connections, "connections", 32, "`N` connections at once")
	set.StringVar(&f.dir, "dir", "", "`FOLDER` of the CA and of the own console's store (a temporary one)")
	set.StringVar(&f.url, "url", "", "`URL` of a console that runs already: https://HOST:PORT")
	set.StringVar(&f.tenant, "tenant", "demo", "`NAME` of the tenant")
	set.StringVar(&f.dsn, "store", "", "`DSN` of the own console (SQLite in --dir)")
	set.StringVar(&f.web, "web", "127.0.0.1:8080", "`ADDRESS` of the own console's pages")
	set.DurationVar(&f.cadence, "cadence", 5*time.Minute, "`TIME` between the reports of a Socket")
}

func (f *simulateFlags) check() error {
	switch {
	case f.sites < 1 || f.sites > 1_000_000:
		return usagef("--sites %d is outside 1 to 1000000", f.sites)
	case f.connections < 1 || f.connections > 4096:
		return usagef("--connections %d is outside 1 to 4096", f.connections)
	case f.cadence < time.Second || f.cadence > time.Hour:
		return usagef("--cadence %v is outside 1s to 1h", f.cadence)
	case f.rounds < 0:
		return usagef("--rounds is not negative")
	}
	return nil
}

func runSimulate(ctx context.Context, c *call) error {
	f := &c.sim
	if err := c.none(); err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	if f.dir == "" {
		dir, err := os.MkdirTemp("", "console-simulate-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		f.dir = dir
	}
	ca, err := fleet.OpenCA(f.dir, time.Now(), "localhost", "127.0.0.1", "::1")
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if f.url == "" {
		log := slog.New(slog.NewTextHandler(c.Stderr, nil))
		pages, err := pagesOf(ctx, f.own().Web, log)
		if err != nil {
			return err
		}
		ready := make(chan net.Addr, 1)
		group.Go(func() error {
			defer stop()
			return serve.Run(ctx, f.own(), serve.Options{Log: log, Pages: pages, Ready: func(ingest, _ net.Addr) { ready <- ingest }})
		})
		select {
		case at := <-ready:
			f.url = "https://" + at.String()
		case <-ctx.Done():
			return group.Wait()
		}
	}
	group.Go(func() error {
		defer stop()
		return c.feed(ctx, ca)
	})
	return group.Wait()
}

// own is the configuration of the console that simulate starts itself.
func (f *simulateFlags) own() serve.Config {
	cfg := serve.DefaultConfig()
	cfg.Store.DSN = f.dsn
	if f.dsn == "" {
		cfg.Store.DSN = "sqlite:" + filepath.Join(f.dir, "console.db")
	}
	cfg.Ingest.Listen, cfg.Web.Listen = "127.0.0.1:0", f.web
	cfg.Ingest.Cert, cfg.Ingest.Key = filepath.Join(f.dir, fleet.ServerFile), filepath.Join(f.dir, fleet.ServerKeyFile)
	cfg.Ingest.ClientCA = filepath.Join(f.dir, fleet.CAFile)
	return cfg
}

func (c *call) feed(ctx context.Context, ca *fleet.CA) error {
	f := &c.sim
	last := simulate.Progress{}
	done, err := simulate.Run(ctx, simulate.Config{
		URL: f.url, CA: ca, Tenant: f.tenant, Sites: f.sites, Connections: f.connections, Cadence: f.cadence, Rounds: f.rounds,
		Progress: func(p simulate.Progress) {
			rate := float64(p.Sent-last.Sent) / (p.Elapsed - last.Elapsed).Seconds()
			last = p
			if rate > 0 {
				fmt.Fprintf(c.Stdout, "%6.0f s  round %d  %9d sent  %7.0f/s  p50 %s  p95 %s  max %s  not taken %d %s\n", p.Elapsed.Seconds(), p.Round, p.Sent, rate,
					p.P50.Round(100*time.Microsecond), p.P95.Round(100*time.Microsecond), p.Max.Round(time.Millisecond), p.Other, p.LastError)
			}
		},
	})
	if err == nil {
		fmt.Fprintf(c.Stdout, "%d reports in %.1f s: %.0f a second, %d not taken\n", done.Sent, done.Elapsed.Seconds(), float64(done.Sent)/done.Elapsed.Seconds(), done.Other)
	}
	return err
}
