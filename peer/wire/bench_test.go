package wire_test

import (
	"strings"
	"testing"
	"time"

	"socketha/peer"
	"socketha/peer/wire"
)

// steady is a heartbeat as sent all day: every 32-bit number at its full size.
func steady() *peer.Heartbeat {
	return &peer.Heartbeat{
		Protocol:          peer.ProtocolRange{Min: 1, Max: 1},
		MyDiscriminator:   0xd1a3c25f,
		YourDiscriminator: 0x9b0e47c8,
		Sequence:          0xf3b15d02,
		Timers:            peer.Timers{DesiredTx: time.Second, RequiredRx: time.Second, DetectMult: 3},
		State:             peer.StateUp,
		Version:           "25.0.22707",
		Role:              peer.RolePrimary,
		HAState:           peer.HAActive,
		Upstream:          peer.UpstreamConnected,
		Readiness:         peer.Ready,
		Compatibility:     peer.Compatible,
		Facts:             peer.Digest{0x3e, 0x51, 0x0c, 0x8d, 0xf2, 0x90, 0x7a, 0x16},
		Capabilities:      peer.Digest{0xc4, 0x28, 0xee, 0x03, 0x9f, 0xb1, 0x55, 0x6a},
		Inputs:            peer.Digest{0x70, 0xbd, 0x19, 0xa2, 0x46, 0xe8, 0x0b, 0xcd},
	}
}

func BenchmarkAppendHeartbeat(b *testing.B) {
	hb, buf := steady(), make([]byte, 0, wire.MaxMessage)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.AppendHeartbeat(buf, hb); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalHeartbeat(b *testing.B) {
	msg, err := wire.AppendHeartbeat(nil, steady())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if _, err := wire.Unmarshal(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalPart(b *testing.B) {
	parts, err := wire.SplitCapabilities(numbered(60, 20, "18.0"))
	if err != nil {
		b.Fatal(err)
	}
	msg := mustAppend(b, partMessage(&parts[0]))
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if _, err := wire.Unmarshal(msg); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalHostile(b *testing.B) {
	for name, msg := range map[string][]byte{
		"null":    {0xf6},
		"refused": withElement(b, 13, nil),
		"padded":  mustEncode(b, map[int]any{0: []int{1, 1}, 9: make([]byte, 1000)}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = wire.Unmarshal(msg)
			}
		})
	}
}

func BenchmarkDigestCapabilities(b *testing.B) {
	set := numbered(60, 20, "18.0")
	b.ReportAllocs()
	for b.Loop() {
		wire.DigestCapabilities(set)
	}
}

// TestHeartbeatCosts holds what the budget of 10 allocations a heartbeat
// leaves to this package, and the size on the wire.
func TestHeartbeatCosts(t *testing.T) {
	hb, buf := steady(), make([]byte, 0, wire.MaxMessage)
	msg := mustAppend(t, heartbeatMessage(hb))
	for what, tt := range map[string]struct {
		do   func()
		most float64
	}{
		"sending":   {func() { _, _ = wire.AppendHeartbeat(buf, hb) }, 0},
		"receiving": {func() { _, _ = wire.Unmarshal(msg) }, 3},
	} {
		if allocs := testing.AllocsPerRun(100, tt.do); allocs > tt.most {
			t.Errorf("%s a heartbeat takes %v allocations, at most %v are allowed", what, allocs, tt.most)
		}
	}
	if len(msg) > 72 {
		t.Errorf("a heartbeat with version %s takes %d bytes, want 72", hb.Version, len(msg))
	}
	hb.UpgradeResult = peer.UpgradeResultSkipped
	hb.Flags = peer.FlagPoll | peer.FlagFinal | peer.FlagPlannedStop | peer.FlagUpgrading | peer.FlagFailover
	hb.Timers = peer.Timers{DesiredTx: peer.MaxInterval, RequiredRx: peer.MaxInterval, DetectMult: peer.MaxDetectMult}
	if n := len(mustAppend(t, heartbeatMessage(hb))); n > 88 {
		t.Errorf("a heartbeat with everything at its largest and version %s takes %d bytes, want at most 88", hb.Version, n)
	}
	hb.Version = strings.Repeat("9", 1000)
	if n := len(mustAppend(t, heartbeatMessage(hb))); n != 132 {
		t.Errorf("the largest heartbeat takes %d bytes, the documentation says 132", n)
	}
	hb.Protocol = peer.ProtocolRange{Min: 200, Max: 255}
	if n := len(mustAppend(t, heartbeatMessage(hb))); n != 134 {
		t.Errorf("the largest heartbeat takes %d bytes, the documentation says 134", n)
	}
}
