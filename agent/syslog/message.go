package syslog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// MaxMessage bounds a message in bytes: what every receiver should take
// (RFC 5424 section 6.1).
const MaxMessage = 2048

// maxValue bounds one value of the structured data, in bytes before escaping.
const maxValue = 1024

// Severity is that of RFC 5424 section 6.2.1.
type Severity uint8

// Severities in use.
const (
	Error   Severity = 3 // an alarm stands
	Warning Severity = 4 // something became worse
	Notice  Severity = 5 // something became better, or was said to
	Info    Severity = 6
)

// Param is one parameter of the structured data. Its name is of our own making.
type Param struct{ Name, Value string }

// Message is one message, before the writer adds who sends it.
type Message struct {
	Time     time.Time // zero: not known, as while the clock is not set
	Severity Severity
	ID       string // kind of message, at most 32 of A-Z and _
	Params   []Param
	Text     string // one English sentence
}

// origin is what all messages of a writer have in common.
type origin struct {
	facility              uint8
	host, app, proc, sdid string
}

// appendMessage writes m as RFC 5424 section 6 has it, at most MaxMessage bytes. A
// text that does not fit is cut; parameters never are, the last ones are left out.
func (o *origin) appendMessage(b []byte, m *Message) []byte {
	start := len(b)
	b = append(b, '<')
	b = strconv.AppendUint(b, uint64(o.facility)<<3|uint64(m.Severity&7), 10)
	b = append(b, ">1 "...)
	if m.Time.IsZero() {
		b = append(b, '-')
	} else {
		b = m.Time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	}
	for _, field := range [...]string{o.host, o.app, o.proc, m.ID} {
		b = append(append(b, ' '), field...)
	}
	b = append(b, ' ')
	b = o.appendData(b, start, m.Params)
	if m.Text != "" {
		b = append(b, ' ')
		b = appendText(b, m.Text, start+MaxMessage)
	}
	return b
}

func (o *origin) appendData(b []byte, start int, params []Param) []byte {
	if len(params) == 0 {
		return append(b, '-')
	}
	b = append(append(b, '['), o.sdid...)
	for _, p := range params {
		before := len(b)
		b = append(append(append(b, ' '), p.Name...), '=', '"')
		b = append(appendValue(b, p.Value), '"')
		if len(b)-start > MaxMessage-2 { // room for the bracket and a space
			b = b[:before]
			break
		}
	}
	return append(b, ']')
}

// appendValue escapes as section 6.3.3 asks. Control characters would be legal,
// and no terminal that shows the log should meet them.
func appendValue(b []byte, s string) []byte {
	for i, r := range s {
		if i+utf8.RuneLen(r) > maxValue {
			break
		}
		switch {
		case r == '"', r == '\\', r == ']':
			b = append(b, '\\', byte(r))
		case control(r):
			b = append(b, '?')
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// appendText appends s without control characters, as long as b stays within
// limit bytes. There is no byte order mark: hardly a receiver expects one.
func appendText(b []byte, s string, limit int) []byte {
	for _, r := range s {
		if control(r) {
			r = '?'
		}
		if len(b)+utf8.RuneLen(r) > limit {
			break
		}
		b = utf8.AppendRune(b, r)
	}
	return b
}

func control(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
}

// header makes s fit to be a field of the header: printable ASCII, at most limit
// bytes, "-" if nothing is left.
func header(s string, limit int) string {
	b := make([]byte, 0, min(len(s), limit))
	for _, c := range []byte(s) {
		if c > ' ' && c < 0x7f && len(b) < limit {
			b = append(b, c)
		}
	}
	if len(b) == 0 {
		return "-"
	}
	return string(b)
}
