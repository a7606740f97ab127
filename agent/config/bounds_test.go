package config

import (
	"fmt"
	"strings"
	"testing"
)

// Both sides of every bound.
func TestBounds(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct {
		section, key      string
		accepted, refused []string
	}{
		{"link", "port", []string{"1", "65535", "+5", "0xFFFF", "1_0"}, []string{"0", "65536", "-1", "99999999999999999999", "1.0"}},
		{"link", "detect_multiplier", []string{"2", "50"}, []string{"1", "51", "0"}},
		{
			"link", "interval",
			[]string{`"50ms"`, `"60s"`, `"1m"`, `"0.1s"`, `"1s500ms"`},
			[]string{`"49ms"`, `"60.001s"`, `"100.5ms"`, `"-1s"`, `"1"`, `""`, `"1 s"`, `1`},
		},
		{"local", "socket", []string{`"/` + x(106) + `"`}, []string{`"/` + x(107) + `"`, `"s"`, `""`}},
		{"local", "admin_group", []string{`"` + x(32) + `"`, `"a.b-c_1"`}, []string{`"` + x(33) + `"`, `""`, `"-a"`, `"a b"`, `"ä"`}},
		{"identity", "peer_serial", []string{`"` + x(64) + `"`, `"S/N 5"`}, []string{`"` + x(65) + `"`, `""`, `" a"`, `"a\n"`, `"\u202e"`}},
		{"identity", "peer_fingerprints", []string{"[]", prints(1), prints(MaxPins)}, []string{prints(MaxPins + 1), prints(3 * maxItems)}},
		{"link", "key_change", []string{`"2s"`, `"24h"`, `"90m"`}, []string{`"1.999s"`, `"24h1s"`, `"2.0005s"`, `"0s"`, `"1"`, `5`}},
		{"alarm", "raise_after", []string{`"1s"`, `"168h"`}, []string{`"999ms"`, `"169h"`, `"0s"`, `""`}},
		{"alarm", "reopen_within", []string{`"0s"`, `"168h"`}, []string{`"-1s"`, `"169h"`}},
		{"role.hook", "max_age", []string{`"2s"`, `"1h"`}, []string{`"1s"`, `"61m"`}},
		{"role.hook", "command", []string{`["/a"]`, words(maxCommandWords)}, []string{`[]`, `["a"]`, `["/a", 1]`, `["/a", "\u0000"]`, `"/a"`, words(maxCommandWords + 1)}},
		{"role.frr", "vrid", []string{"1", "255"}, []string{"0", "256"}},
		{"role.frr", "interface", []string{`"lan0"`}, []string{`""`, `"a/b"`}},
		{"role.keepalived", "instance", []string{`"VI_1"`, `"` + x(255) + `"`}, []string{`""`, `"a b"`, `"` + x(256) + `"`}},
		{"role", "virtual_addresses", []string{`["192.0.2.1"]`, addresses(maxVirtualAddresses)}, []string{`[]`, `["192.0.2.1", "192.0.2.1"]`, `["fe80::1%eth0"]`, `["192.0.2.0/24"]`, addresses(maxVirtualAddresses + 1)}},
		{"upstream", "cadence", []string{`"30s"`, `"1h"`}, []string{`"29s"`, `"61m"`}},
		{
			"upstream", "url",
			[]string{"\"https://h\"\nca = \"/c\"", "\"https://h:8443/a/b\"\nca = \"/c\""},
			[]string{`"https://h"`, "\"http://h\"\nca = \"/c\"", "\"https://u@h\"\nca = \"/c\"", "\"https://h?q\"\nca = \"/c\"", "\"https:///p\"\nca = \"/c\"", "\"h\"\nca = \"/c\""},
		},
		{"syslog", "address", []string{`"unix:/dev/log"`, `"udp:loghost:514"`, `"udp:[2001:db8::1]:65535"`}, []string{`""`, `"/dev/log"`, `"unix:log"`, `"udp:loghost"`, `"udp::514"`, `"udp:h:0"`, `"udp:h:70000"`, `"tcp:h:514"`}},
		{"syslog", "enterprise", []string{"1", "4294967295"}, []string{"0", "4294967296", "-1"}},
		{"web", "address", []string{`"127.0.0.1:8480"`, `"[::1]:65535"`}, []string{`""`, `":8480"`, `"127.0.0.1"`, `"127.0.0.1:0"`, `"127.0.0.1:65536"`, `"localhost:80"`, `"192.0.2.1:80"`, `"0.0.0.0:80"`, `8480`}},
		{"web", "address = \"127.0.0.1:1\"\nhosts", []string{`["a"]`, hosts(maxHosts), `["` + x(253) + `"]`}, []string{`[]`, `["a", "A"]`, `["a:80"]`, `["*"]`, `[""]`, `["ä"]`, `[1]`, `"a"`, `["` + x(254) + `"]`, hosts(maxHosts + 1)}},
		{"pair", "models", []string{`["a", "b"]`}, []string{`[]`, `["a"]`, `["a", "a"]`, `["a", ""]`, `["a", " b"]`, `["a", "\u202e"]`, `"a"`}},
		{"role", "source", []string{`"none"`, "\"hook\"\nhook.file = \"/f\"", "\"auto\"\nfrr.command = [\"/f\"]"}, []string{`"hook"`, `"auto"`, `"vip"`, `"vrrp"`, "\"frr\"\nhook.file = \"/f\""}},
	} {
		for i, value := range append(c.accepted, c.refused...) {
			_, err := Parse("f", []byte(minimalWith(c.section, c.key, value)))
			if ok := i < len(c.accepted); ok != (err == nil) {
				t.Errorf("%s.%s = %s: %v", c.section, c.key, value, err)
			}
		}
	}
	for name, ok := range map[string]bool{
		"e": true, x(15): true, "eth0.100": true, "br-lan@x": true, x(16): false, "": false, ".": false, "..": false,
		"a/b": false, "a:b": false, "a b": false, "a\u00a0b": false, "\u202eab": false,
	} {
		_, err := Parse("f", fmt.Appendf(nil, "[link]\ninterface = %q\n[pair]\nrole = \"primary\"\n", name))
		if ok != (err == nil) {
			t.Errorf("interface %q: %v", name, err)
		}
	}
}

// words is a list of n words of a command.
func words(n int) string { return `["/a"` + strings.Repeat(`, "b"`, n-1) + "]" }

// addresses is a list of n addresses.
func addresses(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf("%q", fmt.Sprintf("192.0.2.%d", i+1))
	}
	return "[" + strings.Join(items, ", ") + "]"
}

// hosts is a list of n hosts.
func hosts(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = fmt.Sprintf(`"h%d.example"`, i)
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func TestInstanceAndGroupExcludeEachOther(t *testing.T) {
	_, err := Parse("f", []byte(minimal+"[role.keepalived]\ninstance = \"a\"\ngroup = \"b\"\n"))
	if err == nil || !strings.Contains(err.Error(), "one of the two") {
		t.Errorf("both: %v", err)
	}
}

// prints is a list of n fingerprints.
func prints(n int) string {
	items := make([]string, n)
	for i := range items {
		items[i] = `"` + Fingerprint{byte(i), 1}.String() + `"`
	}
	return "[" + strings.Join(items, ", ") + "]"
}

func TestStaticAddresses(t *testing.T) {
	for pair, ok := range map[[2]string]bool{
		{"192.0.2.1", "192.0.2.2"}:       true,
		{"127.0.0.1", "127.0.0.2"}:       true,
		{"169.254.0.1", "192.0.2.2"}:     true,
		{"2001:db8::1", "2001:db8::2"}:   true,
		{"fe80::1", "fe80::2"}:           true,
		{"fe80::1", "2001:db8::2"}:       false,
		{"0.0.0.0", "192.0.2.2"}:         false,
		{"192.0.2.1", "192.0.2.1"}:       false,
		{"::", "::1"}:                    false,
		{"::1", "ff02::1"}:               false,
		{"192.0.2.1", "255.255.255.255"}: false,
		{"192.0.2.1/24", "192.0.2.2"}:    false,
		{"192.0.2.1", "peer"}:            false,
	} {
		_, err := Parse("f", []byte(minimalWith("link", "local_address", `"`+pair[0]+"\"\npeer_address = \""+pair[1]+`"`)))
		if ok != (err == nil) {
			t.Errorf("%v: %v", pair, err)
		}
	}
}

func minimalWith(section, key, value string) string {
	if section == "pair" {
		return minimal + key + " = " + value + "\n" // it ends in that section
	}
	if section == "link" {
		return fmt.Sprintf("[link]\ninterface = \"eth1\"\n%s = %s\n[pair]\nrole = \"primary\"\n", key, value)
	}
	return fmt.Sprintf("%s[%s]\n%s = %s\n", minimal, section, key, value)
}
