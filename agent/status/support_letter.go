package status

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// letterColumns is the width of a support request: what mail programs and ticket
// systems leave as it is.
const letterColumns = 72

// letterLabel is the width of the names of facts, with their indentation.
const letterLabel = 22

// letter is text to be sent: lines of at most letterColumns, ASCII alone.
type letter struct{ b strings.Builder }

// paragraph adds text behind an empty line.
func (l *letter) paragraph(text string) {
	l.gap()
	l.wrapped("", "", text)
}

// heading begins a section.
func (l *letter) heading(text string) {
	l.gap()
	l.wrapped("", "", text)
}

func (l *letter) gap() {
	if l.b.Len() > 0 {
		l.b.WriteByte('\n')
	}
}

// fact adds "  label  value", indented.
func (l *letter) fact(label, value string) {
	lead := "  " + label
	lead += strings.Repeat(" ", max(1, letterLabel-len(lead)))
	l.wrapped(lead, strings.Repeat(" ", letterLabel), value)
}

// item adds an entry of a list.
func (l *letter) item(text string) { l.wrapped("  - ", "    ", text) }

// wrapped writes text with lead before its first line and indent before the others.
func (l *letter) wrapped(lead, indent, text string) {
	line, empty := lead, true
	flush := func() {
		l.b.WriteString(strings.TrimRight(line, " ") + "\n")
		line, empty = indent, true
	}
	for word := range strings.FieldsSeq(asciiText(text)) {
		if !empty && len(line)+1+len(word) > letterColumns {
			flush()
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
		for len(line) > letterColumns { // a word longer than a line
			rest := line[letterColumns:]
			line = line[:letterColumns]
			flush()
			line, empty = line+rest, false
		}
	}
	flush()
}

// asciiText escapes what is no printable ASCII, spaces aside. What the document
// has escaped already stays as it is.
func asciiText(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r >= ' ' && r <= '~' {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

// moment says a time, and how long ago it was when the document was made.
func moment(d *Document, t Time) string {
	return t.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + span(d.GeneratedAt.Sub(t.Time)) + " ago)"
}

// span says how long d is, in one unit or two.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = max(d, 0); {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
}

// said returns what a field says, or a word for null.
func said(field *string, instead string) string {
	if field == nil || *field == "" {
		return instead
	}
	return *field
}
