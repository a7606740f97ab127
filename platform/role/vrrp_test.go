package role

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func recording(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The files were printed by vrrpd of FRR 8.4.4 with VRID 5 for IPv4 on va and vb.
func TestVRRPRecorded(t *testing.T) {
	master, backup := recording(t, "frr-master.json"), recording(t, "frr-backup.json")
	initialize := []byte(strings.ReplaceAll(string(backup), `"Backup"`, `"Initialize"`))
	shutdown := []byte(strings.ReplaceAll(string(backup), `"shutdown":false`, `"shutdown":true`))
	both := []byte(strings.TrimRight(string(master), "]\n") + "," + strings.TrimLeft(string(backup), "[\n"))
	for _, c := range []struct {
		name   string
		data   []byte
		ifname string
		vrid   int
		want   string
	}{
		{"master", master, "", 0, "active"},
		{"backup", backup, "", 0, "standby"},
		{"backup by name", backup, "vb", 5, "standby"},
		{"another interface", backup, "va", 0, "silent"},
		{"another id", backup, "", 6, "silent"},
		{"takes no part", initialize, "", 0, "unknown"},
		{"shut down", shutdown, "", 0, "silent"},
		{"do not agree", both, "", 0, "unknown"},
		{"one of both", both, "va", 0, "active"},
		{"none", []byte("[\n]\n"), "", 0, "silent"},
	} {
		routers, err := parseVRRP(c.data)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		r := judgeVRRP(routers, c.ifname, c.vrid)
		got := r.ha.String()
		if r.standing != answered {
			got = "silent"
		}
		if got != c.want {
			t.Errorf("%s: %s (%s), want %s", c.name, got, r.detail, c.want)
		}
	}
}

func TestVRRPRefused(t *testing.T) {
	for _, data := range []string{
		"", "null", "{}", "[", "[{}]x", "% Unknown command", `[{"vrid":"5"}]`,
		"[" + strings.Repeat("{},", maxRouters) + "{}]",
	} {
		if routers, err := parseVRRP([]byte(data)); err == nil {
			t.Errorf("%.40q = %v, want an error", data, routers)
		}
	}
}

func TestVtyAnswer(t *testing.T) {
	for data, want := range map[string]string{
		"":                       "not yet",
		"\x00\x00\x00":           "not yet",
		"\x00\x00\x00\x00":       "0 ",
		"[\n]\n\x00\x00\x00\x00": "0 [\n]\n",
		"% x\n\x00\x00\x00\x02":  "2 % x\n",
		"[\n]\n\x00\x00\x00":     "not yet",
	} {
		got := "not yet"
		if out, status, ok := vtyAnswer([]byte(data)); ok {
			got = fmt.Sprintf("%d %s", status, out)
		}
		if got != want {
			t.Errorf("%q = %q, want %q", data, got, want)
		}
	}
}

func FuzzVRRP(f *testing.F) {
	f.Add(recording(f, "frr-master.json"))
	f.Add(recording(f, "frr-backup.json"))
	f.Fuzz(func(t *testing.T, data []byte) {
		routers, err := parseVRRP(data)
		if err != nil {
			return
		}
		r := judgeVRRP(routers, "", 0)
		if strings.ContainsAny(r.detail, "\n\x1b") || len(r.detail) > 4096 {
			t.Fatalf("detail %q", r.detail)
		}
	})
}
