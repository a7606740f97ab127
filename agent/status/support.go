package status

import (
	"fmt"
	"strings"
)

// maxSupportEntries bounds each list of features in a support request.
const maxSupportEntries = 20

// SupportRequest returns the text of a request to the vendor's support, ready to
// send: upgrade the Socket with the lower version. Where there is nothing to
// request (the pair is ready, an upgrade is under way, the fault is another one,
// or not enough is known), the text says that, and what to do instead.
//
// It is plain ASCII in lines of at most 72 characters, whatever the document
// holds, and at most a few hundred lines long.
func SupportRequest(d *Document) string {
	l := new(letter)
	switch {
	case d.Remedy != nil && d.upgradeDeclared():
		l.underWay(d)
	case d.Remedy != nil:
		l.ticket(d)
	case d.Readiness == "ready":
		l.paragraph("Nothing has to be requested: the pair is ready for a failover.")
		l.reasons(d, true) // warnings
	case d.Compatibility == "compatible":
		l.paragraph("No upgrade has to be requested: both Sockets run the same major version. " +
			"The pair is not ready for another reason; do what is said below.")
		l.reasons(d, true)
	default:
		l.unknown(d)
	}
	if d.Remedy == nil || d.upgradeDeclared() {
		l.site(d)
		l.sockets(d)
	}
	l.footer(d)
	return l.b.String()
}

// upgradeDeclared reports whether either Socket says now that it is upgraded.
func (d *Document) upgradeDeclared() bool {
	return d.Self.Upgrade.underWay() || d.Peer.Fresh && d.Peer.Upgrade.underWay()
}

// underWay reports whether the upgrade has not ended, as far as was said. What
// ended otherwise, in a newer agent's words, is no reason to wait.
func (u *UpgradeStatus) underWay() bool {
	return u != nil && (u.State == "declared" || u.State == "overdue")
}

// ticket is the request itself.
func (l *letter) ticket(d *Document) {
	r := d.Remedy
	serial := said(r.UpgradeSerial, "not known")
	lower, higher := d.lower()
	l.wrapped("Subject: ", "  ", fmt.Sprintf("Upgrade Socket S/N %s from version %s to major version %d", serial, r.FromVersion, r.ToMajor))
	l.paragraph("Please upgrade one Socket of an HA pair, the one with the lower version. The major versions " +
		"of the two Sockets differ, so the pair is not ready for a failover.")
	l.heading("Request")
	l.fact("Socket to upgrade", "S/N "+serial+", model "+said(lower.model, "not known"))
	l.fact("From version", r.FromVersion)
	l.fact("To major version", fmt.Sprintf("%d, as the other Socket, which runs %s. There is no downgrade.", r.ToMajor, said(higher.version, "it")))
	l.fact("Incompatible since", d.incompatibleSince())
	l.site(d)
	l.sockets(d)
	l.impact(d)
	l.reasons(d, false)
	l.heading("How to verify afterwards")
	l.item(fmt.Sprintf("The Socket with S/N %s has restarted and runs major version %d.", serial, r.ToMajor))
	l.item(`"socketha status" on either Socket says READY, and OK beside Compatible Version; its exit code is 0.`)
}

// underWay is said instead of a request while an upgrade is declared.
func (l *letter) underWay(d *Document) {
	l.paragraph("Nothing has to be requested now: an upgrade is declared. The major versions of the two Sockets " +
		"differ while it lasts.")
	l.heading("Declared")
	for _, s := range d.both() {
		if s.upgrade.underWay() {
			l.fact(s.title, "upgrade"+targetText(s.upgrade)+", since "+moment(d, s.upgrade.Since))
		}
	}
	for _, r := range d.Reasons {
		if r.Code == CodeUpgradeOverdue {
			l.paragraph("It should have ended by now. " + r.Summary + " " + r.Action)
		}
	}
	l.heading("What to do")
	l.item("Wait for the upgrade to end.")
	l.item("If it failed or was skipped, say so on that Socket: socketha upgrade end --result failed (or skipped).")
	l.item(fmt.Sprintf("If S/N %s is not at major version %d then, ask again: socketha support-request writes the request.",
		said(d.Remedy.UpgradeSerial, "not known"), d.Remedy.ToMajor))
}

func targetText(u *UpgradeStatus) string {
	if u.Target == nil {
		return ""
	}
	return " to " + *u.Target
}

// unknown is said where the versions cannot be compared.
func (l *letter) unknown(d *Document) {
	l.paragraph("It is not known whether anything has to be requested: the versions of the two Sockets cannot be compared now. " +
		"Find out first; do what is said below, then ask again: socketha support-request.")
	l.reasons(d, true)
}

func (l *letter) site(d *Document) {
	if d.Site.Name == nil && d.Site.ID == nil {
		return
	}
	l.heading("Site")
	if d.Site.Name != nil {
		l.fact("Name", *d.Site.Name)
	}
	if d.Site.ID != nil {
		l.fact("ID", *d.Site.ID)
	}
}

// supportSide is one Socket of the pair, as the request shows it.
type supportSide struct {
	title                        string
	serial, model, version, role *string
	haState                      string
	upgrade                      *UpgradeStatus
}

func (d *Document) both() [2]supportSide {
	title := "Its peer"
	switch p := &d.Peer; {
	case !p.Known:
		title = "Its peer (never heard)"
	case !p.Fresh && p.LastSeenAt != nil:
		title = "Its peer (not heard now, as last seen " + moment(d, *p.LastSeenAt) + ")"
	case !p.Fresh:
		title = "Its peer (not heard now, as last seen)"
	}
	return [2]supportSide{
		{"This Socket (reporting)", d.Self.Serial, d.Self.Model, d.Self.Version, d.Self.ConfiguredRole, d.Self.HAState, d.Self.Upgrade},
		{title, d.Peer.Serial, d.Peer.Model, d.Peer.Version, d.Peer.ConfiguredRole, d.Peer.HAState, d.Peer.Upgrade},
	}
}

// lower returns the Socket to upgrade and the other one, of an incompatible pair.
func (d *Document) lower() (lower, higher supportSide) {
	both := d.both()
	if d.Self.Major != nil && d.Remedy != nil && *d.Self.Major < d.Remedy.ToMajor {
		return both[0], both[1]
	}
	return both[1], both[0]
}

func (l *letter) sockets(d *Document) {
	for i, s := range d.both() {
		l.heading(s.title)
		if i == 1 && !d.Peer.Known {
			l.fact("S/N", "not known")
			continue
		}
		l.fact("S/N", said(s.serial, "not known"))
		l.fact("Model", said(s.model, "not known"))
		l.fact("Version", said(s.version, "not known"))
		l.fact("Configured role", said(s.role, "not known"))
		l.fact("HA state", s.haState)
	}
}

// incompatibleSince says since when the versions differ.
func (d *Document) incompatibleSince() string {
	for _, r := range d.Reasons {
		if r.Code == CodeIncompatible {
			return moment(d, r.Since)
		}
	}
	return moment(d, d.Conditions.CompatibleVersion.Since)
}

func (l *letter) impact(d *Document) {
	l.heading("What a failover would cost now")
	if d.Impact == nil {
		l.wrapped("  ", "  ", "Not known: "+d.ImpactUnknown())
		return
	}
	l.wrapped("  ", "  ", d.ImpactBasis())
	none := true
	for _, list := range d.Impact.Lists() {
		if len(list.Entries) == 0 {
			continue
		}
		none = false
		l.wrapped("  ", "  ", fmt.Sprintf("%s (%d):", list.Meaning, len(list.Entries)))
		for i, e := range list.Entries {
			if i == maxSupportEntries {
				l.item(fmt.Sprintf("and %d more", len(list.Entries)-i))
				break
			}
			l.item(e.text())
		}
	}
	if none {
		l.wrapped("  ", "  ", "No feature that this site uses would stop, and none is missing.")
	}
}

func (e *ImpactEntry) text() string {
	words := e.ID
	if e.Name != nil {
		words = *e.Name + " (" + e.ID + ")"
	}
	if e.Since != nil {
		words += ", came with version " + *e.Since
	}
	return words + ", source: " + e.Source
}

func (l *letter) reasons(d *Document, actions bool) {
	if len(d.Reasons) == 0 {
		return
	}
	l.heading("Reasons")
	for _, r := range d.Reasons {
		l.item(string(r.Code) + ", since " + moment(d, r.Since))
		l.wrapped("    ", "    ", r.Summary)
		if actions && r.Action != "" {
			l.wrapped("    To do: ", "    ", r.Action)
		}
	}
}

func (l *letter) footer(d *Document) {
	words := []string{"Written by socketha"}
	if d.Agent.Version != "" {
		words = append(words, d.Agent.Version)
	}
	if d.Self.Serial != nil {
		words = append(words, "on S/N "+*d.Self.Serial)
	}
	l.paragraph(strings.Join(words, " ") + " at " + d.GeneratedAt.UTC().Format("2006-01-02 15:04:05 UTC") + ".")
}
