package journal

import (
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
)

// The structures on flash. Keys are never given another meaning or type; new ones
// are added. A text is a number: its place in the table of texts, from 1, so that
// a reason said 256 times takes its bytes once. 0 is the empty text.
type (
	text uint32

	stateRecord struct {
		Epoch       uint64             `cbor:"1,keyasint,omitempty"`
		Texts       []string           `cbor:"2,keyasint,omitempty"`
		Peer        peerRecord         `cbor:"3,keyasint,omitempty"`
		Transitions []transitionRecord `cbor:"4,keyasint,omitempty"` // oldest first
		Alarm       []byte             `cbor:"5,keyasint,omitempty"`
		AlarmAt     momentRecord       `cbor:"6,keyasint,omitempty"`
		Upgrade     declarationRecord  `cbor:"7,keyasint,omitempty"`
		Failover    declarationRecord  `cbor:"8,keyasint,omitempty"`
	}

	momentRecord struct {
		Wall int64 `cbor:"1,keyasint,omitempty"` // ms since 1970, 0: not known
		Boot int64 `cbor:"2,keyasint,omitempty"` // ms
		ID   text  `cbor:"3,keyasint,omitempty"` // 16 bytes
	}

	peerRecord struct {
		Serial        text         `cbor:"1,keyasint,omitempty"`
		Model         text         `cbor:"2,keyasint,omitempty"`
		Site          text         `cbor:"3,keyasint,omitempty"`
		AgentVersion  text         `cbor:"4,keyasint,omitempty"`
		Catalog       []byte       `cbor:"5,keyasint,omitempty"`
		Key           []byte       `cbor:"6,keyasint,omitempty"`
		Version       text         `cbor:"7,keyasint,omitempty"`
		Role          uint8        `cbor:"8,keyasint,omitempty"`
		HAState       uint8        `cbor:"9,keyasint,omitempty"`
		Upstream      uint8        `cbor:"10,keyasint,omitempty"`
		Readiness     uint8        `cbor:"11,keyasint,omitempty"`
		Compatibility uint8        `cbor:"12,keyasint,omitempty"`
		ProtocolMin   uint8        `cbor:"13,keyasint,omitempty"`
		ProtocolMax   uint8        `cbor:"14,keyasint,omitempty"`
		Capabilities  []byte       `cbor:"15,keyasint,omitempty"`
		Count         uint32       `cbor:"16,keyasint,omitempty"`
		LastHeard     momentRecord `cbor:"17,keyasint,omitempty"`
	}

	viewRecord struct {
		Readiness     uint8 `cbor:"1,keyasint,omitempty"`
		Compatibility uint8 `cbor:"2,keyasint,omitempty"`
	}

	transitionRecord struct {
		At      momentRecord `cbor:"1,keyasint,omitempty"`
		From    viewRecord   `cbor:"2,keyasint,omitempty"`
		To      viewRecord   `cbor:"3,keyasint,omitempty"`
		Lasted  int64        `cbor:"4,keyasint,omitempty"` // ms
		Reasons []text       `cbor:"5,keyasint,omitempty"`
		Local   text         `cbor:"6,keyasint,omitempty"`
		Peer    text         `cbor:"7,keyasint,omitempty"`
	}

	declarationRecord struct {
		Phase  uint8        `cbor:"1,keyasint,omitempty"`
		Target text         `cbor:"2,keyasint,omitempty"`
		Begun  momentRecord `cbor:"3,keyasint,omitempty"`
		Ended  momentRecord `cbor:"4,keyasint,omitempty"`
	}
)

// Texts are byte strings: a version file may hold bytes that are no UTF-8.
var encoding = func() cbor.EncMode {
	mode, err := cbor.EncOptions{Sort: cbor.SortCoreDeterministic, String: cbor.StringToByteString}.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// The limits leave room for what a newer agent may add; maxRead bounds the whole.
var decoding = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:          cbor.DupMapKeyEnforcedAPF,
		IndefLength:        cbor.IndefLengthForbidden,
		MaxNestedLevels:    16,
		MaxArrayElements:   1 << 16,
		MaxMapPairs:        1 << 12,
		ByteStringToString: cbor.ByteStringToStringAllowed,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// encode returns a state in at most MaxFile-headerSize bytes: of one too large the
// oldest transitions are left out. s must be bounded.
func encode(s *State) ([]byte, error) {
	transitions := s.Transitions
	for {
		b, err := encoding.Marshal(record(s, transitions))
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

func (t *textTable) moment(m Moment) momentRecord {
	r := momentRecord{Boot: m.Boot.Milliseconds()}
	if !m.Wall.IsZero() {
		r.Wall = m.Wall.UnixMilli()
	}
	if m.BootID != (BootID{}) {
		r.ID = t.add(string(m.BootID[:]))
	}
	return r
}

func (t *textTable) peer(p *Peer) peerRecord {
	return peerRecord{
		Serial: t.add(p.Facts.Serial), Model: t.add(p.Facts.Model), Site: t.add(p.Facts.Site),
		AgentVersion: t.add(p.Facts.AgentVersion),
		Catalog:      unlessZero(p.Facts.Catalog[:]),
		Key:          unlessZero(p.Key[:]),
		Version:      t.add(p.Version),
		Role:         uint8(p.Role), HAState: uint8(p.HAState), Upstream: uint8(p.Upstream),
		Readiness: uint8(p.Readiness), Compatibility: uint8(p.Compatibility),
		ProtocolMin: p.Protocol.Min, ProtocolMax: p.Protocol.Max,
		Capabilities: unlessZero(p.Capabilities[:]), Count: p.Count,
		LastHeard: t.moment(p.LastHeard),
	}
}

func (t *textTable) transition(tr *Transition) transitionRecord {
	r := transitionRecord{
		At:     t.moment(tr.At),
		From:   viewRecord{uint8(tr.From.Readiness), uint8(tr.From.Compatibility)},
		To:     viewRecord{uint8(tr.To.Readiness), uint8(tr.To.Compatibility)},
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
		Phase: uint8(d.Phase), Target: t.add(d.Target), Begun: t.moment(d.Begun), Ended: t.moment(d.Ended),
	}
}

// unlessZero copies, because the array it is a slice of belongs to somebody else.
func unlessZero(b []byte) []byte {
	for _, c := range b {
		if c != 0 {
			return append([]byte(nil), b...)
		}
	}
	return nil
}

// decode reads a state. What it does not know is ignored, and a number that
// names nothing means unknown: only bytes that are no state at all are an error.
func decode(b []byte) (State, error) {
	var r stateRecord
	if err := decoding.Unmarshal(b, &r); err != nil {
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

func (t texts) moment(r momentRecord) Moment {
	m := Moment{Boot: milliseconds(r.Boot)}
	if r.Wall != 0 {
		m.Wall = time.UnixMilli(r.Wall).UTC()
	}
	if id := t.at(r.ID); len(id) == len(m.BootID) {
		copy(m.BootID[:], id)
	}
	return m
}

func (t texts) peer(r *peerRecord) Peer {
	p := Peer{
		Facts: peer.Facts{
			Serial: t.at(r.Serial), Model: t.at(r.Model), Site: t.at(r.Site), AgentVersion: t.at(r.AgentVersion),
		},
		Version:       t.at(r.Version),
		Role:          known(peer.Role(r.Role), peer.RoleSecondary),
		HAState:       known(peer.HAState(r.HAState), peer.HAStandby),
		Upstream:      known(peer.UpstreamState(r.Upstream), peer.UpstreamDisconnected),
		Readiness:     known(peer.Readiness(r.Readiness), peer.Ready),
		Compatibility: known(peer.Compatibility(r.Compatibility), peer.Incompatible),
		Protocol:      peer.ProtocolRange{Min: r.ProtocolMin, Max: r.ProtocolMax},
		Count:         r.Count,
		LastHeard:     t.moment(r.LastHeard),
	}
	copy(p.Facts.Catalog[:], r.Catalog)
	copy(p.Key[:], r.Key)
	copy(p.Capabilities[:], r.Capabilities)
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

func (r viewRecord) view() View {
	return View{
		Readiness:     known(peer.Readiness(r.Readiness), peer.Ready),
		Compatibility: known(peer.Compatibility(r.Compatibility), peer.Incompatible),
	}
}

func (t texts) declaration(r declarationRecord) Declaration {
	return Declaration{
		Phase: known(Phase(r.Phase), numPhases-1), Target: t.at(r.Target),
		Begun: t.moment(r.Begun), Ended: t.moment(r.Ended),
	}
}

// known returns v, or unknown if a newer agent has a word that this one has not.
func known[T ~uint8](v, last T) T {
	if v > last {
		return 0
	}
	return v
}

// milliseconds returns a time that is in range; 0 for any other.
func milliseconds(ms int64) time.Duration {
	d := time.Duration(ms) * time.Millisecond
	if ms < 0 || d.Milliseconds() != ms {
		return 0
	}
	return d
}
