package cli

import (
	"strings"
	"testing"

	"socketha/agent/status"
)

// An id is there to be copied: one of the usual length stays whole.
func TestImpactKeepsIDsWhole(t *testing.T) {
	for columns := minColumns; columns <= maxColumns; columns++ {
		s := style{unicode: true, columns: columns}
		id := "bgp-withdraw-offline"
		if columns < 80 {
			id = "bgp-withdraw"
		}
		list := []status.ImpactEntry{
			feature(id, "Withdraw BGP routes while a Socket is offline", "18.0", "catalog"),
			feature(strings.Repeat("abcd-", 8), "Another", "17.2.1", "advertised"),
		}
		table := featureTable(list, bad, s)
		if !strings.Contains(table, id+"\n") {
			t.Errorf("%d columns: the id is broken:\n%s", columns, table)
		}
		for line := range strings.Lines(table) {
			if runes(line)-1 > columns {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
	}
}

func TestWrapBreaksLongWords(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"dns-relay-on-lan", 12, "dns-relay-|on-lan"},
		{"dns-relay-on-lan", 11, "dns-relay-|on-lan"},
		{"a-bcdefghijkl", 8, "a-bcdefg|hijkl"},
		{"/var/lib/socketha/pins", 14, "/var/lib/|socketha/pins"},
		{"0123456789", 4, "0123|4567|89"},
	} {
		if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
			t.Errorf("%q in %d: %q, want %q", c.text, c.width, got, c.want)
		}
	}
}
