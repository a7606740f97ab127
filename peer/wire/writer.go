package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// The writer appends CBOR by hand: a heartbeat is a dozen scalars, and written
// this way into a buffer that is used again it costs no allocation. Tests
// compare every message with the library's own deterministic encoding.

// appendHead appends a head in its shortest form (RFC 8949 section 4.2.1).
func appendHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}

func appendUint(dst []byte, n uint64) []byte { return appendHead(dst, majorUint, n) }

func appendBytes(dst, s []byte) []byte {
	return append(appendHead(dst, majorBytes, uint64(len(s))), s...)
}

func appendText(dst []byte, s string) []byte {
	return append(appendHead(dst, majorText, uint64(len(s))), s...)
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, cborTrue)
	}
	return append(dst, cborFalse)
}

// count is 1 for an optional element that is there.
func count(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// checkText refuses what a peer would refuse to read.
func checkText(name, s string, low, high int) error {
	switch {
	case len(s) < low || len(s) > high:
		return fmt.Errorf("%s: %d bytes, not %d to %d", name, len(s), low, high)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s: text that is not UTF-8", name)
	}
	return nil
}
