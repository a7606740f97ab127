package impact

import (
	"cmp"
	"iter"
	"slices"

	"socketha/peer"
	"socketha/peer/compat"
)

// Source is what an entry, or a set, rests on: the weaker, the lower.
type Source uint8

// Sources.
const (
	SourceUnknown    Source = iota // nothing tells
	SourceCatalog                  // the catalog and a version
	SourceAdvertised               // the Sockets' own words
)

// String returns the word the status document uses.
func (s Source) String() string {
	switch s {
	case SourceCatalog:
		return "catalog"
	case SourceAdvertised:
		return "advertised"
	case SourceUnknown:
	}
	return "unknown"
}

// set is what one Socket supports.
type set struct {
	source     Source
	advertised []peer.Capability // sorted by id, each id once
	catalog    *Catalog
	version    compat.Version
	major      int // -1 if the version cannot be read
}

func setOf(s *Socket, c *Catalog) set {
	out := set{catalog: c, major: -1}
	if v, err := compat.Parse(s.Version); err == nil {
		out.version, out.major = v, v.Major()
	}
	switch {
	case s.Advertised:
		out.source, out.advertised = SourceAdvertised, normalized(s.Capabilities)
	case c != nil && out.major >= 0:
		out.source = SourceCatalog
	}
	return out
}

// normalized returns the capabilities sorted by id. Of an id given twice the
// entries are taken at their worst: enabled by one, supported only by all. A
// list that is in order is returned as it is; the given one is never changed.
func normalized(list []peer.Capability) []peer.Capability {
	if inOrder(list) {
		return list
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b peer.Capability) int { return cmp.Compare(a.ID, b.ID) })
	kept := out[:0]
	for _, c := range out {
		if n := len(kept); n > 0 && kept[n-1].ID == c.ID {
			last := &kept[n-1]
			last.Supported, last.Enabled = last.Supported && c.Supported, last.Enabled || c.Enabled
			last.Since = cmp.Or(last.Since, c.Since)
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

func inOrder(list []peer.Capability) bool {
	for i := 1; i < len(list); i++ {
		if list[i-1].ID >= list[i].ID {
			return false
		}
	}
	return true
}

// supports reports whether the Socket supports the feature, and what tells so;
// said is what it advertises of it.
func (s *set) supports(id string, said peer.Capability) (bool, Source) {
	switch s.source {
	case SourceAdvertised:
		return said.Supported, SourceAdvertised
	case SourceCatalog:
		if f, known := s.catalog.Find(id); known {
			return f.Since.Compare(s.version) <= 0, SourceCatalog
		}
	case SourceUnknown:
	}
	return false, SourceUnknown
}

// pairs yields, in the order of the ids, what both Sockets advertise of each
// feature that at least one of them has enabled. The zero capability stands for
// none.
func pairs(a, b []peer.Capability) iter.Seq2[peer.Capability, peer.Capability] {
	return func(yield func(a, b peer.Capability) bool) {
		for len(a) > 0 || len(b) > 0 {
			var x, y peer.Capability
			switch {
			case len(b) == 0 || len(a) > 0 && a[0].ID < b[0].ID:
				x, a = a[0], a[1:]
			case len(a) == 0 || b[0].ID < a[0].ID:
				y, b = b[0], b[1:]
			default:
				x, y, a, b = a[0], b[0], a[1:], b[1:]
			}
			if (x.Enabled || y.Enabled) && !yield(x, y) {
				return
			}
		}
	}
}
