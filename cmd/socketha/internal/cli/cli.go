package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"socketha/agent/config"
	"socketha/agent/pairing"
)

// Exit is the exit code of the command.
type Exit int

// Exit codes (contract section 6).
const (
	ExitOK         Exit = 0 // done; ready; compatible
	ExitError      Exit = 1
	ExitUsage      Exit = 2
	ExitNotReady   Exit = 3 // or incompatible
	ExitUnknown    Exit = 4
	ExitNotRunning Exit = 5 // no agent at the socket
)

// Env is the world around one call of the command.
type Env struct {
	Args   []string // without the name of the program
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string

	// Screen returns the size of the terminal that Stdout is, or false.
	Screen func() (columns, rows int, ok bool)

	// Dial returns the agent that listens at a unix socket; it is asked later.
	Dial func(socket string) Source

	// Meet looks for the peer on the HA link until ctx ends.
	Meet func(ctx context.Context, cfg pairing.Config) (*Meeting, error)

	// DefaultConfig is the configuration used where none is named.
	DefaultConfig string

	Build Build

	// RunAgent runs the agent until ctx ends; nil then.
	RunAgent func(ctx context.Context, cfg *config.Config, log *slog.Logger) error
}

// call is one command with its flags and arguments read.
type call struct {
	Env
	command *command
	flags   map[string]string // by the first name of each flag
	args    []string
}

func (c *call) flag(name string) string { return c.flags[name] }
func (c *call) on(name string) bool     { return c.flags[name] == "true" }

// usageError is a mistake in how the command was called.
type usageError struct{ what string }

func (e *usageError) Error() string { return e.what }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// Main runs the command that env.Args names and returns its exit code.
func Main(ctx context.Context, env Env) Exit {
	if len(env.Args) == 0 {
		fmt.Fprint(env.Stderr, overview(commands()))
		return ExitUsage
	}
	if env.Args[0] == completeCommand {
		return answerCompletion(env.Stdout, env.Args[1:])
	}
	cmd, args, err := find(commands(), env.Args)
	if group := groupOf(commands(), env.Args[0]); err != nil && len(group) > 0 && wantsHelp(env.Args[1:]) {
		_, err := io.WriteString(env.Stdout, overviewOf(group))
		return exitOf(err)
	}
	if err != nil {
		return complain(env, nil, err)
	}
	c := &call{Env: env, command: cmd}
	if err := c.parse(args); errors.Is(err, errHelp) {
		_, err := io.WriteString(env.Stdout, help(cmd))
		return exitOf(err)
	} else if err != nil {
		return complain(env, cmd, err)
	}
	exit, err := cmd.run(ctx, c)
	if err != nil {
		return max(exit, complain(env, cmd, err))
	}
	return exit
}

// complain writes err where errors go and returns the code it stands for.
func complain(env Env, cmd *command, err error) Exit {
	name := program
	if cmd != nil {
		name += " " + cmd.name
	}
	if problems, ok := errors.AsType[config.Problems](err); ok {
		// Bare lines, so that editors and terminals find file:line:column.
		fmt.Fprintf(env.Stderr, "%s: not accepted, for %s:\n%s\n", name, count(len(problems), "problem"), printable(problems.Error()))
		return ExitError
	}
	fmt.Fprintf(env.Stderr, "%s: %s\n", name, printable(err.Error()))
	if _, ok := errors.AsType[*usageError](err); !ok {
		return ExitError
	}
	if cmd != nil {
		fmt.Fprint(env.Stderr, cmd.usageLines("usage: "))
	}
	fmt.Fprintf(env.Stderr, "More: %s --help\n", name)
	return ExitUsage
}

// wantsHelp reports whether args ask for help and nothing else.
func wantsHelp(args []string) bool {
	return len(args) == 1 && slices.Contains([]string{"-h", "-help", "--help"}, args[0])
}

func exitOf(err error) Exit {
	if err != nil {
		return ExitError
	}
	return ExitOK
}

// find returns the command that args begin with and what follows it.
func find(table []command, args []string) (*command, []string, error) {
	switch args[0] {
	case "-h", "-help", "--help":
		return named(table, "help"), args[1:], nil
	case "-v", "-version", "--version":
		return named(table, "version"), args[1:], nil
	}
	for words := min(2, len(args)); words > 0; words-- {
		if cmd := named(table, strings.Join(args[:words], " ")); cmd != nil {
			return cmd, args[words:], nil
		}
	}
	return nil, nil, notFound(table, args)
}

func named(table []command, name string) *command {
	for i := range table {
		if table[i].name == name {
			return &table[i]
		}
	}
	return nil
}

// notFound says what may have been meant.
func notFound(table []command, args []string) error {
	var first, second []string // first words; second words behind args[0]
	for _, cmd := range table {
		word, sub, _ := strings.Cut(cmd.name, " ")
		first = append(first, word)
		if word == args[0] {
			second = append(second, sub)
		}
	}
	if len(second) > 0 {
		if len(args) == 1 || strings.HasPrefix(args[1], "-") {
			return usagef("%s what? One of: %s", args[0], strings.Join(second, ", "))
		}
		if near := config.Nearest(args[1], second); near != "" {
			return usagef("unknown command %q, did you mean %q?", args[0]+" "+args[1], args[0]+" "+near)
		}
		return usagef("unknown command %q, known are: %s", args[0]+" "+args[1], strings.Join(second, ", "))
	}
	if near := config.Nearest(args[0], first); near != "" {
		return usagef("unknown command %q, did you mean %q?", args[0], near)
	}
	return usagef("unknown command %q; \"socketha help\" lists them", args[0])
}
