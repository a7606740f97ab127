package journal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"socketha/peer"
)

// The structures on flash. Names are never given another meaning or type, nor do
// two differ in case only; new ones are added. A text is a number: its place in the table of
// texts, from 1, so that a reason said 256 times takes its bytes once. 0 is the empty text.
type (
	text uint32

	// moment is the wall time in ms since 1970 (0: not known), the time since boot
	// in ms, and the text that names the boot.
	moment [3]int64

	// view is readiness and compatibility.
	view [2]uint

	stateRecord struct {
		Epoch       uint64             `json:"epoch,omitzero"`
		Texts       []string           `json:"texts,omitempty"`
		Peer        peerRecord         `json:"peer,omitzero"`
		Transitions []transitionRecord `json:"transitions,omitempty"` // oldest first
		Alarm       []byte             `json:"alarm,omitempty"`
		AlarmAt     moment             `json:"alarm_at,omitzero"`
		Upgrade     declarationRecord  `json:"upgrade,omitzero"`
		Failover    declarationRecord  `json:"failover,omitzero"`
	}

	peerRecord struct {
		Serial       text    `json:"serial,omitzero"`
		Model        text    `json:"model,omitzero"`
		Site         text    `json:"site,omitzero"`
		AgentVersion text    `json:"agent_version,omitzero"`
		Catalog      hexText `json:"catalog,omitempty"`
		Key          hexText `json:"key,omitempty"`
		Version      text    `json:"version,omitzero"`
		Role         uint    `json:"role,omitzero"`
		HAState      uint    `json:"ha_state,omitzero"`
		Upstream     uint    `json:"upstream,omitzero"`
		View         view    `json:"view,omitzero"`
		Protocol     [2]uint `json:"protocol,omitzero"` // lowest, highest
		Capabilities hexText `json:"capabilities,omitempty"`
		Count        uint32  `json:"count,omitzero"`
		LastHeard    moment  `json:"last_heard,omitzero"`
	}

	transitionRecord struct {
		At      moment `json:"t"`
		From    view   `json:"f,omitzero"`
		To      view   `json:"g,omitzero"`
		Lasted  int64  `json:"d,omitzero"` // ms
		Reasons []text `json:"r,omitempty"`
		Local   text   `json:"l,omitzero"`
		Peer    text   `json:"p,omitzero"`
	}

	declarationRecord struct {
		Phase  uint   `json:"phase,omitzero"`
		Target text   `json:"target,omitzero"`
		Begun  moment `json:"begun,omitzero"`
		Ended  moment `json:"ended,omitzero"`
		Marked bool   `json:"marked,omitzero"`
	}

	hexText = string // bytes in hex digits; empty if all are zero
)

// encode returns a state in at most MaxFile-headerSize bytes: of one too large the
// oldest transitions are left out. s must be bounded.
func encode(s *State) ([]byte, error) {
	transitions := s.Transitions
	for {
		b, err := json.Marshal(record(s, transitions))
		if err != nil {
			return nil, fmt.Errorf("encoding the state: %w", err)
		}
		if len(b) <= MaxFile-headerSize {
			return b, nil
		}
		if len(transitions) == 0 {
			return nil, fmt.Errorf("encoding the state: %d bytes, accepted: at most %d", len(b), MaxFile-headerSize)
		}
		transitions = transitions[(len(transitions)+7)/8:]
	}
}

func record(s *State, transitions []Transition) *stateRecord {
	t := textTable{index: make(map[string]text)}
	r := &stateRecord{
		Epoch:       s.Epoch,
		Peer:        t.peer(&s.Peer),
		Transitions: make([]transitionRecord, len(transitions)),
		Alarm:       s.Alarm.Saved,
		AlarmAt:     t.moment(s.Alarm.At),
		Upgrade:     t.declaration(s.Upgrade),
		Failover:    t.declaration(s.Failover),
	}
	for i := range transitions {
		r.Transitions[i] = t.transition(&transitions[i])
	}
	r.Texts = t.texts
	return r
}

// textTable numbers texts while a state is encoded.
type textTable struct {
	texts []string
	index map[string]text
}

func (t *textTable) add(s string) text {
	if s == "" {
		return 0
	}
	n, ok := t.index[s]
	if !ok {
		t.texts = append(t.texts, s)
		n = text(len(t.texts))
		t.index[s] = n
	}
	return n
}

func (t *textTable) moment(m Moment) moment {
	r := moment{1: m.Boot.Milliseconds()}
	if !m.Wall.IsZero() {
		r[0] = m.Wall.UnixMilli()
	}
	r[2] = int64(t.add(toHex(m.BootID[:])))
	return r
}

func (t *textTable) peer(p *Peer) peerRecord {
	return peerRecord{
		Serial: t.add(p.Facts.Serial), Model: t.add(p.Facts.Model), Site: t.add(p.Facts.Site),
		AgentVersion: t.add(p.Facts.AgentVersion),
		Catalog:      toHex(p.Facts.Catalog[:]),
		Key:          toHex(p.Key[:]),
		Version:      t.add(p.Version),
		Role:         uint(p.Role), HAState: uint(p.HAState), Upstream: uint(p.Upstream),
		View:         view{uint(p.Readiness), uint(p.Compatibility)},
		Protocol:     [2]uint{uint(p.Protocol.Min), uint(p.Protocol.Max)},
		Capabilities: toHex(p.Capabilities[:]), Count: p.Count,
		LastHeard: t.moment(p.LastHeard),
	}
}

func (t *textTable) transition(tr *Transition) transitionRecord {
	r := transitionRecord{
		At:     t.moment(tr.At),
		From:   view{uint(tr.From.Readiness), uint(tr.From.Compatibility)},
		To:     view{uint(tr.To.Readiness), uint(tr.To.Compatibility)},
		Lasted: tr.Lasted.Milliseconds(),
		Local:  t.add(tr.Local), Peer: t.add(tr.Peer),
	}
	for _, reason := range tr.Reasons {
		r.Reasons = append(r.Reasons, t.add(reason))
	}
	return r
}

func (t *textTable) declaration(d Declaration) declarationRecord {
	return declarationRecord{
		Phase: uint(d.Phase), Target: t.add(d.Target), Begun: t.moment(d.Begun), Ended: t.moment(d.Ended),
		Marked: d.Marked,
	}
}

func toHex(b []byte) hexText {
	if bytes.Count(b, []byte{0}) == len(b) {
		return ""
	}
	return hex.EncodeToString(b)
}

// fromHex fills all of b, or none of it.
func fromHex(b []byte, s hexText) {
	if decoded, err := hex.DecodeString(s); err == nil && len(decoded) == len(b) {
		copy(b, decoded)
	}
}

// decode reads a state. What it does not know is ignored, and a number that
// names nothing means unknown: only bytes that are no state at all are an error.
func decode(b []byte) (State, error) {
	var r stateRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return State{}, fmt.Errorf("not a state: %w", err)
	}
	t := texts(r.Texts)
	s := State{
		Epoch:    r.Epoch,
		Peer:     t.peer(&r.Peer),
		Alarm:    Alarm{Saved: r.Alarm, At: t.moment(r.AlarmAt)},
		Upgrade:  t.declaration(r.Upgrade),
		Failover: t.declaration(r.Failover),
	}
	if n := len(r.Transitions) - MaxTransitions; n > 0 {
		r.Transitions = r.Transitions[n:]
	}
	for i := range r.Transitions {
		s.Transitions = append(s.Transitions, t.transition(&r.Transitions[i]))
	}
	s.bound()
	return s, nil
}

// texts is the table of texts while a state is decoded.
type texts []string

func (t texts) at(n text) string {
	if n == 0 || uint64(n) > uint64(len(t)) {
		return ""
	}
	return t[n-1]
}

func (t texts) moment(r moment) Moment {
	m := Moment{Boot: milliseconds(r[1])}
	if r[0] != 0 {
		m.Wall = time.UnixMilli(r[0]).UTC()
	}
	if r[2] > 0 && r[2] <= int64(len(t)) {
		fromHex(m.BootID[:], t.at(text(r[2])))
	}
	return m
}

func (t texts) peer(r *peerRecord) Peer {
	v := r.View.view()
	p := Peer{
		Facts: peer.Facts{
			Serial: t.at(r.Serial), Model: t.at(r.Model), Site: t.at(r.Site), AgentVersion: t.at(r.AgentVersion),
		},
		Version:       t.at(r.Version),
		Role:          known(r.Role, peer.RoleSecondary),
		HAState:       known(r.HAState, peer.HAStandby),
		Upstream:      known(r.Upstream, peer.UpstreamDisconnected),
		Readiness:     v.Readiness,
		Compatibility: v.Compatibility,
		Protocol:      peer.ProtocolRange{Min: known(r.Protocol[0], uint8(255)), Max: known(r.Protocol[1], uint8(255))},
		Count:         r.Count,
		LastHeard:     t.moment(r.LastHeard),
	}
	fromHex(p.Facts.Catalog[:], r.Catalog)
	fromHex(p.Key[:], r.Key)
	fromHex(p.Capabilities[:], r.Capabilities)
	return p
}

func (t texts) transition(r *transitionRecord) Transition {
	tr := Transition{
		At: t.moment(r.At), From: r.From.view(), To: r.To.view(),
		Lasted: milliseconds(r.Lasted), Local: t.at(r.Local), Peer: t.at(r.Peer),
	}
	for _, reason := range r.Reasons[:min(len(r.Reasons), MaxReasons)] {
		tr.Reasons = append(tr.Reasons, t.at(reason))
	}
	return tr
}

func (r view) view() View {
	return View{Readiness: known(r[0], peer.Ready), Compatibility: known(r[1], peer.Incompatible)}
}

func (t texts) declaration(r declarationRecord) Declaration {
	return Declaration{
		Phase: known(r.Phase, numPhases-1), Target: t.at(r.Target),
		Begun: t.moment(r.Begun), Ended: t.moment(r.Ended), Marked: r.Marked,
	}
}

// known returns the word of a number, or unknown if a newer agent has a word that
// this one has not.
func known[T ~uint8](n uint, last T) T {
	if n > uint(last) {
		return 0
	}
	return T(n)
}

// milliseconds returns a time that is in range; 0 for any other.
func milliseconds(ms int64) time.Duration {
	d := time.Duration(ms) * time.Millisecond
	if ms < 0 || d.Milliseconds() != ms {
		return 0
	}
	return d
}
