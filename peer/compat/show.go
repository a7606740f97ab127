package compat

import "unicode/utf8"

// MaxShown is the length in bytes that [Show] cuts to.
const MaxShown = 64

const hexDigits = "0123456789abcdef"

// Show makes a version that may hold anything safe for a terminal, for HTML
// text and attributes, and for a log line. The result is printable ASCII of at
// most 64 bytes.
//
// Whatever is not a plain ASCII character is escaped as Go would (\n, \x1b,
// \u202e), and so are the backslash and < > & " '. Letters of other scripts are
// escaped too, although they would do no harm on most terminals: a version is
// ASCII, and "\u0661\u0668" tells why it cannot be read where its look would
// not. An escape that does not fit whole is left out, so that no half of a
// character or escape is ever shown.
//
// A version that reads is returned as it is, without an allocation.
func Show(raw string) string {
	if len(raw) <= MaxShown && allPlain(raw) {
		return raw
	}
	out := make([]byte, 0, MaxShown)
	var piece [10]byte
	for i := 0; i < len(raw); {
		p, size := appendShown(piece[:0], raw[i:])
		if len(out)+len(p) > MaxShown {
			break
		}
		out = append(out, p...)
		i += size
	}
	return string(out)
}

// appendShown appends the shown form of the first character of s and returns
// the number of bytes the character takes in s.
func appendShown(dst []byte, s string) ([]byte, int) {
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case isPlain(s[0]):
		return append(dst, s[0]), 1
	case r == '\n':
		return append(dst, '\\', 'n'), 1
	case r == '\r':
		return append(dst, '\\', 'r'), 1
	case r == '\t':
		return append(dst, '\\', 't'), 1
	case r == '\\':
		return append(dst, '\\', '\\'), 1
	case r < utf8.RuneSelf, r == utf8.RuneError && size == 1: // the latter: not UTF-8
		return appendHex(append(dst, '\\', 'x'), uint32(s[0]), 2), 1
	case r <= 0xffff:
		return appendHex(append(dst, '\\', 'u'), uint32(r), 4), size
	}
	return appendHex(append(dst, '\\', 'U'), uint32(r), 8), size
}

func appendHex(dst []byte, n uint32, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[n>>shift&0xf])
	}
	return dst
}

// isPlain reports whether c may be shown as it is: it neither steers a
// terminal nor means anything to HTML, nor could be taken for an escape.
func isPlain(c byte) bool {
	switch c {
	case '\\', '<', '>', '&', '"', '\'':
		return false
	}
	return c >= ' ' && c <= '~'
}

func allPlain(s string) bool {
	for i := range len(s) {
		if !isPlain(s[i]) {
			return false
		}
	}
	return true
}
