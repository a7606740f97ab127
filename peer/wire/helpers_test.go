package wire_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
	"socketha/peer/wire"
)

func heartbeatMessage(hb *peer.Heartbeat) wire.Message {
	return wire.Message{Kind: wire.KindHeartbeat, Protocol: hb.Protocol, Heartbeat: hb}
}

func factsMessage(f *peer.Facts) wire.Message {
	return wire.Message{Kind: wire.KindFacts, Protocol: v1, Facts: f}
}

func partMessage(p *peer.CapabilityPart) wire.Message {
	return wire.Message{Kind: wire.KindCapabilities, Protocol: v1, Part: p}
}

func requestMessage(q *peer.Request) wire.Message {
	return wire.Message{Kind: wire.KindRequest, Protocol: v1, Request: q}
}

// appendMessage sends a message as it was received.
func appendMessage(dst []byte, m wire.Message) ([]byte, error) {
	switch m.Kind {
	case wire.KindHeartbeat:
		return wire.AppendHeartbeat(dst, m.Heartbeat)
	case wire.KindFacts:
		return wire.AppendFacts(dst, m.Protocol, m.Facts)
	case wire.KindCapabilities:
		return wire.AppendCapabilityPart(dst, m.Protocol, m.Part)
	case wire.KindRequest:
		return wire.AppendRequest(dst, m.Protocol, m.Request)
	case wire.KindUnknown:
	}
	return dst, fmt.Errorf("a message of kind %v cannot be sent", m.Kind)
}

func mustAppend(tb testing.TB, m wire.Message) []byte {
	tb.Helper()
	b, err := appendMessage(nil, m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// library is the encoder that ours is compared with.
var library = func() cbor.EncMode {
	mode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

// encoded encodes by the library, for messages that our encoder refuses.
func encoded(v any) func() ([]byte, error) {
	return func() ([]byte, error) { return library.Marshal(v) }
}

func mustEncode(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := library.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// elementsOf returns the heartbeat's body as the format describes it, without
// the help of our encoder.
func elementsOf(hb *peer.Heartbeat) []any {
	digests := append(append(append([]byte{}, hb.Facts[:]...), hb.Capabilities[:]...), hb.Inputs[:]...)
	ms := func(d time.Duration) int { return int(math.Round(d.Seconds() * 1000)) }
	elements := []any{
		hb.MyDiscriminator, hb.YourDiscriminator, hb.Sequence,
		ms(hb.Timers.DesiredTx), ms(hb.Timers.RequiredRx), hb.Timers.DetectMult,
		uint8(hb.State), []byte(hb.Version),
		uint8(hb.Role), uint8(hb.HAState), uint8(hb.Upstream), uint8(hb.Readiness), uint8(hb.Compatibility),
		digests,
	}
	if hb.Flags != 0 || hb.UpgradeResult != 0 {
		elements = append(elements, uint8(hb.Flags))
	}
	if hb.UpgradeResult != 0 {
		elements = append(elements, uint8(hb.UpgradeResult))
	}
	return elements
}

// withElement returns the steady heartbeat with one element replaced.
func withElement(tb testing.TB, i int, value any) []byte {
	tb.Helper()
	elements := elementsOf(steady())
	elements[i] = value
	return mustEncode(tb, map[int]any{0: []int{1, 1}, 1: elements})
}

// raw puts bytes into a message as they are.
func raw(b ...byte) cbor.RawMessage { return b }
