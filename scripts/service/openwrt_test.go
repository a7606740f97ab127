package service

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"socketha/agent/config"
	"socketha/scripts/needs"
)

// openwrt is a folder with all that the procd script touches.
type openwrt struct {
	t   *testing.T
	dir string
	sh  string
}

func newOpenwrt(t *testing.T, uci string) *openwrt {
	t.Helper()
	o := &openwrt{t, t.TempDir(), needs.Command(t, "busybox", "busybox-static")}
	if err := os.Symlink(built(t), filepath.Join(o.dir, "socketha")); err != nil {
		t.Fatal(err)
	}
	o.uci(uci)
	return o
}

func (o *openwrt) uci(text string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, "uci-socketha"), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// run calls a function of the script and returns what it wrote.
func (o *openwrt) run(action string) (string, error) {
	o.t.Helper()
	cmd := exec.Command(o.sh, "sh", "testdata/rc.sh", o.dir, "openwrt/socketha.init", action)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return strings.ReplaceAll(out.String(), o.dir, "/root"), err
}

func (o *openwrt) rendered() string {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, "var/etc/socketha.toml"))
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

func shipped(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("openwrt/socketha.config")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asUCI writes a table of TOML as the UCI sections that render to it.
func asUCI(table map[string]any, path string) string {
	var own, below strings.Builder
	quote := func(v any) string { return "'" + strings.ReplaceAll(fmt.Sprint(v), "'", `'\''`) + "'" }
	for name, value := range table {
		switch v := value.(type) {
		case map[string]any:
			below.WriteString(asUCI(v, strings.TrimPrefix(path+"_"+name, "_")))
		case []any:
			for _, item := range v {
				fmt.Fprintf(&own, "\tlist %s %s\n", name, quote(item))
			}
		default:
			fmt.Fprintf(&own, "\toption %s %s\n", name, quote(v))
		}
	}
	if path == "" {
		return below.String()
	}
	return fmt.Sprintf("config %s '%s'\n%s%s", path, path, own.String(), below.String())
}

// TestEveryKeyByUCI: whatever the sample configuration can say, UCI can; a key
// with a new type has to be taught to the script first.
func TestEveryKeyByUCI(t *testing.T) {
	o := newOpenwrt(t, "")
	var sample strings.Builder
	for line := range strings.Lines(config.Sample) {
		// Examples behind a # count, but comments of words do not.
		if rest, ok := strings.CutPrefix(line, "#"); ok && strings.Contains(rest, " = ") && !strings.HasPrefix(rest, " ") {
			line = rest
		}
		sample.WriteString(line)
	}
	var table map[string]any
	if err := toml.Unmarshal([]byte(sample.String()), &table); err != nil {
		t.Fatal(err)
	}
	o.uci(asUCI(table, ""))
	out, err := o.run("render")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var back map[string]any
	if err := toml.Unmarshal([]byte(out), &back); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got, want := fmt.Sprint(back), fmt.Sprint(table); got != want {
		t.Errorf("rendered as\n%s\nwant\n%s", got, want)
	}
}

// TestShippedConfiguration: the one in the package, switched on, starts the agent.
func TestShippedConfiguration(t *testing.T) {
	o := newOpenwrt(t, shipped(t))
	if out, err := o.run("start_service"); err != nil || out != "" {
		t.Errorf("switched off, it does: %v\n%s", err, out)
	}
	o.uci(strings.Replace(shipped(t), "enabled '0'", "enabled '1'", 1))
	out, err := o.run("start_service")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"param command /root/socketha agent --config /root/var/etc/socketha.toml\n", "param user socketha\n",
		"param no_new_privs 1\n", "param respawn 3600 1 0\n", "chown socketha:socketha /root/var/run/socketha /root/etc/socketha\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	cfg, err := config.Parse("socketha.toml", []byte(o.rendered()))
	if err != nil {
		t.Fatal(err)
	}
	for what, path := range map[string]string{"key": cfg.Identity.Key, "certificate": cfg.Identity.Certificate, "pins": cfg.Identity.PinsFile, "state": cfg.State.Directory} {
		if !strings.HasPrefix(path, "/etc/") {
			t.Errorf("the %s would be lost with each restart: %s is in memory", what, path)
		}
	}
	if out, err := o.run("service_triggers"); err != nil || out != "trigger socketha\n" {
		t.Errorf("%v %s", err, out)
	}
}

// TestReload: a good configuration is taken over by a signal; a bad one is told
// and leaves the file in force as it is.
func TestReload(t *testing.T) {
	base := strings.Replace(shipped(t), "enabled '0'", "enabled '1'", 1)
	o := newOpenwrt(t, base)
	if out, err := o.run("start_service"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	o.uci(base + "config log 'log'\n\toption level 'debug'\n")
	if out, err := o.run("reload_service"); err != nil || !strings.Contains(out, "signal socketha * HUP\n") {
		t.Errorf("%v\n%s", err, out)
	}
	before := o.rendered()
	if !strings.Contains(before, "level = \"debug\"") {
		t.Errorf("rendered as\n%s", before)
	}
	for name, bad := range map[string]string{
		"unknown key":     "config log 'log'\n\toption colour 'red'\n",
		"not a number":    "config link 'link'\n\toption interface 'eth1'\n\toption port '1;reboot'\n",
		"quotes and more": "config site 'site'\n\toption name 'a\"b\\\nlevel = \"debug\"'\n",
	} {
		o.uci(strings.Replace(base, "config link 'link'\n\toption interface 'eth1'\n", "", 1) + bad)
		out, err := o.run("reload_service")
		if err == nil || !strings.Contains(out, "logger -s -t socketha -p daemon.err the configuration is refused: ") || strings.Contains(out, "signal") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if o.rendered() != before {
			t.Errorf("%s: the file in force changed", name)
		}
	}
}

// TestValuesStayText: no value breaks out of its quotes.
func TestValuesStayText(t *testing.T) {
	value := `a"b\c'd $(reboot) ; [x] #`
	o := newOpenwrt(t, asUCI(map[string]any{"log": map[string]any{"level": value, "format": []any{value, "b"}}}, ""))
	out, err := o.run("render")
	if err != nil {
		t.Fatal(err, out)
	}
	var back struct {
		Log struct {
			Level  string
			Format []string
		}
	}
	if err := toml.Unmarshal([]byte(out), &back); err != nil || back.Log.Level != value || len(back.Log.Format) != 2 || back.Log.Format[0] != value {
		t.Errorf("%v %+v\n%s", err, back, out)
	}
}

func TestShellcheck(t *testing.T) {
	shellcheck := needs.Command(t, "shellcheck", "shellcheck")
	for _, script := range []string{"openwrt/socketha.init", "testdata/rc.sh"} {
		if out, err := exec.Command(shellcheck, "--shell=dash", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}
