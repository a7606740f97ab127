package wire_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"socketha/peer"
	"socketha/peer/wire"
)

// FuzzUnmarshal holds that nothing panics, that an error leaves nothing behind,
// that the bounds hold, and that what is read can be sent and reads the same.
func FuzzUnmarshal(f *testing.F) {
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		f.Fatalf("no golden files: %v", err)
	}
	for _, file := range files {
		f.Add(hexOf(f, file))
	}
	for _, b := range [][]byte{
		{},
		{0xf6},
		{0xf7},
		{0xa0},
		{0xf8, 0xff},
		{0xbf, 0xff},
		{0xa1, 0x00, 0xf6},
		{0xa1, 0x00, 0x82, 0x01, 0xf8, 0xff},
		{0xa2, 0x00, 0x82, 0x01, 0x01, 0x00, 0x82, 0x01, 0x01},
		{0xa2, 0x00, 0x82, 0x01, 0x01, 0x01, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		{0xa2, 0x00, 0x82, 0x01, 0x01, 0x01, 0xf6},
		{0xa2, 0x00, 0x82, 0x05, 0x07, 0x01, 0xf6},
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.Unmarshal(b)
		if err != nil {
			if m != (wire.Message{}) {
				t.Fatalf("error %v and %+v", err, m)
			}
			return
		}
		checkMessage(t, m)
		if m.Kind == wire.KindUnknown {
			return
		}
		again, err := appendMessage(nil, m)
		if err != nil {
			t.Fatalf("read and cannot be sent: %v\n%+v", err, m)
		}
		if len(again) > max(len(b), wire.MaxMessage) {
			t.Fatalf("%d bytes of %d", len(again), len(b))
		}
		m2, err := wire.Unmarshal(again)
		if err != nil {
			t.Fatalf("sent and cannot be read: %v", err)
		}
		if diff := cmp.Diff(m, m2); diff != "" {
			t.Fatalf("-first +second:\n%s", diff)
		}
	})
}

// checkMessage checks the bounds that every layer above relies on.
func checkMessage(t *testing.T, m wire.Message) {
	t.Helper()
	if m.Protocol.Min == 0 || m.Protocol.Max < m.Protocol.Min {
		t.Fatalf("range %+v", m.Protocol)
	}
	set := map[wire.Kind]bool{
		wire.KindHeartbeat: m.Heartbeat != nil, wire.KindFacts: m.Facts != nil,
		wire.KindCapabilities: m.Part != nil, wire.KindRequest: m.Request != nil,
	}
	for kind, there := range set {
		if there != (kind == m.Kind) {
			t.Fatalf("a message of kind %v has %v: %t", m.Kind, kind, there)
		}
	}
	if m.Kind != wire.KindUnknown && !m.Protocol.Overlaps(v1) {
		t.Fatalf("%v of a peer that speaks %+v", m.Kind, m.Protocol)
	}
	if hb := m.Heartbeat; hb != nil {
		checkHeartbeat(t, hb)
	}
	if p := m.Part; p != nil && (len(p.Entries) > 64 || p.Part >= p.Parts || p.Parts > wire.MaxParts) {
		t.Fatalf("part %d of %d with %d entries", p.Part, p.Parts, len(p.Entries))
	}
	if q := m.Request; q != nil && len(q.Parts) > wire.MaxRequestParts {
		t.Fatalf("request of %d parts", len(q.Parts))
	}
}

func checkHeartbeat(t *testing.T, hb *peer.Heartbeat) {
	t.Helper()
	switch timers := hb.Timers; {
	case hb.MyDiscriminator == 0, hb.State > peer.StateUp, len(hb.Version) > peer.MaxVersion+1, hb.Flags > 31:
	case min(timers.DesiredTx, timers.RequiredRx) < peer.MinInterval:
	case max(timers.DesiredTx, timers.RequiredRx) > peer.MaxInterval:
	case timers.DetectMult < peer.MinDetectMult, timers.DetectMult > peer.MaxDetectMult:
	case hb.Role > 2, hb.HAState > 2, hb.Upstream > 3, hb.Readiness > 2, hb.Compatibility > 2, hb.UpgradeResult > 3:
	default:
		return
	}
	t.Fatalf("out of its bounds: %+v", hb)
}

// FuzzVersion sends any version and expects it back, whole or still too long.
func FuzzVersion(f *testing.F) {
	f.Add("25.0.22707")
	f.Add("18\xff")
	f.Fuzz(func(t *testing.T, version string) {
		hb := steady()
		hb.Version = version
		m, err := wire.Unmarshal(mustAppend(t, heartbeatMessage(hb)))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Heartbeat.Version; got != version[:min(len(version), peer.MaxVersion+1)] {
			t.Fatalf("%q came as %q", version, got)
		}
	})
}
