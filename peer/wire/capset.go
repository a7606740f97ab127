package wire

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"socketha/peer"
)

// partOverhead is what a part takes beside its entries, at its largest: the
// envelope with two-byte protocol versions (8), the map and its four keys (5),
// the digest (9), the numbers 255 and 256 (5) and the head of 64 entries (2).
const partOverhead = 29

// SplitCapabilities sorts a capability set by id and cuts it into parts of as
// many entries as fit a message. A set without entries is one part without
// entries, so that "none" can be told from "not advertised". The given set is
// neither changed nor kept.
//
// A set of more than [MaxCapabilities] entries, an id that is empty, longer
// than [peer.MaxCapabilityID] or there twice, and text that is not UTF-8 are
// errors.
func SplitCapabilities(set []peer.Capability) ([]peer.CapabilityPart, error) {
	if len(set) > MaxCapabilities {
		return nil, fmt.Errorf("wire: %d capabilities, at most %d", len(set), MaxCapabilities)
	}
	sorted := sortByID(set)
	if err := checkSet(sorted); err != nil {
		return nil, fmt.Errorf("wire: capabilities: %w", err)
	}
	var groups [][]peer.Capability
	start, size := 0, partOverhead
	var buf [128]byte
	for i := range sorted {
		n := len(appendEntry(buf[:0], &sorted[i]))
		if size+n > MaxMessage || i-start == maxEntries {
			groups = append(groups, sorted[start:i:i])
			start, size = i, partOverhead
		}
		size += n
	}
	groups = append(groups, sorted[start:])
	digest := digestSorted(sorted)
	parts := make([]peer.CapabilityPart, len(groups))
	for i, entries := range groups {
		parts[i] = peer.CapabilityPart{
			Digest: digest, Part: uint16(i), Parts: uint16(len(groups)), Entries: entries,
		}
	}
	return parts, nil
}

// DigestCapabilities returns the digest by which heartbeat and parts name this
// set, whatever its order. It is never asked of a set that is not advertised:
// that one is named by the zero digest.
func DigestCapabilities(set []peer.Capability) peer.Digest {
	return digestSorted(sortByID(set))
}

func digestSorted(sorted []peer.Capability) peer.Digest {
	var buf [128]byte
	h := sha256.New()
	h.Write(appendHead(buf[:0], majorArray, uint64(len(sorted))))
	for i := range sorted {
		h.Write(appendEntry(buf[:0], &sorted[i]))
	}
	return peer.Digest(h.Sum(buf[:0])[:digestSize])
}

func sortByID(set []peer.Capability) []peer.Capability {
	sorted := slices.Clone(set)
	slices.SortStableFunc(sorted, func(a, b peer.Capability) int { return cmp.Compare(a.ID, b.ID) })
	return sorted
}

func checkSet(sorted []peer.Capability) error {
	for i := range sorted {
		if err := checkEntry(&sorted[i]); err != nil {
			return err
		}
		if i > 0 && sorted[i].ID == sorted[i-1].ID {
			return fmt.Errorf("entry %q is there twice", sorted[i].ID)
		}
	}
	return nil
}

// Joiner puts the parts of one capability set together again, in any order and
// with repetitions. It keeps at most [MaxCapabilities] entries, whatever is
// sent. It is not safe for concurrent use.
type Joiner struct {
	digest peer.Digest
	parts  []joined // nil until the number of parts is known
	have   int      // parts
	kept   int      // entries
	set    []peer.Capability
	done   bool
}

type joined struct {
	have    bool
	entries []peer.Capability
}

// NewJoiner returns a joiner for the set with the given digest, which is that
// of the peer's heartbeat.
func NewJoiner(digest peer.Digest) *Joiner { return &Joiner{digest: digest} }

// Digest returns the digest of the set that is being joined.
func (j *Joiner) Digest() peer.Digest { return j.digest }

// Add takes in one part and reports whether the set is complete, which it is
// only once its digest has been found right. The entries of the part are kept
// and must not be changed.
//
// A part of another set is an error and changes nothing. If the parts together
// are no set, or not the one of the digest, that is an error and all of them
// are dropped, to be asked for again. A peer that numbers the parts anew
// starts the joiner anew.
func (j *Joiner) Add(p *peer.CapabilityPart) (complete bool, err error) {
	if err := checkPart(p); err != nil {
		return j.done, fmt.Errorf("wire: capabilities: %w", err)
	}
	if p.Digest != j.digest {
		return j.done, fmt.Errorf("wire: capabilities: part of the set %x while %x is joined", p.Digest, j.digest)
	}
	if j.done {
		return true, nil
	}
	if len(j.parts) != int(p.Parts) {
		j.restart()
		j.parts = make([]joined, p.Parts)
	}
	if j.parts[p.Part].have {
		return false, nil
	}
	if j.kept+len(p.Entries) > MaxCapabilities {
		j.restart()
		return false, fmt.Errorf("wire: capabilities: a set of more than %d", MaxCapabilities)
	}
	j.parts[p.Part] = joined{have: true, entries: p.Entries}
	j.have++
	j.kept += len(p.Entries)
	if j.have < len(j.parts) {
		return false, nil
	}
	return j.finish()
}

// finish checks the whole set and keeps it, or drops everything.
func (j *Joiner) finish() (bool, error) {
	set := make([]peer.Capability, 0, j.kept)
	for i := range j.parts {
		set = append(set, j.parts[i].entries...)
	}
	j.restart()
	for i := 1; i < len(set); i++ {
		if set[i].ID <= set[i-1].ID {
			return false, fmt.Errorf("wire: capabilities: %q is out of order in the set", set[i].ID)
		}
	}
	if digestSorted(set) != j.digest {
		return false, errors.New("wire: capabilities: the set does not have its digest")
	}
	j.set, j.done = set, true
	return true, nil
}

func (j *Joiner) restart() { j.parts, j.have, j.kept = nil, 0, 0 }

// Set returns the capability set sorted by id, and false until it is complete.
// The slice belongs to the joiner and must not be changed.
func (j *Joiner) Set() ([]peer.Capability, bool) { return j.set, j.done }

// Missing returns the lowest missing parts, ascending and as many as one
// request can name. It is empty if all parts are missing and if none is.
func (j *Joiner) Missing() []uint16 {
	var missing []uint16
	if j.have == 0 {
		return nil
	}
	for i := range j.parts {
		if !j.parts[i].have && len(missing) < MaxRequestParts {
			missing = append(missing, uint16(i))
		}
	}
	return missing
}

// Request returns what to ask the peer for, and false once the set is
// complete. Asking again and again is the caller's to limit.
func (j *Joiner) Request() (peer.Request, bool) {
	if j.done {
		return peer.Request{}, false
	}
	return peer.Request{Capabilities: j.digest, Parts: j.Missing()}, true
}
