package plan

import (
	"fmt"
	"strconv"
	"strings"

	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/compat"
)

// verdict is the finding over the versions of the moment, in a sentence.
func (m *maker) verdict(v compat.Verdict) string {
	switch {
	case m.other.version == "":
		return "The version of the peer is not known, so nothing can be compared."
	case v.Compatibility == peer.Incompatible:
		return fmt.Sprintf("This Socket runs %s and the peer %s: the majors differ.", v.Local.Version, v.Peer.Version)
	}
	return v.Summary()
}

// maxFeatures bounds the features of a cost.
const maxFeatures = 200

// cost says what a failover would stop in that moment.
func (m *maker) cost(v compat.Verdict) Cost {
	c := Cost{Majors: v.GapMajors}
	if c.Majors == nil {
		c.Majors = []int{}
	}
	if v.Local.Err != nil || v.Peer.Err != nil {
		c.Text = "What a failover would cost is not known, since a version is not."
		return c
	}
	low, high := m.self, m.other
	order := v.Local.Version.Compare(v.Peer.Version)
	if order > 0 {
		low, high = high, low
	}
	if m.catalog != nil {
		c.Features = []Feature{}
		for f := range m.catalog.All() {
			if f.Since.Compare(low.parsed) > 0 && f.Since.Compare(high.parsed) <= 0 && len(c.Features) < maxFeatures {
				c.Features = append(c.Features, Feature{f.ID, f.Name, f.Since.String()})
			}
		}
	}
	where := fmt.Sprintf("A failover to %s, which runs %s,", low.inText(), low.shown())
	switch {
	case order == 0:
		c.Text = "By versions, a failover costs no feature: both run the same."
	case len(c.Features) > 0:
		c.Text = fmt.Sprintf("%s would stop those of %s of the catalog that this site uses: they came after it.", where, features(len(c.Features)))
	case m.catalog != nil:
		c.Text = "By the catalog, a failover costs no feature."
	case len(c.Majors) == 0:
		c.Text = where + " would stop features that are newer than that, if there are any. The major is the same."
	default:
		c.Text = where + " would stop the features that came with " + majors(c.Majors) + ", where this site uses them."
	}
	return c
}

func features(n int) string {
	if n == 1 {
		return "1 feature"
	}
	return strconv.Itoa(n) + " features"
}

func majors(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	if len(words) == 1 {
		return "major " + words[0]
	}
	return "majors " + strings.Join(words, ", ")
}

// inText names a Socket inside a sentence.
func (s *side) inText() string {
	title := s.title()
	return strings.ToLower(title[:1]) + title[1:]
}

// better says what would be better than what was asked for.
func (m *maker) better() {
	low, high := m.lower()
	if low == nil {
		return
	}
	var words string
	switch lowest := m.target.Compare(high.parsed); {
	case high.parsed.Major() == m.target.Major():
		words = fmt.Sprintf("The pair is incompatible now. Step 1 alone, the upgrade of %s, makes it compatible; %s may stay as it is.",
			low.inText(), high.inText())
		if lowest <= 0 {
			words = fmt.Sprintf("The pair is incompatible now. The upgrade of %s alone makes it compatible; %s stays as it is.",
				low.inText(), high.inText())
		}
	default:
		words = fmt.Sprintf("The pair is incompatible now. Upgrading %s alone to major %d makes it compatible in one step: socketha upgrade plan %s",
			low.inText(), high.parsed.Major(), high.shown())
	}
	m.plan.Better = &words
}

// notes say what to know before the first step.
func (m *maker) notes(todo []*side) {
	add := func(format string, args ...any) { m.plan.Notes = append(m.plan.Notes, fmt.Sprintf(format, args...)) }
	if len(todo) > 1 {
		switch {
		case m.lowerFirst() != nil:
			add("The lower Socket comes first, because that alone makes the pair compatible.")
		case m.primary() == nil:
			add("The documented order is the primary first, but the configured roles do not tell which that is. No order is required.")
		default:
			add("The documented order is the primary first. No order is required.")
		}
	}
	other := &m.doc.Peer
	switch {
	case !other.Known:
		add("The peer has never been heard: whether it needs the upgrade is not known.")
	case !other.Fresh:
		add("The peer is not heard now: its version is what it last ran.")
	}
	if ours, theirs := text(m.doc.Self.Model), text(other.Model); ours != "" && theirs != "" && ours != theirs {
		add("The models differ, %s and %s: check that %s is meant for both.", ours, theirs, m.plan.Target)
	}
	for _, u := range []struct {
		who *side
		*status.UpgradeStatus
	}{{m.self, m.doc.Self.Upgrade}, {m.other, other.Upgrade}} {
		if u.UpgradeStatus != nil {
			add("An upgrade is declared already on %s: end that one first.", u.who.inText())
		}
	}
	if codes := m.otherTroubles(); len(codes) > 0 {
		add("The pair is not ready now for another reason than versions (%s): put that right first, since each step relies on the other Socket.",
			strings.Join(codes, ", "))
	}
	add("While a Socket restarts it is not heard, and the pair is not ready.")
	add("Once a Socket runs the version declared, its agent ends the declaration as ok by itself. Say failed or skipped where it does not.")
}

// maxCodes bounds the codes in a note.
const maxCodes = 4

// otherTroubles are the codes of what keeps the pair from being ready, versions aside.
func (m *maker) otherTroubles() []string {
	var codes []string
	for _, r := range m.doc.Reasons {
		if r.Severity == status.SeverityNotReady && r.Code != status.CodeIncompatible && len(codes) < maxCodes {
			codes = append(codes, compat.Show(string(r.Code)))
		}
	}
	return codes
}

// summary is the plan in a sentence.
func (m *maker) summary(todo []*side) string {
	p := &m.plan
	end := p.Steps[len(p.Steps)-1].After
	var words string
	if len(todo) == 1 {
		words = fmt.Sprintf("One step: upgrade %s to %s.", todo[0].inText(), p.Target)
	} else {
		words = fmt.Sprintf("Two steps to %s: first %s, then %s.", p.Target, todo[0].inText(), todo[1].inText())
	}
	switch {
	case end.VersionsReady:
		return words + " The pair is then compatible."
	case end.Compatibility == "unknown":
		return words + " Whether the pair is then compatible is not known."
	}
	return words + " The pair is then still incompatible."
}

// incompatible finds where the majors differ on the way.
func (m *maker) incompatible() Incompatible {
	p := &m.plan
	in := Incompatible{FromStep: -1}
	unknown := p.Now.Compatibility == peer.CompatibilityUnknown.String()
	differs := func(s State) bool { return s.Compatibility == peer.Incompatible.String() }
	if differs(p.Now) {
		in.FromStep = 0
	}
	for i, s := range p.Steps {
		unknown = unknown || s.After.Compatibility == peer.CompatibilityUnknown.String()
		switch {
		case in.FromStep < 0 && differs(s.After):
			in.FromStep = i + 1
		case in.FromStep >= 0 && in.UntilStep == 0 && !differs(s.After):
			in.UntilStep = i + 1
		}
	}
	switch {
	case in.FromStep < 0 && unknown:
		return Incompatible{Expected: "unknown", Text: "Whether the majors differ on the way is not known."}
	case in.FromStep < 0:
		return Incompatible{Expected: "no", Text: "The majors never differ on the way."}
	}
	in.Expected = "yes"
	in.Text = m.howLong(&in)
	return in
}

func (m *maker) howLong(in *Incompatible) string {
	switch {
	case in.UntilStep == 0 && in.FromStep == 0:
		return "The pair is incompatible now and stays so."
	case in.UntilStep == 0:
		return fmt.Sprintf("The pair is incompatible from the end of step %d on.", in.FromStep)
	case in.FromStep == 0:
		return fmt.Sprintf("The pair is incompatible now, until step %d is done.", in.UntilStep)
	}
	return fmt.Sprintf("The pair is incompatible from the end of step %d to the end of step %d: as long as the second Socket takes, "+
		"and all the time you leave between the two.", in.FromStep, in.UntilStep)
}
