package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/config"
	"socketha/agent/local/client"
	"socketha/agent/status"
)

// world is an Env whose output is kept.
type world struct {
	Env
	out, err bytes.Buffer
}

func newWorld(t *testing.T, args ...string) *world {
	t.Helper()
	w := new(world)
	w.Env = Env{
		Args: args, Stdout: &w.out, Stderr: &w.err,
		Getenv: func(name string) string { return map[string]string{"LANG": "C.UTF-8"}[name] },
		Screen: func() (int, int, bool) { return 0, 0, false },
		Dial:   func(string) Source { return &fakeAgent{err: errors.New("nobody there")} },
		RunAgent: func(context.Context, *config.Config, *slog.Logger) error {
			return errors.New("not here")
		},
		DefaultConfig: t.TempDir() + "/none.toml",
	}
	return w
}

// fakeAgent answers with the same document, or an error, every time.
type fakeAgent struct {
	doc      status.Document
	history  string
	declared []string
	err      error
}

func (f *fakeAgent) Raw(context.Context) ([]byte, error) { return rawOf(f.doc, f.err) }

func (f *fakeAgent) RawHistory(context.Context) ([]byte, error) { return []byte(f.history), f.err }

func (f *fakeAgent) SupportRequest(context.Context) (string, error) {
	return status.SupportRequest(&f.doc), f.err
}

func (f *fakeAgent) DeclareUpgrade(_ context.Context, d client.Declaration) error {
	f.declared = append(f.declared, fmt.Sprintf("upgrade %+v", d))
	return f.err
}

func (f *fakeAgent) DeclareFailover(_ context.Context, d client.Declaration) error {
	f.declared = append(f.declared, fmt.Sprintf("failover %+v", d))
	return f.err
}

func rawOf(doc status.Document, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

func (f *fakeAgent) Events(ctx context.Context) iter.Seq2[status.Document, error] {
	return func(yield func(status.Document, error) bool) {
		yield(f.doc, f.err)
		<-ctx.Done()
	}
}

// Every command of the table can be found, explains itself within 80 columns
// and shows examples that it would understand.
func TestHelpOfEveryCommand(t *testing.T) {
	var all strings.Builder
	all.WriteString(overview(commands()))
	for _, cmd := range commands() {
		text := help(&cmd)
		all.WriteString("\n" + strings.Repeat("=", 80) + "\n" + text)
		if len(cmd.examples) == 0 || cmd.summary == "" || cmd.run == nil {
			t.Errorf("%s: no example, summary or function", cmd.name)
		}
		for _, e := range cmd.examples {
			line, _, _ := strings.Cut(e.command, " >")
			line, _, _ = strings.Cut(line, " | ")
			line = strings.TrimSuffix(strings.TrimPrefix(line, "source <("), ")")
			words := strings.Fields(line)
			found, args, err := find(commands(), words[1:])
			if err != nil || found.name != cmd.name {
				t.Errorf("%s: the example %q: %v", cmd.name, e.command, err)
				continue
			}
			if err := (&call{command: found}).parse(args); err != nil {
				t.Errorf("%s: the example %q: %v", cmd.name, e.command, err)
			}
		}
		for _, f := range cmd.flags {
			if f.usage == "" || f.value == "" && (f.def != "" || len(f.choices) > 0) {
				t.Errorf("%s %s: %+v", cmd.name, f.dashed(), f)
			}
		}
	}
	for line := range strings.SplitSeq(all.String(), "\n") {
		if runes(line) > 80 || strings.HasSuffix(line, " ") {
			t.Errorf("%q", line)
		}
	}
	golden(t, "testdata/help.txt", all.String())
}

func TestHelpIsAskedForInEveryWay(t *testing.T) {
	want := help(named(commands(), "identity trust"))
	for _, args := range [][]string{
		{"identity", "trust", "--help"},
		{"identity", "trust", "x", "-h"},
		{"help", "identity", "trust"},
		{"--help", "identity", "trust"},
	} {
		w := newWorld(t, args...)
		if exit := Main(t.Context(), w.Env); exit != ExitOK || w.out.String() != want || w.err.Len() > 0 {
			t.Errorf("%v: exit code %d\n%s%s", args, exit, w.out.String(), w.err.String())
		}
	}
	w := newWorld(t)
	if exit := Main(t.Context(), w.Env); exit != ExitUsage || w.out.Len() > 0 || w.err.String() != overview(commands()) {
		t.Errorf("without arguments: exit code %d", exit)
	}
}

func TestParse(t *testing.T) {
	cmd := &command{
		name: "x", args: []string{"A", "B"}, least: 1,
		flags: []flagSpec{
			outputFlag("table", "json"),
			{names: []string{"force"}, usage: "u"},
			{names: []string{"text"}, value: "T", usage: "u"},
		},
	}
	for _, c := range []struct {
		line  string
		flags string // o, force, text
		args  string
		err   string
	}{
		{"a", "table  ", "a", ""},
		{"a b -o json", "json  ", "a b", ""},
		{"-o json a b", "json  ", "a b", ""},
		{"-o=json --output table a", "table  ", "a", ""},
		{"a -output=json b", "json  ", "a b", ""},
		{"a --force b --text=--", "table true --", "a b", ""},
		{"a --text -- b", "table  --", "a b", ""},
		{"a --force=false", "table false ", "a", ""},
		{"-- -o --", "table  ", "-o --", ""},
		{"a -- --force", "table  ", "a --force", ""},
		{"- a", "table  ", "- a", ""},
		{"", "", "", "A is missing"},
		{"a b c", "", "", `"c" is one argument too many`},
		{"a --forse", "", "", "unknown flag --forse, did you mean --force?"},
		{"a -z", "", "", "unknown flag -z"},
		{"a --text", "", "", "--text needs a value: T"},
		{"a -o jsn", "", "", `-o "jsn" is unknown, did you mean "json"?`},
		{"a -o html", "", "", `-o "html" is unknown, accepted: table, json`},
		{"a --force=maybe", "", "", `--force is on or off: it takes no "maybe"`},
		{"a --help", "", "", errHelp.Error()},
	} {
		got := call{command: cmd}
		err := got.parse(strings.Fields(c.line))
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: %v, want %s", c.line, err, c.err)
			}
			continue
		}
		flags := got.flag("o") + " " + got.flag("force") + " " + got.flag("text")
		if err != nil || flags != c.flags || strings.Join(got.args, " ") != c.args {
			t.Errorf("%q: flags %q, args %q, %v", c.line, flags, got.args, err)
		}
	}
}

func TestUnknownCommands(t *testing.T) {
	for line, want := range map[string]string{
		"sattus":          `unknown command "sattus", did you mean "status"?`,
		"idenity show":    `unknown command "idenity", did you mean "identity"?`,
		"identity":        "identity what? One of: init, show, trust, pair",
		"identity -x":     "identity what? One of: init, show, trust, pair",
		"identity sow":    `unknown command "identity sow", did you mean "identity show"?`,
		"identity frobz":  `unknown command "identity frobz", known are: init, show, trust, pair`,
		"frobnicate":      `unknown command "frobnicate"; "socketha help" lists them`,
		"config chekc -x": `unknown command "config chekc", did you mean "config check"?`,
		"\x1b[2J":         `unknown command "\x1b[2J"; "socketha help" lists them`,
	} {
		w := newWorld(t, strings.Fields(line)...)
		exit := Main(t.Context(), w.Env)
		first, _, _ := strings.Cut(w.err.String(), "\n")
		if exit != ExitUsage || first != "socketha: "+want || w.out.Len() > 0 {
			t.Errorf("%q: exit code %d: %s", line, exit, w.err.String())
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		exit Exit
		json string
	}{
		{"18.0", "15.0", ExitNotReady, `{"verdict":"incompatible","local":{"version":"18.0","major":18,"error":null},"peer":{"version":"15.0","major":15,"error":null},"upgrade":"peer","gap_majors":[16,17,18],"summary":"This Socket runs 18.0 and the peer 15.0: upgrade the peer to major version 18."}`},
		{"18.3.3", "18.4.1", ExitOK, `{"verdict":"compatible","local":{"version":"18.3.3","major":18,"error":null},"peer":{"version":"18.4.1","major":18,"error":null},"upgrade":"","gap_majors":[],"summary":"Both Sockets run major version 18: 18.3.3 here and 18.4.1 on the peer."}`},
		{"9.0", "10.0", ExitNotReady, `{"verdict":"incompatible","local":{"version":"9.0","major":9,"error":null},"peer":{"version":"10.0","major":10,"error":null},"upgrade":"local","gap_majors":[10],"summary":"This Socket runs 9.0 and the peer 10.0: upgrade this Socket to major version 10."}`},
		{"18.0", "18..1", ExitUnknown, `{"verdict":"unknown","local":{"version":"18.0","major":18,"error":null},"peer":{"version":"18..1","major":null,"error":"a number is expected at byte 3, not \".\""},"upgrade":"","gap_majors":[],"summary":"The peer's version \"18..1\" cannot be read: a number is expected at byte 3, not \".\"."}`},
	} {
		w := newWorld(t, "compare", c.a, c.b, "-o", "json")
		exit := Main(t.Context(), w.Env)
		if exit != c.exit {
			t.Errorf("compare %s %s: exit code %d, want %d", c.a, c.b, exit, c.exit)
		}
		line := newLine.Replace(w.out.String())
		if diff := cmp.Diff(c.json, line); diff != "" {
			t.Errorf("compare %s %s: -want +got:\n%s", c.a, c.b, diff)
		}
	}
}

// newLine makes one line of indented JSON without blanks inside its texts'
// neighbours.
var newLine = strings.NewReplacer("\n          ", "", "\n        ", "", "\n      ", "", "\n    ", "", "\n  ", "", "\n", "", "\": ", "\":")

func TestCompareTables(t *testing.T) {
	var all strings.Builder
	for _, pair := range [][2]string{
		{"18.3.3", "15.0.2"}, {"9.0", "10.0"}, {"18.3.3", "18.4.1"}, {"18.0", "18..1"}, {"", "\x1b[2J"}, {"1", "99999"},
	} {
		w := newWorld(t, "compare", pair[0], pair[1])
		exit := Main(t.Context(), w.Env)
		all.WriteString(strings.ToValidUTF8("$ compare "+printable(pair[0]+" "+pair[1])+"\n", "") + w.out.String())
		if w.err.Len() > 0 || exit == ExitError || exit == ExitUsage {
			t.Errorf("%q: exit code %d: %s", pair, exit, w.err.String())
		}
	}
	golden(t, "testdata/compare.txt", all.String())
}

func TestStatusExitCodes(t *testing.T) {
	for name, want := range map[string]Exit{
		"ready": ExitOK, "incompatible_18_15": ExitNotReady, "peer_lost": ExitNotReady,
		"peer_unknown": ExitUnknown, "peer_stale_after_restart": ExitUnknown, "ready_clock_unset": ExitOK,
	} {
		for _, form := range []string{"table", "json", "yaml"} {
			w := newWorld(t, "status", "-o", form)
			w.Dial = func(string) Source { return &fakeAgent{doc: *document(t, "testdata/documents/"+name+".json")} }
			if exit := Main(t.Context(), w.Env); exit != want || w.out.Len() == 0 || w.err.Len() > 0 {
				t.Errorf("%s as %s: exit code %d, want %d: %s", name, form, exit, want, w.err.String())
			}
		}
	}
}

func TestWhereTheAgentIsLookedFor(t *testing.T) {
	dir := t.TempDir()
	file := func(name, socket string) string {
		path := dir + "/" + name
		text := "[link]\ninterface = 'eth1'\n[pair]\nrole = 'primary'\n[local]\nsocket = '" + socket + "'\n"
		if err := config.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	named, standard := file("named", "/named"), file("standard", "/standard")
	for _, c := range []struct{ args, env, standard, want string }{
		{"", "", "", config.DefaultSocket},
		{"", "", standard, "/standard"},
		{"", "/env", standard, "/env"},
		{"--config " + named, "/env", standard, "/named"},
		{"--socket /flag --config " + named, "/env", standard, "/flag"},
	} {
		w := newWorld(t, append([]string{"status"}, strings.Fields(c.args)...)...)
		w.Getenv = func(name string) string { return map[string]string{"SOCKETHA_SOCKET": c.env}[name] }
		if c.standard != "" {
			w.DefaultConfig = c.standard
		}
		var asked string
		w.Dial = func(socket string) Source { asked = socket; return &fakeAgent{err: errors.New("x")} }
		if Main(t.Context(), w.Env); asked != c.want {
			t.Errorf("%+v: asked at %s", c, asked)
		}
	}
	w := newWorld(t, "status", "--config", dir+"/none")
	if exit := Main(t.Context(), w.Env); exit != ExitError {
		t.Errorf("a missing configuration: exit code %d", exit)
	}
}

func TestLoggerFollowsTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		cfg  config.Log
		want string
	}{
		{config.Log{Level: slog.LevelInfo, Format: config.LogText}, `level=INFO msg=seen serial="a\nb"` + "\n"},
		{config.Log{Level: slog.LevelInfo, Format: config.LogJSON}, `"level":"INFO","msg":"seen","serial":"a\nb"}` + "\n"},
		{config.Log{Level: slog.LevelWarn, Format: config.LogText}, ""},
	} {
		var b bytes.Buffer
		logger(&b, c.cfg).Info("seen", "serial", "a\nb")
		if !strings.HasSuffix(b.String(), c.want) || c.want == "" && b.Len() > 0 {
			t.Errorf("%+v: %q", c.cfg, b.String())
		}
	}
}
