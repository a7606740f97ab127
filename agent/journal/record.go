package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A file is one record, big endian:
//
//	0   4  "hajl"
//	4   1  format, of the agent that wrote it
//	5   1  the oldest format whose readers understand it
//	6   2  zero
//	8   8  sequence: the higher one is the newer
//	16  4  length of the state in bytes
//	20  4  CRC32C (RFC 3720 appendix B.4) of all the rest
//	24     the state in JSON, see codec.go
const (
	magic      = "hajl"
	format     = 1
	oldest     = 1
	headerSize = 24
	crcAt      = 20

	// maxRead is more than this agent writes: a newer one may keep more.
	maxRead = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errTrailing says that a whole record is followed by what is none.
var errTrailing = errors.New("bytes after the record")

// seal puts a state into a record.
func seal(sequence uint64, state []byte) []byte {
	b := make([]byte, headerSize, headerSize+len(state))
	copy(b, magic)
	b[4], b[5] = format, oldest
	binary.BigEndian.PutUint64(b[8:], sequence)
	binary.BigEndian.PutUint32(b[16:], uint32(len(state)))
	b = append(b, state...)
	binary.BigEndian.PutUint32(b[crcAt:], checksum(b))
	return b
}

// unseal checks a record and returns what it holds. With errTrailing it does both:
// the record is good.
func unseal(b []byte) (sequence uint64, state []byte, err error) {
	switch {
	case len(b) == 0:
		return 0, nil, errors.New("the file is empty")
	case len(b) < headerSize:
		return 0, nil, fmt.Errorf("%d bytes, too few for a header", len(b))
	case string(b[:4]) != magic:
		return 0, nil, errors.New("not a journal")
	}
	sequence = binary.BigEndian.Uint64(b[8:])
	length := uint64(binary.BigEndian.Uint32(b[16:]))
	rest := uint64(len(b) - headerSize)
	if length > rest {
		return 0, nil, fmt.Errorf("cut short: %d of %d bytes", rest, length)
	}
	b = b[:headerSize+length]
	if got, want := checksum(b), binary.BigEndian.Uint32(b[crcAt:]); got != want {
		return 0, nil, fmt.Errorf("checksum %08x, stated %08x", got, want)
	}
	if b[5] > format {
		return 0, nil, fmt.Errorf("written by a newer agent: format %d, this one reads up to %d", b[5], format)
	}
	if rest > length {
		err = fmt.Errorf("%d %w", rest-length, errTrailing)
	}
	return sequence, b[headerSize:], err
}

// checksum is over everything but itself.
func checksum(b []byte) uint32 {
	crc := crc32.Update(0, castagnoli, b[:crcAt])
	return crc32.Update(crc, castagnoli, b[headerSize:])
}
