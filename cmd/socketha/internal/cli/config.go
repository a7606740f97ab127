package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"socketha/agent/config"
)

// configFile returns the file that config check and show were given.
func (c *call) configFile() (string, error) {
	flag := c.flag("config")
	switch {
	case len(c.args) == 1 && flag != "":
		return "", usagef("the file is named twice, as --config %s and as %s", flag, c.args[0])
	case len(c.args) == 1:
		return c.args[0], nil
	case flag != "":
		return flag, nil
	}
	return c.DefaultConfig, nil
}

// loadConfig reads the file that --config names, or the default one if it is
// there, or takes the defaults. Of the latter interface and role are not known.
func (c *call) loadConfig() (*config.Config, error) {
	if file := c.flag("config"); file != "" {
		return config.Load(file)
	}
	cfg, err := config.Load(c.DefaultConfig)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Default(), nil
	}
	return cfg, err
}

func runConfigCheck(_ context.Context, c *call) (Exit, error) {
	file, err := c.configFile()
	if err != nil {
		return ExitUsage, err
	}
	cfg, err := config.Load(file)
	if err != nil {
		return ExitError, err
	}
	_, err = fmt.Fprintf(c.Stdout, "%s: OK\n", printable(file))
	for _, note := range notes(cfg) {
		fmt.Fprintf(c.Stdout, "  note: %s\n", printable(note))
	}
	return exitOf(err), err
}

// notes says what a good configuration still lacks on this machine.
func notes(cfg *config.Config) []string {
	var notes []string
	for _, f := range []struct{ path, remedy string }{
		{cfg.Identity.Key, "make it with: socketha identity init"},
		{cfg.Identity.CA, "the agent will not start without it"},
	} {
		if f.path == "" {
			continue
		}
		if _, err := os.Stat(f.path); errors.Is(err, fs.ErrNotExist) {
			notes = append(notes, f.path+" is not there yet; "+f.remedy)
		}
	}
	pins, err := config.ReadPins(cfg.Identity.PinsFile)
	switch {
	case err != nil:
		notes = append(notes, err.Error())
	case len(pins)+len(cfg.Identity.PeerFingerprints) == 0 && cfg.Identity.CA == "":
		notes = append(notes, "no peer is trusted yet; pin it with: socketha identity trust")
	}
	return notes
}

func runConfigShow(_ context.Context, c *call) (Exit, error) {
	if c.on("sample") {
		_, err := io.WriteString(c.Stdout, config.Sample)
		return exitOf(err), err
	}
	file, err := c.configFile()
	if err != nil {
		return ExitUsage, err
	}
	cfg, err := config.Load(file)
	if err != nil {
		return ExitError, err
	}
	_, err = io.WriteString(c.Stdout, cfg.Render())
	return exitOf(err), err
}

// count writes "1 problem", "2 problems".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
