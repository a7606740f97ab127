package plan

import (
	"cmp"
	"fmt"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/impact"
	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/compat"
)

// SchemaVersion is the version of the plan's JSON, which only ever grows.
const SchemaVersion = 1

// Kind is what comes out.
type Kind string

// Kinds.
const (
	Upgrade     Kind = "upgrade"       // there are steps
	NothingToDo Kind = "nothing_to_do" // neither Socket runs less than the target
	NoDowngrade Kind = "no_downgrade"  // a Socket runs a higher major, and cannot go back
	Unreadable  Kind = "unreadable"    // the target is no version
)

// Plan is how an upgrade to a target would go. Its texts are English sentences in
// printable characters; versions and serials are escaped.
type Plan struct {
	Schema  int    `json:"schema"`
	Target  string `json:"target"`
	Kind    Kind   `json:"kind"`
	Summary string `json:"summary"`

	// Better is another way that leaves the pair incompatible for less time, or
	// that exists at all; null if there is none.
	Better *string `json:"better"`

	Now   State  `json:"now"`
	Steps []Step `json:"steps"` // at most two, in order

	Incompatible Incompatible `json:"incompatible"`
	HoldS        int          `json:"hold_s"` // how long each declaration holds the alarm, in seconds
	Notes        []string     `json:"notes"`
}

// Step is the upgrade of one Socket.
type Step struct {
	Socket   string   `json:"socket"` // self, peer
	Serial   *string  `json:"serial"`
	Role     *string  `json:"configured_role"`
	HAState  string   `json:"ha_state"` // now, before any step
	From     *string  `json:"from_version"`
	To       string   `json:"to_version"`
	Commands []string `json:"commands"` // to type on that Socket, in this order
	Notes    []string `json:"notes"`
	After    State    `json:"after"`
}

// State is the pair as it is, or would be, as far as versions go.
type State struct {
	SelfVersion   *string `json:"self_version"`
	PeerVersion   *string `json:"peer_version"`
	Compatibility string  `json:"compatibility"`  // compatible, incompatible, unknown
	VersionsReady bool    `json:"versions_ready"` // nothing about versions keeps it from being ready
	Verdict       string  `json:"verdict"`        // one sentence
	Cost          Cost    `json:"cost"`
}

// Cost is what a failover from the newer to the older Socket would stop.
type Cost struct {
	Text     string    `json:"text"`
	Majors   []int     `json:"majors"`   // whose features the older one lacks; at most 32
	Features []Feature `json:"features"` // those of the catalog; null without one
}

// Feature is one entry of the catalog.
type Feature struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Since string `json:"since"`
}

// Incompatible says when the majors differ on the way.
type Incompatible struct {
	Expected  string `json:"expected"`   // yes, no, unknown
	FromStep  int    `json:"from_step"`  // the step whose end begins it; 0: it is so now
	UntilStep int    `json:"until_step"` // the step whose end ends it; 0: none does
	Text      string `json:"text"`
}

// side is one Socket on its way.
type side struct {
	name    string // self, peer
	serial  *string
	role    *string
	haState string
	version string // as known
	parsed  compat.Version
	known   bool // version can be read
}

func sideOf(name string, serial, role, version *string, haState string) *side {
	s := &side{name: name, serial: serial, role: role, haState: haState, version: text(version)}
	v, err := compat.Parse(s.version)
	s.parsed, s.known = v, err == nil
	return s
}

// Options are what a plan knows beside the document. The zero Options will do.
type Options struct {
	Catalog *impact.Catalog // names what came with which version; nil if there is none
	Hold    time.Duration   // how long a declared upgrade holds the alarm; 0: the default, 34 min
}

// Make plans the upgrade of the pair in d to target. The document is not changed.
func Make(d *status.Document, target string, o Options) Plan {
	m := maker{
		doc: d, catalog: o.Catalog,
		self:  sideOf("self", d.Self.Serial, d.Self.ConfiguredRole, d.Self.Version, d.Self.HAState),
		other: sideOf("peer", d.Peer.Serial, d.Peer.ConfiguredRole, d.Peer.Version, d.Peer.HAState),
		plan: Plan{
			Schema: SchemaVersion, Target: compat.Show(target), Steps: []Step{}, Notes: []string{},
			HoldS: int(cmp.Or(o.Hold, alarm.DefaultConfig().UpgradeHold).Seconds()),
		},
	}
	m.plan.Now = m.state()
	v, err := compat.Parse(target)
	if err != nil {
		m.plan.Kind = Unreadable
		m.plan.Summary = fmt.Sprintf("The target %q cannot be read: %v.", m.plan.Target, err)
		m.plan.Incompatible = m.incompatible()
		return m.plan
	}
	m.target = v
	m.make()
	return m.plan
}

// maker makes one plan; self and other move along with its steps.
type maker struct {
	doc         *status.Document
	catalog     *impact.Catalog
	target      compat.Version
	self, other *side
	plan        Plan
}

func (m *maker) make() {
	p := &m.plan
	higher := m.above()
	todo := m.order()
	switch {
	case higher != nil:
		p.Kind = NoDowngrade
		p.Summary = fmt.Sprintf("%s runs %s, a higher major than %s, and there is no downgrade.", higher.title(), higher.shown(), p.Target)
		m.better()
	case len(todo) == 0:
		p.Kind = NothingToDo
		p.Summary = fmt.Sprintf("Nothing to do: neither Socket runs less than %s.", p.Target)
	default:
		p.Kind = Upgrade
		m.better()
		m.notes(todo)
		for i, s := range todo {
			m.step(i, s, todo)
		}
		p.Summary = m.summary(todo)
	}
	p.Incompatible = m.incompatible()
}

// above returns a Socket that runs a higher major than the target.
func (m *maker) above() *side {
	for _, s := range []*side{m.self, m.other} {
		if s.known && s.parsed.Major() > m.target.Major() {
			return s
		}
	}
	return nil
}

// order returns the Sockets to upgrade, first to last.
func (m *maker) order() []*side {
	first, second := m.self, m.other
	if m.primary() == m.other {
		first, second = second, first
	}
	if low := m.lowerFirst(); low != nil && low != first {
		first, second = second, first
	}
	var todo []*side
	for _, s := range []*side{first, second} {
		if !s.known || m.target.Compare(s.parsed) > 0 {
			todo = append(todo, s)
		}
	}
	return todo
}

// primary returns the Socket that is configured as primary, as far as the two
// roles tell, or nil.
func (m *maker) primary() *side {
	ours, theirs := text(m.self.role), text(m.other.role)
	switch {
	case ours == theirs:
		return nil
	case ours == "primary", theirs == "secondary":
		return m.self
	case theirs == "primary", ours == "secondary":
		return m.other
	}
	return nil
}

// lower returns the Socket with the lower major and the other one, or nils.
func (m *maker) lower() (low, high *side) {
	switch compat.Judge(m.self.version, m.other.version).Upgrade {
	case compat.Local:
		return m.self, m.other
	case compat.Peer:
		return m.other, m.self
	case compat.Neither:
	}
	return nil, nil
}

// lowerFirst returns the Socket whose upgrade alone makes the pair compatible.
func (m *maker) lowerFirst() *side {
	if low, high := m.lower(); low != nil && high.parsed.Major() == m.target.Major() {
		return low
	}
	return nil
}

// step upgrades s and says what that comes to.
func (m *maker) step(i int, s *side, todo []*side) {
	p := &m.plan
	st := Step{
		Socket: s.name, Serial: s.serial, Role: s.role, HAState: s.haState, To: p.Target,
		From:     shownOrNil(s.version),
		Commands: []string{"socketha upgrade begin " + p.Target, "socketha upgrade end --result ok"},
		Notes:    []string{},
	}
	switch {
	case s.haState == "active":
		st.Notes = append(st.Notes, "It is active now: its restart makes the other Socket take over.")
	case i > 0 && todo[0].haState == "active":
		st.Notes = append(st.Notes, "It may be active by then, since step 1 made it take over: its restart then hands back.")
	}
	s.version, s.parsed, s.known = m.target.String(), m.target, true
	st.After = m.state()
	p.Steps = append(p.Steps, st)
}

// state is the pair as it stands on the way.
func (m *maker) state() State {
	v := compat.Judge(m.self.version, m.other.version)
	return State{
		SelfVersion: shownOrNil(m.self.version), PeerVersion: shownOrNil(m.other.version),
		Compatibility: v.Compatibility.String(),
		VersionsReady: v.Compatibility == peer.Compatible,
		Verdict:       m.verdict(v),
		Cost:          m.cost(v),
	}
}

func (s *side) title() string {
	name := "This Socket"
	if s.name == "peer" {
		name = "The peer"
	}
	if s.serial != nil {
		name += " (S/N " + *s.serial + ")"
	}
	return name
}

func (s *side) shown() string { return cmp.Or(compat.Show(s.version), "an unknown version") }

func text(field *string) string {
	if field == nil {
		return ""
	}
	return *field
}

func shownOrNil(version string) *string {
	if version == "" {
		return nil
	}
	shown := compat.Show(version)
	return &shown
}
