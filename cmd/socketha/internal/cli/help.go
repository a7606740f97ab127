package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// program is the name the command goes by in help and messages.
const program = "socketha"

// helpColumns is the width of help: what every terminal has.
const helpColumns = 80

func runHelp(_ context.Context, c *call) (Exit, error) {
	if len(c.args) == 0 {
		_, err := io.WriteString(c.Stdout, overview(commands()))
		return exitOf(err), err
	}
	table := commands()
	cmd, rest, err := find(table, c.args)
	if group := groupOf(table, c.args[0]); len(c.args) == 1 && len(group) > 0 {
		_, err := io.WriteString(c.Stdout, overviewOf(group))
		return exitOf(err), err
	}
	if err != nil {
		return ExitUsage, err
	}
	if len(rest) > 0 {
		return ExitUsage, usagef("unknown command %q", strings.Join(c.args, " "))
	}
	_, err = io.WriteString(c.Stdout, help(cmd))
	return exitOf(err), err
}

// groupOf returns the commands whose first word is word, if it is no command
// itself.
func groupOf(table []command, word string) []command {
	var group []command
	for _, cmd := range table {
		if strings.HasPrefix(cmd.name, word+" ") {
			group = append(group, cmd)
		}
	}
	return group
}

// overview is what "socketha help" prints.
func overview(table []command) string {
	var b strings.Builder
	b.WriteString("socketha tells whether a failover of this HA pair would work, and what to do\nif it would not.\n\n")
	b.WriteString(overviewOf(table))
	b.WriteString("\nFirst steps:\n")
	for _, e := range []example{
		{"socketha status", "is the pair ready?"},
		{"socketha compare 18.3.3 15.0.2", "would these two versions pair?"},
		{"socketha help status", "all about one command"},
	} {
		b.WriteString(e.line())
	}
	return b.String()
}

func overviewOf(table []command) string {
	var b strings.Builder
	b.WriteString("Commands:\n")
	for _, cmd := range table {
		fmt.Fprintf(&b, "  %-18s %s\n", cmd.name, cmd.summary)
	}
	return b.String()
}

// help is what "socketha COMMAND --help" prints.
func help(cmd *command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n\nUsage: %s\n", program, cmd.name, cmd.summary, cmd.usage())
	if cmd.long != "" {
		b.WriteByte('\n')
		for paragraph := range strings.SplitSeq(cmd.long, "\n\n") {
			writeWrapped(&b, "", strings.Join(strings.Fields(paragraph), " "), helpColumns)
			b.WriteByte('\n')
		}
	}
	if len(cmd.flags) > 0 {
		if cmd.long == "" {
			b.WriteByte('\n')
		}
		b.WriteString("Flags:\n")
		for _, f := range cmd.flags {
			b.WriteString(f.help())
		}
		b.WriteByte('\n')
	}
	if len(cmd.examples) > 0 {
		b.WriteString("Examples:\n")
		for _, e := range cmd.examples {
			b.WriteString(e.line())
		}
	}
	if len(cmd.exits) > 0 {
		b.WriteString("\nExit code:\n")
		for _, e := range cmd.exits {
			fmt.Fprintf(&b, "  %d  %s\n", e.code, e.says)
		}
	}
	return b.String()
}

func (e example) line() string {
	const column = 46
	if len(e.command) < column-2 {
		return fmt.Sprintf("  %-*s%s\n", column-2, e.command, e.says)
	}
	return fmt.Sprintf("  %s\n  %*s%s\n", e.command, column-2, "", e.says)
}

func (f flagSpec) help() string {
	names := make([]string, len(f.names))
	for i, n := range f.names {
		names[i] = dashed(n)
	}
	left := strings.Join(names, ", ")
	if f.value != "" {
		left += " " + f.value
	}
	text := f.usage
	if f.def != "" && f.value != "" {
		text += " (default " + f.def + ")"
	}
	var b strings.Builder
	const column = 26
	if len(left)+3 > column {
		fmt.Fprintf(&b, "  %s\n", left)
		left = ""
	}
	indent := strings.Repeat(" ", column)
	lines := wrap(text, helpColumns-column)
	for i, line := range lines {
		if i == 0 {
			fmt.Fprintf(&b, "  %-*s%s\n", column-2, left, line)
			continue
		}
		b.WriteString(indent + line + "\n")
	}
	return b.String()
}
