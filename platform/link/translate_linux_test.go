package link

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write what translate makes of the recorded messages")

var recordedTypes = map[string]uint16{
	"newlink": unix.RTM_NEWLINK,
	"dellink": unix.RTM_DELLINK,
	"newaddr": unix.RTM_NEWADDR,
	"deladdr": unix.RTM_DELADDR,
}

// TestTranslateRecorded translates what a real kernel sent and compares each
// message with the line below it.
func TestTranslateRecorded(t *testing.T) {
	path := filepath.Join("testdata", "recorded.txt")
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(want)) {
		if strings.HasPrefix(line, "\t= ") {
			continue
		}
		got.WriteString(line)
		if name, payload, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			fmt.Fprintf(&got, "\t= %s\n", describe(recordedTypes[name], unhex(t, payload)))
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// describe is what the watcher and the reader of addresses get of a message.
func describe(typ uint16, data []byte) string {
	m, ok := translate(typ, data)
	switch {
	case !ok:
		return "ignored"
	case m.kind == linkSet:
		l := m.link
		return fmt.Sprintf("%s %d: %s, admin up %t, carrier %s, %s, up %t, mtu %d, changes %d, losses %d, counted %t",
			m.kind, m.index, l.Name, l.AdminUp, l.Carrier, l.OperState, l.Up, l.MTU, l.changes, l.losses, l.counted)
	case m.kind == addrChanged:
		_, a, _ := parseAddr(data)
		return fmt.Sprintf("%s %d: %s, tentative %t, failed %t", m.kind, m.index, a.Prefix, a.Tentative, a.DADFailed)
	}
	return fmt.Sprintf("%s %d", m.kind, m.index)
}

// TestTranslateCut cuts a recorded message everywhere: nothing may panic, and
// a carrier may not appear out of a cut.
func TestTranslateCut(t *testing.T) {
	for name, data := range recorded(t) {
		for n := range data {
			m, ok := translate(name, data[:n:n])
			if ok && m.kind == linkSet && m.link.counted && m.link.changes < m.link.losses {
				t.Fatalf("cut at %d: %d carrier changes, %d of them losses", n, m.link.changes, m.link.losses)
			}
		}
	}
}

// The kernel puts the peer's address first, but nothing says that it has to.
func TestLocalAddressIsOurs(t *testing.T) {
	header := []byte{unix.AF_INET, 30, 0, 0, 3, 0, 0, 0}
	local := []byte{8, 0, unix.IFA_LOCAL, 0, 192, 0, 2, 5}
	peer := []byte{8, 0, unix.IFA_ADDRESS, 0, 192, 0, 2, 6}
	for name, attrs := range map[string][][]byte{"peer first": {peer, local}, "peer last": {local, peer}} {
		index, addr, err := parseAddr(slices.Concat(header, attrs[0], attrs[1]))
		if err != nil || index != 3 || addr.Prefix.String() != "192.0.2.5/30" {
			t.Errorf("%s: %d %v %v, want 192.0.2.5/30 of interface 3", name, index, addr, err)
		}
	}
}

func FuzzTranslate(f *testing.F) {
	for typ, data := range recorded(f) {
		f.Add(typ, data)
	}
	f.Fuzz(func(t *testing.T, typ uint16, data []byte) {
		m, ok := translate(typ, bytes.Clone(data))
		if ok && m.kind == linkSet && m.link.Up && m.link.Carrier != CarrierYes {
			t.Errorf("up without a carrier: %+v", m)
		}
	})
}

// recorded yields one message of each type.
func recorded(t testing.TB) map[uint16][]byte {
	t.Helper()
	all, err := os.ReadFile(filepath.Join("testdata", "recorded.txt"))
	if err != nil {
		t.Fatal(err)
	}
	messages := map[uint16][]byte{}
	for line := range strings.Lines(string(all)) {
		if name, payload, ok := strings.Cut(strings.TrimSpace(line), " "); ok && recordedTypes[name] != 0 {
			messages[recordedTypes[name]] = unhex(t, payload)
		}
	}
	if len(messages) != len(recordedTypes) {
		t.Fatalf("%d types of message recorded, want %d", len(messages), len(recordedTypes))
	}
	return messages
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
