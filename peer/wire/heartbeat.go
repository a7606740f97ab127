package wire

import (
	"fmt"
	"time"

	"socketha/peer"
)

// maxVersion is one byte more than a version may have, so that one that is too
// long arrives too long (peer.MaxVersion).
const maxVersion = peer.MaxVersion + 1

const (
	heartbeatElements = 14 // that are always there; those after them are left out from the end if they say nothing
	digestSize        = len(peer.Digest{})
	digestsSize       = 3 * digestSize
	knownFlags        = peer.FlagPoll | peer.FlagFinal | peer.FlagPlannedStop | peer.FlagUpgrading |
		peer.FlagFailover
)

// AppendHeartbeat appends hb to dst. With room in dst it allocates nothing: a
// heartbeat takes 72 bytes with the version 25.0.22707, intervals from 256 ms
// and all 32-bit numbers at their full size, one more with any flag, two more
// with the result of an upgrade, and at most 134 in all (132 at protocol
// versions below 24).
//
// Intervals are rounded up to whole milliseconds. A version longer than 64
// bytes is cut to 65, which leaves it unreadable. Any other value outside its
// range is an error, and dst is returned as it was.
func AppendHeartbeat(dst []byte, hb *peer.Heartbeat) ([]byte, error) {
	if err := checkHeartbeat(hb); err != nil {
		return dst, fmt.Errorf("wire: heartbeat: %w", err)
	}
	dst = appendEnvelope(dst, hb.Protocol, KindHeartbeat)
	dst = appendHead(dst, majorArray, heartbeatElements+optionalElements(hb))
	dst = appendUint(dst, uint64(hb.MyDiscriminator))
	dst = appendUint(dst, uint64(hb.YourDiscriminator))
	dst = appendUint(dst, uint64(hb.Sequence))
	dst = appendUint(dst, milliseconds(hb.Timers.DesiredTx))
	dst = appendUint(dst, milliseconds(hb.Timers.RequiredRx))
	dst = appendUint(dst, uint64(hb.Timers.DetectMult))
	dst = appendUint(dst, uint64(hb.State))
	version := hb.Version[:min(len(hb.Version), maxVersion)]
	dst = append(appendHead(dst, majorBytes, uint64(len(version))), version...)
	dst = appendUint(dst, uint64(hb.Role))
	dst = appendUint(dst, uint64(hb.HAState))
	dst = appendUint(dst, uint64(hb.Upstream))
	dst = appendUint(dst, uint64(hb.Readiness))
	dst = appendUint(dst, uint64(hb.Compatibility))
	dst = appendHead(dst, majorBytes, uint64(digestsSize))
	dst = append(dst, hb.Facts[:]...)
	dst = append(dst, hb.Capabilities[:]...)
	dst = append(dst, hb.Inputs[:]...)
	optional := optionalElements(hb)
	if optional >= 1 {
		dst = appendUint(dst, uint64(hb.Flags))
	}
	if optional >= 2 {
		dst = appendUint(dst, uint64(hb.UpgradeResult))
	}
	return dst, nil
}

// optionalElements returns how many elements follow those that are always there:
// all up to the last one that says something.
func optionalElements(hb *peer.Heartbeat) uint64 {
	switch {
	case hb.UpgradeResult != peer.UpgradeResultNone:
		return 2
	case hb.Flags != 0:
		return 1
	}
	return 0
}

// checkHeartbeat refuses what a peer would refuse or take for something else.
func checkHeartbeat(hb *peer.Heartbeat) error {
	switch {
	case hb.MyDiscriminator == 0:
		return fmt.Errorf("my discriminator is 0")
	case hb.State > peer.StateUp:
		return fmt.Errorf("session state %d does not exist", hb.State)
	case hb.Flags&^knownFlags != 0:
		return fmt.Errorf("flags %#x do not exist", hb.Flags&^knownFlags)
	case hb.Role > lastRole, hb.HAState > lastHAState, hb.Upstream > lastUpstream,
		hb.Readiness > lastReadiness, hb.Compatibility > lastCompatibility, hb.UpgradeResult > lastUpgradeResult:
		return fmt.Errorf("role %d, HA state %d, upstream %d, readiness %d, compatibility %d or upgrade result %d does not exist",
			hb.Role, hb.HAState, hb.Upstream, hb.Readiness, hb.Compatibility, hb.UpgradeResult)
	}
	if err := checkTimers(hb.Timers); err != nil {
		return err
	}
	return checkProtocol(hb.Protocol)
}

// The last value of each enumeration known here.
const (
	lastRole          = peer.RoleSecondary
	lastHAState       = peer.HAStandby
	lastUpstream      = peer.UpstreamDisconnected
	lastReadiness     = peer.Ready
	lastCompatibility = peer.Incompatible
	lastUpgradeResult = peer.UpgradeResultSkipped
)

func checkTimers(t peer.Timers) error {
	for _, d := range [2]time.Duration{t.DesiredTx, t.RequiredRx} {
		if d < peer.MinInterval || d > peer.MaxInterval {
			return fmt.Errorf("interval %v is not within %v to %v", d, peer.MinInterval, peer.MaxInterval)
		}
	}
	if t.DetectMult < peer.MinDetectMult || t.DetectMult > peer.MaxDetectMult {
		return fmt.Errorf("detect multiplier %d is not within %d to %d", t.DetectMult, peer.MinDetectMult, peer.MaxDetectMult)
	}
	return nil
}

// milliseconds rounds up: to send or be sent a little later than said would be
// within the timers, a little earlier would not.
func milliseconds(d time.Duration) uint64 {
	return uint64((d + time.Millisecond - 1) / time.Millisecond)
}

// heartbeatField reads the body under key 1.
type heartbeatField struct{ body *peer.Heartbeat }

// UnmarshalCBOR implements [cbor.Unmarshaler].
func (f *heartbeatField) UnmarshalCBOR(b []byte) error {
	r := reader{b: b}
	hb := readHeartbeat(&r)
	if r.err != nil {
		return fmt.Errorf("heartbeat: %w", r.err)
	}
	f.body = hb
	return nil
}

func readHeartbeat(r *reader) *peer.Heartbeat {
	elements := r.array("body", heartbeatElements)
	hb := &peer.Heartbeat{
		MyDiscriminator:   uint32(r.uint("my discriminator", 1, 1<<32-1)),
		YourDiscriminator: uint32(r.uint("your discriminator", 0, 1<<32-1)),
		Sequence:          uint32(r.uint("sequence", 0, 1<<32-1)),
		Timers: peer.Timers{
			DesiredTx:  r.interval("desired transmit interval"),
			RequiredRx: r.interval("required receive interval"),
			DetectMult: uint8(r.uint("detect multiplier", peer.MinDetectMult, peer.MaxDetectMult)),
		},
		// There is no state to fall back on: taking an unknown one for Down
		// would end a session that may be Up.
		State:         peer.SessionState(r.uint("session state", 0, uint64(peer.StateUp))),
		Version:       string(r.bytes("version", 0, maxVersion)),
		Role:          enumeration(r, "configured role", lastRole),
		HAState:       enumeration(r, "HA state", lastHAState),
		Upstream:      enumeration(r, "upstream", lastUpstream),
		Readiness:     enumeration(r, "readiness", lastReadiness),
		Compatibility: enumeration(r, "compatibility", lastCompatibility),
	}
	digests := r.bytes("digests", digestsSize, digestsSize)
	n := copy(hb.Facts[:], digests)
	n += copy(hb.Capabilities[:], digests[n:])
	copy(hb.Inputs[:], digests[n:])
	if elements > heartbeatElements {
		hb.Flags = peer.Flags(r.head("flags", majorUint)) & knownFlags
	}
	if elements > heartbeatElements+1 {
		hb.UpgradeResult = enumeration(r, "upgrade result", lastUpgradeResult)
	}
	return hb
}

func (r *reader) interval(name string) time.Duration {
	low, high := uint64(peer.MinInterval/time.Millisecond), uint64(peer.MaxInterval/time.Millisecond)
	return time.Duration(r.uint(name, low, high)) * time.Millisecond
}
