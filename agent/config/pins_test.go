package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	one = Fingerprint{0: 1, 31: 0xab}
	two = Fingerprint{0: 2}
)

func TestFingerprintText(t *testing.T) {
	const text = "sha256:01000000000000000000000000000000000000000000000000000000000000ab"
	if one.String() != text {
		t.Errorf("%s", one)
	}
	for _, s := range []string{text, "sha256:" + strings.ToUpper(text[7:])} {
		if f, err := ParseFingerprint(s); err != nil || f != one {
			t.Errorf("%q: %v %v", s, f, err)
		}
	}
	for s, want := range map[string]string{
		"":                                  `a fingerprint begins with "sha256:"`,
		text[7:]:                            `a fingerprint begins with "sha256:"`,
		"SHA256:" + text[7:]:                `a fingerprint begins with "sha256:"`,
		text[:70]:                           "a fingerprint has 64 hex digits, not 63",
		text + "a":                          "a fingerprint has 64 hex digits, not 65",
		"sha256:" + strings.Repeat("g", 64): "a fingerprint has hex digits only (0-9, a-f)",
	} {
		if _, err := ParseFingerprint(s); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", s, err, want)
		}
	}
}

func TestPinsAreReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "pins")
	if pins, err := ReadPins(path); err != nil || pins != nil {
		t.Errorf("a missing file: %v %v", pins, err)
	}
	want := Pins{{one, "S/N SKT-0002, kitchen"}, {two, ""}}
	if err := WritePins(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPins(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Index(two) != 1 || got.Index(Fingerprint{}) != -1 {
		t.Error("Index")
	}
}

func TestPinsComplaints(t *testing.T) {
	text := "# mine\n\n  " + one.String() + " # a\n\t" + one.String() + "\nsha256:12 # short\n" + two.String() + "x\n"
	_, err := ParsePins("pins", []byte(text))
	want := "pins:4:2: " + one.String() + ": pinned twice\n" +
		"pins:5:1: sha256:12: a fingerprint has 64 hex digits, not 2\n" +
		"pins:6:1: " + two.String() + "x: a fingerprint has 64 hex digits, not 65"
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

func TestPinsAreBounded(t *testing.T) {
	var many Pins
	for i := range MaxPins + 1 {
		many = append(many, Pin{Fingerprint: Fingerprint{1: byte(i)}})
	}
	path := filepath.Join(t.TempDir(), "pins")
	if err := WritePins(path, many); err == nil {
		t.Error("too many pins were written")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("and left a file: %v", err)
	}
	if _, err := ParsePins("pins", many.Marshal()); err == nil || !strings.Contains(err.Error(), "17 pins, accepted: at most 16") {
		t.Errorf("too many pins read: %v", err)
	}
	if _, err := ParsePins("pins", make([]byte, MaxFile+1)); err == nil || !strings.Contains(err.Error(), "not a pins file") {
		t.Errorf("a large file: %v", err)
	}
}

// A comment may come from a certificate somebody hands over: it must not be
// able to pin another key or move a terminal's cursor.
func TestPinCommentStaysOnItsLine(t *testing.T) {
	evil := "x\n" + two.String() + "\x1b[2J\u202e" + strings.Repeat("é", 200)
	pins, err := ParsePins("pins", Pins{{one, evil}}.Marshal())
	if err != nil || len(pins) != 1 || pins[0].Fingerprint != one {
		t.Fatalf("%v %v", pins, err)
	}
	if c := pins[0].Comment; len(c) > MaxPinComment || strings.ContainsAny(c, "\n\x1b\u202e") {
		t.Errorf("comment %q of %d bytes", c, len(c))
	}
}

func TestWriteFileReplacesAndLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	info, statErr := os.Stat(path)
	if err != nil || statErr != nil || string(data) != "new" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, mode %v, %v, %v", data, info.Mode(), err, statErr)
	}
	// A directory in its place cannot be replaced: the error is told and the
	// half-made file taken away.
	blocked := filepath.Join(dir, "d")
	if err := os.MkdirAll(filepath.Join(blocked, "x"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(blocked, []byte("new"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v %v", entries, err)
	}
}

func FuzzParsePins(f *testing.F) {
	f.Add(Pins{{one, "a"}, {two, ""}}.Marshal())
	f.Add([]byte("sha256:\r\n# \xff#"))
	f.Fuzz(func(t *testing.T, data []byte) {
		pins, err := ParsePins("pins", data)
		if err != nil {
			return
		}
		again, err := ParsePins("pins", pins.Marshal())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pins, again); diff != "" {
			t.Error(diff)
		}
	})
}
