package guard

import "encoding/binary"

// Wire constants of RFC 6347 section 4.1 and RFC 5246 sections 6.2 and 7.4.
const (
	headerSize          = 13
	handshakeHeaderSize = 12

	typeChangeCipherSpec = 20
	typeAlert            = 21
	typeHandshake        = 22
	typeApplicationData  = 23

	versionMajor = 254
	version10    = 255 // DTLS 1.0, still used by the first flights
	version12    = 253

	messageHello       = 1
	messageServerHello = 2
	messageVerify      = 3
	messageCert        = 11
	messageDone        = 14
	messageFinish      = 20
)

// record is a view of one record of a datagram; it owns no memory.
type record struct {
	contentType byte
	minor       byte // of the version; the major is checked
	epoch       uint16
	sequence    uint64 // 48 bits
	body        []byte
	size        int // header and body
}

// cut reads the first record of a datagram. It fails where the header or the
// body is cut short: what follows cannot be told apart any more.
func cut(datagram []byte) (record, bool) {
	if len(datagram) < headerSize {
		return record{}, false
	}
	length := int(binary.BigEndian.Uint16(datagram[11:13]))
	if headerSize+length > len(datagram) {
		return record{}, false
	}
	r := record{
		contentType: datagram[0],
		epoch:       binary.BigEndian.Uint16(datagram[3:5]),
		sequence:    binary.BigEndian.Uint64(datagram[3:11]) & (1<<48 - 1),
		body:        datagram[headerSize : headerSize+length],
		size:        headerSize + length,
	}
	if datagram[1] == versionMajor {
		r.minor = datagram[2]
	}
	return r, true
}

// message is the header of one handshake message or of a fragment of it
// (RFC 6347 section 4.2.2).
type message struct {
	kind     byte
	length   int
	sequence uint16
	offset   int
	fragment int // bytes of the message in this record
}

func uint24(b []byte) int { return int(b[0])<<16 | int(b[1])<<8 | int(b[2]) }

func parseMessage(b []byte) (message, bool) {
	if len(b) < handshakeHeaderSize {
		return message{}, false
	}
	m := message{
		kind:     b[0],
		length:   uint24(b[1:]),
		sequence: binary.BigEndian.Uint16(b[4:]),
		offset:   uint24(b[6:]),
		fragment: uint24(b[9:]),
	}
	return m, handshakeHeaderSize+m.fragment <= len(b) && m.offset+m.fragment <= m.length
}
