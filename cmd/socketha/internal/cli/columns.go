package cli

import "strings"

// A columnTable has columns of fixed widths; text that is wider goes on in the
// next line of its column.
type columnTable struct {
	style  style
	indent int
	widths []int // the last one takes what is left
	b      strings.Builder
}

func (t *columnTable) row(entries ...entry) {
	cells := make([][]string, len(entries))
	lines := 1
	for i, e := range entries {
		cells[i] = wrap(cell(e.text), t.width(i))
		lines = max(lines, len(cells[i]))
	}
	for n := range lines {
		var line strings.Builder
		gap := t.indent
		for i, e := range entries {
			text := ""
			if n < len(cells[i]) {
				text = cells[i][n]
			}
			if text != "" {
				line.WriteString(strings.Repeat(" ", gap) + t.style.paint(e.tone, text))
				gap = 0
			}
			gap += t.width(i) + 2 - runes(text)
		}
		t.b.WriteString(line.String() + "\n")
	}
}

// width is how much text a column takes, without the gap behind it.
func (t *columnTable) width(i int) int {
	if i < len(t.widths)-1 {
		return t.widths[i]
	}
	left := t.style.columns - t.indent
	for _, w := range t.widths[:len(t.widths)-1] {
		left -= w + 2
	}
	return left
}
