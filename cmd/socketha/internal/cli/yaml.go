package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// jsonLine is JSON on one line; "json" is the same for people.
const jsonLine = "jsonline"

// writeForm writes v as JSON or YAML, keys in the order of the type.
func writeForm(w io.Writer, form string, v any) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if form == "json" {
		encoder.SetIndent("", "  ")
	}
	if err := encoder.Encode(v); err != nil {
		return err
	}
	text := asciiControls(b.String())
	if form == "yaml" {
		var err error
		if text, err = yamlOf(b.Bytes()); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

// asciiControls escapes in JSON what could steer a terminal: JSON lets stand
// raw what is a control character only beyond ASCII (C1, bidirectional marks),
// and inside strings alone, where \u is allowed.
func asciiControls(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\n' || strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// yamlOf rewrites one JSON value as YAML in block style, in its order. JSON is
// YAML already; this is for people. What is written is few enough forms that
// every version of YAML reads them the same way: text that is not plainly a
// word is quoted, and everything beyond printable characters is escaped.
func yamlOf(data []byte) (string, error) {
	y := yamlWriter{in: json.NewDecoder(bytes.NewReader(data))}
	y.in.UseNumber()
	if err := y.value("", ""); err != nil {
		return "", err
	}
	if _, err := y.in.Token(); !errors.Is(err, io.EOF) {
		return "", errors.New("more than one JSON value")
	}
	return y.out.String(), nil
}

type yamlWriter struct {
	in  *json.Decoder
	out strings.Builder
}

// value writes the next value behind lead, which is "key:", "-" or nothing;
// further lines of it begin with indent.
func (y *yamlWriter) value(lead, indent string) error {
	token, err := y.in.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return y.collection(t, lead, indent)
	case string:
		y.scalar(lead, yamlString(t))
	case json.Number:
		y.scalar(lead, t.String())
	case bool:
		y.scalar(lead, strconv.FormatBool(t))
	case nil:
		y.scalar(lead, "null")
	}
	return nil
}

func (y *yamlWriter) scalar(lead, text string) {
	if lead != "" {
		lead += " "
	}
	y.out.WriteString(lead + text + "\n")
}

func (y *yamlWriter) collection(open json.Delim, lead, indent string) error {
	if !y.in.More() {
		y.scalar(lead, map[json.Delim]string{'{': "{}", '[': "[]"}[open])
		_, err := y.in.Token()
		return err
	}
	// The first entry of an item stands beside its dash.
	begin := lead + " "
	if !strings.HasSuffix(lead, "-") {
		begin = indent
		if lead != "" {
			y.out.WriteString(lead + "\n")
		}
	}
	for y.in.More() {
		entry := begin + "-"
		if open == '{' {
			key, err := y.in.Token()
			if err != nil {
				return err
			}
			name, ok := key.(string)
			if !ok {
				return fmt.Errorf("a key that is no text: %v", key)
			}
			entry = begin + yamlString(name) + ":"
		}
		if err := y.value(entry, indent+"  "); err != nil {
			return err
		}
		begin = indent
	}
	_, err := y.in.Token()
	return err
}

// yamlReserved are the words that some version of YAML reads as no text.
var yamlReserved = []string{"", "y", "n", "yes", "no", "on", "off", "true", "false", "null"}

// yamlString writes s as a plain word where nothing could take it for anything
// else, and in double quotes otherwise (YAML 1.2.2 section 7.3.1).
func yamlString(s string) string {
	word := !slices.Contains(yamlReserved, strings.ToLower(s))
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		word = word && (letter || i > 0 && (r >= '0' && r <= '9' || r == '_'))
	}
	if word {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case strconv.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
