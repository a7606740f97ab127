package config

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"socketha/platform/plainfile"
)

// Fingerprint identifies a key: the SHA-256 of its SubjectPublicKeyInfo
// (RFC 5280 section 4.1.2.7). It is the same array as the transport's.
type Fingerprint [32]byte

const fingerprintPrefix = "sha256:"

// String returns the text form, "sha256:" and 64 lower-case hex digits.
func (f Fingerprint) String() string { return fingerprintPrefix + hex.EncodeToString(f[:]) }

// ParseFingerprint reads the text form; the case of the digits does not matter.
func ParseFingerprint(s string) (Fingerprint, error) {
	digits, ok := strings.CutPrefix(s, fingerprintPrefix)
	if !ok {
		return Fingerprint{}, errors.New(`a fingerprint begins with "sha256:"`)
	}
	var f Fingerprint
	if len(digits) != hex.EncodedLen(len(f)) {
		return Fingerprint{}, fmt.Errorf("a fingerprint has 64 hex digits, not %d", len(digits))
	}
	if _, err := hex.Decode(f[:], []byte(digits)); err != nil {
		return Fingerprint{}, errors.New("a fingerprint has hex digits only (0-9, a-f)")
	}
	return f, nil
}

// Pin is a key this Socket believes to be its peer's.
type Pin struct {
	Fingerprint Fingerprint
	Comment     string // one line, for people; at most MaxPinComment bytes
}

// MaxPins and MaxPinComment bound a pins file. A pair needs one pin, two while
// a Socket is being replaced.
const (
	MaxPins       = 16
	MaxPinComment = 200
)

// Pins are the keys of a pins file, in its order.
type Pins []Pin

// Index returns where f is pinned, or -1.
func (ps Pins) Index(f Fingerprint) int {
	for i, p := range ps {
		if p.Fingerprint == f {
			return i
		}
	}
	return -1
}

// ReadPins reads the pins file at path. A file that does not exist has no pins:
// a Socket that believes nobody yet. The error is a [Problems] when the file
// could be read.
func ReadPins(path string) (Pins, error) {
	data, err := plainfile.Read(path, MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, readError("pins", path, err)
	}
	return ParsePins(path, data)
}

// ParsePins reads the format of a pins file: a fingerprint a line, then
// optionally "#" and a comment. Empty lines and lines of comment are left out.
func ParsePins(file string, data []byte) (Pins, error) {
	var pins Pins
	var problems Problems
	if len(data) > MaxFile {
		return nil, Problems{{File: file, At: Position{1, 1}, What: fmt.Sprintf("larger than %d bytes: not a pins file", MaxFile)}}
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, MaxFile+1)
	for n := 1; lines.Scan(); n++ {
		word, comment, _ := strings.Cut(lines.Text(), "#")
		column := 1 + len(word) - len(strings.TrimLeftFunc(word, unicode.IsSpace))
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		f, err := ParseFingerprint(word)
		if err == nil && pins.Index(f) >= 0 {
			err = errors.New("pinned twice")
		}
		if err != nil {
			problems = append(problems, Problem{File: file, At: Position{n, column}, Value: shown(word), What: err.Error()})
			continue
		}
		pins = append(pins, Pin{Fingerprint: f, Comment: oneLine(comment)})
	}
	if len(pins) > MaxPins {
		problems = append(problems, Problem{
			File: file, At: Position{1, 1},
			What: fmt.Sprintf("%d pins, accepted: at most %d", len(pins), MaxPins),
		})
	}
	if len(problems) > 0 {
		return nil, problems.sorted()
	}
	return pins, nil
}

const pinsHeader = `# Keys this Socket believes to be its peer's, one a line.
# Written by: socketha identity trust
`

// Marshal returns the text of a pins file that [ParsePins] reads back.
func (ps Pins) Marshal() []byte {
	var b bytes.Buffer
	b.WriteString(pinsHeader)
	for _, p := range ps {
		b.WriteString(p.Fingerprint.String())
		if c := oneLine(p.Comment); c != "" {
			b.WriteString("  # " + c)
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// oneLine makes a comment of text that may come from a certificate.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > MaxPinComment {
		text = strings.ToValidUTF8(text[:MaxPinComment], "")
	}
	return strings.TrimSpace(text)
}

// WritePins replaces the pins file at path so that a power cut leaves the old
// or the new one, never a part.
func WritePins(path string, pins Pins) error {
	if len(pins) > MaxPins {
		return fmt.Errorf("pins: %d pins, accepted: at most %d", len(pins), MaxPins)
	}
	return WriteFile(path, pins.Marshal(), 0o644)
}

// WriteFile replaces the file at path by data, durably: file synced, renamed
// over the old one, directory synced. Nothing less survives a power cut. The
// directory is made, for its owner and group only, if it is missing.
func WriteFile(path string, data []byte, mode fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
