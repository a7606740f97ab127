package guard

import "encoding/binary"

// Hello is what CheckHello found.
type Hello uint8

// Kinds of first datagram.
const (
	HelloOK      Hello = iota
	NotHello           // anything but a well-formed first ClientHello for DTLS 1.2
	HelloNoSuite       // a ClientHello that does not offer the one suite
	HelloNoEMS         // a ClientHello without extended master secret (RFC 7627)
)

const extensionEMS = 23

// Protected reports whether a datagram begins with a record that only somebody
// with the keys of a connection sends or can read.
func Protected(datagram []byte) bool {
	r, ok := cut(datagram)
	return ok && r.minor == version12 && r.epoch == 1 &&
		r.contentType >= typeAlert && r.contentType <= typeApplicationData
}

// Message reports whether a datagram is one whole protected record of application
// data, as almost all are.
func Message(datagram []byte) bool {
	r, ok := cut(datagram)
	return ok && r.size == len(datagram) && r.contentType == typeApplicationData && r.epoch == 1 && r.minor == version12
}

// CheckHello says whether a datagram from an unknown source is a ClientHello
// that can lead to a session with the given suite: one record, one message, not
// fragmented, the first of its handshake. It allocates nothing, so refusing a
// flood costs no memory.
func CheckHello(datagram []byte, suite uint16) Hello {
	r, ok := cut(datagram)
	if !ok || r.size != len(datagram) || r.contentType != typeHandshake || r.epoch != 0 ||
		r.sequence >= Window || (r.minor != version12 && r.minor != version10) {
		return NotHello
	}
	m, ok := parseMessage(r.body)
	if !ok || m.kind != messageHello || m.sequence != 0 || m.fragment != m.length ||
		handshakeHeaderSize+m.length != len(r.body) {
		return NotHello
	}
	return checkHelloBody(r.body[handshakeHeaderSize:], suite)
}

// RandomSize is the length of a hello's random, in bytes.
const RandomSize = 32

// HelloRandom returns the random of a ClientHello; zeros if the datagram is none.
func HelloRandom(datagram []byte) (random [RandomSize]byte) {
	const at = headerSize + handshakeHeaderSize + 2
	if len(datagram) >= at+RandomSize && datagram[0] == typeHandshake && datagram[headerSize] == messageHello {
		copy(random[:], datagram[at:])
	}
	return random
}

// checkHelloBody walks the fields of RFC 6347 section 4.2.1.
func checkHelloBody(b []byte, suite uint16) Hello {
	const fixed = 2 + 32 // client_version, random
	if len(b) < fixed || b[0] != versionMajor || b[1] != version12 {
		return NotHello
	}
	w := walker{rest: b[fixed:]}
	session, cookie := w.vector(1), w.vector(1)
	suites, compression, extensions := w.vector(2), w.vector(1), w.vector(2)
	if w.failed || len(w.rest) != 0 || len(session) > 32 || len(cookie) != 0 ||
		len(suites)%2 != 0 || len(compression) == 0 {
		return NotHello
	}
	switch {
	case !offers(suites, suite):
		return HelloNoSuite
	case !hasExtension(extensions, extensionEMS):
		return HelloNoEMS
	}
	return HelloOK
}

func offers(suites []byte, suite uint16) bool {
	for ; len(suites) >= 2; suites = suites[2:] {
		if binary.BigEndian.Uint16(suites) == suite {
			return true
		}
	}
	return false
}

func hasExtension(extensions []byte, kind uint16) bool {
	w := walker{rest: extensions}
	for len(w.rest) >= 4 {
		k := binary.BigEndian.Uint16(w.rest)
		w.rest = w.rest[2:]
		if w.vector(2); w.failed {
			return false
		}
		if k == kind {
			return true
		}
	}
	return false
}

// walker cuts length-prefixed vectors (RFC 5246 section 4.3) off a message.
type walker struct {
	rest   []byte
	failed bool
}

// vector returns the next vector, whose length stands in size bytes.
func (w *walker) vector(size int) []byte {
	n := 0
	if len(w.rest) < size {
		w.failed = true
		return nil
	}
	for _, b := range w.rest[:size] {
		n = n<<8 | int(b)
	}
	if len(w.rest) < size+n {
		w.failed = true
		return nil
	}
	v := w.rest[size : size+n]
	w.rest = w.rest[size+n:]
	return v
}
