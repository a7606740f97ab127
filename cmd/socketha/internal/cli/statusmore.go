package cli

import (
	"fmt"
	"strings"
	"time"

	"socketha/agent/status"
)

// line is one of the lists of an impact, in a few words.
type line struct {
	list  []status.ImpactEntry
	words string
	tone  tone
}

// impact says in a few lines what a failover would cost.
func (t *statusText) impact() {
	i, s := t.doc.Impact, t.style
	if i == nil {
		return
	}
	t.b.WriteString("\n" + s.paint(strong, "If it failed over now") + "\n")
	stops, tone := "would stop", bad
	if guessed(i.OnFailover) {
		stops, tone = "may stop, nothing tells", unsure
	}
	lines := []line{
		{i.OnFailover, stops, tone},
		{i.Now, "does not work now", unsure},
		{i.RestoredOnFailover, "would come back", good},
	}
	any := false
	for _, l := range lines {
		if len(l.list) == 0 {
			continue
		}
		any = true
		words := count(len(l.list), "feature") + " " + l.words
		if len(l.list) > 1 {
			words = strings.Replace(words, "does not", "do not", 1)
		}
		writeLead(&t.b, s, l.tone, s.symbol(l.tone)+" ", cell(words+": "+namesOf(l.list)))
	}
	if !any {
		writeLead(&t.b, s, good, s.symbol(good)+" ", "No feature that this site uses would stop.")
		return
	}
	writeWrapped(&t.b, "  "+s.arrow()+" ", "All of them: socketha impact", s.columns)
}

// namedFeatures is how many features the status names.
const namedFeatures = 3

func namesOf(list []status.ImpactEntry) string {
	var names []string
	for i, e := range list {
		if i == namedFeatures {
			return strings.Join(names, ", ") + fmt.Sprintf(" and %d more", len(list)-i)
		}
		names = append(names, or(text(e.Name), e.ID))
	}
	return strings.Join(names, ", ")
}

// alarm says where the alarm stands, and when it will be raised.
func (t *statusText) alarm() {
	a, s := t.doc.Alarm, t.style
	if a == nil {
		return
	}
	mark := map[string]tone{"clear": good, "pending": unsure, "raised": bad, "clearing": unsure}[a.State]
	if mark == plain {
		mark = unsure
	}
	words := a.State + ", " + t.since(a.Since)
	if a.RaiseAt != nil {
		words += ", to be raised " + t.at(*a.RaiseAt) + " if all stays as it is"
	}
	if a.Occurrences > 1 {
		words += fmt.Sprintf(", %d occurrences", a.Occurrences)
	}
	if a.Flapping {
		words += ", flapping"
	}
	t.b.WriteString("\n" + s.paint(strong, "Alarm") + "\n")
	writeLead(&t.b, s, mark, s.symbol(mark)+" ", cell(words))
}

// at says when something is going to happen, and in how long.
func (t *statusText) at(when status.Time) string {
	now := t.doc.GeneratedAt
	form := "2006-01-02 15:04:05 UTC"
	if when.Format(time.DateOnly) == now.Format(time.DateOnly) {
		form = "15:04:05 UTC"
	}
	return "at " + when.UTC().Format(form) + " (in " + age(when.Sub(now.Time)) + ")"
}
