package about

import (
	"maps"
	"slices"
	"strings"

	"socketha/agent/status"
)

func (p *page) alarm() {
	a := p.doc.Alarm
	if a == nil {
		p.tile("Alarm", idle, "Not known")
		p.raw(`<p class="why">This agent keeps no alarm.</p></div>`)
		return
	}
	t, word := unsure, sentence(a.State)
	switch a.State {
	case "clear":
		t = good
	case "raised":
		t = bad
	}
	p.tile("Alarm", t, word)
	p.raw(`<p class="why">`)
	switch a.State {
	case "clear":
		p.raw(`No alarm stands.`)
	case "pending":
		p.raw(`Not raised yet: short troubles raise none.`)
	case "raised":
		p.raw(`An alarm stands.`)
	case "clearing":
		p.raw(`It closes when the pair stays Ready.`)
	}
	if a.RaiseAt != nil {
		p.raw(` To be raised at `)
		p.time(*a.RaiseAt)
		p.raw(`.`)
	}
	if a.Occurrences > 1 {
		p.raw(` Occurred `)
		p.number(int64(a.Occurrences))
		p.raw(` times.`)
	}
	if a.Flapping {
		p.raw(` It comes and goes (flapping).`)
	}
	p.raw(`</p><p class="when">`)
	p.since(a.Since)
	p.raw(`</p></div>`)
}

func (p *page) cloud() {
	u := p.doc.Upstream
	if u == nil {
		p.tile("Cloud reports", unsure, "Not known")
		p.raw(`<p class="why">It is not known yet whether a cloud is configured.</p></div>`)
		return
	}
	switch {
	case !u.Configured:
		p.tile("Cloud reports", idle, "Not configured")
		p.raw(`<p class="why">This Socket reports to no cloud. Nothing else depends on it.</p></div>`)
		return
	case u.State == "connected":
		p.tile("Cloud reports", good, "Connected")
	case u.State == "disconnected":
		p.tile("Cloud reports", bad, "Disconnected")
	default:
		p.tile("Cloud reports", unsure, "Unknown")
	}
	p.raw(`<p class="why">`)
	if u.LastDeliveredAt != nil {
		p.raw(`Last delivered `)
		p.age(p.doc.GeneratedAt.Sub(u.LastDeliveredAt.Time))
		p.raw(` ago.`)
	} else {
		p.raw(`No report has been delivered yet.`)
	}
	if u.Queued != nil && *u.Queued > 0 {
		p.raw(` Waiting: `)
		p.count(*u.Queued)
		p.raw(`.`)
	}
	if u.Dropped != nil && *u.Dropped > 0 {
		p.raw(` Dropped: `)
		p.count(*u.Dropped)
		p.raw(`.`)
	}
	p.raw(`</p></div>`)
}

func (p *page) link() {
	l := &p.doc.Link
	t, word := bad, "Session "+strings.ReplaceAll(l.Session, "_", " ")
	if l.Session == "up" {
		t = good
	}
	p.tile("HA link", t, word)
	p.raw(`<p class="why">`)
	if l.Interface != "" {
		p.raw(`Interface `)
		p.el("span", `class="mono"`, l.Interface)
		p.text(linkWords(l))
		p.raw(`. `)
	}
	if l.Received > 0 {
		p.count(l.Lost)
		p.raw(` of `)
		p.count(l.Received + l.Lost)
		p.raw(` heartbeats lost.`)
	}
	if l.RTTMS != nil && l.Session == "up" {
		p.raw(` Round trip `)
		p.live(decimal(*l.RTTMS))
		p.raw(` ms.`)
	}
	if l.DetectMS != nil && l.Session == "up" {
		p.text(" Lost after " + decimal(float64(*l.DetectMS)/1000) + " s of silence.")
	}
	p.rejected(l.Rejected)
	p.raw(`</p>`)
	if l.Since != nil {
		p.raw(`<p class="when">`)
		p.since(*l.Since)
		p.raw(`</p>`)
	}
	p.raw(`</div>`)
}

func linkWords(l *status.LinkStatus) string {
	words := ""
	if oper := value(l.OperState); oper != "" && oper != "unknown" {
		words = " is " + oper
	}
	if l.Carrier != nil && !*l.Carrier {
		words += ", no carrier"
	}
	return words
}

func (p *page) rejected(by map[string]uint64) {
	if len(by) == 0 {
		return
	}
	p.raw(` Refused: `)
	for i, reason := range slices.Sorted(maps.Keys(by)) {
		if i > 0 {
			p.raw(`, `)
		}
		p.count(by[reason])
		p.text(" " + strings.ReplaceAll(reason, "_", " "))
	}
	p.raw(`.`)
}
