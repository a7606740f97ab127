package appliance

import "time"

const (
	// quiet is how long a changed file must have stood still.
	quiet = 50 * time.Millisecond

	// settle is the same for a file that a writer still has open, and for one
	// whose good value gave way to a bad one: most of those are being written.
	settle = 2 * time.Second

	// patience bounds the wait for a file that never stands still.
	patience = 10 * time.Second
)

// settler decides when a changed reading of one file counts. It reads no
// clock: it is told the time and says when it wants to look again.
type settler struct {
	published reading
	candidate reading
	pending   bool      // candidate differs from published and is waited for
	first     time.Time // when the first of a row of candidates was seen
	since     time.Time // when this candidate was first seen
	due       time.Time // when to look again, if pending
}

// observe takes a reading made at now and reports whether it was published.
// writing says that a writer is known to have the file open.
func (s *settler) observe(now time.Time, r reading, writing bool) bool {
	if r.equal(s.published) {
		s.pending = false
		return false
	}
	if !s.pending {
		s.pending, s.first, s.candidate, s.since = true, now, r, now
	}
	if !r.equal(s.candidate) {
		s.candidate, s.since = r, now
	}
	wait := quiet
	if writing || r.err != nil && s.published.err == nil {
		wait = settle
	}
	s.due = s.since.Add(wait)
	if limit := s.first.Add(patience); limit.Before(s.due) {
		s.due = limit
	}
	if now.Before(s.due) {
		return false
	}
	s.published, s.pending = r, false
	return true
}
