package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"socketha/scripts/needs"
)

// completions are what is typed, and what it becomes by one press of the tab key.
var completions = [][2]string{
	{"socketha stat", "socketha status "},
	{"socketha identity p", "socketha identity pair "},
	{"socketha support", "socketha support-request "},
	{"socketha status -o y", "socketha status -o yaml "},
	{"socketha status --output=y", "socketha status --output=yaml "},
	{"socketha upgrade end --res", "socketha upgrade end --result "},
	{"socketha upgrade end --result f", "socketha upgrade end --result failed "},
	{"socketha status --wat", "socketha status --watch "},
	{"socketha completion f", "socketha completion fish "},
	{"socketha help identity tr", "socketha help identity trust "},
	{"socketha status --config so", "socketha status --config socketha.toml "},
	{"socketha config check so", "socketha config check socketha.toml "},
	{"socketha identity trust pe", "socketha identity trust peer.pem "},
	{"socketha upgrade plan so", "socketha upgrade plan so"}, // a version, no file
	{"socketha frobnicate so", "socketha frobnicate so"},
}

// shellFolder is a folder with two files to complete, and the command in PATH.
func shellFolder(t *testing.T) (dir string, env []string) {
	t.Helper()
	binary, err := realBinary()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, name := range []string{"socketha.toml", "peer.pem"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	return dir, append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"), "HOME="+dir, "TERM=xterm", "LANG=C.UTF-8")
}

// A person's shell, at a terminal that zsh provides: after the tab key, Ctrl-X
// shows the line as it is then.
const (
	terminal = `
zmodload zsh/zpty
zpty shell %s
zpty -w shell %s
zpty -r shell seen '*I am ready*'
while IFS= read -r line; do
	zpty -w -n shell $'\x15'"$line"$'\t\x18'
	zpty -r shell seen '*<<*>>*'
	print -r -- "${${seen##*<<}%%%%>>*}"
done
zpty -d shell
`
	bashReady = `'PS1=; bind "set enable-bracketed-paste off"; source <(socketha completion bash); bind -x "\"\\C-x\": printf \"<<%s>>\" \"\$READLINE_LINE\""; echo I am "ready"'`
	zshReady  = `'PS1=; autoload -Uz compinit; compinit -D -u; source <(socketha completion zsh); show() { print -rn -- "<<$BUFFER>>" }; zle -N show; bindkey "^X" show; bindkey "^U" kill-whole-line; print I am "ready"'`
)

func TestCompletionInBashAndZsh(t *testing.T) {
	zsh := needs.Command(t, "zsh", "zsh")
	needs.Command(t, "bash", "bash")
	for shell, ready := range map[string][2]string{
		"bash": {"bash --norc --noprofile -i", bashReady}, "zsh": {"zsh -f -i", zshReady},
	} {
		t.Run(shell, func(t *testing.T) {
			dir, env := shellFolder(t)
			var typed strings.Builder
			for _, c := range completions {
				typed.WriteString(c[0] + "\n")
			}
			cmd := exec.CommandContext(t.Context(), zsh, "-f", "-c", fmt.Sprintf(terminal, ready[0], ready[1]))
			cmd.Dir, cmd.Env, cmd.Stdin = dir, env, strings.NewReader(typed.String())
			out, err := cmd.CombinedOutput()
			lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
			if err != nil || len(lines) != len(completions) {
				t.Fatalf("%v, %d lines:\n%q", err, len(lines), out)
			}
			for i, c := range completions {
				if lines[i] != c[1] {
					t.Errorf("%q became %q, want %q", c[0], lines[i], c[1])
				}
			}
		})
	}
}

// fish says by itself what it would complete.
func TestCompletionInFish(t *testing.T) {
	fish := needs.Command(t, "fish", "fish")
	dir, env := shellFolder(t)
	for _, c := range append(slices.Clone(completions), [2]string{"socketha identity ", "init show trust pair"}) {
		cmd := exec.CommandContext(t.Context(), fish, "--no-config", "-c",
			"socketha completion fish | source; complete -C "+"'"+c[0]+"'")
		cmd.Dir, cmd.Env = dir, env
		out, err := cmd.CombinedOutput()
		var words []string
		for line := range strings.Lines(string(out)) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			words = append(words, word)
		}
		typed := c[0][:strings.LastIndex(c[0], " ")+1]
		want := strings.Fields(strings.TrimPrefix(c[1], typed))
		if c[0] == c[1] {
			want = nil
		}
		slices.Sort(words)
		slices.Sort(want)
		if err != nil || !slices.Equal(words, want) {
			t.Errorf("%q: %q, want %q (%v)", c[0], words, want, err)
		}
	}
}
