package wire_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"socketha/peer"
	"socketha/peer/wire"
)

var update = flag.Bool("update", false, "write the golden files from what the code does")

var v1 = peer.ProtocolRange{Min: 1, Max: 1}

// golden is one message that must stay as it is. Either the message is ours,
// and bytes is what the codec makes of it, or it comes from a peer that says
// more than this version does, and bytes is made by hand.
type golden struct {
	name, why string
	message   wire.Message
	bytes     func() ([]byte, error)
	foreign   bool // bytes are not what we would send for message
}

func goldens() []golden {
	all := append(heartbeatGoldens(), bulkGoldens()...)
	for i := range all {
		if g := &all[i]; g.bytes == nil {
			g.bytes = func() ([]byte, error) { return appendMessage(nil, g.message) }
		}
	}
	return append(all, foreignGoldens()...)
}

func heartbeatGoldens() []golden {
	first := steady()
	first.YourDiscriminator, first.Sequence, first.State = 0, 0, peer.StateDown
	first.HAState, first.Upstream = peer.HAUnknown, peer.UpstreamUnknown
	first.Readiness, first.Compatibility = peer.NotReady, peer.CompatibilityUnknown
	first.Capabilities = peer.Digest{}

	stop := steady()
	stop.State, stop.Flags = peer.StateAdminDown, peer.FlagPlannedStop|peer.FlagUpgrading

	probe := steady()
	probe.Flags, probe.Sequence = peer.FlagPoll, 41
	probe.Timers = peer.Timers{DesiredTx: 50 * time.Millisecond, RequiredRx: time.Minute, DetectMult: 50}
	probe.HAState, probe.Role, probe.Upstream = peer.HAStandby, peer.RoleSecondary, peer.UpstreamDisconnected

	answer := steady()
	answer.State, answer.Flags, answer.Upstream = peer.StateInit, peer.FlagFinal, peer.UpstreamNotConfigured
	answer.Version, answer.Compatibility, answer.Readiness = "15.0.2", peer.Incompatible, peer.NotReady

	ended := steady()
	ended.UpgradeResult = peer.UpgradeResultFailed

	odd := steady()
	odd.Version = "18\x1b[31m\xff"
	odd.Compatibility, odd.Readiness = peer.CompatibilityUnknown, peer.NotReady

	beat := func(name, why string, hb *peer.Heartbeat) golden {
		return golden{name: name, why: why, message: heartbeatMessage(hb)}
	}
	return []golden{
		beat("heartbeat-steady", "Both Sockets Up and ready; every 32-bit number at its full size.", steady()),
		beat("heartbeat-first", "The first after the start: nothing heard, nothing known yet.", first),
		beat("heartbeat-planned-stop", "The last before a firmware upgrade: the silence to come is wanted.", stop),
		beat("heartbeat-poll", "A probe, with the timers at their bounds.", probe),
		beat("heartbeat-final", "Its answer, from a Socket three majors behind.", answer),
		beat("heartbeat-upgrade-failed", "The declared upgrade has ended badly, and no flag is set: zero takes their place.", ended),
		beat("heartbeat-unreadable-version", "A version that cannot be read crosses the wire as it is.", odd),
	}
}

func bulkGoldens() []golden {
	set := []peer.Capability{
		{ID: "dhcp-relay", Supported: true, Enabled: false, Since: "10.0"},
		{ID: "azure-vsocket-ha", Supported: true, Enabled: true, Since: "11.0"},
		{ID: "zero-trust-lan", Supported: false, Enabled: true},
	}
	parts, err := wire.SplitCapabilities(set)
	if err != nil {
		panic(err)
	}
	empty, err := wire.SplitCapabilities(nil)
	if err != nil {
		panic(err)
	}
	facts := &peer.Facts{
		Serial: "S1-0042", Model: "X1500B", Site: "Zürich/HQ", AgentVersion: "0.1.0",
		Catalog: peer.Digest{0xca, 0x7a, 0x10, 0x91, 1, 2, 3, 4},
	}
	return []golden{
		{name: "facts", why: "Who a Socket is.", message: factsMessage(facts)},
		{name: "capabilities", why: "A set that fits one part.", message: partMessage(&parts[0])},
		{
			name: "capabilities-empty", why: "Advertised, but nothing in it: one part without entries.",
			message: partMessage(&empty[0]),
		},
		{
			name: "request", why: "Facts and the missing parts of a capability set, please.",
			message: requestMessage(&peer.Request{Facts: true, Capabilities: parts[0].Digest, Parts: []uint16{0, 7, 255}}),
		},
		{name: "request-nothing", why: "Legal, if pointless.", message: requestMessage(&peer.Request{})},
	}
}

// foreignGoldens come from peers of other protocol versions. Their bytes are
// made with the library's encoder, so that they do not depend on ours.
func foreignGoldens() []golden {
	newer := steady()
	newer.Protocol, newer.Role, newer.Flags = peer.ProtocolRange{Min: 1, Max: 3}, peer.RoleUnknown, peer.FlagPoll
	elements := elementsOf(steady())
	elements[8] = 77 // a role of the future, as are all flags but one and the result of an upgrade
	elements = append(elements, uint64(1|1<<5|1<<40), 4, "more", []any{1, nil}, map[int]any{1: 2.5})
	return []golden{
		{
			name:    "newer-peer",
			why:     "Speaks 1 to 3: our part of its heartbeat is read, the rest ignored.",
			message: heartbeatMessage(newer), foreign: true,
			bytes: encoded(map[int]any{0: []any{1, 3, "more"}, 1: elements, 9: map[int]any{0: nil}, 1000: "x", -1: true}),
		},
		{
			name:    "newer-kind",
			why:     "A kind of message we do not have is not an error.",
			message: wire.Message{Protocol: peer.ProtocolRange{Min: 1, Max: 3}}, foreign: true,
			bytes: encoded(map[int]any{0: []int{1, 3}, 5: "?"}),
		},
		{
			name:    "disjoint-range",
			why:     "Speaks 5 to 7 only: its body is not even looked at, its range is.",
			message: wire.Message{Protocol: peer.ProtocolRange{Min: 5, Max: 7}}, foreign: true,
			bytes: encoded(map[int]any{0: []int{5, 7}, 1: map[string]int{"state": 9}}),
		},
	}
}

func TestGolden(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range goldens() {
		file := filepath.Join("testdata", g.name+".golden")
		seen[file] = true
		t.Run(g.name, func(t *testing.T) {
			b, err := g.bytes()
			if err != nil {
				t.Fatal(err)
			}
			got := render(t, g, b)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s differs (-file +code); -update writes it anew:\n%s", file, diff)
			}
			// The file is the promise: read what it says, not what the code does.
			m, err := wire.Unmarshal(hexOf(t, file))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(g.message, m); diff != "" {
				t.Errorf("%s reads as (-want +got):\n%s", file, diff)
			}
		})
	}
	files, _ := filepath.Glob("testdata/*.golden")
	for _, file := range files {
		if !seen[file] {
			t.Errorf("%s belongs to no test", file)
		}
	}
}

// render shows a message to people: what it is for, what it reads as, its
// diagnostic notation (RFC 8949 section 8) and its bytes.
func render(tb testing.TB, g golden, b []byte) string {
	tb.Helper()
	var s strings.Builder
	fmt.Fprintf(&s, "# %s\n\n%d bytes\n\nreads as: %s of a peer that speaks %d to %d\n", g.why, len(b),
		g.message.Kind, g.message.Protocol.Min, g.message.Protocol.Max)
	renderBody(&s, g.message)
	diagnostic, err := cbor.DiagOptions{ByteStringText: true}.DiagMode()
	if err != nil {
		tb.Fatal(err)
	}
	text, err := diagnostic.Diagnose(b)
	if err != nil {
		tb.Fatal(err)
	}
	fmt.Fprintf(&s, "\ndiagnostic notation:\n  %s\n\nhex:\n", text)
	for rest := b; len(rest) > 0; {
		n := min(16, len(rest))
		fmt.Fprintf(&s, "  % x\n", rest[:n])
		rest = rest[n:]
	}
	return s.String()
}

func renderBody(s *strings.Builder, m wire.Message) {
	for _, body := range []any{m.Heartbeat, m.Facts, m.Part, m.Request} {
		v := reflect.ValueOf(body)
		if v.IsNil() {
			continue
		}
		for field, value := range v.Elem().Fields() {
			switch x := value.Interface().(type) {
			case peer.Digest:
				fmt.Fprintf(s, "  %s: %x\n", field.Name, x)
			case string:
				fmt.Fprintf(s, "  %s: %+q\n", field.Name, x)
			default:
				fmt.Fprintf(s, "  %s: %+v\n", field.Name, x)
			}
		}
	}
}

// hexOf returns the bytes that a golden file lists.
func hexOf(tb testing.TB, file string) []byte {
	tb.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	_, digits, ok := strings.Cut(string(text), "\nhex:\n")
	b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
	if err != nil || !ok {
		tb.Fatalf("%s: no hex: %v", file, err)
	}
	return b
}
