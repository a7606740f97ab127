package cli

import (
	"strings"

	"socketha/agent/status"
)

// A style is how text may look where it goes.
type style struct {
	colour  bool // ANSI escape sequences are understood
	unicode bool // characters beyond ASCII are understood
	columns int  // width, at most maxColumns
}

// maxColumns is the width of every table: what a serial console has.
const maxColumns = 80

// minColumns is the width below which a table is not squeezed further.
const minColumns = 60

// styleFor returns the style of standard output: colours on a terminal unless
// NO_COLOR (no-color.org) or TERM=dumb says otherwise, and characters beyond
// ASCII where the locale has UTF-8.
func styleFor(env Env) style {
	s := style{columns: maxColumns, unicode: utf8Locale(env.Getenv)}
	columns, _, terminal := env.Screen()
	if !terminal {
		return s
	}
	if columns > 0 {
		s.columns = min(max(columns, minColumns), maxColumns)
	}
	term := env.Getenv("TERM")
	s.colour = env.Getenv("NO_COLOR") == "" && term != "" && term != "dumb"
	return s
}

// utf8Locale follows POSIX: the first of LC_ALL, LC_CTYPE and LANG that is set.
func utf8Locale(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(getenv(name)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// A tone is what a piece of text means; colour is only its second sign.
type tone int

const (
	plain tone = iota
	good
	bad
	unsure
	faint
	strong
)

func (s style) paint(t tone, text string) string {
	if !s.colour || t == plain || text == "" {
		return text
	}
	code := map[tone]string{good: "32", bad: "31", unsure: "33", faint: "2", strong: "1"}[t]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// badge paints text as a banner.
func (s style) badge(t tone, text string) string {
	if !s.colour {
		return text
	}
	code := map[tone]string{good: "1;30;42", bad: "1;37;41", unsure: "1;30;43"}[t]
	return "\x1b[" + code + "m " + text + " \x1b[0m"
}

// symbol returns the sign of a tone: good, bad, unsure, or none of them.
func (s style) symbol(t tone) string {
	if s.unicode {
		return map[tone]string{good: "✓", bad: "✗", unsure: "?", faint: "–"}[t]
	}
	return map[tone]string{good: "+", bad: "x", unsure: "?", faint: "-"}[t]
}

func (s style) choose(unicode, ascii string) string {
	if s.unicode {
		return unicode
	}
	return ascii
}

func (s style) arrow() string   { return s.choose("→", "->") }
func (s style) dash() string    { return s.choose("–", "-") }
func (s style) between() string { return s.choose("↔", "<->") }
func (s style) lower() string   { return s.choose("◀ lower", "<- lower") }

func toneOf(state status.ConditionState) tone {
	switch state {
	case status.StateOK:
		return good
	case status.StateFail:
		return bad
	case status.StateNotEvaluated:
		return faint
	case status.StateUnknown:
	}
	return unsure
}
