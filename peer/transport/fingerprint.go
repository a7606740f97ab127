package transport

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Fingerprint identifies a public key: the SHA-256 of its
// SubjectPublicKeyInfo in DER (RFC 5280 section 4.1.2.7). It survives a renewed
// certificate for the same key.
type Fingerprint [sha256.Size]byte

const fingerprintPrefix = "sha256:"

// FingerprintOf returns the fingerprint of a certificate's key.
func FingerprintOf(cert *x509.Certificate) Fingerprint {
	return sha256.Sum256(cert.RawSubjectPublicKeyInfo)
}

// ParseFingerprint reads "sha256:" and 64 hexadecimal digits of either case,
// and nothing else: no colons between bytes, no white space.
func ParseFingerprint(s string) (Fingerprint, error) {
	var f Fingerprint
	digits, ok := strings.CutPrefix(s, fingerprintPrefix)
	if !ok {
		return f, fmt.Errorf("fingerprint %s: does not start with %q", show(s), fingerprintPrefix)
	}
	if len(digits) != hex.EncodedLen(len(f)) {
		return f, fmt.Errorf("fingerprint %s: %d characters after %q, want %d hexadecimal digits",
			show(s), len(digits), fingerprintPrefix, hex.EncodedLen(len(f)))
	}
	if _, err := hex.Decode(f[:], []byte(digits)); err != nil {
		return Fingerprint{}, fmt.Errorf("fingerprint %s: %w", show(s), err)
	}
	return f, nil
}

// String returns the text form, "sha256:" and lower-case hexadecimal digits.
func (f Fingerprint) String() string { return fingerprintPrefix + hex.EncodeToString(f[:]) }

// Compare orders fingerprints bytewise: the lower one's owner is the initiator.
func (f Fingerprint) Compare(g Fingerprint) int { return bytes.Compare(f[:], g[:]) }

// IsZero reports whether f was never set.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// MarshalText implements [encoding.TextMarshaler].
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *Fingerprint) UnmarshalText(text []byte) error {
	g, err := ParseFingerprint(string(text))
	if err != nil {
		return err
	}
	*f = g
	return nil
}

// maxShown bounds what is shown of a string that somebody else chose, and
// maxError what is shown of an error that may hold some, in bytes before escaping.
const (
	maxShown = 64
	maxError = 320
)

// show quotes and cuts a string that may come from anyone, for errors.
func show(s string) string { return `"` + bare(s) + `"` }

// bare escapes and cuts it for a log attribute, which has quotes where it needs
// them: what is left is printable ASCII, in which nothing can be mistaken.
func bare(s string) string {
	quoted := strconv.QuoteToASCII(cut(s, maxShown))
	return quoted[1 : len(quoted)-1]
}

// bareError does so with the text of an error. What it quotes is escaped already
// and is not escaped again; what it does not quote may hold anything.
func bareError(err error) string {
	var b strings.Builder
	for _, r := range cut(err.Error(), maxError) {
		if r >= ' ' && r <= '~' {
			b.WriteByte(byte(r))
			continue
		}
		quoted := strconv.QuoteRuneToASCII(r)
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}

func cut(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "..."
	}
	return s
}

// text is String, or nothing for a fingerprint that was never seen.
func (f Fingerprint) text() string {
	if f.IsZero() {
		return ""
	}
	return f.String()
}
