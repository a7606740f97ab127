package compat_test

import (
	"strings"
	"testing"

	"socketha/peer/compat"
)

func TestShow(t *testing.T) {
	for _, tt := range []struct{ name, raw, want string }{
		{"plain", "25.0.22707", "25.0.22707"},
		{"empty", "", ""},
		{"spaces stay", " 18.0 ", " 18.0 "},
		{"line breaks", "18\n19\r\t", `18\n19\r\t`},
		{"terminal escape", "\x1b[31mred\x1b]0;title\x07", `\x1b[31mred\x1b]0;title\x07`},
		{"8-bit terminal escape", "\u009b31m", `\u009b31m`},
		{"raw C1 byte", "\x9b31m", `\x9b31m`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"bidi override", "18\u202e0.81", `18\u202e0.81`},
		{"bidi isolate and mark", "\u2066\u200f", `\u2066\u200f`},
		{"zero width", "1\u200b8\ufeff", `1\u200b8\ufeff`},
		{"line separator", "18\u2028", `18\u2028`},
		{"other digits", "٣.1", `\u0663.1`},
		{"look-alikes", "１８", `\uff11\uff18`},
		{"combining marks", "1\u0336", `1\u0336`},
		{"beyond the plane", "18\U0001f600", `18\U0001f600`},
		{"invalid UTF-8", "18\xff\xc3.0", `18\xff\xc3.0`},
		{"surrogate in UTF-8", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"overlong slash", "\xc0\xaf", `\xc0\xaf`},
		{"replacement character itself", "\ufffd", `\ufffd`},
		{"HTML", `<script>&amp;"'`, `\x3cscript\x3e\x26amp;\x22\x27`},
		{"backslash, so that escapes stay unambiguous", `\n`, `\\n`},
		{"64 bytes fit", strings.Repeat("a", 64), strings.Repeat("a", 64)},
		{"65 bytes are cut", strings.Repeat("a", 65), strings.Repeat("a", 64)},
		{"an escape that just fits", strings.Repeat("a", 60) + "\x1bz", strings.Repeat("a", 60) + `\x1b`},
		{"no half escapes", strings.Repeat("a", 61) + "\x1bz", strings.Repeat("a", 61)},
		{"no half characters", strings.Repeat("a", 59) + "é", strings.Repeat("a", 59)},
		{"a plain byte is never pulled past a cut", strings.Repeat("a", 62) + "éb", strings.Repeat("a", 62)},
		{"much", strings.Repeat("\u202e", 1<<20), strings.Repeat(`\u202e`, 10)},
	} {
		if got := compat.Show(tt.raw); got != tt.want {
			t.Errorf("%s: Show = %q, want %q", tt.name, got, tt.want)
		}
	}
}

// checkShown returns the promise of Show that is broken for raw, or "".
func checkShown(raw string) string {
	shown := compat.Show(raw)
	switch {
	case len(shown) > compat.MaxShown:
		return "longer than 64 bytes"
	case strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r > '~' }):
		return "not plain ASCII"
	case strings.ContainsAny(shown, `<>&"'`):
		return "HTML in it"
	case compat.Show(strings.ReplaceAll(shown, `\`, "")) != strings.ReplaceAll(shown, `\`, ""):
		return "something beside the backslash needs escaping"
	}
	if _, err := compat.Parse(raw); err == nil && shown != raw {
		return "a readable version is changed"
	}
	return ""
}
