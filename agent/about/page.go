package about

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"socketha/agent/status"
)

// refresh is how often the page loads itself anew without JavaScript, in seconds.
const refresh = "10"

// page renders one document.
type page struct {
	writer
	doc     *status.Document
	meaning string
	build   string
	lead    string   // the summary in the banner, not to be said again
	said    []string // the same of the actions under "What to do"
}

// render returns the whole page. The meaning identifies what it says but for
// ages and counters. For the element the style sheet comes as data.
func render(d *status.Document, meaning, build string, element bool) string {
	p := &page{doc: d, meaning: meaning, build: build}
	p.b.Grow(24 << 10)
	p.head(element)
	p.raw(`<body class="sha-page"><main><h1>HA status</h1><socketha-about page>`)
	p.whole()
	p.raw(`<p class="live" role="status"></p></socketha-about></main></body></html>`, "\n")
	return p.b.String()
}

func (p *page) head(element bool) {
	t, _, _ := verdict(p.doc)
	p.raw("<!DOCTYPE html>\n", `<html lang="en"><head><meta charset="utf-8">`,
		`<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>`)
	p.text(p.title())
	if site := siteName(p.doc.Site); site != "" {
		p.text(" · " + site)
	}
	p.raw(` · HA status</title><link rel="icon" href="`, icons[t], `">`)
	if element {
		p.raw(`<meta name="style"`)
		p.attr("content", string(style))
		p.raw(`></head>`)
		return
	}
	p.raw(`<style>`, style, `</style>`,
		`<noscript><meta http-equiv="refresh" content="`, refresh, `"></noscript><script src="about.js" defer></script></head>`)
}

// title says the state in one line, for the tab and for who hears the page.
func (p *page) title() string {
	_, words, _ := verdict(p.doc)
	title := string(words)
	if r := p.gravest(); r != nil {
		title += ": " + headline(r.Code)
	}
	return title
}

// whole writes everything that the element shows too.
func (p *page) whole() {
	_, _, state := verdict(p.doc)
	p.raw(`<div class="sha" data-state="`, state, `"`)
	p.attr("data-meaning", p.meaning)
	p.attr("data-build", p.build)
	p.attr("data-title", p.title())
	p.attr("data-sn", value(p.doc.Self.Serial))
	p.raw(`>`)
	p.site()
	p.banner()
	p.sockets()
	p.conditions()
	p.impact()
	p.reasons("Why it is not ready", status.SeverityNotReady)
	p.reasons("Warnings", status.SeverityWarning)
	p.around()
	p.foot()
	p.raw(`</div>`)
}

func siteName(s status.SiteStatus) string {
	name, id := value(s.Name), value(s.ID)
	switch {
	case name != "" && id != "":
		return name + " (" + id + ")"
	case name != "":
		return name
	}
	return id
}

func (p *page) site() {
	p.raw(`<div class="site"><span>`)
	if site := siteName(p.doc.Site); site != "" {
		p.raw(`Site `)
		p.el("strong", "", site)
	}
	p.raw(`</span><span>Seen from this Socket`)
	if sn := value(p.doc.Self.Serial); sn != "" {
		p.raw(`, S/N `)
		p.el("b", `class="sn"`, sn)
	}
	p.raw(`</span></div>`)
}

// gravest returns the first reason that makes the pair not ready, nil without.
func (p *page) gravest() *status.Reason {
	for i := range p.doc.Reasons {
		if r := &p.doc.Reasons[i]; r.Severity == status.SeverityNotReady {
			return r
		}
	}
	return nil
}

// banner says the verdict, why, and what to do.
func (p *page) banner() {
	d := p.doc
	t, words, _ := verdict(d)
	r := p.gravest()
	todo := d.Readiness != "ready" || len(d.Reasons) > 0
	p.raw(`<section class="banner `, t.class())
	if !todo {
		p.raw(` alone`)
	}
	p.raw(`" aria-label="Verdict">`, t.sign(), `<h2>`, words)
	lead := "Every condition of a safe failover is met."
	switch {
	case r != nil:
		p.el("small", "", headline(r.Code))
		lead, p.lead = r.Summary, r.Summary
	case d.Readiness != "ready":
		p.raw(`<small>Not known yet</small>`)
		lead = p.open()
	case !todo:
		p.raw(`<small>Nothing to do</small>`)
	case len(d.Reasons) == 1:
		p.raw(`<small>With a warning</small>`)
	default:
		p.raw(`<small>With `)
		p.number(int64(len(d.Reasons)))
		p.raw(` warnings</small>`)
	}
	p.raw(`</h2><p class="since">`)
	p.since(d.ReadinessSince)
	p.raw(`</p><p class="lead">`)
	p.prose(lead)
	p.raw(`</p></section>`)
	if todo {
		p.todo(r)
	}
}

// open is the detail of the condition that keeps a pair without any reason from
// being ready.
func (p *page) open() string {
	c := &p.doc.Conditions
	for _, one := range [...]status.Condition{c.Keepalive, c.CompatibleVersion, c.Connected} {
		if one.State != status.StateOK && one.State != status.StateNotEvaluated {
			return one.Detail
		}
	}
	return "The agent has not judged the pair yet."
}

// todo says what to do first, then what else. An incompatible pair's remedy says
// it better than its reason: it names the place too.
func (p *page) todo(r *status.Reason) {
	d := p.doc
	p.raw(`<section class="todo" aria-label="What to do"><h3 class="label">What to do</h3>`)
	first := "Wait a few seconds: this page changes by itself."
	if r == nil && len(d.Reasons) > 0 {
		r = &d.Reasons[0]
	}
	if r != nil {
		first, p.said = r.Action, []string{r.Action}
	}
	remedied := d.Remedy != nil && r != nil && r.Code == status.CodeIncompatible
	if remedied {
		first = d.Remedy.Text
	}
	p.raw(`<p class="first">`)
	p.prose(first)
	p.raw(`</p>`)
	if remedied && d.Remedy.Where != "" {
		p.raw(`<p class="where">`)
		p.prose(d.Remedy.Where + ".")
		p.raw(`</p>`)
	}
	if !strings.Contains(first, "S/N") {
		p.numbers()
	}
	p.further(r)
	p.request()
	p.raw(`</section>`)
}

// numbers says which Socket is which, below an action that does not.
func (p *page) numbers() {
	self, other := value(p.doc.Self.Serial), value(p.doc.Peer.Serial)
	if self == "" || other == "" {
		return
	}
	p.raw(`<p class="where">This Socket: S/N `)
	p.el("b", `class="sn"`, self)
	p.raw(`. The peer: S/N `)
	p.el("b", `class="sn"`, other)
	p.raw(`.</p>`)
}

// further lists what else is to be done, after the first.
func (p *page) further(first *status.Reason) {
	var actions []string
	for i := range p.doc.Reasons {
		r := &p.doc.Reasons[i]
		switch {
		case first == nil || r.Code == first.Code || r.Action == "":
		case r.Severity != first.Severity: // a warning can wait until the pair is ready
		case r.Code == status.CodeIncompatible && p.doc.Remedy != nil:
			actions = append(actions, p.doc.Remedy.Text)
			p.said = append(p.said, r.Action)
		default:
			p.said = append(p.said, r.Action)
			actions = append(actions, r.Action)
		}
	}
	if len(actions) == 0 {
		return
	}
	p.raw(`<ol>`)
	for _, a := range actions {
		p.raw(`<li>`)
		p.prose(a)
		p.raw(`</li>`)
	}
	p.raw(`</ol>`)
}

// request offers the support request: to copy (with JavaScript), to save, to read.
// It comes to the front where a Socket has to be upgraded; elsewhere it serves as
// a report for whoever is asked for help.
func (p *page) request() {
	text := status.SupportRequest(p.doc)
	label, name, class := lit("report"), lit("ha-report.txt"), lit("button")
	if p.doc.Remedy != nil {
		label, name, class = "support request", "support-request.txt", "button main"
	}
	p.raw(`<div class="buttons"><button type="button" class="`, class, `" data-id="copy" data-copy="Copy `, label, `" hidden>Copy `, label, `</button>`,
		`<a class="button" data-id="save" data-live download="`, name, `"`)
	p.dataURL("href", text)
	p.raw(`>Download `, label, `</a></div><details data-id="request"><summary data-id="request-open">Read the `, label, `</summary><pre data-text data-live tabindex="0" role="region" aria-label="Text of the `, label, `">`)
	p.raw("\n") // the parser drops the first line feed in a pre
	p.text(text)
	p.raw(`</pre></details>`)
}

// prose writes a sentence with the serials of the pair emphasized.
func (p *page) prose(s string) {
	for s != "" {
		before, rest, ok := strings.Cut(s, "S/N ")
		p.text(before)
		if !ok {
			return
		}
		p.raw(`S/N `)
		s = rest
		for _, sn := range [...]*string{p.doc.Self.Serial, p.doc.Peer.Serial} {
			if sn == nil || *sn == "" || !strings.HasPrefix(rest, *sn) {
				continue
			}
			p.el("b", `class="sn"`, *sn)
			s = rest[len(*sn):]
			break
		}
	}
}

// since says for how long something holds, and from when on.
func (p *page) since(at status.Time) {
	p.raw(`For `)
	p.age(p.doc.GeneratedAt.Sub(at.Time))
	p.raw(`, since `)
	p.time(at)
}

// age writes a time span that grows while the page is looked at.
func (p *page) age(d time.Duration) {
	p.raw(`<span data-age="`)
	p.b.WriteString(strconv.FormatFloat(max(0, d.Seconds()), 'f', 1, 64))
	p.raw(`">`)
	p.text(age(d))
	p.raw(`</span>`)
}

// time writes a wall time, in UTC so that it is the same in every ticket; the day
// only where it is another one.
func (p *page) time(at status.Time) {
	utc := at.UTC()
	form := "2006-01-02 15:04:05 UTC"
	if utc.Format(time.DateOnly) == p.doc.GeneratedAt.UTC().Format(time.DateOnly) {
		form = "15:04:05 UTC"
	}
	p.raw(`<time`)
	p.attr("datetime", utc.Format(time.RFC3339))
	p.raw(`>`)
	p.text(utc.Format(form))
	p.raw(`</time>`)
}

// live writes a number that changes without changing the meaning.
func (p *page) live(s string) { p.el("span", "data-live", s) }

func (p *page) count(n uint64) { p.live(strconv.FormatUint(n, 10)) }

// foot says who wrote this, and when.
func (p *page) foot() {
	d := p.doc
	p.raw(`<p class="foot">As of <span data-live>`)
	p.text(d.GeneratedAt.UTC().Format("2006-01-02 15:04:05 UTC"))
	p.raw(`</span>. HA agent `)
	p.text(d.Agent.Version)
	p.raw(`, running for `)
	p.age(time.Duration(min(d.Agent.UptimeS, int64(1<<62/time.Second))) * time.Second)
	p.raw(`.<noscript> This page loads itself anew every `, refresh, ` s.</noscript></p>`)
}

// number writes a JSON-like number without a trailing zero.
func decimal(f float64) string {
	b, err := json.Marshal(f)
	if err != nil { // not a number: never from a document
		return "?"
	}
	return string(b)
}
