package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"socketha/peer"
)

// Major types of RFC 8949 section 3.1.
const (
	majorUint  = 0
	majorBytes = 2
	majorText  = 3
	majorArray = 4
	majorMap   = 5
)

// The two simple values that a message may hold, as whole bytes.
const (
	cborFalse = 0xf4
	cborTrue  = 0xf5
)

var majorNames = [8]string{
	"number", "negative number", "byte string", "text", "array", "map", "tag", "simple value or float",
}

// reader takes scalars from an item that the library has found well-formed.
//
// The library would take a simple value for a number, null for the value that
// was there before and a short array for a long one; the reader takes an item
// for what it is or not at all. After the first error it reads nothing more,
// so that a caller need only look at err once.
type reader struct {
	b   []byte
	err error
}

// on turns to another item, such as a value out of a map; nil is one that was
// not there.
func (r *reader) on(item cbor.RawMessage) *reader {
	r.b = item
	return r
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

// head reads the head of the next item, which must be of the major type want,
// and returns its argument.
func (r *reader) head(name string, want byte) uint64 {
	if r.err != nil {
		return 0
	}
	if len(r.b) == 0 {
		r.fail("%s is missing", name)
		return 0
	}
	first := r.b[0]
	if first>>5 != want {
		r.fail("%s: %s where a %s belongs", name, majorNames[first>>5], majorNames[want])
		return 0
	}
	arg, size := argument(r.b)
	if size == 0 {
		r.fail("%s: %w", name, errMalformed)
		return 0
	}
	r.b = r.b[size:]
	return arg
}

var errMalformed = errors.New("not well-formed")

// argument returns the argument of the head at the start of b and the size of
// the head, 0 if there is no whole head of definite length.
func argument(b []byte) (arg uint64, size int) {
	info := b[0] & 0x1f
	if info < 24 {
		return uint64(info), 1
	}
	if info > 27 {
		return 0, 0
	}
	size = 1 + 1<<(info-24)
	if len(b) < size {
		return 0, 0
	}
	switch tail := b[1:]; info {
	case 24:
		return uint64(tail[0]), size
	case 25:
		return uint64(binary.BigEndian.Uint16(tail)), size
	case 26:
		return uint64(binary.BigEndian.Uint32(tail)), size
	default:
		return binary.BigEndian.Uint64(tail), size
	}
}

// uint reads a number from low to high.
func (r *reader) uint(name string, low, high uint64) uint64 {
	n := r.head(name, majorUint)
	if r.err == nil && (n < low || n > high) {
		r.fail("%s: %d is not within %d to %d", name, n, low, high)
		return 0
	}
	return n
}

// array reads the head of an array of at least low elements and returns their
// number. What follows the elements known here is ignored.
func (r *reader) array(name string, low uint64) int {
	n := r.head(name, majorArray)
	if r.err == nil && (n < low || n > maxElements) {
		r.fail("%s: %d elements, not %d or more", name, n, low)
		return 0
	}
	return int(n)
}

// bytes reads a byte string of low to high bytes. The result is part of the
// message and must be copied.
func (r *reader) bytes(name string, low, high int) []byte {
	return r.string(name, majorBytes, low, high)
}

// text reads text, which must be UTF-8, of low to high bytes.
func (r *reader) text(name string, low, high int) string {
	s := r.string(name, majorText, low, high)
	if !utf8.Valid(s) {
		r.fail("%s: text that is not UTF-8", name)
		return ""
	}
	return string(s)
}

func (r *reader) string(name string, major byte, low, high int) []byte {
	n := r.head(name, major)
	switch {
	case r.err != nil:
		return nil
	case n < uint64(low) || n > uint64(high):
		r.fail("%s: %d bytes, not %d to %d", name, n, low, high)
		return nil
	case n > uint64(len(r.b)):
		r.fail("%s: %w", name, errMalformed)
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) digest(name string) (d peer.Digest) {
	copy(d[:], r.bytes(name, digestSize, digestSize))
	return d
}

// bool reads false or true. It looks at the whole byte, because the bits of a
// float may read as the same argument.
func (r *reader) bool(name string) bool {
	switch {
	case r.err != nil:
		return false
	case len(r.b) == 0:
		r.fail("%s is missing", name)
		return false
	case r.b[0] != cborFalse && r.b[0] != cborTrue:
		r.fail("%s: %s where true or false belongs", name, majorNames[r.b[0]>>5])
		return false
	}
	b := r.b[0] == cborTrue
	r.b = r.b[1:]
	return b
}

// enumeration reads a value of which last is the last known here. A newer peer
// may send more: they read as the zero value, unknown.
func enumeration[E ~uint8](r *reader, name string, last E) E {
	n := r.head(name, majorUint)
	if n > uint64(last) {
		return 0
	}
	return E(n)
}

// unmarshalMap has the library sort a body that is a map into the fields of v.
// They are raw, so that a null is seen rather than skipped, and nil if the key
// is not there.
func unmarshalMap(b []byte, v any) error {
	if len(b) == 0 || b[0]>>5 != majorMap {
		return errors.New("the body is not a map") // null, to the library, is an empty one
	}
	return decoding.Unmarshal(b, v)
}
