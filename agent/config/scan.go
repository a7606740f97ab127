package config

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2/unstable"
)

// A setting is one "key = value" of the file, by its full dotted key.
type setting struct {
	key   string
	at    Position
	value value
}

// A value is a TOML value and where it stands. Text is a string decoded, or any
// other scalar as written.
type value struct {
	kind  unstable.Kind
	text  string
	raw   string // as written, on one line, escaped and cut: for messages
	at    Position
	items []value // of an array
}

// A scan walks a TOML document and hands over its sections and settings. It
// uses the parser beneath go-toml rather than its decoder, because only the
// parser knows where each value stands, and a mistake in one line must not hide
// those in the others.
type scan struct {
	data    []byte
	section func(name string, at Position)
	setting func(s setting)
	isKey   func(dotted string) bool // an inline table is its value, not a section
	// syntax is told what is no TOML; text is the line it happened in.
	syntax func(at Position, text, what string)

	base int // where in data the parser was last reset to: it counts from there
}

// run reports everything in data. After a line that is no TOML it goes on with
// the next one.
func (s *scan) run() {
	parser := unstable.Parser{}
	prefix, known := "", true
	echo := 0 // the line after a bad one: unless it looks like TOML it is the rest of it
	for {
		rest := s.data[s.base:]
		parser.Reset(rest)
		for parser.NextExpression() {
			e := parser.Expression()
			if e.Kind != unstable.KeyValue {
				prefix, known = s.header(e), true
			} else if known {
				s.keyValue(prefix, e)
			}
		}
		err := parser.Error()
		if err == nil {
			return
		}
		offset, what := s.fault(rest, err)
		at := position(s.data, offset)
		text := lineAt(s.data, offset)
		if at.Line != echo || strings.HasPrefix(text, "[") || strings.Contains(text, "=") {
			s.syntax(at, text, what)
		}
		echo = at.Line + 1
		if strings.HasPrefix(text, "[") {
			known = false // whose settings follow, nobody can say
		}
		end := bytes.IndexByte(s.data[offset:], '\n')
		if end < 0 {
			return
		}
		s.base = offset + end + 1
	}
}

// fault returns where in s.data err happened, while parsing rest, and what it
// says.
func (s *scan) fault(rest []byte, err error) (offset int, what string) {
	offset = len(s.data)
	var pe *unstable.ParserError
	if !errors.As(err, &pe) {
		return offset, err.Error()
	}
	// The parser's errors point into its input, and slicing keeps the capacity.
	if inRest := cap(rest) - cap(pe.Highlight); cap(pe.Highlight) > 0 && inRest >= 0 && inRest <= len(rest) {
		offset = s.base + inRest
	}
	if strings.HasSuffix(pe.Message, "at start of value") {
		return offset, pe.Message + "; a word is written in quotes"
	}
	return offset, pe.Message
}

func (s *scan) header(e *unstable.Node) (prefix string) {
	path, at, _ := s.path("", e.Key())
	if e.Kind == unstable.ArrayTable {
		s.syntax(at, "[["+path+"]]", "a section is written with single brackets: ["+path+"]")
		return path
	}
	s.section(path, at)
	return path
}

func (s *scan) keyValue(prefix string, e *unstable.Node) {
	path, at, end := s.path(prefix, e.Key())
	v := s.value(e.Value(), end)
	if v.kind == unstable.InlineTable && !s.isKey(path) {
		s.section(path, at)
		for it := e.Value().Children(); it.Next(); {
			s.keyValue(path, it.Node())
		}
		return
	}
	s.setting(setting{key: path, at: at, value: v})
}

// path returns the dotted key, the position of its first part and the offset
// behind its last.
func (s *scan) path(prefix string, it unstable.Iterator) (path string, at Position, end int) {
	path = prefix
	for it.Next() {
		n := it.Node()
		if at.Line == 0 {
			at = position(s.data, s.offset(n))
		}
		if path != "" {
			path += "."
		}
		path += bareOrQuoted(string(n.Data))
		end = s.offset(n) + int(n.Raw.Length)
	}
	return path, at, end
}

// maxItems bounds how far a list is looked at; every list of ours has to be
// shorter, so what is cut off was refused already.
const maxItems = 96

// value converts n, which follows the key that ends at keyEnd.
func (s *scan) value(n *unstable.Node, keyEnd int) value {
	offset := s.offset(n)
	v := value{kind: n.Kind, text: string(n.Data)}
	switch n.Kind {
	case unstable.Array:
		// The parser gives an array no position: it begins behind "=".
		offset = keyEnd + len(s.data[keyEnd:]) - len(bytes.TrimLeft(s.data[keyEnd:], " \t="))
		v.raw = "[…]"
		for it := n.Children(); it.Next() && len(v.items) < maxItems; {
			v.items = append(v.items, s.value(it.Node(), offset+1))
		}
	case unstable.InlineTable:
		v.raw = "{…}"
	default:
		v.raw = shown(string(s.data[offset : offset+int(n.Raw.Length)]))
	}
	v.at = position(s.data, offset)
	return v
}

// offset returns where n begins in s.data.
func (s *scan) offset(n *unstable.Node) int {
	return s.base + int(n.Raw.Offset)
}

func position(data []byte, offset int) Position {
	before := data[:offset]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Position{Line: 1 + bytes.Count(before, []byte{'\n'}), Column: 1 + utf8.RuneCount(line)}
}

func lineAt(data []byte, offset int) string {
	start := bytes.LastIndexByte(data[:offset], '\n') + 1
	line, _, _ := bytes.Cut(data[start:], []byte{'\n'})
	return string(bytes.TrimSpace(line))
}

// bareOrQuoted writes one part of a key so that no two keys look the same.
func bareOrQuoted(part string) string {
	for _, r := range part {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return strconv.Quote(part)
		}
	}
	if part == "" {
		return `""`
	}
	return part
}

// maxShown bounds what a message repeats of a file, in bytes; a fingerprint in
// quotes fits.
const maxShown = 80

// shown makes text safe to print on one line.
func shown(text string) string {
	cut := ""
	if len(text) > maxShown {
		end := maxShown
		for !utf8.RuneStart(text[end]) && end > maxShown-utf8.UTFMax {
			end--
		}
		text, cut = text[:end], "…"
	}
	var b strings.Builder
	for i, r := range text {
		_, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String() + cut
}
