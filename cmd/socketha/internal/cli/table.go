package cli

import (
	"context"
	"slices"
	"strings"

	"socketha/agent/config"
)

// A command is one row of the table.
type command struct {
	name    string // words, as typed behind "socketha"
	summary string // one line
	long    string // paragraphs, wrapped when shown
	args    []string
	least   int  // number of args that must be given
	more    bool // any number of args may be given

	flags    []flagSpec
	examples []example
	exits    []exitDoc

	run func(ctx context.Context, c *call) (Exit, error)
}

// A flagSpec is one flag of a command, under all its names.
type flagSpec struct {
	names   []string
	value   string // placeholder; empty for a flag that is on or off
	def     string
	choices []string // empty: any value
	needed  bool     // must be given
	usage   string
}

type example struct{ command, says string }

type exitDoc struct {
	code Exit
	says string
}

func (cmd *command) flagNamed(name string) *flagSpec {
	for i, f := range cmd.flags {
		if slices.Contains(f.names, name) {
			return &cmd.flags[i]
		}
	}
	return nil
}

// usage is the one line that says how the command is called.
func (cmd *command) usage() string { return strings.Join(cmd.usageWords(), " ") }

// usageLines is usage behind lead, wrapped between what belongs together.
func (cmd *command) usageLines(lead string) string {
	const held = "\x00" // no space to wrap
	var words []string
	for _, word := range cmd.usageWords() {
		words = append(words, strings.ReplaceAll(word, " ", held))
	}
	var b strings.Builder
	writeWrapped(&b, lead, strings.Join(words, " "), helpColumns)
	return strings.ReplaceAll(b.String(), held, " ")
}

func (cmd *command) usageWords() []string {
	words := []string{program, cmd.name}
	for i, a := range cmd.args {
		if i >= cmd.least {
			a = "[" + a + "]"
		}
		words = append(words, a)
	}
	for _, f := range cmd.flags {
		word := f.dashed()
		if len(f.choices) > 0 {
			word += " " + strings.Join(f.choices, "|")
		} else if f.value != "" {
			word += " " + f.value
		}
		if !f.needed {
			word = "[" + word + "]"
		}
		words = append(words, word)
	}
	return words
}

func (f *flagSpec) dashed() string { return dashed(f.names[0]) }

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

func outputFlag(choices ...string) flagSpec {
	return flagSpec{
		names: []string{"o", "output"}, value: "FORM", def: choices[0], choices: choices,
		usage: "form of the output: " + strings.Join(choices, ", "),
	}
}

func configFlag() flagSpec {
	return flagSpec{
		names: []string{"config"}, value: "FILE",
		usage: "configuration; without it " + config.DefaultFile + " if that is there, else the defaults",
	}
}

// socketFlag and socketConfigFlag say where the agent is asked.
func socketFlag() flagSpec {
	return flagSpec{
		names: []string{"socket"}, value: "PATH",
		usage: "unix socket of the agent; without it the one of --config, then $SOCKETHA_SOCKET, then of " + config.DefaultFile,
	}
}

func socketConfigFlag() flagSpec {
	return flagSpec{names: []string{"config"}, value: "FILE", usage: "configuration that names the socket"}
}

var verdictExits = []exitDoc{
	{ExitOK, "compatible"},
	{ExitUsage, "called in a wrong way"},
	{ExitNotReady, "incompatible"},
	{ExitUnknown, "unknown: a version cannot be read"},
}

// commands returns the table, in the order of help.
func commands() []command {
	return slices.Concat(
		statusCommands(), costCommands(), upgradeCommands(), failoverCommands(),
		agentCommands(), identityCommands(), configCommands(), programCommands(),
	)
}

// statusCommands give the verdict.
func statusCommands() []command {
	return []command{
		{
			name: "status", summary: "show whether this HA pair is ready",
			long: `Asks the agent on this Socket and shows both Sockets side by side, the three
				conditions of readiness, every reason against it and what to do.

				A peer that is not heard is shown as last seen, never as current. Answers within
				two seconds or says that the agent does not answer.`,
			flags: []flagSpec{
				outputFlag("table", "json", "yaml"),
				{names: []string{"watch", "w"}, usage: "stay and show each change; on a terminal ages run along. Ctrl-C ends it"},
				socketFlag(), socketConfigFlag(),
			},
			examples: []example{
				{"socketha status", "the table"},
				{"socketha status --watch", "the same, live"},
				{"socketha status -o json", "for programs"},
				{"socketha status >/dev/null || mail-me", "a script goes by the exit code"},
			},
			exits: []exitDoc{
				{ExitOK, "ready"},
				{ExitError, "error, or the agent does not answer"},
				{ExitUsage, "called in a wrong way"},
				{ExitNotReady, "not ready"},
				{ExitUnknown, "not ready, only because something is not known"},
				{ExitNotRunning, "the agent is not running"},
			},
			run: runStatus,
		},
		{
			name: "compare", summary: "compare two versions, without an agent",
			long: `Gives the verdict the pair would reach with A on this Socket and B on its peer.
				Only the major numbers count, and they are compared as numbers.`,
			args: []string{"A", "B"}, least: 2,
			flags: []flagSpec{outputFlag("table", "json", "yaml")},
			examples: []example{
				{"socketha compare 18.3.3 18.4.1", "compatible: equal majors"},
				{"socketha compare 18.0 15.0 -o json", "incompatible: upgrade the peer"},
				{"socketha compare 9.0 10.0", "incompatible: upgrade this Socket"},
			},
			exits: verdictExits,
			run:   runCompare,
		},
	}
}
