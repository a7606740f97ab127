package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

// TestLogRefusal looks at the line a refused peer leaves: the fingerprint whole and
// apart, for whoever decides to pin it; the serial without quotes of its own; and
// nothing that the peer chose in a form that could pass for something else.
func TestLogRefusal(t *testing.T) {
	who := peerIdentity{Serial: "SN-4711", Fingerprint: Fingerprint{0xab, 31: 0xcd}}
	text, fields := logged(t, func(l *ledger) {
		l.reject(ReasonPinMismatch, netip.MustParseAddrPort("192.0.2.2:9"), who,
			refuse(ReasonPinMismatch, findingNone, "key %s of serial %s is not pinned", who.Fingerprint, show(who.Serial)))
	})
	if fields["fingerprint"] != who.Fingerprint.String() || fields["serial"] != "SN-4711" ||
		!strings.Contains(fmt.Sprint(fields["error"]), who.Fingerprint.String()+` of serial "SN-4711"`) {
		t.Errorf("fields %v", fields)
	}
	if !strings.Contains(text, " serial=SN-4711 fingerprint=sha256:ab") {
		t.Errorf("line %q", text)
	}
	if _, fields = logged(t, func(l *ledger) { l.reject(ReasonNoCertificate, netip.AddrPort{}, peerIdentity{}, errors.New("none")) }); fields["fingerprint"] != "" {
		t.Errorf("the fingerprint of nobody: %v", fields)
	}
}

// TestLogHostile has a peer choose its serial, and an error that repeats it.
func TestLogHostile(t *testing.T) {
	for _, evil := range []string{
		"SN\nlevel=ERROR msg=fake", "\x1b[2Jgone", "a\u202eb", "\xff\xfe", `q" error="ok`, "back\\nslash", strings.Repeat("\U0001f4a9", 1000), "\u0085\u2028",
	} {
		text, fields := logged(t, func(l *ledger) {
			l.reject(ReasonSerialMismatch, netip.AddrPort{}, peerIdentity{Serial: evil}, errors.New("pion says "+evil))
		})
		for _, r := range strings.TrimSuffix(text, "\n") {
			if r < ' ' || r > '~' {
				t.Fatalf("%q is logged as %q", evil, text)
			}
		}
		if n := len(fmt.Sprint(fields["serial"])); n > 12*maxShown {
			t.Errorf("a serial of %d bytes is logged in %d", len(evil), n)
		}
		for key, value := range fields {
			for _, r := range fmt.Sprint(value) {
				if r < ' ' || r > '~' {
					t.Errorf("%s of %q is %q", key, evil, value)
				}
			}
		}
	}
}

// logged returns what write logs, as text and as fields.
func logged(t *testing.T, write func(l *ledger)) (text string, fields map[string]any) {
	t.Helper()
	var plain, object bytes.Buffer
	write(newLedger(slog.New(slog.NewTextHandler(&plain, nil))))
	write(newLedger(slog.New(slog.NewJSONHandler(&object, nil))))
	if err := json.Unmarshal(object.Bytes(), &fields); err != nil {
		t.Fatal(err)
	}
	return plain.String(), fields
}
