package cli

import (
	"context"
	"strings"
	"testing"

	"socketha/agent/pairing"
	"socketha/peer/transport"
)

// What a person compares fits 80 columns, whatever the peer calls itself, and
// shows every digit of both keys.
func TestPairTable(t *testing.T) {
	id, err := transport.NewIdentity("SN-1", "")
	if err != nil {
		t.Fatal(err)
	}
	p := pairer{identity: id, model: "X1700B", style: style{columns: maxColumns, unicode: true}}
	peer := pairing.Peer{Key: transport.Fingerprint{0x12, 0x34, 31: 0xff}, Serial: strings.Repeat("S", 64), Model: "m\x1b[2Jodel"}
	table := p.table(&peer)
	for line := range strings.Lines(table) {
		if runes(line)-1 > maxColumns || strings.Contains(line, "\x1b") {
			t.Errorf("%q", line)
		}
	}
	var left, right strings.Builder
	for line := range strings.Lines(table[strings.Index(table, "Fingerprint"):]) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "Fingerprint"))
		left.WriteString(strings.Join(words[:4], ""))
		right.WriteString(strings.Join(words[4:], ""))
	}
	if "sha256:"+left.String() != id.Fingerprint().String() || "sha256:"+right.String() != peer.Key.String() {
		t.Errorf("the keys as shown:\n%s", table)
	}
}

func TestConfirms(t *testing.T) {
	key := transport.Fingerprint{0xab, 31: 0xcd}
	digits := strings.TrimPrefix(key.String(), "sha256:")
	for answer, want := range map[string]bool{
		"yes\n": true, " YES \n": true, digits: true, key.String(): true, strings.ToUpper(digits[40:]): true,
		"0000 0000 0000 0000 0000 00cd": true, "0000 0000 0000 0000 0000 00ce": false,
		"": false, "\n": false, "y": false, "no": false, "yes please": false, "cd": false, digits[41:]: false,
		"00" + digits: false, "sha256:": false,
	} {
		if got := confirms(answer, key); got != want {
			t.Errorf("%q: %v", answer, got)
		}
	}
}

// A Socket that trusts somebody already, or has no identity, meets nobody.
func TestPairIsRefusedBefore(t *testing.T) {
	for line, want := range map[string]string{
		"identity pair":                    "the HA interface is not known",
		"identity pair --wait 0s":          "accepted: 1s to 1h",
		"identity pair --wait long":        "accepted: 1s to 1h",
		"identity pair --yes sha256:12":    "--yes",
		"identity pair --config none.toml": "none.toml",
		"identity pair with somebody":      "one argument too many",
		"identity pair --replce":           "did you mean --replace?",
	} {
		w := newWorld(t, strings.Fields(line)...)
		w.Meet = func(context.Context, pairing.Config) (*Meeting, error) {
			t.Errorf("%s: looks for a peer", line)
			return nil, context.Canceled
		}
		if exit := Main(t.Context(), w.Env); exit == ExitOK || !strings.Contains(w.err.String(), want) {
			t.Errorf("%s: exit code %d: %s", line, exit, &w.err)
		}
	}
}
