package wire_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"socketha/peer"
	"socketha/peer/wire"
)

// bodies are well-formed bodies of the messages that are maps, by kind.
func bodies() map[wire.Kind]map[int]any {
	return map[wire.Kind]map[int]any{
		wire.KindFacts: {0: "S1", 1: "X1500", 2: "HQ", 3: "0.1.0", 4: make([]byte, 8)},
		wire.KindCapabilities: {0: make([]byte, 8), 1: 0, 2: 1, 3: []any{
			[]any{"a", true, false, "10.0"}, []any{"b", false, true, ""},
		}},
		wire.KindRequest: {0: true, 1: []byte{1, 2, 3, 4, 5, 6, 7, 8}, 2: []int{0, 255}},
	}
}

// body returns a message of the kind with some fields replaced, or left out
// where the replacement is missing{}.
func body(t *testing.T, kind wire.Kind, with map[int]any) []byte {
	t.Helper()
	m := bodies()[kind]
	maps.Copy(m, with)
	maps.DeleteFunc(m, func(_ int, v any) bool { return v == any(missing{}) })
	return mustEncode(t, map[int]any{0: []int{1, 1}, int(kind): m})
}

type missing struct{}

func accept(t *testing.T, what string, b []byte) {
	t.Helper()
	if _, err := wire.Unmarshal(b); err != nil {
		t.Errorf("%s: %v", what, err)
	}
}

func TestBodiesThatAreNone(t *testing.T) {
	for kind := range bodies() {
		accept(t, kind.String(), body(t, kind, nil))
		for what, v := range map[string]any{
			"null": nil, "undefined": raw(0xf7), "array": []any{}, "number": 1, "text": "x", "simple value 255": raw(0xf8, 0xff),
		} {
			refuse(t, fmt.Sprintf("%v: %s", kind, what), mustEncode(t, map[int]any{0: []int{1, 1}, int(kind): v}))
		}
	}
	for _, kind := range []wire.Kind{wire.KindFacts, wire.KindCapabilities} {
		refuse(t, kind.String()+": empty map", mustEncode(t, map[int]any{0: []int{1, 1}, int(kind): map[int]any{}}))
	}
}

func TestFieldsThatAreNone(t *testing.T) {
	for kind, fields := range bodies() {
		for key := range fields {
			for what, v := range map[string]any{
				"null": nil, "undefined": raw(0xf7), "simple value 255": raw(0xf8, 0xff), "negative": -1, "float": 1.5,
				"false as a half float": raw(0xf9, 0x00, 0x14), "map": map[int]int{}, "64 KB": raw(0x5a, 0, 1, 0, 0),
				"short bytes": make([]byte, 7), "long bytes": make([]byte, 9), "huge number": uint64(1 << 40),
			} {
				m := bodies()[kind]
				m[key] = v
				b, err := encoded(map[int]any{0: []int{1, 1}, int(kind): m})()
				if err != nil {
					continue // not well-formed: TestTruncatedOrTrailed has those
				}
				refuse(t, fmt.Sprintf("%v, key %d: %s", kind, key, what), b)
			}
			if kind != wire.KindRequest {
				refuse(t, fmt.Sprintf("%v without key %d", kind, key), body(t, kind, map[int]any{key: missing{}}))
			}
		}
		accept(t, kind.String()+" with more keys", body(t, kind, map[int]any{40: nil, 41: "x", -1: 1.5}))
	}
}

func TestFactsOutOfRange(t *testing.T) {
	for key, longest := range map[int]int{0: peer.MaxSerial, 1: peer.MaxModel, 2: peer.MaxSite, 3: peer.MaxAgentVersion} {
		what := fmt.Sprintf("facts, key %d", key)
		accept(t, what+" longest", body(t, wire.KindFacts, map[int]any{key: strings.Repeat("x", longest)}))
		refuse(t, what+" too long", body(t, wire.KindFacts, map[int]any{key: strings.Repeat("x", longest+1)}))
		refuse(t, what+" not UTF-8", body(t, wire.KindFacts, map[int]any{key: raw(0x61, 0xff)}))
		if key > 0 {
			accept(t, what+" empty", body(t, wire.KindFacts, map[int]any{key: ""}))
		}
	}
	refuse(t, "empty serial", body(t, wire.KindFacts, map[int]any{0: ""}))
}

func TestPartsOutOfRange(t *testing.T) {
	entry := func(id, since string) []any { return []any{id, true, true, since} }
	entries := func(v ...any) map[int]any { return map[int]any{3: v} }
	for what, with := range map[string]map[int]any{
		"no parts":                 {2: 0},
		"part beyond the parts":    {1: 1},
		"too many parts":           {2: 257},
		"part beyond all":          {1: 256, 2: 256},
		"empty id":                 entries(entry("", "1")),
		"id too long":              entries(entry(strings.Repeat("i", 41), "1")),
		"id not UTF-8":             entries([]any{raw(0x61, 0xff), true, true, ""}),
		"since too long":           entries(entry("a", strings.Repeat("9", 65))),
		"ids out of order":         entries(entry("b", ""), entry("a", "")),
		"id there twice":           entries(entry("a", ""), entry("a", "")),
		"null entry":               entries(nil),
		"short entry":              entries([]any{"a", true, true}),
		"null in an entry":         entries([]any{"a", nil, true, ""}),
		"number for a bool":        entries([]any{"a", 1, true, ""}),
		"half float for a bool":    entries([]any{"a", raw(0xf9, 0x00, 0x14), true, ""}),
		"undefined for a text":     entries([]any{"a", true, true, raw(0xf7)}),
		"map for an entry":         entries(map[int]any{0: "a", 1: true, 2: true, 3: ""}),
		"entries as a byte string": {3: []byte{0}},
	} {
		refuse(t, "part: "+what, body(t, wire.KindCapabilities, with))
	}
	for what, with := range map[string]map[int]any{
		"last part of all": {1: 255, 2: 256},
		"no entries":       {3: []any{}},
		"longest entry":    entries(entry(strings.Repeat("i", 40), strings.Repeat("9", 64))),
		"longer entry":     entries(append(entry("a", "1"), nil, "more")),
	} {
		accept(t, "part: "+what, body(t, wire.KindCapabilities, with))
	}
}

func TestRequestsOutOfRange(t *testing.T) {
	ascending := func(n int) (parts []int) {
		for i := range n {
			parts = append(parts, i)
		}
		return parts
	}
	for what, with := range map[string]map[int]any{
		"part beyond all":   {2: []int{256}},
		"parts descending":  {2: []int{1, 0}},
		"part twice":        {2: []int{1, 1}},
		"65 parts":          {2: ascending(65)},
		"parts of no set":   {1: missing{}},
		"parts of set zero": {1: make([]byte, 8)},
		"null part":         {2: []any{nil}},
		"bool as a number":  {0: 1},
	} {
		refuse(t, "request: "+what, body(t, wire.KindRequest, with))
	}
	for what, with := range map[string]map[int]any{
		"64 parts":            {2: ascending(64)},
		"no parts":            {2: []int{}},
		"parts left out":      {2: missing{}},
		"nothing but unknown": {0: missing{}, 1: missing{}, 2: missing{}, 9: true},
	} {
		accept(t, "request: "+what, body(t, wire.KindRequest, with))
	}
}

// TestWhatAPeerWouldRefuseIsNotSent also holds that dst comes back unharmed.
func TestWhatAPeerWouldRefuseIsNotSent(t *testing.T) {
	beat := func(change func(hb *peer.Heartbeat)) wire.Message {
		hb := steady()
		change(hb)
		return heartbeatMessage(hb)
	}
	facts := func(f peer.Facts) wire.Message { return factsMessage(&f) }
	part := func(p peer.CapabilityPart) wire.Message { return partMessage(&p) }
	request := func(q peer.Request) wire.Message { return requestMessage(&q) }
	noRange := requestMessage(&peer.Request{})
	noRange.Protocol = peer.ProtocolRange{}
	big := peer.CapabilityPart{Parts: 1}
	for i := range 10 {
		big.Entries = append(big.Entries, peer.Capability{
			ID: fmt.Sprintf("%040d", i), Since: strings.Repeat("9", 64),
		})
	}
	for what, m := range map[string]wire.Message{
		"discriminator 0":    beat(func(hb *peer.Heartbeat) { hb.MyDiscriminator = 0 }),
		"state":              beat(func(hb *peer.Heartbeat) { hb.State = peer.StateUp + 1 }),
		"flags":              beat(func(hb *peer.Heartbeat) { hb.Flags = peer.FlagFailover << 1 }),
		"role":               beat(func(hb *peer.Heartbeat) { hb.Role = peer.RoleSecondary + 1 }),
		"HA state":           beat(func(hb *peer.Heartbeat) { hb.HAState = peer.HAStandby + 1 }),
		"upstream":           beat(func(hb *peer.Heartbeat) { hb.Upstream = peer.UpstreamDisconnected + 1 }),
		"readiness":          beat(func(hb *peer.Heartbeat) { hb.Readiness = peer.Ready + 1 }),
		"compatibility":      beat(func(hb *peer.Heartbeat) { hb.Compatibility = peer.Incompatible + 1 }),
		"upgrade result":     beat(func(hb *peer.Heartbeat) { hb.UpgradeResult = peer.UpgradeResultSkipped + 1 }),
		"interval short":     beat(func(hb *peer.Heartbeat) { hb.Timers.DesiredTx = peer.MinInterval - 1 }),
		"interval long":      beat(func(hb *peer.Heartbeat) { hb.Timers.RequiredRx = peer.MaxInterval + 1 }),
		"multiplier low":     beat(func(hb *peer.Heartbeat) { hb.Timers.DetectMult = 1 }),
		"multiplier high":    beat(func(hb *peer.Heartbeat) { hb.Timers.DetectMult = 51 }),
		"range 0":            beat(func(hb *peer.Heartbeat) { hb.Protocol.Min = 0 }),
		"range reversed":     beat(func(hb *peer.Heartbeat) { hb.Protocol.Min = 2 }),
		"serial empty":       facts(peer.Facts{}),
		"model long":         facts(peer.Facts{Serial: "S", Model: strings.Repeat("m", 65)}),
		"site not UTF-8":     facts(peer.Facts{Serial: "S", Site: "\xff"}),
		"part of none":       part(peer.CapabilityPart{}),
		"id empty":           part(peer.CapabilityPart{Parts: 1, Entries: []peer.Capability{{}}}),
		"since not UTF-8":    part(peer.CapabilityPart{Parts: 1, Entries: []peer.Capability{{ID: "a", Since: "\xff"}}}),
		"65 entries":         part(peer.CapabilityPart{Parts: 1, Entries: make([]peer.Capability, 65)}),
		"part over 1 KB":     part(big),
		"parts of no set":    request(peer.Request{Parts: []uint16{1}}),
		"parts out of order": request(peer.Request{Capabilities: peer.Digest{1}, Parts: []uint16{2, 1}}),
		"no range":           noRange,
	} {
		dst, err := appendMessage([]byte("as it was"), m)
		if err == nil || string(dst) != "as it was" {
			t.Errorf("%s: sent as %q, %v", what, dst, err)
		}
	}
}
