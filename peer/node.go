package peer

// MaxSerial, MaxModel, MaxSite, MaxAgentVersion and MaxVersion bound the
// strings a Socket tells about itself, in bytes of UTF-8. A longer version is
// unreadable rather than cut; a longer fact is refused by the codec.
const (
	MaxVersion      = 64
	MaxSerial       = 64
	MaxModel        = 64
	MaxSite         = 128
	MaxAgentVersion = 64
	MaxCapabilityID = 40
)

// Role is the configured place of a Socket in its pair. It says nothing about
// which Socket carries traffic now: that is [HAState].
type Role uint8

// Configured roles.
const (
	RoleUnknown Role = iota
	RolePrimary
	RoleSecondary
)

// String returns the word the status document uses.
func (r Role) String() string {
	switch r {
	case RolePrimary:
		return "primary"
	case RoleSecondary:
		return "secondary"
	case RoleUnknown:
	}
	return "unknown"
}

// HAState is the state a Socket reads from its own failover software
// (VRRP or a hook). It is never derived from version, address or DTLS side.
type HAState uint8

// HA states.
const (
	HAUnknown HAState = iota
	HAActive
	HAStandby
)

// String returns the word the status document uses.
func (s HAState) String() string {
	switch s {
	case HAActive:
		return "active"
	case HAStandby:
		return "standby"
	case HAUnknown:
	}
	return "unknown"
}

// Compatibility is the version condition alone: the verdict over two version
// strings, one of which may be unreadable or stale.
type Compatibility uint8

// Verdicts. Unknown is neither good nor bad news and is never shown as OK.
const (
	CompatibilityUnknown Compatibility = iota
	Compatible
	Incompatible
)

// String returns the word the status document uses.
func (c Compatibility) String() string {
	switch c {
	case Compatible:
		return "compatible"
	case Incompatible:
		return "incompatible"
	case CompatibilityUnknown:
	}
	return "unknown"
}

// Readiness says whether a failover would find everything as it should be.
type Readiness uint8

// Readiness values. Unknown appears only where a peer's view was never heard;
// a Socket's own readiness is always one of the other two.
const (
	ReadinessUnknown Readiness = iota
	NotReady
	Ready
)

// String returns the word the status document uses.
func (r Readiness) String() string {
	switch r {
	case NotReady:
		return "not_ready"
	case Ready:
		return "ready"
	case ReadinessUnknown:
	}
	return "unknown"
}

// UpstreamState is how a Socket stands with its cloud.
type UpstreamState uint8

// Upstream states. Unknown lasts until the first delivery attempt has ended.
const (
	UpstreamUnknown UpstreamState = iota
	UpstreamNotConfigured
	UpstreamConnected
	UpstreamDisconnected
)

// String returns the word the status document uses.
func (u UpstreamState) String() string {
	switch u {
	case UpstreamNotConfigured:
		return "not_configured"
	case UpstreamConnected:
		return "connected"
	case UpstreamDisconnected:
		return "disconnected"
	case UpstreamUnknown:
	}
	return "unknown"
}

// UpgradeResult is how the upgrade that a Socket declared last has ended. It is
// None where none has ended, and while one is declared (see [FlagUpgrading]).
type UpgradeResult uint8

// Results of an upgrade. Failed and skipped ones raise an alarm at once
// (contract section 3); a result of a later version reads as None.
const (
	UpgradeResultNone UpgradeResult = iota
	UpgradeResultOK
	UpgradeResultFailed
	UpgradeResultSkipped
)

// String returns the word that declares such an end, and "none" where there is
// nothing to tell.
func (u UpgradeResult) String() string {
	switch u {
	case UpgradeResultOK:
		return "ok"
	case UpgradeResultFailed:
		return "failed"
	case UpgradeResultSkipped:
		return "skipped"
	case UpgradeResultNone:
	}
	return "none"
}

// Digest is the first 8 bytes of a SHA-256: enough to notice a change, not
// meant to resist an attacker (the link is authenticated).
type Digest [8]byte

// Facts are what a Socket tells once, and again when they change or when its
// peer asks. Strings are as the Socket wrote them and must be escaped wherever
// they are shown.
type Facts struct {
	Serial       string // at most MaxSerial bytes; must equal the certificate's
	Model        string // at most MaxModel bytes
	Site         string // site id, at most MaxSite bytes
	AgentVersion string // at most MaxAgentVersion bytes
	Catalog      Digest // of the feature catalog in force
}

// Capability is one feature of the firmware: whether this Socket supports it,
// whether the site uses it, and the firmware version it came with.
type Capability struct {
	ID        string // at most MaxCapabilityID bytes, unique in a set
	Supported bool
	Enabled   bool
	Since     string // firmware version, empty where unknown
}

// CapabilityPart is a piece of a capability set, as many entries as fit one
// message. Parts are numbered 0 to Parts-1 and belong to the set with Digest.
type CapabilityPart struct {
	Digest  Digest
	Part    uint16
	Parts   uint16
	Entries []Capability // sorted by ID across all parts
}
