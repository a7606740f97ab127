package cli

import (
	"slices"
	"strings"
	"testing"
)

func wordsOf(list []candidate) []string {
	var words []string
	for _, c := range list {
		words = append(words, c.word)
	}
	return words
}

// Whatever the table has can be completed.
func TestCompletionKnowsTheTable(t *testing.T) {
	table := commands()
	for _, cmd := range table {
		name := strings.Fields(cmd.name)
		for n := range name {
			if got := wordsOf(complete(table, append(slices.Clone(name[:n]), ""))); !slices.Contains(got, name[n]) {
				t.Errorf("%s: %q is not offered: %q", cmd.name, name[n], got)
			}
		}
		for _, f := range cmd.flags {
			for _, flag := range f.names {
				if got := wordsOf(complete(table, append(slices.Clone(name), "-"))); !slices.Contains(got, dashed(flag)) {
					t.Errorf("%s: %s is not offered: %q", cmd.name, dashed(flag), got)
				}
				for _, value := range f.choices {
					for _, words := range [][]string{{dashed(flag), ""}, {dashed(flag), "=", ""}, {dashed(flag), "="}} {
						if got := wordsOf(complete(table, append(slices.Clone(name), words...))); !slices.Contains(got, value) {
							t.Errorf("%s %q: %s is not offered: %q", cmd.name, words, value, got)
						}
					}
				}
			}
		}
	}
}

func TestCompletionOf(t *testing.T) {
	for line, want := range map[string]string{
		"status -o json --watch --":        "--socket --config --help",
		"status --output=":                 "--output=table --output=json --output=yaml",
		"status -o ":                       "table json yaml",
		"status --config ":                 ":files",
		"status --nothing=":                "",
		"config check ":                    ":files",
		"config check --config a.toml ":    ":files",
		"config check a.toml ":             "--config --help",
		"identity trust --comment x ":      ":files",
		"completion ":                      "bash zsh fish",
		"completion bash ":                 "--help",
		"help identity ":                   "init show trust pair",
		"help failover ":                   "begin end",
		"upgrade end -- --":                "",
		"nothing ":                         "",
		"upgrade end --result ok --socket": "--socket",
	} {
		got := strings.Join(wordsOf(complete(commands(), strings.Split(line, " "))), " ")
		if got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
