package cli_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketha/cmd/console/internal/cli"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/serve"
)

func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = cli.Main(context.Background(), cli.Env{Args: args, Stdout: &stdout, Stderr: &stderr, Version: "console test"})
	return code, stdout.String(), stderr.String()
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	dsn, file := "sqlite:"+filepath.Join(dir, "c.db"), filepath.Join(dir, "backup")
	for _, one := range []struct {
		args string
		code int
		says string
	}{
		{"", 2, "console serve"},
		{"--help", 0, "console simulate"},
		{"serve --help", 0, "[ingest]"},
		{"help backup", 0, "gzip"},
		{"version", 0, "console test"},
		{"frobnicate", 2, "unknown command"},
		{"serve", 1, "ingest.cert is missing"},
		{"serve --config /no/such/file", 1, "no such file"},
		{"serve --nonsense", 2, "nonsense"},
		{"serve extra", 2, "extra"},
		{"simulate --sites 0", 2, "outside 1 to"},
		{"backup --store " + dsn, 2, "FILE"},
		{"migrate --store " + dsn, 0, "from version 0"},
		{"migrate --store " + dsn, 0, "up to date"},
		{"migrate --store nonsense", 1, "neither sqlite:PATH"},
		{"backup " + file + " --store " + dsn, 0, "rows written"},
		{"restore --store sqlite:" + filepath.Join(dir, "d.db") + " " + file, 0, "rows restored"},
		{"restore --store " + dsn + " /dev/null", 1, "not a backup"},
	} {
		code, out, errs := call(t, strings.Fields(one.args)...)
		if code != one.code || !strings.Contains(out+errs, one.says) {
			t.Errorf("%q: %d %s%s", one.args, code, out, errs)
		}
	}
}

func TestConfig(t *testing.T) {
	name := filepath.Join(t.TempDir(), "c.toml")
	write := func(text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(serve.Sample)
	cfg, err := serve.LoadConfig(name)
	if err != nil || cfg.Check() != nil || cfg.Ingest.MaxConnections != 4096 {
		t.Errorf("the sample: %+v, %v", cfg, err)
	}
	for text, says := range map[string]string{
		"[ingest]\nlisten = 3":    "c.toml:2:10",
		"[store]\n\ndns = \"x\"":  "c.toml:3:1: there is no key store.dns",
		"[web]\nlisten = \"nix\"": "",
	} {
		write(text)
		cfg, err := serve.LoadConfig(name)
		if says == "" {
			err = cfg.Check()
			says = `web.listen "nix"`
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestStop: SIGTERM ends a console in order.
func TestStop(t *testing.T) {
	dir := t.TempDir()
	if _, err := fleet.OpenCA(dir, time.Now(), "127.0.0.1"); err != nil {
		t.Fatal(err)
	}
	c := startConsole(t, dir, "sqlite:"+filepath.Join(dir, "c.db"))
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("the console ended with %v", err)
	}
}

// TestSimulate: a small fleet reports through the front door of its own console.
func TestSimulate(t *testing.T) {
	code, out, errs := call(t, "simulate", "--sites", "20", "--rounds", "2", "--web", "127.0.0.1:0")
	if code != 0 || !strings.Contains(out, "0 not taken") {
		t.Errorf("%d %s%s", code, out, errs)
	}
}
