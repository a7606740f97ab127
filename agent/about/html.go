package about

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lit is markup written in this source. The type is the guard: an untyped
// constant becomes a lit by itself, a string does not, so whatever comes from a
// document can get onto the page as text only. No code converts to it; a test
// looks.
type lit string

// writer builds a page.
type writer struct{ b strings.Builder }

// raw writes markup. Inlined, the calls of raw and text cost the binary 80 KB.
//
//go:noinline
func (w *writer) raw(parts ...lit) {
	for _, part := range parts {
		w.b.WriteString(string(part))
	}
}

// text writes a string that may hold anything, for the content of an element.
//
//go:noinline
func (w *writer) text(s string) { escape(&w.b, s) }

// el writes an element of the given name and attributes (`p class="x"`) that
// holds only text.
func (w *writer) el(tag, attrs lit, s string) {
	w.raw("<", tag)
	if attrs != "" {
		w.raw(" ", attrs)
	}
	w.raw(">")
	w.text(s)
	w.raw("</", tag, ">")
}

// attr writes an attribute whose value may hold anything.
func (w *writer) attr(name lit, value string) {
	w.raw(" ", name, `="`)
	w.text(value)
	w.raw(`"`)
}

// dataURL writes an attribute that holds a text as a data: URL, so that it can be
// saved without asking the server again (RFC 2397).
func (w *writer) dataURL(name lit, text string) {
	w.raw(" ", name, `="data:text/plain;charset=utf-8,`)
	const hex = "0123456789ABCDEF"
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			w.b.WriteByte(c)
		default:
			w.b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	w.raw(`"`)
}

func (w *writer) number(n int64) { w.b.WriteString(strconv.FormatInt(n, 10)) }

// escape writes s so that it stays within a text node or a quoted attribute. The
// five characters that HTML gives a meaning become references. What no text
// should hold is replaced by U+FFFD: bytes that are not UTF-8, control
// characters, and the marks that turn the direction of text around, by which one
// could make a serial read as another.
func escape(b *strings.Builder, s string) {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r == '\n' || r == '\t':
			b.WriteRune(r)
		case unwritable(r):
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
}

// unwritable reports whether r is replaced: control and format characters, line
// separators, noncharacters.
func unwritable(r rune) bool {
	return r < ' ' || r == utf8.RuneError || r&0xfffe == 0xfffe || r >= 0xfdd0 && r <= 0xfdef ||
		unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
