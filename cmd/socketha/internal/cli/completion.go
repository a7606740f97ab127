package cli

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strings"
)

// completeCommand is what the shells' scripts call: the words typed so far are
// its arguments, the last one being completed. It answers a line for each
// candidate, with a tab and a description, and [wantsFiles] for names of files.
const (
	completeCommand = "__complete"
	wantsFiles      = ":files"
)

// The scripts only ask and show: what is on the command line, the table knows.
var (
	//go:embed completion.bash
	bashCompletion string
	//go:embed completion.zsh
	zshCompletion string
	//go:embed completion.fish
	fishCompletion string
)

func runCompletion(_ context.Context, c *call) (Exit, error) {
	script, ok := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.args[0]]
	if !ok {
		return ExitUsage, usagef("%q is no shell known here: bash, zsh, fish", c.args[0])
	}
	_, err := io.WriteString(c.Stdout, script)
	return exitOf(err), err
}

// answerCompletion prints the candidates for the last of words.
func answerCompletion(out io.Writer, words []string) Exit {
	var b strings.Builder
	for _, c := range complete(commands(), words) {
		b.WriteString(c.word)
		if c.says != "" {
			b.WriteString("\t" + c.says)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(out, b.String())
	return exitOf(err)
}

// A candidate is a word that may stand where one is completed.
type candidate struct{ word, says string }

// complete returns what the last of words may become. Shells that break words at
// "=" (bash) hand it over as a word of its own.
func complete(table []command, words []string) []candidate {
	if len(words) == 0 {
		words = []string{""}
	}
	if words[len(words)-1] == "=" {
		words = append(words, "")
	}
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "=" })
	before, current := words[:len(words)-1], words[len(words)-1]
	if len(before) > 0 && before[0] == "help" && !strings.HasPrefix(current, "-") {
		asked := slices.DeleteFunc(before[1:], func(w string) bool { return strings.HasPrefix(w, "-") })
		return startingWith(commandWords(table, asked), current)
	}
	cmd, rest := typed(table, before)
	if cmd == nil {
		return startingWith(commandWords(table, before), current)
	}
	return startingWith(cmd.candidates(rest, current), current)
}

func startingWith(all []candidate, current string) []candidate {
	return slices.DeleteFunc(all, func(c candidate) bool {
		return c.word != wantsFiles && !strings.HasPrefix(c.word, current)
	})
}

// typed returns the command that words name, and the words behind it; nil if it
// is not complete.
func typed(table []command, words []string) (*command, []string) {
	for n := min(2, len(words)); n > 0; n-- {
		if cmd := named(table, strings.Join(words[:n], " ")); cmd != nil {
			return cmd, words[n:]
		}
	}
	return nil, nil
}

// commandWords are the words of commands that may follow before.
func commandWords(table []command, before []string) []candidate {
	var all []candidate
	for _, cmd := range table {
		words := strings.Fields(cmd.name)
		switch {
		case len(before) >= len(words) || !slices.Equal(words[:len(before)], before):
		case len(words) == len(before)+1:
			all = append(all, candidate{words[len(before)], cmd.summary})
		case len(all) == 0 || all[len(all)-1].word != words[0]:
			all = append(all, candidate{words[0], groupSummary(table, words[0])})
		}
	}
	return all
}

func groupSummary(table []command, word string) string {
	var subs []string
	for _, cmd := range groupOf(table, word) {
		subs = append(subs, strings.TrimPrefix(cmd.name, word+" "))
	}
	return strings.Join(subs, ", ")
}

// candidates are the words that may stand behind rest.
func (cmd *command) candidates(rest []string, current string) []candidate {
	if slices.Contains(rest, "--") {
		return cmd.positional(rest)
	}
	if len(rest) > 0 && strings.HasPrefix(rest[len(rest)-1], "-") {
		if f := cmd.flagNamed(strings.TrimLeft(rest[len(rest)-1], "-")); f != nil && f.value != "" {
			return f.values("")
		}
	}
	if name, _, given := strings.Cut(current, "="); given && strings.HasPrefix(current, "-") {
		if f := cmd.flagNamed(strings.TrimLeft(name, "-")); f != nil {
			return f.values(name + "=")
		}
		return nil
	}
	places := cmd.positional(rest)
	if strings.HasPrefix(current, "-") || len(places) == 0 {
		return cmd.flagWords(rest)
	}
	return places
}

// values are what a flag takes, each behind prefix.
func (f *flagSpec) values(prefix string) []candidate {
	if len(f.choices) == 0 && (f.value == "FILE" || f.value == "PATH") && prefix == "" {
		return []candidate{{word: wantsFiles}}
	}
	var all []candidate
	for _, choice := range f.choices {
		all = append(all, candidate{word: prefix + choice})
	}
	return all
}

// positional are the arguments that may stand behind rest. One that is written in
// small letters is a choice of these words.
func (cmd *command) positional(rest []string) []candidate {
	n := 0
	for i, word := range rest {
		valued := i > 0 && strings.HasPrefix(rest[i-1], "-") && cmd.takesValue(rest[i-1])
		if !strings.HasPrefix(word, "-") && !valued {
			n++
		}
	}
	if n >= len(cmd.args) {
		return nil
	}
	var all []candidate
	for word := range strings.SplitSeq(cmd.args[n], "|") {
		switch {
		case word == "FILE":
			all = append(all, candidate{word: wantsFiles})
		case word == strings.ToLower(word):
			all = append(all, candidate{word: word})
		}
	}
	return all
}

func (cmd *command) takesValue(word string) bool {
	f := cmd.flagNamed(strings.TrimLeft(word, "-"))
	return f != nil && f.value != ""
}

// flagWords are the flags that are not among rest yet.
func (cmd *command) flagWords(rest []string) []candidate {
	var all []candidate
	for _, f := range cmd.flags {
		used := slices.ContainsFunc(f.names, func(name string) bool {
			return slices.ContainsFunc(rest, func(word string) bool {
				given, _, _ := strings.Cut(word, "=")
				return given == dashed(name)
			})
		})
		for _, name := range f.names {
			if !used {
				all = append(all, candidate{dashed(name), brief(f.usage)})
			}
		}
	}
	return append(all, candidate{"--help", fmt.Sprintf("all about %s %s", program, cmd.name)})
}

// brief is the first clause of a text.
func brief(text string) string {
	text, _, _ = strings.Cut(text, "; ")
	text, _, _ = strings.Cut(text, ". ")
	return text
}
