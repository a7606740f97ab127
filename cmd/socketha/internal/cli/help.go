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

// purpose is what the program is for.
const purpose = `socketha tells whether a failover of this HA pair would work, and what to do
if it would not.`

// playbook is how a pair whose versions differ is brought right: verify, remediate,
// verify again.
var playbook = []struct {
	step     string
	commands []example
}{
	{"1. Verify that they are incompatible, and which Socket is the lower one.", []example{
		{"socketha status", "the verdict, and what to do"},
		{"socketha impact", "what a failover would cost until then"},
	}},
	{"2. Remediate: upgrade the lower Socket to the other's major version.", []example{
		{"socketha upgrade plan VERSION", "the steps, on which Socket first"},
		{"socketha support-request", "the ticket, where the vendor upgrades"},
	}},
	{"3. Verify that they are compatible again.", []example{
		{"socketha status --watch", "until it says READY"},
	}},
}

func runHelp(_ context.Context, c *call) (Exit, error) {
	if dir := c.flag("man-dir"); dir != "" {
		err := writeManPages(dir, c.Build)
		return exitOf(err), err
	}
	if c.on("man") && strings.Join(c.args, " ") == configPage {
		_, err := io.WriteString(c.Stdout, manConfig(c.Build))
		return exitOf(err), err
	}
	if c.on("man") && len(c.args) == 0 {
		_, err := io.WriteString(c.Stdout, manOverview(commands(), c.Build))
		return exitOf(err), err
	}
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
	text := help(cmd)
	if c.on("man") {
		text = manCommand(cmd, c.Build)
	}
	_, err = io.WriteString(c.Stdout, text)
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
	b.WriteString(purpose + "\n\n")
	b.WriteString(overviewOf(table))
	b.WriteString("\nWhen the versions of the two Sockets differ:\n")
	for _, step := range playbook {
		b.WriteString("  " + step.step + "\n")
		for _, e := range step.commands {
			fmt.Fprintf(&b, "       %-*s%s\n", 34, e.command, e.says)
		}
	}
	b.WriteString("\nMore: \"socketha help COMMAND\" tells all about one command, with examples.\n")
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
	fmt.Fprintf(&b, "%s %s: %s\n\n%s", program, cmd.name, cmd.summary, cmd.usageLines("Usage: "))
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

// left is the flag as it is typed, under all its names.
func (f flagSpec) left() string {
	names := make([]string, len(f.names))
	for i, n := range f.names {
		names[i] = dashed(n)
	}
	left := strings.Join(names, ", ")
	if f.value != "" {
		left += " " + f.value
	}
	return left
}

// text is what the flag means, with its default.
func (f flagSpec) text() string {
	if f.def != "" && f.value != "" {
		return f.usage + " (default " + f.def + ")"
	}
	return f.usage
}

func (f flagSpec) help() string {
	left, text := f.left(), f.text()
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
