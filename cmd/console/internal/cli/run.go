package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"socketha/cmd/console/internal/serve"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
	"socketha/cmd/console/internal/web"
)

// serveFlags are the flags of serve; each goes before its key in the file.
type serveFlags struct {
	config, level                                      string
	dsn, ingest, web, cert, key, clientCA, wCert, wKey string
}

func (f *serveFlags) define(set *flag.FlagSet) {
	set.StringVar(&f.config, "config", "", "`FILE` with the configuration")
	set.StringVar(&f.level, "log-level", "info", "`LEVEL`: debug, info, warn or error")
	set.StringVar(&f.dsn, "store", "", "`DSN`: sqlite:PATH or postgres://USER@HOST/NAME")
	set.StringVar(&f.ingest, "ingest", "", "`ADDRESS` that Sockets report to")
	set.StringVar(&f.cert, "cert", "", "`FILE` with the certificate of the ingest listener")
	set.StringVar(&f.key, "key", "", "`FILE` with its key")
	set.StringVar(&f.clientCA, "client-ca", "", "`FILE` with the CA of the Sockets' certificates")
	set.StringVar(&f.web, "web", "", "`ADDRESS` of pages, health and metrics")
	set.StringVar(&f.wCert, "web-cert", "", "`FILE` with the certificate of the web listener")
	set.StringVar(&f.wKey, "web-key", "", "`FILE` with its key")
}

// read returns the configuration that file and flags come to.
func (f *serveFlags) read() (serve.Config, error) {
	cfg := serve.DefaultConfig()
	if f.config != "" {
		var err error
		if cfg, err = serve.LoadConfig(f.config); err != nil {
			return cfg, err
		}
	}
	for _, one := range []struct {
		flag string
		to   *string
	}{
		{f.dsn, &cfg.Store.DSN},
		{f.ingest, &cfg.Ingest.Listen},
		{f.cert, &cfg.Ingest.Cert},
		{f.key, &cfg.Ingest.Key},
		{f.clientCA, &cfg.Ingest.ClientCA},
		{f.web, &cfg.Web.Listen},
		{f.wCert, &cfg.Web.Cert},
		{f.wKey, &cfg.Web.Key},
	} {
		if one.flag != "" {
			*one.to = one.flag
		}
	}
	return cfg, cfg.Check()
}

func runServe(ctx context.Context, c *call) error {
	if err := c.none(); err != nil {
		return err
	}
	cfg, err := c.serve.read()
	if err != nil {
		return err
	}
	log, err := c.logger(c.serve.level)
	if err != nil {
		return err
	}
	pages, err := pagesOf(ctx, cfg.Web, log)
	if err != nil {
		return err
	}
	return serve.Run(ctx, cfg, serve.Options{Log: log, Pages: pages})
}

// maxPassword bounds the file of the first password, in bytes.
const maxPassword = 1024

// pagesOf makes the pages once there is a store. They end with ctx: an open stream
// would otherwise hold up the stop.
func pagesOf(ctx context.Context, cfg serve.WebConfig, log *slog.Logger) (func(*store.Store, *story.Service) (http.Handler, error), error) {
	password := ""
	if cfg.PasswordFile != "" {
		data, err := os.ReadFile(cfg.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("first password: %w", err)
		}
		if password = strings.TrimSpace(string(data)); password == "" || len(password) > maxPassword {
			return nil, fmt.Errorf("first password: %s holds %d bytes, accepted: 1 to %d", cfg.PasswordFile, len(password), maxPassword)
		}
	}
	return func(db *store.Store, stories *story.Service) (http.Handler, error) {
		pages, err := web.New(ctx, web.Config{
			Store: db, Stories: stories, Log: log, PlainHTTP: cfg.PlainHTTP, Local: web.Local{Password: password},
		})
		if err != nil {
			return nil, fmt.Errorf("pages: %w", err)
		}
		context.AfterFunc(ctx, pages.Close)
		return pages, nil
	}, nil
}

func runMigrate(ctx context.Context, c *call) error {
	if err := c.none(); err != nil {
		return err
	}
	from, to, err := store.Migrate(ctx, store.Config{DSN: c.dsn})
	if err != nil {
		return err
	}
	if from == to {
		fmt.Fprintf(c.Stdout, "up to date: version %d\n", to)
		return nil
	}
	fmt.Fprintf(c.Stdout, "brought up to date: from version %d to %d\n", from, to)
	return nil
}

func runBackup(ctx context.Context, c *call) error {
	name, err := c.file()
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Config{DSN: c.dsn, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if name == "-" {
		_, err := db.Backup(ctx, c.Stdout)
		return err
	}
	rows := 0
	err = writeWhole(name, func(w io.Writer) error {
		rows, err = db.Backup(ctx, w)
		return err
	})
	if err == nil {
		fmt.Fprintf(c.Stdout, "%d rows written to %s\n", rows, name)
	}
	return err
}

// writeWhole writes a file that is there whole, on disk, or not at all.
func writeWhole(name string, fill func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".backup-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = fill(f); err != nil {
		return err
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func runRestore(ctx context.Context, c *call) error {
	name, err := c.file()
	if err != nil {
		return err
	}
	from := io.Reader(os.Stdin)
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	db, err := store.Open(ctx, store.Config{DSN: c.dsn})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	rows, err := db.Restore(ctx, from)
	if err == nil {
		fmt.Fprintf(c.Stdout, "%d rows restored\n", rows)
	}
	return err
}
