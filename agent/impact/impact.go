package impact

import (
	"cmp"

	"socketha/peer"
	"socketha/peer/compat"
)

// Input is what an impact is computed from.
type Input struct {
	Self, Peer Socket
	Catalog    *Catalog // nil if there is none
}

// Socket is what is known of one Socket. The zero Socket is one of which nothing
// is known. All strings are as it stated them.
type Socket struct {
	Known   bool
	Version string // firmware, may be unreadable
	Role    peer.Role
	HAState peer.HAState // as it is now: unknown of a Socket that is not heard now

	// Capabilities is its set, in any order, if Advertised. A set without entries
	// is one; none at all is what an older agent has.
	Advertised   bool
	Capabilities []peer.Capability

	Catalog peer.Digest // of the catalog it uses, zero if that is not known
}

// Basis is how it was told which Socket is active.
type Basis uint8

// Bases; the package comment defines them.
const (
	SelfAssumed Basis = iota
	OtherAssumed
	PrimaryAssumed
	HAStateTold
)

// String returns the word the status document uses.
func (b Basis) String() string {
	switch b {
	case HAStateTold:
		return "ha_state"
	case PrimaryAssumed:
		return "primary_assumed"
	case OtherAssumed:
		return "other_assumed"
	case SelfAssumed:
	}
	return "self_assumed"
}

// Entry is one feature that is lost or comes back. ID and Since may be the words
// of a peer and have to be escaped where they are shown.
type Entry struct {
	ID     string
	Name   string // from the catalog, empty if it does not know the feature
	Since  string // firmware version it came with, from the catalog or as advertised; may be empty
	Source Source
}

// Impact is what a failover would cost. Its lists are sorted by id and never nil.
type Impact struct {
	// Known says that there is something to compare: both Sockets are known and
	// at least one of them tells what is enabled. If not, the lists are empty
	// and mean nothing.
	Known bool

	Active compat.Which // Local or Peer, as told by Basis
	Basis  Basis

	Now                []Entry // does not work now
	OnFailover         []Entry // would stop
	RestoredOnFailover []Entry // would work again; all of it stands in Now too

	SelfSource, PeerSource Source // of the two sets

	// CapabilityGap says that the majors are equal, and yet one Socket supports
	// something enabled that the other does not, or is not known to: what that
	// is stands in OnFailover and RestoredOnFailover. GapKnown says that some of
	// it is known.
	CapabilityGap bool
	GapKnown      bool

	// CatalogDiffers says that the two Sockets use different catalogs.
	CatalogDiffers bool
}

// Compute says what a failover of the pair would cost. It reaches an answer for
// any input, and the same one on both Sockets unless the basis is SelfAssumed.
// The input is neither changed nor kept. With 2,000 capabilities on each side it
// takes less than a millisecond; it is meant for changes, not for heartbeats.
func Compute(in Input) Impact {
	self, other := setOf(&in.Self, in.Catalog), setOf(&in.Peer, in.Catalog)
	out := Impact{
		Now: []Entry{}, OnFailover: []Entry{}, RestoredOnFailover: []Entry{},
		SelfSource: self.source, PeerSource: other.source,
		CatalogDiffers: differ(in.Self.Catalog, in.Peer.Catalog),
	}
	out.Active, out.Basis = active(&in.Self, &in.Peer)
	out.Known = in.Self.Known && in.Peer.Known && (in.Self.Advertised || in.Peer.Advertised)
	if !out.Known {
		return out
	}
	now, then := &self, &other // the active Socket, and the one after a failover
	if out.Active == compat.Peer {
		now, then = then, now
	}
	out.compare(in.Catalog, now, then)
	out.CapabilityGap = self.major >= 0 && self.major == other.major && len(out.OnFailover)+len(out.RestoredOnFailover) > 0
	out.GapKnown = out.CapabilityGap && (anyKnown(out.OnFailover) || anyKnown(out.RestoredOnFailover))
	return out
}

// compare fills the lists.
func (i *Impact) compare(c *Catalog, now, then *set) {
	for a, b := range pairs(now.advertised, then.advertised) {
		id := cmp.Or(a.ID, b.ID)
		works, nowSource := now.supports(id, a)
		stays, thenSource := then.supports(id, b)
		if works && stays {
			continue
		}
		e := Entry{ID: id, Since: cmp.Or(a.Since, b.Since)}
		if f, ok := c.Find(id); ok {
			e.Name, e.Since = f.Name, f.Since.String()
		}
		if !works {
			e.Source = nowSource
			i.Now = append(i.Now, e)
		}
		e.Source = min(nowSource, thenSource)
		switch {
		case works:
			i.OnFailover = append(i.OnFailover, e)
		case stays:
			i.RestoredOnFailover = append(i.RestoredOnFailover, e)
		}
	}
}

func anyKnown(list []Entry) bool {
	for _, e := range list {
		if e.Source != SourceUnknown {
			return true
		}
	}
	return false
}

// differ reports whether two catalogs are known to differ.
func differ(a, b peer.Digest) bool { return a != b && a != peer.Digest{} && b != peer.Digest{} }

// active tells which Socket is active, or is to be taken for it.
func active(self, other *Socket) (compat.Which, Basis) {
	ours, theirs := self.HAState, other.HAState
	primary := primaryOf(self.Role, other.Role)
	idle := compat.Neither // the only one known to be standby
	switch {
	case ours == peer.HAActive && theirs != peer.HAActive:
		return compat.Local, HAStateTold
	case theirs == peer.HAActive && ours != peer.HAActive:
		return compat.Peer, HAStateTold
	case ours == peer.HAStandby && theirs != peer.HAStandby:
		idle = compat.Local
	case theirs == peer.HAStandby && ours != peer.HAStandby:
		idle = compat.Peer
	}
	switch {
	case primary != compat.Neither && primary != idle:
		return primary, PrimaryAssumed
	case idle == compat.Local:
		return compat.Peer, OtherAssumed
	case idle == compat.Peer:
		return compat.Local, OtherAssumed
	}
	return compat.Local, SelfAssumed
}

// primaryOf returns the Socket that is configured as primary, or whose neighbour
// is the secondary; Neither if the roles do not tell or contradict each other.
func primaryOf(self, other peer.Role) compat.Which {
	switch {
	case self == other:
		return compat.Neither
	case self == peer.RolePrimary, other == peer.RoleSecondary:
		return compat.Local
	case other == peer.RolePrimary, self == peer.RoleSecondary:
		return compat.Peer
	}
	return compat.Neither
}
