package wire_test

import (
	"fmt"
	"math/bits"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
	"socketha/peer/wire"
)

// rule returns the text of one CDDL rule, without comments.
func rule(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("heartbeat.cddl")
	if err != nil {
		t.Fatal(err)
	}
	bare := regexp.MustCompile(`;.*`).ReplaceAllString(string(text), "")
	at := regexp.MustCompile(`(?m)^` + name + ` = `).FindStringIndex(bare)
	if at == nil {
		t.Fatalf("heartbeat.cddl has no rule %s", name)
	}
	body := bare[at[1]:]
	if next := regexp.MustCompile(`(?m)^[a-z-]+ = `).FindStringIndex(body); next != nil {
		body = body[:next[0]]
	}
	return body
}

// names returns the member names (or integer keys) of a rule in order.
func names(t *testing.T, name string) (found []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`([a-z0-9-]+):`).FindAllStringSubmatch(rule(t, name), -1) {
		found = append(found, m[1])
	}
	return found
}

// TestCDDLHasEveryKey compares the keys of the messages as sent with those of
// heartbeat.cddl, both ways.
func TestCDDLHasEveryKey(t *testing.T) {
	rules := map[wire.Kind]string{
		wire.KindFacts: "facts", wire.KindCapabilities: "capability-part", wire.KindRequest: "request",
	}
	sent := map[string][]string{}
	note := func(rule, key string) {
		if !slices.Contains(sent[rule], key) {
			sent[rule] = append(sent[rule], key)
		}
	}
	for _, g := range goldens() {
		if g.foreign {
			continue
		}
		b, err := g.bytes()
		if err != nil {
			t.Fatal(err)
		}
		var envelope map[int]any
		if err := cbor.Unmarshal(b, &envelope); err != nil {
			t.Fatal(err)
		}
		for key := range envelope {
			note("message", fmt.Sprint(key))
		}
		if body, isMap := envelope[int(g.message.Kind)].(map[any]any); isMap {
			for key := range body {
				note(rules[g.message.Kind], fmt.Sprint(key))
			}
		}
	}
	for _, name := range []string{"message", "facts", "capability-part", "request"} {
		slices.Sort(sent[name])
		if listed := names(t, name); !slices.Equal(listed, sent[name]) {
			t.Errorf("%s: heartbeat.cddl lists the keys %v, the code sends %v", name, listed, sent[name])
		}
	}
}

// TestCDDLHasEveryElement holds the order of the heartbeat and of an entry.
func TestCDDLHasEveryElement(t *testing.T) {
	flagged := steady()
	flagged.UpgradeResult = peer.UpgradeResultOK
	want := []string{
		"my-discriminator", "your-discriminator", "sequence", "desired-tx", "required-rx", "detect-mult", "state",
		"version", "role", "ha-state", "upstream", "readiness", "compatibility", "digests", "flags",
		"upgrade-result",
	}
	if got := names(t, "heartbeat"); !slices.Equal(got, want) || len(want) != len(elementsOf(flagged)) {
		t.Errorf("heartbeat: heartbeat.cddl lists %v, the code sends %v", got, want)
	}
	if got, want := names(t, "entry"), []string{"id", "supported", "enabled", "since"}; !slices.Equal(got, want) {
		t.Errorf("entry: heartbeat.cddl lists %v, the code sends %v", got, want)
	}
}

// TestCDDLHasEveryValue holds the numbers of the enumerations and the bounds.
func TestCDDLHasEveryValue(t *testing.T) {
	bit := func(f peer.Flags) string { return fmt.Sprint(bits.TrailingZeros8(uint8(f))) }
	for name, listed := range map[string][]string{
		"session-state": {
			fmt.Sprint("admin-down: ", uint8(peer.StateAdminDown)), fmt.Sprint("down: ", uint8(peer.StateDown)),
			fmt.Sprint("init: ", uint8(peer.StateInit)), fmt.Sprint("up: ", uint8(peer.StateUp)),
		},
		"flag": {
			"poll: " + bit(peer.FlagPoll), "final: " + bit(peer.FlagFinal),
			"planned-stop: " + bit(peer.FlagPlannedStop), "upgrading: " + bit(peer.FlagUpgrading), "failover: " + bit(peer.FlagFailover),
		},
		"role": {fmt.Sprint("primary: ", uint8(peer.RolePrimary)), fmt.Sprint("secondary: ", uint8(peer.RoleSecondary))},
		"ha-state": {
			fmt.Sprint("active: ", uint8(peer.HAActive)), fmt.Sprint("standby: ", uint8(peer.HAStandby)),
		},
		"upstream": {
			fmt.Sprint("not-configured: ", uint8(peer.UpstreamNotConfigured)),
			fmt.Sprint(" connected: ", uint8(peer.UpstreamConnected)),
			fmt.Sprint("disconnected: ", uint8(peer.UpstreamDisconnected)),
		},
		"readiness": {fmt.Sprint("not-ready: ", uint8(peer.NotReady)), fmt.Sprint(" ready: ", uint8(peer.Ready))},
		"compatibility": {
			fmt.Sprint(" compatible: ", uint8(peer.Compatible)), fmt.Sprint("incompatible: ", uint8(peer.Incompatible)),
		},
		"upgrade-result": {
			fmt.Sprint("-none: ", uint8(peer.UpgradeResultNone)), fmt.Sprint("-ok: ", uint8(peer.UpgradeResultOK)),
			fmt.Sprint("-failed: ", uint8(peer.UpgradeResultFailed)), fmt.Sprint("-skipped: ", uint8(peer.UpgradeResultSkipped)),
		},
		"interval": {fmt.Sprintf("%d..%d", peer.MinInterval.Milliseconds(), peer.MaxInterval.Milliseconds())},
		"heartbeat": {
			fmt.Sprintf("detect-mult: %d..%d", peer.MinDetectMult, peer.MaxDetectMult),
			fmt.Sprintf("version: bstr .size (0..%d)", peer.MaxVersion+1),
			fmt.Sprintf("digests: bstr .size %d", 3*len(peer.Digest{})),
		},
		"facts": {
			fmt.Sprintf("0: tstr .size (1..%d)", peer.MaxSerial), fmt.Sprintf("1: tstr .size (0..%d)", peer.MaxModel),
			fmt.Sprintf("2: tstr .size (0..%d)", peer.MaxSite), fmt.Sprintf("3: tstr .size (0..%d)", peer.MaxAgentVersion),
		},
		"part-number":     {fmt.Sprintf("0..%d", wire.MaxParts-1)},
		"capability-part": {"1: part-number", fmt.Sprintf("2: 1..%d", wire.MaxParts), "3: [0*64 entry]"},
		"entry": {
			fmt.Sprintf("id: tstr .size (1..%d)", peer.MaxCapabilityID),
			fmt.Sprintf("since: tstr .size (0..%d)", peer.MaxVersion),
		},
		"request": {fmt.Sprintf("2: [0*%d part-number]", wire.MaxRequestParts)},
		"digest":  {fmt.Sprintf("bstr .size %d", len(peer.Digest{}))},
	} {
		text := rule(t, name)
		for _, want := range listed {
			if !regexp.MustCompile(regexp.QuoteMeta(want) + `\b|` + regexp.QuoteMeta(want) + `[),]`).MatchString(text) {
				t.Errorf("%s: heartbeat.cddl lacks %q:\n%s", name, want, text)
			}
		}
	}
}

// TestPackageCommentHasEveryElement keeps the third description in step.
func TestPackageCommentHasEveryElement(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names(t, "heartbeat") {
		line := regexp.MustCompile(fmt.Sprintf(`(?m)^//\s+%d (.*)$`, i)).FindStringSubmatch(string(text))
		word, _, _ := strings.Cut(name, "-")
		if line == nil || !strings.Contains(strings.ToLower(line[1]), strings.ToLower(word)) {
			t.Errorf("doc.go has %q where heartbeat.cddl has %q", line, name)
		}
	}
}
