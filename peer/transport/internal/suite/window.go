package suite

// Window is how far behind the newest a record may be, in sequence numbers.
const Window = 1024

// window remembers which records have come (RFC 6347 section 4.1.2.6). Only
// records that authenticate move it.
type window struct {
	next uint64 // one above the highest that came
	bits [Window / 64]uint64
}

// fresh reports whether a record has not come yet, as far as can be told.
func (w *window) fresh(sequence uint64) bool {
	switch {
	case sequence >= w.next:
		return true
	case w.next-sequence > Window:
		return false
	}
	return w.bits[sequence%Window/64]&(1<<(sequence%64)) == 0
}

// mark notes that a record has come.
func (w *window) mark(sequence uint64) {
	if sequence >= w.next {
		if sequence-w.next >= Window {
			w.bits = [Window / 64]uint64{}
		} else {
			for s := w.next; s < sequence; s++ {
				w.bits[s%Window/64] &^= 1 << (s % 64)
			}
		}
		w.next = sequence + 1
	}
	w.bits[sequence%Window/64] |= 1 << (sequence % 64)
}
