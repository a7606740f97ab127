package about

import (
	"slices"
	"strconv"
	"time"

	"socketha/agent/status"
)

// maxEntries bounds each list of the impact; a page is fetched every few seconds.
const maxEntries = 50

// socket is one of the two, with the words of the contract made readable.
type socket struct {
	title                        lit
	serial, model, version, role *string
	haState, haSource            string
	upgrade                      *status.UpgradeStatus
	readiness, compatibility     string // how it sees the pair; empty if it has not said
	past                         bool   // nothing of it is current
}

// sockets puts both side by side and marks the lower one.
func (p *page) sockets() {
	d := p.doc
	self, other := &d.Self, &d.Peer
	lower := lowerOf(d)
	p.raw(`<section class="part"><h3>Both Sockets</h3><div class="grid pair">`)
	p.socket(&socket{
		title: "This Socket", serial: self.Serial, model: self.Model, version: self.Version, role: self.ConfiguredRole,
		haState: self.HAState, haSource: value(self.HAStateSource), upgrade: self.Upgrade,
		readiness: d.Readiness, compatibility: d.Compatibility,
	}, lower < 0)
	p.socket(&socket{
		title: "Peer Socket", serial: other.Serial, model: other.Model, version: other.Version, role: other.ConfiguredRole,
		haState: other.HAState, upgrade: other.Upgrade,
		readiness: value(other.View.Readiness), compatibility: value(other.View.Compatibility),
		past: !other.Fresh,
	}, lower > 0)
	p.raw(`</div></section>`)
}

// lowerOf returns -1 if this Socket has the lower major, 1 if the peer has, 0 if
// neither, or if it is not known now.
func lowerOf(d *status.Document) int {
	if !d.Peer.Fresh || d.Self.Major == nil || d.Peer.Major == nil {
		return 0
	}
	switch {
	case *d.Self.Major < *d.Peer.Major:
		return -1
	case *d.Self.Major > *d.Peer.Major:
		return 1
	}
	return 0
}

func (p *page) socket(s *socket, low bool) {
	p.raw(`<div class="card`)
	switch {
	case low:
		p.raw(` low`)
	case s.past:
		p.raw(` past`)
	}
	p.raw(`"><div class="top"><h4>`, s.title, `</h4>`)
	switch {
	case low:
		p.raw(`<p class="tag bad">`, signLow, `<span>Lower major version</span></p>`)
	case s.past && !p.doc.Peer.Known:
		p.raw(`<p class="tag unsure">`, signAsk, `<span>Never heard</span></p></div></div>`)
		return
	case s.past:
		p.raw(`<p class="tag unsure">`, signPast, `<span>Last seen`)
		p.lastSeen()
		p.raw(`</span></p>`)
	}
	p.raw(`</div>`)
	p.raw(`<dl>`)
	p.field("S/N", value(s.serial), `class="big"`, false)
	p.field("Version", value(s.version), `class="big"`, s.past)
	ha := s.haState
	if s.haSource != "" {
		ha += " (" + s.haSource + ")"
	}
	p.field("HA state", sentence(ha), "", s.past)
	p.field("Configured role", sentence(value(s.role)), "", s.past)
	p.field("Model", value(s.model), "", false)
	if u := s.upgrade; u != nil {
		words := sentence(u.State)
		if u.Target != nil {
			words += " to " + *u.Target
		}
		p.field("Upgrade", words, "", s.past)
	}
	if s.readiness != "" {
		p.field("Sees the pair as", view(s.readiness, s.compatibility), "", s.past)
	}
	p.raw(`</dl></div>`)
}

func (p *page) lastSeen() {
	other := &p.doc.Peer
	if other.AgeS == nil {
		p.raw(` before this agent started`)
		return
	}
	p.raw(` `)
	p.age(seconds(*other.AgeS))
	p.raw(` ago`)
}

// seconds converts to a duration, held within what one can hold.
func seconds(s float64) time.Duration {
	const most = float64(1<<62) / float64(time.Second)
	return time.Duration(max(0, min(s, most)) * float64(time.Second))
}

// view says how a Socket sees the pair.
func view(readiness, compatibility string) string {
	words := "Unknown"
	switch readiness {
	case "ready":
		words = "Ready"
	case "not_ready":
		words = "Not Ready"
	}
	if compatibility == "" {
		compatibility = "unknown"
	}
	return words + ", " + compatibility
}

// field writes a row of a Socket, in the past tense if it is not current.
func (p *page) field(label lit, text string, attrs lit, past bool) {
	p.raw(`<dt>`, label, `</dt>`)
	if text == "" {
		text, past = "Not known", false
	}
	if past {
		text = "was " + text
	}
	p.el("dd", attrs, text)
}

func (p *page) conditions() {
	c := &p.doc.Conditions
	p.raw(`<section class="part"><h3>Conditions</h3><div class="grid three">`)
	for _, one := range [...]struct {
		label string
		status.Condition
	}{{"Connected", c.Connected}, {"Keepalive", c.Keepalive}, {"Compatible Version", c.CompatibleVersion}} {
		p.tile(one.label, toneOf(one.State), one.State.Label())
		p.el("p", `class="why"`, one.Detail)
		p.raw(`<p class="when">`)
		p.since(one.Since)
		p.raw(`</p></div>`)
	}
	p.raw(`</div></section>`)
}

// tile opens a tile with its word; the caller closes it.
func (p *page) tile(label string, t tone, word string) {
	p.raw(`<div class="card tile `, t.class(), `"><h4>`)
	p.text(label)
	p.raw(`</h4><p class="word">`, t.sign(), `<span>`)
	p.text(word)
	p.raw(`</span></p>`)
}

// impact says what a failover would cost.
func (p *page) impact() {
	i := p.doc.Impact
	p.raw(`<section class="part impact"><h3>What a failover would cost</h3><p class="muted">`)
	if i == nil {
		p.raw(`Not known: `)
		p.text(p.doc.ImpactUnknown())
		p.raw(`</p></section>`)
		return
	}
	p.prose(p.doc.ImpactBasis())
	p.raw(`</p><div class="grid three">`)
	for n, list := range i.Lists() {
		p.entries(list, impactTones[n])
	}
	p.raw(`</div></section>`)
}

// impactTones are those of the lists that are not empty, in their order.
var impactTones = [...]tone{bad, unsure, idle}

func (p *page) entries(list status.ImpactList, t tone) {
	word := strconv.Itoa(len(list.Entries)) + " features"
	switch len(list.Entries) {
	case 0:
		t, word = idle, "Nothing"
	case 1:
		word = "1 feature"
	}
	p.tile(list.Meaning, t, word)
	if len(list.Entries) > 0 {
		p.raw(`<ul>`)
		for n := range list.Entries[:min(len(list.Entries), maxEntries)] {
			p.entry(&list.Entries[n])
		}
		p.raw(`</ul>`)
	}
	if more := len(list.Entries) - maxEntries; more > 0 {
		p.raw(`<p class="when">and `)
		p.number(int64(more))
		p.raw(` more: <code>socketha impact</code> lists them all</p>`)
	}
	p.raw(`</div>`)
}

func (p *page) entry(e *status.ImpactEntry) {
	p.raw(`<li>`)
	from := source(e.Source)
	if e.Since != nil {
		from = "since " + *e.Since + ", " + from
	}
	if e.Name != nil {
		p.text(*e.Name)
		from = e.ID + ", " + from
	} else {
		p.text(e.ID)
	}
	p.el("span", `class="from"`, from)
	p.raw(`</li>`)
}

// source says where an entry is known from.
func source(s string) string {
	switch s {
	case "advertised":
		return "as the Sockets say"
	case "catalog":
		return "by the feature catalog"
	case "unknown":
		return "source not known"
	}
	return s
}

// reasons lists the reasons of one severity with their codes.
func (p *page) reasons(title lit, severity status.Severity) {
	t, _, _ := verdict(p.doc)
	sign := t.sign()
	if severity == status.SeverityWarning {
		t, sign = unsure, signWarn
	}
	opened := false
	for i := range p.doc.Reasons {
		r := &p.doc.Reasons[i]
		if r.Severity != severity {
			continue
		}
		if !opened {
			p.raw(`<section class="part"><h3>`, title, `</h3><div class="grid">`)
			opened = true
		}
		p.raw(`<div class="card reason `, t.class(), `"><h4 class="word">`, sign, `<span>`)
		p.text(headline(r.Code))
		p.raw(`</span></h4>`)
		if r.Summary != p.lead { // which the banner says already
			p.raw(`<p>`)
			p.prose(r.Summary)
			p.raw(`</p>`)
		}
		if r.Action != "" && !slices.Contains(p.said, r.Action) {
			p.raw(`<p class="act"><strong>To do:</strong> `)
			p.prose(r.Action)
			p.raw(`</p>`)
		}
		p.el("p", `class="code"`, string(r.Code))
		p.raw(`<p class="muted when">`)
		p.since(r.Since)
		p.raw(`</p></div>`)
	}
	if opened {
		p.raw(`</div></section>`)
	}
}

// around shows what is not part of the verdict: alarm, cloud, link.
func (p *page) around() {
	p.raw(`<section class="part"><h3>Alarm, cloud and HA link</h3><div class="grid three">`)
	p.alarm()
	p.cloud()
	p.link()
	p.raw(`</div></section>`)
}
