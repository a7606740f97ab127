package status

// Code is the stable name of a reason. Codes are part of the contract: they are
// added to, never renamed.
type Code string

// Reason codes.
const (
	CodeIncompatible      Code = "HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS"
	CodeNoKeepalive       Code = "HA_NOT_READY_NO_KEEPALIVE"
	CodeDisconnected      Code = "HA_NOT_READY_SOCKET_DISCONNECTED"
	CodePeerUnknown       Code = "HA_NOT_READY_PEER_UNKNOWN"
	CodePeerStale         Code = "HA_NOT_READY_PEER_STALE"
	CodeVersionUnreadable Code = "HA_NOT_READY_VERSION_UNREADABLE"
	CodeModelMismatch     Code = "HA_NOT_READY_MODEL_MISMATCH"
	CodePeerReplaced      Code = "HA_NOT_READY_PEER_REPLACED"
	CodeIdentityConflict  Code = "HA_NOT_READY_IDENTITY_CONFLICT"
	CodeSplitBrain        Code = "HA_NOT_READY_SPLIT_BRAIN"
	CodeNoActive          Code = "HA_NOT_READY_NO_ACTIVE"
	CodeRoleConflict      Code = "HA_NOT_READY_ROLE_CONFLICT"
	CodeLinkDown          Code = "HA_NOT_READY_HA_LINK_DOWN"
	CodeMTU               Code = "HA_NOT_READY_MTU"
	CodeProtocolMismatch  Code = "HA_NOT_READY_PROTOCOL_MISMATCH"
	CodeCapabilityGap     Code = "HA_WARNING_CAPABILITY_GAP"
	CodeViewsDiffer       Code = "HA_WARNING_VIEWS_DIFFER"
	CodeCatalogDiffers    Code = "HA_WARNING_CATALOG_DIFFERS"
	CodeClockUnset        Code = "HA_WARNING_CLOCK_UNSET"
	CodeCertificateEnds   Code = "HA_WARNING_CERTIFICATE_EXPIRES" // ours: contract section 1 has none for it
	CodeUpgradeOverdue    Code = "HA_WARNING_UPGRADE_OVERDUE"
	CodeFlapping          Code = "HA_WARNING_FLAPPING"
)

// Severity says whether a reason by itself makes the pair not ready.
type Severity string

// Severities.
const (
	SeverityNotReady Severity = "not_ready"
	SeverityWarning  Severity = "warning"
)

// codes are all reasons, gravest first: who the peer is comes before what it
// does, and a cause before its consequences. This is their order in the document.
var codes = [...]Code{
	CodeIdentityConflict,
	CodePeerReplaced,
	CodeSplitBrain,
	CodeNoActive,
	CodeLinkDown,
	CodeMTU,
	CodeProtocolMismatch,
	CodeNoKeepalive,
	CodePeerUnknown,
	CodePeerStale,
	CodeIncompatible,
	CodeVersionUnreadable,
	CodeModelMismatch,
	CodeRoleConflict,
	CodeDisconnected,
	CodeViewsDiffer,
	CodeCapabilityGap,
	CodeCatalogDiffers,
	CodeUpgradeOverdue,
	CodeFlapping,
	CodeCertificateEnds,
	CodeClockUnset,
}

// Codes returns every reason code, gravest first.
func Codes() []Code { return append([]Code(nil), codes[:]...) }

// warningPrefix starts the codes that are warnings.
const warningPrefix = "HA_WARNING_"

// Severity returns the severity of reasons with this code.
func (c Code) Severity() Severity {
	if len(c) > len(warningPrefix) && c[:len(warningPrefix)] == warningPrefix {
		return SeverityWarning
	}
	return SeverityNotReady
}

func rank(c Code) int {
	for i, other := range codes {
		if c == other {
			return i
		}
	}
	return len(codes)
}
