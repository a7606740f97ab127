package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"socketha/agent/config"
)

// configPage is the name under which the page of the configuration is asked for.
const configPage = "socketha.toml"

// A manPage is a page in the macros of man(7).
type manPage struct {
	b strings.Builder
}

// roff escapes text so that it is shown as it is: a backslash, a leading dot or
// quote, and "-" that is typed (a bare one may become a hyphen).
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(printable(s))
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// quoted is an argument of a macro.
func quoted(s string) string { return `"` + strings.ReplaceAll(roff(s), `"`, `\(dq`) + `"` }

func (p *manPage) macro(words ...string) { p.b.WriteString("." + strings.Join(words, " ") + "\n") }

// text writes paragraphs; they are separated by empty lines.
func (p *manPage) text(s string) {
	first := true
	for paragraph := range strings.SplitSeq(s, "\n\n") {
		if !first {
			p.macro("PP")
		}
		first = false
		for _, line := range wrap(paragraph, helpColumns-4) {
			p.b.WriteString(roff(line) + "\n")
		}
	}
}

// item is a term, and below it what it means.
func (p *manPage) item(term, says string) {
	p.macro("TP")
	p.macro("B", quoted(term))
	p.text(says)
}

func (p *manPage) title(name, section string, b Build) {
	day := "1970-01-01"
	if at, err := time.Parse(time.RFC3339, b.CommitTime); err == nil {
		day = at.UTC().Format(time.DateOnly)
	}
	p.macro("TH", quoted(strings.ToUpper(name)), section, `"`+day+`"`, quoted("socketha "+or(b.Version, "unknown")), quoted("socketha"))
}

func (p *manPage) name(name, says string) {
	p.macro("SH", "NAME")
	p.b.WriteString(roff(name) + ` \- ` + roff(says) + "\n")
}

// manOverview is socketha(1): all commands in short, and how to go about it.
func manOverview(table []command, b Build) string {
	var p manPage
	p.title(program, "1", b)
	p.name(program, "tell whether a failover of this HA pair would work")
	p.macro("SH", "SYNOPSIS")
	p.macro("B", program)
	p.b.WriteString("COMMAND [ARGUMENT ...]\n")
	p.macro("SH", "DESCRIPTION")
	p.text(strings.Join(strings.Fields(purpose), " "))
	p.macro("SH", "COMMANDS")
	for _, cmd := range table {
		p.item(program+" "+cmd.name, cmd.summary+". See "+pageOf(&cmd)+"(1).")
	}
	p.macro("SH", `"WHEN THE VERSIONS DIFFER"`)
	for i, step := range playbook {
		if i > 0 {
			p.macro("PP")
		}
		p.text(step.step)
		for _, e := range step.commands {
			p.item(e.command, e.says)
		}
	}
	p.macro("SH", `"EXIT STATUS"`)
	for _, e := range []exitDoc{
		{ExitOK, "done; ready; compatible"},
		{ExitError, "error, or the agent does not answer"},
		{ExitUsage, "called in a wrong way"},
		{ExitNotReady, "not ready; incompatible"},
		{ExitUnknown, "not known"},
		{ExitNotRunning, "the agent is not running"},
	} {
		p.item(fmt.Sprint(e.code), e.says)
	}
	p.macro("SH", "ENVIRONMENT")
	p.item("SOCKETHA_SOCKET", "unix socket of the agent, where no flag names one")
	p.item("NO_COLOR", "if it is set to anything, no colours are used")
	p.macro("SH", "FILES")
	p.item(config.DefaultFile, "the configuration, see "+configPage+"(5)")
	p.item(config.DefaultSocket, "unix socket of the agent")
	p.macro("SH", `"SEE ALSO"`)
	p.b.WriteString(roff(configPage) + "(5)\n")
	return p.b.String()
}

func pageOf(cmd *command) string { return program + "-" + strings.ReplaceAll(cmd.name, " ", "-") }

// manCommand is the page of one command.
func manCommand(cmd *command, b Build) string {
	var p manPage
	p.title(pageOf(cmd), "1", b)
	p.name(pageOf(cmd), cmd.summary)
	p.macro("SH", "SYNOPSIS")
	p.b.WriteString(roff(cmd.usage()) + "\n")
	p.macro("SH", "DESCRIPTION")
	var paragraphs []string
	for paragraph := range strings.SplitSeq(or(cmd.long, cmd.summary+"."), "\n\n") {
		paragraphs = append(paragraphs, strings.Join(strings.Fields(paragraph), " "))
	}
	p.text(strings.Join(paragraphs, "\n\n"))
	if len(cmd.flags) > 0 {
		p.macro("SH", "OPTIONS")
	}
	for _, f := range cmd.flags {
		p.item(f.left(), f.text())
	}
	p.macro("SH", "EXAMPLES")
	for _, e := range cmd.examples {
		p.item(e.command, e.says)
	}
	if len(cmd.exits) > 0 {
		p.macro("SH", `"EXIT STATUS"`)
	}
	for _, e := range cmd.exits {
		p.item(fmt.Sprint(e.code), e.says)
	}
	p.macro("SH", `"SEE ALSO"`)
	p.b.WriteString(program + "(1), " + roff(configPage) + "(5)\n")
	return p.b.String()
}

// manConfig is socketha.toml(5), from the sample that has every key explained
// and is held to the keys by a test of its own.
func manConfig(b Build) string {
	var p manPage
	p.title(configPage, "5", b)
	p.name(configPage, "configuration of the HA agent")
	p.macro("SH", "DESCRIPTION")
	p.text("The configuration is a file in TOML, by default " + config.DefaultFile +
		". Keys that are left out have their defaults. Reading is strict: an unknown key is refused.")
	comment, inSection := "", false
	for line := range strings.Lines(config.Sample) {
		line = strings.TrimRight(line, "\n")
		switch word := strings.TrimPrefix(line, "#"); {
		case strings.HasPrefix(line, "["):
			p.macro("SH", quoted(line))
			p.flush(&comment)
			inSection = true
		case strings.HasPrefix(line, "# ") || line == "#":
			comment += strings.TrimPrefix(word, " ") + "\n"
		case line != "" && strings.Contains(word, " = ") && inSection:
			p.key(word, line != word, &comment)
		case !inSection:
			comment = "" // the head of the file speaks of the file
		}
	}
	p.macro("SH", `"SEE ALSO"`)
	p.b.WriteString(program + "(1), " + roff("socketha-config-check") + "(1)\n")
	return p.b.String()
}

// flush writes a comment as text.
func (p *manPage) flush(comment *string) {
	if *comment != "" {
		p.text(strings.TrimSpace(*comment))
	}
	*comment = ""
}

// key is a line of the sample below what its comment says. Keys that share a
// comment follow one another.
func (p *manPage) key(line string, example bool, comment *string) {
	p.macro("TP")
	p.macro("B", quoted(line))
	text := strings.Join(strings.Fields(*comment), " ")
	if example {
		text = strings.TrimSpace(text + " (An example; not set by default.)")
	} else if text == "" {
		text = "(The default.)"
	}
	*comment = ""
	p.text(text)
}

// manPages are all pages by the names of their files.
func manPages(table []command, b Build) map[string]string {
	pages := map[string]string{program + ".1": manOverview(table, b), configPage + ".5": manConfig(b)}
	for _, cmd := range table {
		pages[pageOf(&cmd)+".1"] = manCommand(&cmd, b)
	}
	return pages
}

// writeManPages writes them for a package.
func writeManPages(dir string, b Build) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // man pages are for everybody
		return fmt.Errorf("man pages: %w", err)
	}
	for name, text := range manPages(commands(), b) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil { //nolint:gosec // as above
			return fmt.Errorf("man pages: %w", err)
		}
	}
	return nil
}
