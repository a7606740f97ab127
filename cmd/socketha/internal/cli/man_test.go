package cli

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"socketha/agent/config"
	"socketha/scripts/needs"
)

// mandoc finds nothing to complain about, and what it shows has 80 columns.
func TestManPages(t *testing.T) {
	mandoc := needs.Command(t, "mandoc", "mandoc")
	dir := t.TempDir()
	w := newWorld(t, "help", "--man-dir", dir)
	w.Build = Build{Version: "1.2.3", CommitTime: "2026-03-01T03:00:00Z"}
	if exit := Main(t.Context(), w.Env); exit != ExitOK {
		t.Fatalf("exit code %d: %s", exit, &w.err)
	}
	pages, err := filepath.Glob(dir + "/*")
	if err != nil || len(pages) != len(commands())+2 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, page := range pages {
		// Other pages are not installed here, which is all that a "style" is about.
		if out, err := exec.Command(mandoc, "-T", "lint", "-W", "warning", page).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v\n%s", err, out)
		}
		for line := range strings.Lines(shown(t, mandoc, page)) {
			if runes(strings.TrimSuffix(line, "\n")) > 80 && !strings.Contains(line, "sha256:") {
				t.Errorf("%s: %q", filepath.Base(page), line)
			}
		}
	}
	golden(t, "testdata/man/overview.txt", shown(t, mandoc, dir+"/socketha.1"))
	golden(t, "testdata/man/pair.txt", shown(t, mandoc, dir+"/socketha-identity-pair.1"))
	const link = "\n[link]\n       The HA link: the cable between the two Sockets of the site.\n\n       interface = \"eth1\"\n"
	if page := shown(t, mandoc, dir+"/socketha.toml.5"); !strings.Contains(page, link) {
		t.Errorf("the page of the configuration:\n%s", page)
	}
}

// shown is a page as a terminal has it, without bold and underlined.
func shown(t *testing.T, mandoc, page string) string {
	t.Helper()
	out, err := exec.Command(mandoc, "-T", "ascii", "-O", "width=78", page).Output()
	if err != nil {
		t.Fatal(err)
	}
	var plain []byte
	for _, c := range out {
		if c == '\b' && len(plain) > 0 {
			plain = plain[:len(plain)-1]
			continue
		}
		plain = append(plain, c)
	}
	var lines []string
	for line := range strings.Lines(string(plain)) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// Every key of the configuration is in its page, and every flag in that of its
// command.
func TestManPagesHaveEverything(t *testing.T) {
	page := manConfig(Build{})
	section := ""
	for line := range strings.Lines(config.Sample) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			section = line
		}
		word := strings.TrimPrefix(line, "#")
		if section == "" || !strings.Contains(word, " = ") || strings.HasPrefix(word, " ") {
			continue
		}
		if !strings.Contains(page, ".B "+quoted(word)+"\n") {
			t.Errorf("%s %s is not in the page", section, line)
		}
	}
	for _, cmd := range commands() {
		page := manCommand(&cmd, Build{})
		for _, f := range cmd.flags {
			if !strings.Contains(page, ".B "+quoted(f.left())+"\n") {
				t.Errorf("%s: %s is not in the page", cmd.name, f.left())
			}
		}
	}
}

// help --man prints the very pages.
func TestHelpPrintsManPages(t *testing.T) {
	pages := manPages(commands(), Build{})
	for line, page := range map[string]string{
		"help --man": "socketha.1", "help --man socketha.toml": "socketha.toml.5",
		"help --man identity pair": "socketha-identity-pair.1", "help status --man": "socketha-status.1",
	} {
		w := newWorld(t, strings.Fields(line)...)
		if exit := Main(t.Context(), w.Env); exit != ExitOK || w.out.String() != pages[page] || pages[page] == "" {
			t.Errorf("%s: exit code %d\n%s", line, exit, &w.out)
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		".a": `\&.a`, "'a": `\&'a`, `a\b`: `a\eb`, "--x": `\-\-x`, "\x1b[2J": `\ex1b[2J`,
	} {
		if got := roff(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
