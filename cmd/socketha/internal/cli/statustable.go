package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"socketha/agent/status"
)

// statusTable renders the document for people: the verdict and since when, what
// to do, both Sockets, the conditions, the reasons, the link. Ages are those of
// the moment the agent wrote it.
func statusTable(d *status.Document, s style) string {
	t := statusText{doc: d, style: s}
	t.banner()
	t.todo()
	t.sockets()
	t.conditions()
	t.reasons("Why it is not ready", bad, status.SeverityNotReady)
	t.reasons("Warnings", unsure, status.SeverityWarning)
	t.impact()
	t.alarm()
	t.link()
	return t.b.String()
}

type statusText struct {
	doc   *status.Document
	style style
	b     strings.Builder
	said  []string // actions named under "To do", not to be said again
}

// banner says the verdict in words, sign and colour, in this order of trust.
func (t *statusText) banner() {
	d, s := t.doc, t.style
	var badge string
	switch d.Outcome() {
	case status.OutcomeReady:
		badge = s.badge(good, s.symbol(good)+" READY")
	case status.OutcomeUnknown:
		badge = s.badge(unsure, s.symbol(unsure)+" NOT READY: NOT KNOWN")
	default:
		badge = s.badge(bad, s.symbol(bad)+" NOT READY")
	}
	t.b.WriteString(badge + "  " + s.paint(strong, t.since(d.ReadinessSince)) + "\n")
	if site := siteName(d.Site); site != "" {
		writeWrapped(&t.b, "  ", "Site "+cell(site), s.columns)
	}
}

func siteName(site status.SiteStatus) string {
	name, id := text(site.Name), text(site.ID)
	switch {
	case name != "" && id != "":
		return name + " (" + id + ")"
	case name != "":
		return name
	}
	return id
}

// todo names what to do first: what the gravest reason asks for, and the
// remedy of an incompatible pair, which says where as well.
func (t *statusText) todo() {
	d := t.doc
	var lines []string
	for _, r := range d.Reasons {
		first := len(lines) == 0 && r.Severity == status.SeverityNotReady
		replaced := d.Remedy != nil && r.Code == status.CodeIncompatible
		if first && !replaced {
			lines = append(lines, r.Action)
		}
		if first || replaced {
			t.said = append(t.said, r.Action)
		}
		if replaced {
			lines = append(lines, d.Remedy.Text, d.Remedy.Where)
			if d.Self.Upgrade == nil && d.Peer.Upgrade == nil {
				lines = append(lines, "The request, ready to send: socketha support-request")
			}
		}
	}
	if len(lines) == 0 {
		return
	}
	t.b.WriteByte('\n')
	lead := "To do: "
	for _, line := range lines {
		writeLead(&t.b, t.style, strong, lead, cell(line))
		lead = strings.Repeat(" ", len(lead))
	}
}

func (t *statusText) sockets() {
	d, s := t.doc, t.style
	p := pairTable{style: s}
	self, other := &d.Self, &d.Peer
	p.row("", entry{"This Socket", strong}, t.peerTitle())
	// Of a peer that is not heard everything shown is from the past.
	mark := plain
	if !other.Fresh {
		mark = faint
	}
	row := func(label string, local, remote *string) {
		p.row(label, t.known(text(local), plain), t.known(text(remote), mark))
	}
	row("S/N", self.Serial, other.Serial)
	row("Model", self.Model, other.Model)
	local, remote := t.known(text(self.Version), plain), t.past(t.known(text(other.Version), mark))
	switch lower(d) {
	case -1:
		local = entry{local.text + " " + s.lower(), bad}
	case 1:
		remote = entry{remote.text + " " + s.lower(), bad}
	}
	p.row("Version", local, remote)
	row("Configured role", self.ConfiguredRole, other.ConfiguredRole)
	p.row("HA state", t.haState(self.HAState, text(self.HAStateSource), plain), t.past(t.haState(other.HAState, "", mark)))
	if self.Upgrade != nil || other.Upgrade != nil {
		p.row("Upgrade", t.upgrade(self.Upgrade, plain), t.upgrade(other.Upgrade, mark))
	}
	if other.View.Readiness != nil || other.View.Compatibility != nil {
		p.row("Sees the pair as", t.view(d.Readiness, d.Compatibility, plain),
			t.past(t.view(text(other.View.Readiness), text(other.View.Compatibility), mark)))
	}
	t.b.WriteString("\n" + p.String())
}

// past puts what is last-known of the peer into the past tense, so that not even
// a single row of the table reads as current.
func (t *statusText) past(e entry) entry {
	if other := &t.doc.Peer; other.Known && !other.Fresh && e.text != t.style.dash() {
		e.text = "was " + e.text
	}
	return e
}

// peerTitle heads the peer's column. It carries the age, so that no row of it
// can be read as current when it is not.
func (t *statusText) peerTitle() entry {
	other := &t.doc.Peer
	switch {
	case !other.Known:
		return entry{"Peer: never heard", unsure}
	case other.Fresh:
		return entry{"Peer", strong}
	case other.AgeS == nil:
		return entry{"Peer, as last seen", unsure}
	}
	return entry{"Peer, last seen " + age(time.Duration(*other.AgeS*float64(time.Second))) + " ago", unsure}
}

// lower returns -1 if this Socket runs the lower major, 1 if the peer does, 0
// if neither or it is not known now.
func lower(d *status.Document) int {
	if !d.Peer.Fresh || d.Self.Major == nil || d.Peer.Major == nil {
		return 0
	}
	switch a, b := *d.Self.Major, *d.Peer.Major; {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (t *statusText) known(text string, mark tone) entry {
	if text == "" {
		return entry{t.style.dash(), faint}
	}
	return entry{text, mark}
}

func (t *statusText) haState(state, source string, mark tone) entry {
	if state == "unknown" && mark == plain {
		mark = unsure
	}
	if source != "" {
		state += " (" + source + ")"
	}
	return entry{state, mark}
}

func (t *statusText) upgrade(u *status.UpgradeStatus, mark tone) entry {
	if u == nil {
		return t.known("", mark)
	}
	words := u.State
	if target := text(u.Target); target != "" {
		words += " to " + target
	}
	return entry{words + ", " + t.since(u.Since), mark}
}

func (t *statusText) view(readiness, compatibility string, mark tone) entry {
	words := map[string]string{"ready": "Ready", "not_ready": "Not Ready"}[readiness]
	if words == "" {
		words = "Unknown"
	}
	if compatibility == "" {
		compatibility = "unknown"
	}
	return entry{words + ", " + compatibility, mark}
}

func (t *statusText) conditions() {
	s := t.style
	t.b.WriteByte('\n')
	c := t.doc.Conditions
	for _, row := range []struct {
		label string
		status.Condition
	}{{"Connected", c.Connected}, {"Keepalive", c.Keepalive}, {"Compatible Version", c.CompatibleVersion}} {
		tone := toneOf(row.State)
		left := fill(s.symbol(tone)+" "+row.label, len("x Compatible Version"))
		text := left + "  " + row.State.Label()
		t.sinceBeside(text, tone, len("x Compatible Version  Not evaluated"), row.Since)
		writeTone(&t.b, s, faint, "  ", cell(row.Detail))
	}
}

func (t *statusText) reasons(title string, mark tone, severity status.Severity) {
	s := t.style
	if mark == bad && t.doc.Outcome() == status.OutcomeUnknown {
		mark = unsure
	}
	first := true
	for _, r := range t.doc.Reasons {
		if r.Severity != severity {
			continue
		}
		if first {
			t.b.WriteString("\n" + s.paint(strong, title) + "\n")
			first = false
		}
		sign := s.symbol(mark)
		if severity == status.SeverityWarning {
			sign = "!"
		}
		t.sinceBeside(sign+" "+cell(string(r.Code)), mark, 0, r.Since)
		writeWrapped(&t.b, "  ", cell(r.Summary), s.columns)
		if r.Action != "" && !slices.Contains(t.said, r.Action) {
			writeWrapped(&t.b, "  "+s.arrow()+" ", cell(r.Action), s.columns)
		}
	}
}

// sinceBeside writes text and since when it holds: beside it from column on, or
// below where there is no room.
func (t *statusText) sinceBeside(text string, mark tone, column int, at status.Time) {
	since := t.since(at)
	gap := strings.Repeat(" ", max(0, column-runes(text))+2)
	if runes(text+gap+since) > t.style.columns {
		gap = "\n  "
	}
	t.b.WriteString(t.style.paint(mark, text) + gap + t.style.paint(faint, since) + "\n")
}

func (t *statusText) link() {
	l, s := t.doc.Link, t.style
	words := []string{"session " + strings.ReplaceAll(l.Session, "_", " ")}
	if l.Since != nil {
		words[0] += " for " + age(t.doc.GeneratedAt.Sub(l.Since.Time))
	}
	if oper := text(l.OperState); oper != "" && oper != "up" && oper != "unknown" {
		words = append(words, "interface "+oper)
	}
	if l.Carrier != nil && !*l.Carrier {
		words = append(words, "no carrier")
	}
	if l.RTTMS != nil {
		words = append(words, "round trip "+strconv.FormatFloat(*l.RTTMS, 'f', -1, 64)+" ms")
	}
	if l.DetectMS != nil {
		words = append(words, "lost after "+millis(*l.DetectMS)+" of silence")
	}
	if l.Received > 0 {
		words = append(words, fmt.Sprintf("%d of %d heartbeats lost", l.Lost, l.Received+l.Lost))
	}
	var refused []string
	for _, reason := range slices.Sorted(maps.Keys(l.Rejected)) {
		refused = append(refused, fmt.Sprintf("%d %s", l.Rejected[reason], strings.ReplaceAll(reason, "_", " ")))
	}
	if len(refused) > 0 {
		words = append(words, "refused: "+strings.Join(refused, " + "))
	}
	t.b.WriteString("\n" + s.paint(strong, strings.TrimSpace("HA link "+cell(l.Interface))) + "\n")
	writeWrapped(&t.b, "  ", cell(strings.Join(words, ", ")), s.columns)
	if ends := []string{text(l.LocalAddress), text(l.PeerAddress)}; ends[0] != "" && ends[1] != "" {
		writeTone(&t.b, s, faint, "  ", cell(ends[0]+" "+s.between()+" "+ends[1]))
	}
}

// since says from when on something holds, and for how long by then.
func (t *statusText) since(at status.Time) string {
	now := t.doc.GeneratedAt
	form := "2006-01-02 15:04:05 UTC"
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		form = "15:04:05 UTC"
	}
	return "since " + at.UTC().Format(form) + " (" + age(now.Sub(at.Time)) + ")"
}

func millis(ms int64) string {
	if ms%1000 == 0 {
		return strconv.FormatInt(ms/1000, 10) + " s"
	}
	return strconv.FormatInt(ms, 10) + " ms"
}

// writeLead writes words wrapped behind a painted lead.
func writeLead(b *strings.Builder, s style, t tone, lead, words string) {
	var plain strings.Builder
	writeWrapped(&plain, lead, words, s.columns)
	text := plain.String()
	if cut, ok := strings.CutPrefix(text, lead); ok {
		text = s.paint(t, lead) + cut
	}
	b.WriteString(text)
}

// writeTone writes words wrapped and painted line by line.
func writeTone(b *strings.Builder, s style, t tone, indent, words string) {
	for _, line := range wrap(words, s.columns-runes(indent)) {
		b.WriteString(indent + s.paint(t, line) + "\n")
	}
}

// text is what a field of the document says, empty for null.
func text(field *string) string {
	if field == nil {
		return ""
	}
	return *field
}
