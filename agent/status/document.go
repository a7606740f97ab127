package status

// SchemaVersion is the version of the document's schema. The schema only ever
// grows: fields are added, none is renamed, removed or given another meaning
// without a new version.
const SchemaVersion = 1

// Document is the status document. Every field is always present; what is not
// known is null, except where the words of the contract hold an "unknown" of
// their own. Every string that a peer or the appliance stated has been escaped
// and cut (compat.Show) and may be printed as it is; the site's id and name are
// the configuration's, which admits no control characters.
type Document struct {
	Schema      int  `json:"schema"`
	GeneratedAt Time `json:"generated_at"`

	Agent Agent `json:"agent"`

	Readiness      string `json:"readiness"` // ready, not_ready
	ReadinessSince Time   `json:"readiness_since"`
	Compatibility  string `json:"compatibility"` // compatible, incompatible, unknown

	Conditions Conditions `json:"conditions"`
	Reasons    []Reason   `json:"reasons"` // gravest first, empty when none stands

	Site SiteStatus `json:"site"`
	Self SelfStatus `json:"self"`
	Peer PeerStatus `json:"peer"`

	Remedy   *Remedy         `json:"remedy"` // null unless incompatible
	Impact   *Impact         `json:"impact"`
	Alarm    *Alarm          `json:"alarm"`
	Link     LinkStatus      `json:"link"`
	Upstream *UpstreamStatus `json:"upstream"`
}

// Agent is the agent that wrote the document.
type Agent struct {
	Version   string `json:"version"`
	StartedAt Time   `json:"started_at"`
	UptimeS   int64  `json:"uptime_s"` // whole seconds
}

// Conditions are the three conditions of readiness.
type Conditions struct {
	Connected         Condition `json:"connected"`
	Keepalive         Condition `json:"keepalive"`
	CompatibleVersion Condition `json:"compatible_version"`
}

// Condition is one condition, since when it has its state and why.
type Condition struct {
	State  ConditionState `json:"state"`
	Since  Time           `json:"since"`
	Detail string         `json:"detail"` // one English sentence
}

// ConditionState is the state of a condition.
type ConditionState string

// Condition states.
const (
	StateOK           ConditionState = "ok"
	StateFail         ConditionState = "fail"
	StateUnknown      ConditionState = "unknown"
	StateNotEvaluated ConditionState = "not_evaluated"
)

// Label returns the word shown to a person: OK, Not Ready, Unknown, Not evaluated.
func (s ConditionState) Label() string {
	switch s {
	case StateOK:
		return "OK"
	case StateFail:
		return "Not Ready"
	case StateNotEvaluated:
		return "Not evaluated"
	case StateUnknown:
	}
	return "Unknown"
}

// Reason is why the pair is not ready, or a warning.
type Reason struct {
	Code     Code           `json:"code"`
	Severity Severity       `json:"severity"`
	Since    Time           `json:"since"`
	Summary  string         `json:"summary"` // what is wrong, one sentence
	Action   string         `json:"action"`  // what to do
	Params   map[string]any `json:"params"`  // strings, numbers and booleans; not to be changed
}

// SiteStatus names the site, as configured.
type SiteStatus struct {
	ID   *string `json:"id"`
	Name *string `json:"name"`
}

// SelfStatus is this Socket.
type SelfStatus struct {
	Serial         *string          `json:"serial"`
	Model          *string          `json:"model"`
	Version        *string          `json:"version"`
	Major          *int             `json:"major"` // null if the version is unreadable
	ConfiguredRole *string          `json:"configured_role"`
	HAState        string           `json:"ha_state"` // active, standby, unknown
	HAStateSource  *string          `json:"ha_state_source"`
	Capabilities   CapabilityDigest `json:"capabilities"`
	Upgrade        *UpgradeStatus   `json:"upgrade"` // null unless declared
}

// CapabilityDigest stands for a capability set.
type CapabilityDigest struct {
	Digest *string `json:"digest"` // 16 hexadecimal digits
	Count  *int    `json:"count"`
}

// UpgradeStatus is a declared firmware upgrade.
type UpgradeStatus struct {
	State  string  `json:"state"` // declared
	Target *string `json:"target"`
	Since  Time    `json:"since"`
}

// PeerStatus is the other Socket. With Fresh false everything in it is
// last-known, AgeS old.
type PeerStatus struct {
	Known          bool             `json:"known"`
	Serial         *string          `json:"serial"`
	Model          *string          `json:"model"`
	Version        *string          `json:"version"`
	Major          *int             `json:"major"`
	ConfiguredRole *string          `json:"configured_role"`
	HAState        string           `json:"ha_state"`
	AgeS           *float64         `json:"age_s"` // seconds since the last heartbeat, to the millisecond
	LastSeenAt     *Time            `json:"last_seen_at"`
	Fresh          bool             `json:"fresh"`
	AgentVersion   *string          `json:"agent_version"`
	Protocol       *string          `json:"protocol"` // "1", or "1-3" for a range
	Capabilities   PeerCapabilities `json:"capabilities"`
	Upgrade        *UpgradeStatus   `json:"upgrade"`
	View           View             `json:"view"`
}

// PeerCapabilities stands for the peer's capability set.
type PeerCapabilities struct {
	Digest *string `json:"digest"`
	Count  *int    `json:"count"`
	Source string  `json:"source"` // advertised, catalog, unknown
}

// View is the pair as the peer sees it.
type View struct {
	Readiness     *string `json:"readiness"`
	Compatibility *string `json:"compatibility"`
}

// Remedy is how an incompatible pair becomes compatible again.
type Remedy struct {
	UpgradeSerial *string `json:"upgrade_serial"` // null while its serial is not known
	FromVersion   string  `json:"from_version"`
	ToMajor       int     `json:"to_major"`
	Where         string  `json:"where"`
	Text          string  `json:"text"`
}

// Impact is what a failover would cost.
type Impact struct {
	Now                []ImpactEntry `json:"now"`
	OnFailover         []ImpactEntry `json:"on_failover"`
	RestoredOnFailover []ImpactEntry `json:"restored_on_failover"`
	Basis              string        `json:"basis"`
}

// ImpactEntry is one capability lost or regained. Since is the firmware version
// it came with.
type ImpactEntry struct {
	ID     string  `json:"id"`
	Name   *string `json:"name"`
	Since  *string `json:"since"`
	Source string  `json:"source"` // advertised, catalog, unknown
}

// Alarm is the life cycle of the site's one alarm.
type Alarm struct {
	State       string `json:"state"` // clear, pending, raised, clearing
	Since       Time   `json:"since"`
	RaiseAt     *Time  `json:"raise_at"`
	Occurrences int    `json:"occurrences"`
	Flapping    bool   `json:"flapping"`
}

// LinkStatus is the HA link and the heartbeat session on it.
type LinkStatus struct {
	Interface    string  `json:"interface"`
	OperState    *string `json:"oper_state"`
	Carrier      *bool   `json:"carrier"`
	Session      string  `json:"session"` // up, init, down, admin_down
	LocalAddress *string `json:"local_address"`
	PeerAddress  *string `json:"peer_address"`
	Since        *Time   `json:"since"` // of the session state

	TxIntervalMS *int64   `json:"tx_interval_ms"`
	DetectMS     *int64   `json:"detect_ms"`
	RTTMS        *float64 `json:"rtt_ms"` // to the microsecond

	Sent     uint64            `json:"sent"`
	Received uint64            `json:"received"`
	Lost     uint64            `json:"lost"`
	Rejected map[string]uint64 `json:"rejected"` // by reason; empty when nothing was
}

// UpstreamStatus is the way to the cloud.
type UpstreamStatus struct {
	Configured      bool    `json:"configured"`
	State           string  `json:"state"` // connected, disconnected, not_configured, unknown
	LastDeliveredAt *Time   `json:"last_delivered_at"`
	Queued          *uint64 `json:"queued"`
	Dropped         *uint64 `json:"dropped"`
}
