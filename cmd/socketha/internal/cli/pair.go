package cli

import "strings"

// labelColumns is the width of the first column of a table.
const labelColumns = 20

// An entry is the text of one Socket in one row.
type entry struct {
	text string
	tone tone
}

// A pairTable shows both Sockets side by side. Text that is wider than its
// column goes on in the next line: nothing a Socket states is cut off.
type pairTable struct {
	style style
	b     strings.Builder
}

func (p *pairTable) row(label string, local, remote entry) {
	width := (p.style.columns - labelColumns) / 2
	left, right := wrap(cell(local.text), width-2), wrap(cell(remote.text), width)
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		if i > 0 {
			label = ""
		}
		line := "  " + p.style.paint(faint, label) + strings.Repeat(" ", labelColumns-2-runes(label)) +
			p.style.paint(local.tone, l)
		if r != "" {
			line += strings.Repeat(" ", width-runes(l)) + p.style.paint(remote.tone, r)
		}
		p.b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
}

func (p *pairTable) String() string { return p.b.String() }
