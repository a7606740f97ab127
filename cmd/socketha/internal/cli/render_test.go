package cli

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/status"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func document(t testing.TB, file string) *status.Document {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d status.Document
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return &d
}

func documents(t testing.TB, pattern string) map[string]*status.Document {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no documents at %s: %v", pattern, err)
	}
	found := make(map[string]*status.Document)
	for _, f := range files {
		found[strings.TrimSuffix(filepath.Base(f), ".json")] = document(t, f)
	}
	return found
}

// golden compares got with the file of that name.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStatusTable(t *testing.T) {
	for name, d := range documents(t, "testdata/documents/*.json") {
		t.Run(name, func(t *testing.T) {
			golden(t, "testdata/tables/"+name+".txt", statusTable(d, style{unicode: true, columns: maxColumns}))
		})
	}
	narrow := document(t, "testdata/documents/long.json")
	golden(t, "testdata/tables/narrow-ascii.txt", statusTable(narrow, style{columns: minColumns}))
	colour := document(t, "testdata/documents/incompatible_18_15.json")
	golden(t, "testdata/tables/colour.txt", statusTable(colour, style{colour: true, unicode: true, columns: maxColumns}))
}

// Whatever the agent says fits the width, ends no line in spaces and steers no
// terminal; in ASCII where it has to be, and the same text with colours.
func TestEveryDocumentFits(t *testing.T) {
	all := documents(t, "testdata/documents/*.json")
	for name, d := range documents(t, "../../../../agent/status/testdata/*.json") {
		all["status/"+name] = d
	}
	for name, d := range all {
		for _, columns := range []int{minColumns, 72, maxColumns} {
			text := statusTable(d, style{unicode: true, columns: columns})
			for line := range strings.SplitSeq(text, "\n") {
				if runes(line) > columns || line != strings.TrimRight(line, " ") {
					t.Errorf("%s in %d columns: %d wide: %q", name, columns, runes(line), line)
				}
			}
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s: %q reaches the terminal", name, text[i:min(i+8, len(text))])
			}
			painted := statusTable(d, style{colour: true, unicode: true, columns: columns})
			// A banner in colour has a space more at each end.
			bare := strings.Replace(escape.ReplaceAllString(painted, ""), "   since", "  since", 1)
			if bare = strings.TrimPrefix(bare, " "); bare != text {
				t.Errorf("%s: colours change the text:\n%s", name, cmp.Diff(text, bare))
			}
		}
	}
}

var escape = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestASCIIWhereTheLocaleHasNothingElse(t *testing.T) {
	for name, d := range documents(t, "testdata/documents/*.json") {
		d.Site.Name = nil // a name is shown as it is written
		text := statusTable(d, style{columns: maxColumns})
		if i := strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
			t.Errorf("%s: %q", name, text[i:min(i+8, len(text))])
		}
	}
}

// Unknown and stale are never shown as OK or as current (contract section 2).
func TestUnknownNeverLooksWell(t *testing.T) {
	all := documents(t, "../../../../agent/status/testdata/*.json")
	stale, unknown := 0, 0
	for name, d := range all {
		text := statusTable(d, style{unicode: true, columns: maxColumns})
		banner, _, _ := strings.Cut(text, "\n")
		if ready := strings.HasPrefix(banner, "✓ READY"); ready != (d.Outcome() == status.OutcomeReady) {
			t.Errorf("%s: outcome %d under the banner %q", name, d.Outcome(), banner)
		}
		if not := strings.HasPrefix(banner, "? NOT READY: NOT KNOWN"); not != (d.Outcome() == status.OutcomeUnknown) {
			t.Errorf("%s: outcome %d under the banner %q", name, d.Outcome(), banner)
		}
		for _, c := range []struct {
			label string
			state status.ConditionState
		}{
			{"Connected", d.Conditions.Connected.State},
			{"Keepalive", d.Conditions.Keepalive.State},
			{"Compatible Version", d.Conditions.CompatibleVersion.State},
		} {
			sign := map[status.ConditionState]string{"ok": "✓", "fail": "✗", "unknown": "?", "not_evaluated": "–"}[c.state]
			if !strings.Contains(text, "\n"+sign+" "+c.label) {
				t.Errorf("%s: %s is %s and not shown with %q", name, c.label, c.state, sign)
			}
			if c.state == status.StateUnknown {
				unknown++
			}
		}
		if d.Peer.Known && !d.Peer.Fresh {
			stale++
			if !strings.Contains(text, "Peer, last seen ") || !strings.Contains(text, "  was "+*d.Peer.Version) || strings.Contains(text, "lower") {
				t.Errorf("%s: a peer that is not heard looks current:\n%s", name, text)
			}
		}
	}
	if stale == 0 || unknown == 0 {
		t.Errorf("the documents show %d stale peers and %d unknown conditions: the test proves nothing", stale, unknown)
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour:                      "0 s",
		0:                               "0 s",
		1999 * time.Millisecond:         "1 s",
		59 * time.Second:                "59 s",
		time.Minute:                     "1 min",
		3*time.Minute + 5*time.Second:   "3 min 5 s",
		10 * time.Minute:                "10 min",
		59*time.Minute + 59*time.Second: "59 min",
		time.Hour:                       "1 h",
		25*time.Hour - time.Minute:      "1 d",
		5*time.Hour + 7*time.Minute:     "5 h 7 min",
		50 * time.Hour:                  "2 d 2 h",
		400 * 24 * time.Hour:            "400 d",
	} {
		if got := age(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 5, []string{""}},
		{"a b c", 3, []string{"a b", "c"}},
		{"abcdefgh i", 3, []string{"abc", "def", "gh", "i"}},
		{"äöü äöü", 3, []string{"äöü", "äöü"}},
		{"abc", 3, []string{"abc"}},
		{" a   b ", 10, []string{"a b"}},
	} {
		if diff := cmp.Diff(c.want, wrap(c.text, c.width)); diff != "" {
			t.Errorf("%q in %d: %s", c.text, c.width, diff)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain é ✓": "plain é ✓", "\x1b[2J": `\x1b[2J`, "a\nb": "a\nb", "\u202e": `\u202e`, "\xff": `\xff`,
		"\u009b1m": `\u009b1m`, "\U000e0041": `\U000e0041`, "\ufffd": `\ufffd`,
	} {
		if got := printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestLocale(t *testing.T) {
	for env, want := range map[string]bool{
		"": false, "LANG=C": false, "LANG=C.UTF-8": true, "LANG=de_DE.utf8": true,
		"LC_ALL=C LANG=C.UTF-8": false, "LC_CTYPE=C.UTF-8 LANG=C": true, "LC_ALL=C.UTF-8 LC_CTYPE=C": true,
	} {
		vars := make(map[string]string)
		for v := range strings.FieldsSeq(env) {
			name, value, _ := strings.Cut(v, "=")
			vars[name] = value
		}
		if got := utf8Locale(func(name string) string { return vars[name] }); got != want {
			t.Errorf("%q: %v", env, got)
		}
	}
}

func TestStyleFollowsTheTerminal(t *testing.T) {
	for _, c := range []struct {
		env      string
		columns  int
		terminal bool
		want     style
	}{
		{"TERM=xterm", 200, true, style{colour: true, columns: 80}},
		{"TERM=xterm", 70, true, style{colour: true, columns: 70}},
		{"TERM=xterm", 20, true, style{colour: true, columns: 60}},
		{"TERM=xterm", 0, true, style{colour: true, columns: 80}},
		{"TERM=xterm NO_COLOR=1", 80, true, style{columns: 80}},
		{"TERM=dumb", 80, true, style{columns: 80}},
		{"", 80, true, style{columns: 80}},
		{"TERM=xterm LANG=C.UTF-8", 0, false, style{unicode: true, columns: 80}},
	} {
		env := Env{
			Screen: func() (int, int, bool) { return c.columns, 24, c.terminal },
			Getenv: func(name string) string {
				for v := range strings.FieldsSeq(c.env) {
					if n, value, _ := strings.Cut(v, "="); n == name {
						return value
					}
				}
				return ""
			},
		}
		if got := styleFor(env); got != c.want {
			t.Errorf("%q: %+v, want %+v", c.env, got, c.want)
		}
	}
}
