// Picture turns what a command prints on a terminal, colours included, into an
// SVG for the README. It understands the few escape sequences that socketha
// uses (SGR: bold, faint and the eight colours) and drops all others.
//
//	script -qec 'socketha status' /dev/null | go run ./scripts/picture >.github/status.svg
package main

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	columns    = 82
	charWidth  = 8.4
	lineHeight = 18
	margin     = 16
)

// palette has 4.5:1 contrast or better on the dark ground, and white has it on
// the grounds (WCAG 2.2, 1.4.3).
var (
	palette = map[string]string{
		"31": "#ff8f8f", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff",
		"35": "#d2a8ff", "36": "#76e3ea", "37": "#ffffff", "90": "#9da7b3",
	}
	grounds = map[string]string{
		"41": "#a40e26", "42": "#116329", "43": "#7d4e00", "44": "#0550ae", "100": "#484f58",
	}
)

// style is how the characters that follow look.
type style struct {
	colour, ground string
	bold, faint    bool
}

func main() {
	if err := draw(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

func draw(in io.Reader, out io.Writer) error {
	var lines []string
	scanner := bufio.NewScanner(in)
	for scanner.Scan() {
		lines = append(lines, strings.TrimRight(scanner.Text(), "\r"))
	}
	if err := scanner.Err(); err != nil {
		return err
	}
	width, height := columns*charWidth+2.0*margin, len(lines)*lineHeight+2*margin
	w := bufio.NewWriter(out)
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]g" height="%[2]d" viewBox="0 0 %[1]g %[2]d" role="img">`+"\n", width, height)
	fmt.Fprintf(w, `<title>socketha in a terminal</title><rect width="100%%" height="100%%" rx="8" fill="#0d1117"/>`+"\n")
	fmt.Fprintf(w, `<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="14" fill="#e6edf3" style="white-space:pre">`+"\n")
	var s style
	for i, line := range lines {
		s.line(w, line, margin+i*lineHeight)
	}
	fmt.Fprintln(w, "</g></svg>")
	return w.Flush()
}

// line draws one line whose top is at y, going on from the style of the last.
func (s *style) line(w io.Writer, line string, y int) {
	column := 0
	for line != "" {
		text, rest, escaped := strings.Cut(line, "\x1b[")
		if text != "" {
			s.run(w, text, column, y)
			column += utf8.RuneCountInString(text)
		}
		if !escaped {
			return
		}
		end := strings.IndexFunc(rest, func(r rune) bool { return r >= '@' && r <= '~' })
		if end < 0 {
			return
		}
		if rest[end] == 'm' {
			s.apply(rest[:end])
		}
		line = rest[end+1:]
	}
}

// run draws text of one style. Its length is stated and its spaces do not
// collapse, so that another font than ours keeps the columns.
func (s *style) run(w io.Writer, text string, column, y int) {
	x, width := margin+float64(column)*charWidth, float64(utf8.RuneCountInString(text))*charWidth
	if s.ground != "" {
		fmt.Fprintf(w, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`, x, y, width, lineHeight, s.ground)
	}
	if strings.TrimSpace(text) == "" {
		return
	}
	var attrs string
	if s.colour != "" {
		attrs += ` fill="` + s.colour + `"`
	}
	if s.bold {
		attrs += ` font-weight="bold"`
	}
	if s.faint {
		attrs += ` fill-opacity="0.75"`
	}
	fmt.Fprintf(w, `<text x="%.1f" y="%d" textLength="%.1f"%s>%s</text>`+"\n", x, y+13, width, attrs, html.EscapeString(strings.ReplaceAll(text, " ", "\u00a0")))
}

// apply takes the parameters of one SGR sequence (ECMA-48 section 8.3.117).
func (s *style) apply(parameters string) {
	for p := range strings.SplitSeq(parameters, ";") {
		switch p {
		case "", "0":
			*s = style{}
		case "1":
			s.bold = true
		case "2":
			s.faint = true
		case "22":
			s.bold, s.faint = false, false
		case "39":
			s.colour = ""
		case "49":
			s.ground = ""
		}
		if c, ok := palette[p]; ok {
			s.colour = c
		}
		if c, ok := grounds[p]; ok {
			s.ground = c
		}
	}
}
