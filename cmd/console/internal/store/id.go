package store

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// crockford is the alphabet of ids: their order as text is their order in time.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

var lastID struct {
	sync.Mutex
	ms, low uint64
	high    uint16
}

// NewID returns a new id of 26 letters: 48 bits of milliseconds since 1970, then
// 80 random bits, as the ULID specification has it. Ids made by one process in one
// millisecond ascend.
func NewID(now time.Time) string {
	lastID.Lock()
	defer lastID.Unlock()
	if ms := uint64(max(now.UnixMilli(), 0)); ms > lastID.ms {
		var b [10]byte
		_, _ = rand.Read(b[:]) // never fails
		lastID.ms = ms
		lastID.high, lastID.low = binary.BigEndian.Uint16(b[:]), binary.BigEndian.Uint64(b[2:])>>1
	} else {
		lastID.low++
	}
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], lastID.ms<<16|uint64(lastID.high))
	binary.BigEndian.PutUint64(raw[8:], lastID.low)
	hi, lo := binary.BigEndian.Uint64(raw[:]), binary.BigEndian.Uint64(raw[8:])
	var out [26]byte
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}
