package compat

import (
	"fmt"

	"socketha/peer"
)

// MaxGapMajors bounds the list of majors in a [Verdict].
const MaxGapMajors = 32

// Which names one Socket of the pair as seen from the Socket that judges.
type Which uint8

// Sockets of the pair.
const (
	Neither Which = iota
	Local
	Peer
)

// String returns the word the command and the status document use, "" for
// Neither.
func (w Which) String() string {
	switch w {
	case Local:
		return "local"
	case Peer:
		return "peer"
	case Neither:
	}
	return ""
}

// Side is what one Socket states about itself.
type Side struct {
	Raw     string  // as stated, of any length and content: [Show] it
	Version Version // zero if Err is not nil
	Err     error   // why Raw cannot be read, a *[ParseError]; nil if it can
}

// Verdict is the finding over two versions, with both of them.
type Verdict struct {
	Compatibility peer.Compatibility
	Local, Peer   Side

	// Upgrade is the Socket with the lower major, which is to be upgraded to
	// the major of the other. Neither unless incompatible.
	Upgrade Which

	// GapMajors are the majors that the lower Socket lacks, ascending: from the
	// one after its own to that of the other, and of those the lowest 32. Nil
	// unless incompatible.
	GapMajors []int
}

// Judge compares the version of this Socket with that of its peer. It reaches
// a verdict for any two strings, and the same one on both Sockets (contract
// section 2).
func Judge(local, remote string) Verdict {
	v := Verdict{Local: side(local), Peer: side(remote)}
	if v.Local.Err != nil || v.Peer.Err != nil {
		return v
	}
	ours, theirs := v.Local.Version.Major(), v.Peer.Version.Major()
	switch {
	case ours == theirs:
		v.Compatibility = peer.Compatible
		return v
	case ours < theirs:
		v.Upgrade = Local
	default:
		v.Upgrade = Peer
	}
	v.Compatibility = peer.Incompatible
	v.GapMajors = gap(min(ours, theirs), max(ours, theirs))
	return v
}

func side(raw string) Side {
	version, err := Parse(raw)
	return Side{Raw: raw, Version: version, Err: err}
}

func gap(low, high int) []int {
	majors := make([]int, min(high-low, MaxGapMajors))
	for i := range majors {
		majors[i] = low + 1 + i
	}
	return majors
}

// Summary is the verdict as one English sentence, in plain ASCII whatever the
// versions hold, at most 400 bytes long.
func (v Verdict) Summary() string {
	switch v.Compatibility {
	case peer.Compatible:
		return fmt.Sprintf("Both Sockets run major version %d: %s here and %s on the peer.",
			v.Local.Version.Major(), v.Local.Version, v.Peer.Version)
	case peer.Incompatible:
		return fmt.Sprintf("This Socket runs %s and the peer %s: upgrade %s to major version %d.",
			v.Local.Version, v.Peer.Version, v.whom(), max(v.Local.Version.Major(), v.Peer.Version.Major()))
	case peer.CompatibilityUnknown:
	}
	switch {
	case v.Local.Err != nil && v.Peer.Err != nil:
		return fmt.Sprintf("Neither version can be read: this Socket's %s, the peer's %s.",
			v.Local.fault(": "), v.Peer.fault(": "))
	case v.Peer.Err != nil:
		return fmt.Sprintf("The peer's version %s.", v.Peer.fault(" cannot be read: "))
	case v.Local.Err != nil:
		return fmt.Sprintf("This Socket's version %s.", v.Local.fault(" cannot be read: "))
	}
	return "No versions have been compared."
}

func (v Verdict) whom() string {
	if v.Upgrade == Local {
		return "this Socket"
	}
	return "the peer"
}

func (s Side) fault(link string) string {
	return fmt.Sprintf(`"%s"%s%v`, Show(s.Raw), link, s.Err)
}
