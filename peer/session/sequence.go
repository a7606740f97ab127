package session

// window remembers which of the newest 64 sequence numbers of one life of the
// peer were seen. Numbers are compared in serial order (RFC 1982), so the
// counter may wrap.
type window struct {
	top  uint32 // the highest number seen
	seen uint64 // bit n: top-n was seen
}

// windowSize is how far behind the top a late number can still be told from a
// duplicate.
const windowSize = 64

// verdict is the place of a sequence number among those seen.
type verdict uint8

const (
	newer     verdict = iota // than everything seen
	duplicate                // seen before
	late                     // skipped before, and here now
	ancient                  // too far behind to tell
)

// classify says what seq is, without remembering it.
func (w *window) classify(seq uint32) verdict {
	ahead := int32(seq - w.top)
	switch {
	case w.seen == 0 || ahead > 0:
		return newer
	case ahead <= -windowSize:
		return ancient
	case w.seen&(1<<-ahead) != 0:
		return duplicate
	}
	return late
}

// note remembers seq and returns how many numbers before it are missing so far.
func (w *window) note(seq uint32) (missing uint32) {
	if w.seen == 0 {
		// What was sent before the first one heard was never missed, so a
		// straggler must not be taken off the losses.
		*w = window{top: seq, seen: ^uint64(0)}
		return 0
	}
	ahead := int32(seq - w.top)
	if ahead <= 0 {
		if ahead > -windowSize {
			w.seen |= 1 << -ahead
		}
		return 0
	}
	w.seen = w.seen<<uint(ahead) | 1 // a shift by 64 or more leaves just the new one
	w.top = seq
	return uint32(ahead) - 1
}
