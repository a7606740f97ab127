package config

import (
	"errors"
	"flag"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/pelletier/go-toml/v2"
	"github.com/rogpeppe/go-internal/txtar"

	"socketha/agent/alarm"
	"socketha/agent/web"
	"socketha/peer"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const minimal = "[link]\ninterface = \"eth1\"\n[pair]\nrole = \"primary\"\n"

// sameConfig compares what a configuration says, not where it came from.
var sameConfig = cmp.Options{
	cmpopts.IgnoreUnexported(Config{}),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

// TestErrors reads testdata/*.txt: a configuration, and what is said of it.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(archive.Files) != 2 {
				t.Fatalf("%s: want socketha.toml and want", file)
			}
			c, err := Parse("socketha.toml", archive.Files[0].Data)
			if (c == nil) != (err != nil) {
				t.Errorf("configuration %v with error %v", c, err)
			}
			got := "accepted\n"
			if err != nil {
				got = err.Error() + "\n"
			}
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestInterfaceAndRoleSuffice(t *testing.T) {
	got, err := Parse("f", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Link.Interface = "eth1"
	want.Pair.Role = peer.RolePrimary
	if diff := cmp.Diff(want, got, sameConfig); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Link.Static() || got.Link.LocalAddrPort().IsValid() {
		t.Error("addresses are static without being set")
	}
}

func TestEveryKeyArrives(t *testing.T) {
	const text = `
[link]
interface = "bond0.7"
port = 20_000
local_address = "192.0.2.1"
peer_address = "192.0.2.2"
interval = "100ms"
detect_multiplier = 0x05
key_change = "2s"
[pair]
role = "secondary"
models = ["X1500", "X1500B"]
[identity]
key = "/k"
certificate = "/c"
pins_file = "/p"
peer_fingerprints = ["sha256:00000000000000000000000000000000000000000000000000000000000000fF"]
ca = "/ca"
peer_serial = "SKT 2"
[state]
directory = "/st"
[appliance]
root = "/host"
serial_file = "/1"
model_file = "/2"
version_file = "/3"
site_file = "/4"
capabilities_file = "/5"
upgrade_marker = "/6"
[impact]
catalog_file = "/c.csv"
[role]
source = "auto"
virtual_addresses = ["192.0.2.9", "2001:db8::9"]
[role.keepalived]
fifo = "/fifo"
instance = "VI_1"
pid_file = "/pid"
[role.frr]
socket = "/vty"
command = ["/bin/vtysh", "-c"]
interface = "lan0"
vrid = 255
[role.hook]
file = "/hook"
max_age = "2s"
command = ["/bin/hook"]
[alarm]
raise_after = "1s"
disconnected_after = "2s"
clear_after = "3s"
reopen_within = "0s"
upgrade_hold = "5s"
failover_hold = "168h"
[local]
socket = "/tmp/../s"
admin_group = "wheel"
[web]
address = "192.0.2.1:8480"
hosts = ["router.example", "Router2.example"]
certificate = "/wc"
key = "/wk"
passwords_file = "/wp"
[upstream]
url = "https://ha.example.com/r"
ca = "/uca"
certificate = "/uc"
key = "/uk"
cadence = "30s"
[syslog]
address = "udp:192.0.2.7:514"
enterprise = 9
[service]
sandbox = "landlock"
[log]
level = "debug"
format = "json"
`
	got, err := Parse("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Link: Link{
			Interface: "bond0.7", Port: 20000, Local: netip.MustParseAddr("192.0.2.1"), Peer: netip.MustParseAddr("192.0.2.2"),
			Interval: 100 * time.Millisecond, DetectMultiplier: 5,
			KeyChange: 2 * time.Second,
		},
		Pair:      Pair{Role: peer.RoleSecondary, Models: []string{"X1500", "X1500B"}},
		Identity:  Identity{Key: "/k", Certificate: "/c", PinsFile: "/p", PeerFingerprints: []Fingerprint{{31: 0xff}}, CA: "/ca", PeerSerial: "SKT 2"},
		Appliance: Appliance{Root: "/host", SerialFile: "/1", ModelFile: "/2", VersionFile: "/3", SiteFile: "/4", CapabilitiesFile: "/5", UpgradeMarker: "/6"},
		State:     State{Directory: "/st"},
		Impact:    Impact{CatalogFile: "/c.csv"},
		Role: Role{
			Source:           RoleAuto,
			Keepalived:       Keepalived{FIFO: "/fifo", Instance: "VI_1", PIDFile: "/pid"},
			FRR:              FRR{Socket: "/vty", Command: []string{"/bin/vtysh", "-c"}, Interface: "lan0", VRID: 255},
			Hook:             Hook{File: "/hook", MaxAge: 2 * time.Second, Command: []string{"/bin/hook"}},
			VirtualAddresses: []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")},
		},
		Alarm: alarm.Config{
			RaiseAfter: time.Second, DisconnectedAfter: 2 * time.Second, ClearAfter: 3 * time.Second,
			UpgradeHold: 5 * time.Second, FailoverHold: 168 * time.Hour,
			FlapChanges: alarm.DefaultConfig().FlapChanges, FlapWithin: alarm.DefaultConfig().FlapWithin,
		},
		Local: Local{Socket: "/s", AdminGroup: "wheel"},
		Web: web.Config{
			Address: "192.0.2.1:8480", Hosts: []string{"router.example", "Router2.example"},
			Certificate: "/wc", Key: "/wk", Passwords: "/wp",
		},
		Upstream: Upstream{URL: "https://ha.example.com/r", CA: "/uca", Certificate: "/uc", Key: "/uk", Cadence: 30 * time.Second},
		Syslog:   Syslog{Address: "udp:192.0.2.7:514", Enterprise: 9},
		Service:  Service{Sandbox: SandboxLandlock},
		Log:      Log{Level: slog.LevelDebug, Format: LogJSON},
	}
	if diff := cmp.Diff(want, got, sameConfig); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, k := range keys {
		if got.IsDefault(k.name) && k.name != "role.keepalived.group" { // which excludes the instance
			t.Errorf("%s counts as default: the test leaves it out, or the key does not note it", k.name)
		}
	}
	if want := (peer.Timers{DesiredTx: 100 * time.Millisecond, RequiredRx: 100 * time.Millisecond, DetectMult: 5}); got.Link.Timers() != want {
		t.Errorf("timers %+v", got.Link.Timers())
	}
	if got.Link.LocalAddrPort() != netip.MustParseAddrPort("192.0.2.1:20000") || got.Link.PeerAddrPort() != netip.MustParseAddrPort("192.0.2.2:20000") {
		t.Errorf("ends %s and %s", got.Link.LocalAddrPort(), got.Link.PeerAddrPort())
	}
}

func TestLinkLocalAddressGetsItsZone(t *testing.T) {
	c, err := Parse("f", []byte("[link]\nlocal_address = \"fe80::1\"\npeer_address = \"fe80::2%eth1\"\ninterface = \"eth1\"\n[pair]\nrole = \"primary\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Link.Local.String() != "fe80::1%eth1" || c.Link.Peer.String() != "fe80::2%eth1" {
		t.Errorf("addresses %s and %s", c.Link.Local, c.Link.Peer)
	}
}

// The same document may be written in every way TOML knows.
func TestFormsOfTOML(t *testing.T) {
	want, err := Parse("f", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"link.interface = 'eth1'\npair.role = 'primary'\n",
		"link = {interface = \"eth1\"}\npair = {role = \"primary\"}",
		"\ufeff[ link ]\r\n\"interface\" = \"eth\\u0031\"\r\n# end\r\n[pair]\r\nrole = \"\"\"\nprimary\"\"\"\r\n",
	} {
		got, err := Parse("f", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if diff := cmp.Diff(want, got, sameConfig); diff != "" {
			t.Errorf("%q: -want +got:\n%s", text, diff)
		}
	}
}

func TestLoadTellsUnreadableFromWrong(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, []byte(strings.Repeat("#\n", MaxFile)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("large file: %v", err)
	}
	full := filepath.Join(dir, "full")
	if err := os.WriteFile(full, []byte(minimal+strings.Repeat("#", MaxFile-len(minimal))), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Load(full); err != nil || c.File() != full {
		t.Errorf("a file of the full size: %v", err)
	}
}

func TestProblemsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 3 * maxProblems {
		text.WriteString(strings.Repeat("x", i+1) + " = 1\n")
	}
	_, err := Parse("f", []byte(text.String()))
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != maxProblems+1 || ps[maxProblems].What != "102 more problems follow" {
		t.Errorf("%d problems, the last: %v", len(ps), ps[len(ps)-1])
	}
}

func TestSampleIsCompleteAndHasTheDefaults(t *testing.T) {
	c, err := Parse("sample.toml", []byte(Sample))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Link.Interface = "eth1"
	want.Pair.Role = peer.RolePrimary
	if diff := cmp.Diff(want, c, sameConfig); diff != "" {
		t.Errorf("the sample is not the defaults: -want +got:\n%s", diff)
	}
	// With the examples switched on it still has to be accepted, and be whole.
	c, err = Parse("sample.toml", []byte(uncomment(Sample)))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if c.IsDefault(k.name) && k.name != "role.keepalived.group" {
			t.Errorf("the sample does not show %s", k.name)
		}
	}
}

// uncomment switches on the lines that begin with "#" and a key, but for the one
// that excludes another.
func uncomment(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if key, _, ok := strings.Cut(line, " = "); ok && strings.HasPrefix(key, "#") && !strings.Contains(key, " ") && key != "#group" {
			lines[i] = line[1:]
		}
	}
	return strings.Join(lines, "\n")
}

func TestRenderIsReadBack(t *testing.T) {
	for name, text := range map[string]string{
		"minimal": minimal,
		"sample":  Sample,
		"all":     uncomment(Sample),
		"odd":     minimal + "[identity]\npeer_serial = \"a\\\"b\\\\c\u00e9\"\n[local]\nsocket='/a \"b\"'\n[log]\nlevel=\"warn\"",
	} {
		t.Run(name, func(t *testing.T) {
			want, err := Parse("f", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse("rendered", []byte(want.Render()))
			if err != nil {
				t.Fatalf("%v in\n%s", err, want.Render())
			}
			if diff := cmp.Diff(want, got, sameConfig); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestRenderMarksDefaults(t *testing.T) {
	c, err := Parse("/etc/x.toml", []byte(minimal+"[local]\nadmin_group = \"wheel\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Render()
	for _, want := range []string{
		"# The configuration in force, from /etc/x.toml.\n",
		"interface = \"eth1\"\n",
		"port = 20481                                        # default\n",
		"# local_address is not set:                         a link-local address is found by itself\n",
		"interval = \"1s\"                                     # default\n",
		"admin_group = \"wheel\"\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"interface", "interval", "port", "detect_multiplier"}
	for word, want := range map[string]string{
		"intervall": "interval", "intreface": "interface", "prot": "port", "Port": "port",
		"multiplier": "detect_multiplier", "inter": "", "xyz": "", "": "", "po": "", strings.Repeat("port", 40): "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

// FuzzParse holds three promises against any input: no panic, positions inside
// the file, and nothing accepted that a full TOML decoder refuses.
func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte(Sample))
	f.Add([]byte("link = {interface = 'a', port = 1\n[pair"))
	f.Add([]byte("[link]\nx = [\"\\u00zz\n, 1979-05-27T07:32:00Z, 1e5]\n[[link]]\na.b.c = inf"))
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		if archive, err := txtar.ParseFile(file); err == nil && len(archive.Files) > 0 {
			f.Add(archive.Files[0].Data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("f", data)
		if err == nil {
			var any map[string]any
			if err := toml.Unmarshal([]byte(strings.TrimPrefix(string(data), byteOrderMark)), &any); err != nil {
				t.Errorf("accepted what is no TOML: %v", err)
			}
			again, err := Parse("f", []byte(c.Render()))
			if err != nil {
				t.Fatalf("rendered form refused: %v", err)
			}
			if diff := cmp.Diff(c, again, sameConfig); diff != "" {
				t.Error(diff)
			}
			return
		}
		var ps Problems
		if !errors.As(err, &ps) || len(ps) == 0 {
			t.Fatalf("an error that is no Problems: %v", err)
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range ps {
			if p.At.Line < 1 || p.At.Line > lines || p.At.Column < 1 || strings.ContainsFunc(p.Error(), func(r rune) bool { return r < ' ' }) {
				t.Errorf("%+v", p)
			}
		}
	})
}
