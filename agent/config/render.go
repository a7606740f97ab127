package config

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Render returns the configuration in force as TOML that [Parse] reads back to
// the same: every key, with a comment on those the file leaves out.
func (c *Config) Render() string {
	var b strings.Builder
	if c.file != "" {
		fmt.Fprintf(&b, "# The configuration in force, from %s.\n", shown(c.file))
	}
	b.WriteString("# \"default\" marks what the file leaves out.\n")
	section := ""
	for _, k := range keys {
		s, name := cutLast(k.name)
		if s != section {
			section = s
			fmt.Fprintf(&b, "\n[%s]\n", section)
		}
		b.WriteString(c.line(k, name))
	}
	return b.String()
}

func (c *Config) line(k key, name string) string {
	text := k.get(c)
	switch {
	case text != "" && c.IsDefault(k.name):
		return pad(name+" = "+text) + "# default\n"
	case text != "":
		return name + " = " + text + "\n"
	case slices.Contains(required, k.name):
		return "# " + name + " is missing: " + k.accepts + "\n"
	}
	return pad("# "+name+" is not set:") + k.unset + "\n"
}

// pad fills text up to the column where comments begin.
func pad(text string) string {
	const column = 52
	return text + strings.Repeat(" ", max(1, column-utf8.RuneCountInString(text)))
}

// quoted writes s as a TOML basic string, or nothing for an empty one.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// duration is short where the standard form has zeros at its end: "1m0s".
func duration(d time.Duration) string {
	switch {
	case d >= time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d >= 2*time.Minute && d%time.Minute == 0: // "60s" is what a heartbeat reads as
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return quoted(a.String())
}

func fingerprints(list []Fingerprint) string {
	if len(list) == 0 {
		return ""
	}
	items := make([]string, len(list))
	for i, f := range list {
		items[i] = `"` + fingerprintPrefix + hex.EncodeToString(f[:]) + `"`
	}
	if len(items) == 1 {
		return "[" + items[0] + "]"
	}
	return "[\n    " + strings.Join(items, ",\n    ") + ",\n]"
}
