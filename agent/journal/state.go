package journal

import (
	"slices"
	"strings"
	"time"

	"socketha/peer"
)

// Bounds. What is longer is cut when it is updated; transitions and reasons lose
// the oldest and the last, and an alarm too long is not kept at all.
const (
	MaxTransitions = 256
	MaxReasons     = 16       // of one transition
	MaxReason      = 96       // bytes
	MaxAlarm       = 24 << 10 // bytes: alarm.Saved in JSON, full, is 13 KB

	// maxEpoch is the last epoch that JSON carries exactly (RFC 8259 section 6).
	maxEpoch = 1<<53 - 1

	// MaxFile bounds a file: with more, the oldest transitions are left out of it.
	MaxFile = 64 << 10
)

// State is all that is kept. Values handed out are immutable: what a slice holds
// is replaced with the slice, never written into.
type State struct {
	// Epoch counts the starts of the agent, from 1, not without gaps. It is this
	// start's own, and may be used outside once [Journal.Sync] has returned nil.
	Epoch uint64

	Peer        Peer
	Transitions []Transition // oldest first
	Alarm       Alarm
	Upgrade     Declaration // of this Socket
	Failover    Declaration
}

// Peer is the peer as last known, in its own words. A zero LastHeard means that it was
// never heard.
type Peer struct {
	Facts peer.Facts // serial, model, site, agent version, digest of the catalog
	Key   [32]byte   // SHA-256 of its public key

	Version       string // firmware, may be unreadable
	Role          peer.Role
	HAState       peer.HAState
	Upstream      peer.UpstreamState
	Readiness     peer.Readiness     // its view of the pair
	Compatibility peer.Compatibility // and its verdict
	Protocol      peer.ProtocolRange

	Capabilities peer.Digest // zero: it advertised none
	Count        uint32      // of capabilities

	LastHeard Moment
}

// View is the verdict over the pair at one moment.
type View struct {
	Readiness     peer.Readiness
	Compatibility peer.Compatibility
}

// Transition is one change of the verdict.
type Transition struct {
	At       Moment
	From, To View
	Lasted   time.Duration // how long From had stood; 0: not known
	Reasons  []string      // codes that stand from then on
	Local    string        // firmware versions
	Peer     string
}

// Alarm is the state of the alarm's life cycle, as its owner encodes it, and the
// moment of the last step in it, from which the time away is known after a restart.
type Alarm struct {
	Saved []byte
	At    Moment
}

// Phase is how far a declaration has come. The numbers are on flash: they are
// added to, never changed.
type Phase uint8

// Phases.
const (
	Undeclared Phase = iota
	Declared
	EndedOK
	EndedFailed
	EndedSkipped
	numPhases
)

// Declaration is the last one of its kind.
type Declaration struct {
	Phase  Phase
	Target string // version, of an upgrade; empty if not said
	Begun  Moment
	Ended  Moment

	// Marked says that the marker file of an upgrade was there when this was last
	// looked at: only its coming declares, and only its going ends.
	Marked bool
}

// Add appends a transition; beyond MaxTransitions the oldest goes.
func (s *State) Add(t Transition) {
	old := s.Transitions
	if n := len(old) - (MaxTransitions - 1); n > 0 {
		old = old[n:]
	}
	// A new array: readers may hold the old one.
	s.Transitions = append(slices.Clone(old), t)
}

// Known reports whether the peer was ever heard.
func (p *Peer) Known() bool { return !p.LastHeard.IsZero() }

// bound cuts s to what is kept. It reports what it could not cut.
func (s *State) bound() (refused bool) {
	if n := len(s.Transitions) - MaxTransitions; n > 0 {
		s.Transitions = slices.Clone(s.Transitions[n:])
	}
	if slices.ContainsFunc(s.Transitions, func(t Transition) bool { return !t.bounded() }) {
		s.Transitions = slices.Clone(s.Transitions)
		for i := range s.Transitions {
			s.Transitions[i].bound()
		}
	}
	s.Peer.bound()
	s.Upgrade.bound()
	s.Failover.bound()
	s.Alarm.At = s.Alarm.At.kept()
	if len(s.Alarm.Saved) > MaxAlarm {
		s.Alarm, refused = Alarm{}, true
	}
	return refused
}

func (t *Transition) bounded() bool {
	return t.At == t.At.kept() && t.Lasted == t.Lasted.Truncate(time.Millisecond) && t.Lasted >= 0 &&
		t.Local == cut(t.Local, peer.MaxVersion) && t.Peer == cut(t.Peer, peer.MaxVersion) && len(t.Reasons) <= MaxReasons &&
		!slices.ContainsFunc(t.Reasons, func(r string) bool { return r != cut(r, MaxReason) })
}

func (t *Transition) bound() {
	t.At = t.At.kept()
	t.Lasted = max(t.Lasted.Truncate(time.Millisecond), 0)
	t.Local, t.Peer = cut(t.Local, peer.MaxVersion), cut(t.Peer, peer.MaxVersion)
	t.Reasons = slices.Clone(t.Reasons[:min(len(t.Reasons), MaxReasons)])
	for i, r := range t.Reasons {
		t.Reasons[i] = cut(r, MaxReason)
	}
}

func (p *Peer) bound() {
	f := &p.Facts
	f.Serial, f.Model = cut(f.Serial, peer.MaxSerial), cut(f.Model, peer.MaxModel)
	f.Site, f.AgentVersion = cut(f.Site, peer.MaxSite), cut(f.AgentVersion, peer.MaxAgentVersion)
	p.Version = cut(p.Version, peer.MaxVersion)
	p.LastHeard = p.LastHeard.kept()
}

func (d *Declaration) bound() {
	d.Target = cut(d.Target, peer.MaxVersion)
	d.Begun, d.Ended = d.Begun.kept(), d.Ended.kept()
}

// cut returns at most n bytes of s. What is no UTF-8, or cut through, is shown as "?".
func cut(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "?") }
