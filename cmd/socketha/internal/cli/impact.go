package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"socketha/agent/status"
)

func runImpact(ctx context.Context, c *call) (Exit, error) {
	v, exit, err := c.askDocument(ctx, "Impact unknown")
	if exit != ExitOK || err != nil {
		return exit, err
	}
	if form := c.flag("o"); form != "table" {
		var part struct{ Impact json.RawMessage }
		if err := json.Unmarshal(v.raw, &part); err != nil {
			return ExitError, fmt.Errorf("the answer of the agent: %w", err)
		}
		if part.Impact == nil {
			part.Impact = json.RawMessage("null")
		}
		err = writeForm(c.Stdout, form, part.Impact)
		return exitOf(err), err
	}
	_, err = io.WriteString(c.Stdout, impactTable(&v.doc, styleFor(c.Env)))
	return exitOf(err), err
}

// impactLists say what each list of an impact means.
var impactLists = [...]struct {
	title, means, none string
	tone               tone
}{
	{"Would stop at a failover", "They work on the active Socket and not on the other one.", "Would stop at a failover: nothing.", bad},
	{"Does not work now", "This site uses them, and the active Socket lacks them.", "Does not work now: nothing is missing.", unsure},
	{"Would come back at a failover", "The active Socket lacks them, and the other one has them.", "Would come back at a failover: nothing.", good},
}

// impactSources say what each source of an entry means.
var impactSources = []struct{ word, means string }{
	{"advertised", "both Sockets say so themselves"},
	{"catalog", "reckoned from a version by the feature catalog, for a Socket that does not say"},
	{"unknown", "nothing tells whether a Socket has it, so it is taken for missing"},
}

// impactTable renders what a failover would cost, for people.
func impactTable(d *status.Document, s style) string {
	var b strings.Builder
	t, verdict := impactVerdict(d)
	b.WriteString(s.badge(t, s.symbol(t)+" "+verdict) + "\n")
	if site := siteName(d.Site); site != "" {
		writeWrapped(&b, "  ", "Site "+cell(site), s.columns)
	}
	if d.Impact == nil {
		writeWrapped(&b, "  ", "Not known: "+cell(d.ImpactUnknown()), s.columns)
		writeWrapped(&b, "  "+s.arrow()+" ", "See what is known of the pair: socketha status", s.columns)
		return b.String()
	}
	writeWrapped(&b, "  ", cell(d.ImpactBasis()), s.columns)
	if !d.Peer.Fresh {
		writeTone(&b, s, unsure, "  ", "The peer is not heard now: its features are as last known.")
	}
	var sources []string
	for i, list := range d.Impact.Lists() {
		b.WriteByte('\n')
		l := impactLists[i]
		if len(list.Entries) == 0 {
			writeTone(&b, s, faint, "", l.none)
			continue
		}
		b.WriteString(s.paint(strong, fmt.Sprintf("%s (%d)", l.title, len(list.Entries))) + "\n")
		writeTone(&b, s, faint, "  ", l.means)
		b.WriteString(featureTable(list.Entries, l.tone, s))
		for _, e := range list.Entries {
			sources = append(sources, e.Source)
		}
	}
	writeSources(&b, s, sources)
	return b.String()
}

// impactVerdict is the headline.
func impactVerdict(d *status.Document) (tone, string) {
	switch i := d.Impact; {
	case i == nil:
		return unsure, "WHAT A FAILOVER WOULD COST IS NOT KNOWN"
	case guessed(i.OnFailover):
		return unsure, "A FAILOVER MAY STOP " + strings.ToUpper(count(len(i.OnFailover), "feature"))
	case len(i.OnFailover) > 0:
		return bad, "A FAILOVER WOULD STOP " + strings.ToUpper(count(len(i.OnFailover), "feature"))
	case len(i.Now) > 0:
		return unsure, "A FAILOVER WOULD STOP NOTHING MORE"
	}
	return good, "A FAILOVER WOULD STOP NO FEATURE"
}

// guessed reports whether nothing tells of any of the features listed.
func guessed(list []status.ImpactEntry) bool {
	told := func(e status.ImpactEntry) bool { return e.Source != "unknown" }
	return len(list) > 0 && !slices.ContainsFunc(list, told)
}

// featureTable lists features. An id is there to be copied: it has all the room
// it needs, up to a half.
func featureTable(list []status.ImpactEntry, mark tone, s style) string {
	const fixed = 2 + 3 + 10 + 5 + 2 // indent, mark, since, source, gap before the id
	half := (s.columns - fixed) / 2
	id := min(24, half) // so that the lists are mostly aligned
	for _, e := range list {
		id = min(max(id, runes(cell(e.ID))), half)
	}
	t := columnTable{style: s, indent: 2, widths: []int{1, s.columns - fixed - id, 8, 3, 0}}
	t.row(entry{}, entry{"Feature", faint}, entry{"Since", faint}, entry{"Src", faint}, entry{"ID", faint})
	for _, e := range list {
		name, since := text(e.Name), text(e.Since)
		if name == "" {
			name = e.ID
		}
		if since == "" {
			since = s.dash()
		}
		t.row(entry{s.symbol(mark), mark}, entry{text: name}, entry{text: since}, entry{letter(e.Source), faint}, entry{e.ID, faint})
	}
	return t.b.String()
}

// letter stands for a source, as the legend says.
func letter(source string) string {
	for _, r := range source {
		return string(r)
	}
	return ""
}

// writeSources explains the sources that occur.
func writeSources(b *strings.Builder, s style, occur []string) {
	first := true
	for _, source := range impactSources {
		if !slices.Contains(occur, source.word) {
			continue
		}
		if first {
			b.WriteString("\nSources (Src)\n")
			first = false
		}
		writeLead(b, s, faint, "  "+letter(source.word)+"  ", source.word+": "+source.means)
	}
}
