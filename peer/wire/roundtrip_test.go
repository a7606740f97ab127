package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"socketha/peer"
	"socketha/peer/compat"
	"socketha/peer/wire"
)

func ranges() *rapid.Generator[peer.ProtocolRange] {
	return rapid.Custom(func(t *rapid.T) peer.ProtocolRange {
		// We speak 1: of a range without it nothing else is read.
		return peer.ProtocolRange{Min: 1, Max: rapid.Uint8Range(1, 255).Draw(t, "max")}
	})
}

func digests() *rapid.Generator[peer.Digest] {
	return rapid.Custom(func(t *rapid.T) peer.Digest {
		return peer.Digest(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "digest"))
	})
}

// texts draws UTF-8 of low to high bytes.
func texts(low, high int) *rapid.Generator[string] {
	return rapid.StringN(low, -1, high)
}

func heartbeats() *rapid.Generator[*peer.Heartbeat] {
	return rapid.Custom(func(t *rapid.T) *peer.Heartbeat {
		interval := rapid.Map(rapid.Int64Range(50, 60000), func(ms int64) time.Duration {
			return time.Duration(ms) * time.Millisecond
		})
		version := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 65), func(b []byte) string { return string(b) })
		return &peer.Heartbeat{
			Protocol:          ranges().Draw(t, "protocol"),
			MyDiscriminator:   rapid.Uint32Min(1).Draw(t, "my"),
			YourDiscriminator: rapid.Uint32().Draw(t, "your"),
			Sequence:          rapid.Uint32().Draw(t, "sequence"),
			Timers: peer.Timers{
				DesiredTx:  interval.Draw(t, "tx"),
				RequiredRx: interval.Draw(t, "rx"),
				DetectMult: rapid.Uint8Range(2, 50).Draw(t, "mult"),
			},
			State:         peer.SessionState(rapid.Uint8Range(0, 3).Draw(t, "state")),
			Flags:         peer.Flags(rapid.Uint8Range(0, 31).Draw(t, "flags")),
			Version:       version.Draw(t, "version"),
			Role:          peer.Role(rapid.Uint8Range(0, 2).Draw(t, "role")),
			HAState:       peer.HAState(rapid.Uint8Range(0, 2).Draw(t, "ha")),
			Upstream:      peer.UpstreamState(rapid.Uint8Range(0, 3).Draw(t, "upstream")),
			Readiness:     peer.Readiness(rapid.Uint8Range(0, 2).Draw(t, "readiness")),
			Compatibility: peer.Compatibility(rapid.Uint8Range(0, 2).Draw(t, "compatibility")),
			UpgradeResult: peer.UpgradeResult(rapid.Uint8Range(0, 3).Draw(t, "upgrade result")),
			Facts:         digests().Draw(t, "facts"),
			Capabilities:  digests().Draw(t, "capabilities"),
			Inputs:        digests().Draw(t, "inputs"),
		}
	})
}

func capabilities(most int) *rapid.Generator[[]peer.Capability] {
	one := rapid.Custom(func(t *rapid.T) peer.Capability {
		return peer.Capability{
			ID: texts(1, peer.MaxCapabilityID).Draw(t, "id"), Since: texts(0, peer.MaxVersion).Draw(t, "since"),
			Supported: rapid.Bool().Draw(t, "supported"), Enabled: rapid.Bool().Draw(t, "enabled"),
		}
	})
	return rapid.SliceOfNDistinct(one, 0, most, func(c peer.Capability) string { return c.ID })
}

func requests() *rapid.Generator[*peer.Request] {
	return rapid.Custom(func(t *rapid.T) *peer.Request {
		q := &peer.Request{Facts: rapid.Bool().Draw(t, "facts"), Capabilities: digests().Draw(t, "set")}
		if q.Capabilities != (peer.Digest{}) {
			q.Parts = rapid.SliceOfNDistinct(rapid.Uint16Max(wire.MaxParts-1), 0, 64, rapid.ID).Draw(t, "parts")
			slices.Sort(q.Parts)
			if len(q.Parts) == 0 {
				q.Parts = nil
			}
		}
		return q
	})
}

func messages() *rapid.Generator[wire.Message] {
	return rapid.Custom(func(t *rapid.T) wire.Message {
		m := wire.Message{Protocol: ranges().Draw(t, "protocol")}
		m.Kind = rapid.SampledFrom([]wire.Kind{
			wire.KindHeartbeat, wire.KindFacts, wire.KindCapabilities, wire.KindRequest,
		}).Draw(t, "kind")
		switch m.Kind {
		case wire.KindHeartbeat:
			m.Heartbeat = heartbeats().Draw(t, "heartbeat")
			m.Heartbeat.Protocol = m.Protocol
		case wire.KindFacts:
			m.Facts = &peer.Facts{
				Serial: texts(1, 64).Draw(t, "serial"), Model: texts(0, 64).Draw(t, "model"),
				Site: texts(0, 128).Draw(t, "site"), AgentVersion: texts(0, 64).Draw(t, "agent version"),
				Catalog: digests().Draw(t, "catalog"),
			}
		case wire.KindCapabilities:
			parts, err := wire.SplitCapabilities(capabilities(40).Draw(t, "capabilities"))
			if err != nil {
				t.Fatal(err)
			}
			m.Part = &parts[rapid.IntRange(0, len(parts)-1).Draw(t, "part")]
			if len(m.Part.Entries) == 0 {
				m.Part.Entries = nil
			}
		case wire.KindRequest:
			m.Request = requests().Draw(t, "request")
		case wire.KindUnknown:
		}
		return m
	})
}

// TestEveryMessageComesBack also holds that each is in core deterministic
// encoding, by having the library encode it once more.
func TestEveryMessageComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := messages().Draw(t, "message")
		b, err := appendMessage(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > wire.MaxMessage {
			t.Fatalf("%d bytes", len(b))
		}
		got, err := wire.Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-sent +received:\n%s", diff)
		}
		var generic any
		if err := cbor.Unmarshal(b, &generic); err != nil {
			t.Fatal(err)
		}
		again, err := library.Marshal(generic)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("sent    % x\nlibrary % x (%v)", b, again, err)
		}
	})
}

// TestReceivedMessageStandsAlone guards against values that alias the buffer
// of the next datagram.
func TestReceivedMessageStandsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := messages().Draw(t, "message")
		b, err := appendMessage(nil, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := wire.Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		clear(b)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("-sent +after the buffer was used again:\n%s", diff)
		}
	})
}

// TestBothSocketsJudgeTheSameVersion: the wire must never make a version
// readable or unreadable, whatever a version file holds.
func TestBothSocketsJudgeTheSameVersion(t *testing.T) {
	check := func(version string) string {
		hb := steady()
		hb.Version = version
		b, err := wire.AppendHeartbeat(nil, hb)
		if err != nil {
			return err.Error()
		}
		m, err := wire.Unmarshal(b)
		if err != nil {
			return err.Error()
		}
		here, there := compat.Judge(version, version), compat.Judge(version, m.Heartbeat.Version)
		if here.Compatibility != there.Compatibility {
			return fmt.Sprintf("%q crosses the wire as %q", version, m.Heartbeat.Version)
		}
		if compat.Show(version) != compat.Show(m.Heartbeat.Version) {
			return fmt.Sprintf("%q is shown as %q", version, compat.Show(m.Heartbeat.Version))
		}
		return ""
	}
	for _, version := range []string{
		"", "25.0.22707", "1-" + strings.Repeat("a", 62), "1-" + strings.Repeat("a", 63),
		"1-" + strings.Repeat("a", 62) + "\xff", "1-" + strings.Repeat("a", 1<<20), strings.Repeat("é", 40),
	} {
		if fault := check(version); fault != "" {
			t.Error(fault)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		if fault := check(string(rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "version"))); fault != "" {
			t.Fatal(fault)
		}
	})
}

func TestIntervalsAreRoundedUp(t *testing.T) {
	hb := steady()
	hb.Timers.DesiredTx = 333*time.Millisecond + 1
	hb.Timers.RequiredRx = peer.MaxInterval - 1
	m, err := wire.Unmarshal(mustAppend(t, heartbeatMessage(hb)))
	if err != nil {
		t.Fatal(err)
	}
	want := peer.Timers{DesiredTx: 334 * time.Millisecond, RequiredRx: time.Minute, DetectMult: 3}
	if got := m.Heartbeat.Timers; got != want {
		t.Errorf("timers %+v, want %+v", got, want)
	}
}

// TestEnumerationsOfTheFuture holds that a value of a newer peer never reads
// as good news, and that flags not known here do not hide those that are.
func TestEnumerationsOfTheFuture(t *testing.T) {
	for element := 8; element <= 12; element++ {
		for _, v := range []uint64{4, 255, 256 + 1, 256 + 2, 1<<32 + 1, math.MaxUint64} {
			m, err := wire.Unmarshal(withElement(t, element, v))
			if err != nil {
				t.Fatalf("element %d = %d: %v", element, v, err)
			}
			hb := m.Heartbeat
			read := []string{
				hb.Role.String(), hb.HAState.String(), hb.Upstream.String(), hb.Readiness.String(), hb.Compatibility.String(),
			}[element-8]
			if read != "unknown" {
				t.Errorf("element %d = %d reads as %s", element, v, read)
			}
		}
	}
	for _, v := range []uint64{0, 4, 255, 256 + 1, 256 + 2, 1<<32 + 3, math.MaxUint64} {
		elements := append(elementsOf(steady()), 0, v)
		m, err := wire.Unmarshal(mustEncode(t, map[int]any{0: []int{1, 1}, 1: elements}))
		if err != nil || m.Heartbeat.UpgradeResult != peer.UpgradeResultNone {
			t.Errorf("upgrade result %d reads as %+v, %v", v, m.Heartbeat, err)
		}
	}
	flags := append(elementsOf(steady()), uint64(math.MaxUint64))
	m, err := wire.Unmarshal(mustEncode(t, map[int]any{0: []int{1, 1}, 1: flags}))
	all := peer.FlagPoll | peer.FlagFinal | peer.FlagPlannedStop | peer.FlagUpgrading | peer.FlagFailover
	if err != nil || m.Heartbeat.Flags != all {
		t.Errorf("all flags and more: %+v, %v", m.Heartbeat, err)
	}
}

// TestProtocolRanges: whoever shares version 1 is read, of all others only the
// range is, whatever else they send.
func TestProtocolRanges(t *testing.T) {
	for low := 1; low <= 255; low += 7 {
		for high := low; high <= 255; high += 11 {
			for what, v := range map[string]any{"our form": elementsOf(steady()), "theirs": nil, "odd": raw(0xf8, 0xff)} {
				m, err := wire.Unmarshal(mustEncode(t, map[int]any{0: []int{low, high}, 1: v}))
				if low == 1 && what != "our form" {
					if err == nil {
						t.Errorf("%d to %d, %s: read", low, high, what)
					}
					continue
				}
				want := wire.Message{Protocol: peer.ProtocolRange{Min: uint8(low), Max: uint8(high)}}
				if low == 1 {
					hb := steady()
					hb.Protocol = want.Protocol
					want = heartbeatMessage(hb)
				}
				if diff := cmp.Diff(want, m); err != nil || diff != "" {
					t.Errorf("%d to %d, %s: %v, -want +got\n%s", low, high, what, err, diff)
				}
			}
		}
	}
}

// TestUpgradeResultIsLeftOut: a heartbeat without one takes no byte more for it, and one
// of a peer that does not know the element says that there is none.
func TestUpgradeResultIsLeftOut(t *testing.T) {
	for result, more := range []int{0, 2, 2, 2} {
		hb := steady()
		hb.UpgradeResult = peer.UpgradeResult(result)
		b := mustAppend(t, heartbeatMessage(hb))
		if want := 72 + more; len(b) != want {
			t.Errorf("with the result %v a heartbeat takes %d bytes, want %d", hb.UpgradeResult, len(b), want)
		}
	}
	for _, elements := range [][]any{elementsOf(steady()), append(elementsOf(steady()), 0)} {
		m, err := wire.Unmarshal(mustEncode(t, map[int]any{0: []int{1, 1}, 1: elements}))
		if err != nil || m.Heartbeat.UpgradeResult != peer.UpgradeResultNone {
			t.Errorf("%d elements read as %+v, %v", len(elements), m.Heartbeat, err)
		}
	}
}

func TestKindWords(t *testing.T) {
	for kind, want := range []string{"unknown", "heartbeat", "facts", "capabilities", "request", "unknown"} {
		if got := wire.Kind(kind).String(); got != want {
			t.Errorf("Kind(%d) = %q, want %q", kind, got, want)
		}
	}
}
