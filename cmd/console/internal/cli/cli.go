package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"socketha/cmd/console/internal/serve"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
)

// Env is the world around one call of the command.
type Env struct {
	Args           []string // without the name of the program
	Stdout, Stderr io.Writer
	Version        string // version and commit, one line
}

// command is one row of the table.
type command struct {
	name, args, short string
	long              string // what to know, and examples
	run               func(ctx context.Context, c *call) error
	flags             func(c *call)
}

// call is one command being run.
type call struct {
	Env
	set   *flag.FlagSet
	args  []string
	serve serveFlags
	dsn   string
	sim   simulateFlags
}

// usageError is a mistake in how the command was called.
type usageError struct{ what string }

func (e *usageError) Error() string { return e.what }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

func commands() []command {
	return []command{
		{
			"serve", "", "take reports in, run the stories, show the pages", serveHelp + serve.Sample, runServe,
			func(c *call) { c.serve.define(c.set) },
		},
		{
			"simulate", "", "let a made-up fleet report through the front door", simulateHelp, runSimulate,
			func(c *call) { c.sim.define(c.set) },
		},
		{"migrate", "", "bring the tables of the store up to date", migrateHelp, runMigrate, (*call).storeFlag},
		{"backup", "FILE", "write everything to a file, while the console serves", backupHelp, runBackup, (*call).storeFlag},
		{"restore", "FILE", "fill an empty store from a backup", restoreHelp, runRestore, (*call).storeFlag},
		{"version", "", "print the version", "", runVersion, func(*call) {}},
		{"help", "[COMMAND]", "tell about a command", "", runHelp, func(*call) {}},
	}
}

// Main runs the command that env.Args names and returns its exit code.
func Main(ctx context.Context, env Env) int {
	if len(env.Args) == 0 {
		fmt.Fprint(env.Stderr, overview())
		return exitUsage
	}
	name := env.Args[0]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-version", "--version":
		name = "version"
	}
	cmd := find(name)
	if cmd == nil {
		fmt.Fprintf(env.Stderr, "console: unknown command %q; \"console help\" lists them\n", name)
		return exitUsage
	}
	c := &call{Env: env, set: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
	c.set.SetOutput(io.Discard)
	cmd.flags(c)
	args, err := c.parse(env.Args[1:])
	c.args = args
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(env.Stdout, c.help(cmd))
		return exitOK
	}
	if err == nil {
		err = cmd.run(ctx, c)
	} else {
		err = usagef("%v", err)
	}
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(env.Stderr, "console %s: %v\n", cmd.name, err)
	if _, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(env.Stderr, "usage: console %s\nMore: console %s --help\n", cmd.usage(), cmd.name)
		return exitUsage
	}
	return exitError
}

// parse reads flags before, between and behind the arguments.
func (c *call) parse(args []string) ([]string, error) {
	var rest []string
	for {
		if err := c.set.Parse(args); err != nil {
			return nil, err
		}
		if args = c.set.Args(); len(args) == 0 {
			return rest, nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

func find(name string) *command {
	for _, cmd := range commands() {
		if cmd.name == name {
			return &cmd
		}
	}
	return nil
}

func (cmd *command) usage() string {
	words := []string{cmd.name, "[FLAG...]"}
	if cmd.args != "" {
		words = append(words, cmd.args)
	}
	return strings.Join(words, " ")
}

func (c *call) storeFlag() {
	c.set.StringVar(&c.dsn, "store", serve.DefaultConfig().Store.DSN, "`DSN`: sqlite:PATH or postgres://USER@HOST/NAME")
}

// file returns the one argument.
func (c *call) file() (string, error) {
	if len(c.args) != 1 {
		return "", usagef("one FILE is needed, not %d", len(c.args))
	}
	return c.args[0], nil
}

func (c *call) none() error {
	if len(c.args) > 0 {
		return usagef("no argument is taken, but there is %q", c.args[0])
	}
	return nil
}

func (c *call) logger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("--log-level %q: debug, info, warn or error", level)
	}
	return slog.New(slog.NewTextHandler(c.Stderr, &slog.HandlerOptions{Level: l})), nil
}
