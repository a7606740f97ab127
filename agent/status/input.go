package status

import (
	"net/netip"
	"time"

	"socketha/peer"
)

// Input is everything the document is made from, except what changes with every
// heartbeat (see [Live]). Zero values mean "not known": an Input that nobody
// filled in is never ready.
type Input struct {
	Now Instant

	AgentVersion string
	AgentStart   Instant

	Site Site
	Self Self
	Peer Peer
	Link Link

	// Upstream is this Socket's way to the cloud; nil until it is known whether
	// one is configured.
	Upstream *Upstream

	// Identity holds what stands against the peer's identity now, at most a few.
	Identity []IdentityFinding

	// Expiring holds the certificates of the pair that soon run out, the sooner
	// one first.
	Expiring []Expiry

	// ClockUnset says that the wall clock is evidently wrong (before the time
	// this build was made).
	ClockUnset bool

	// PairModels are the models that form a pair although they differ. A model
	// always pairs with itself.
	PairModels []string

	// SameInputs says that the peer made its verdict from the same facts as we do.
	SameInputs bool

	// Impact is what a failover would cost; nil while that is not known. It is
	// shared and never written to.
	Impact *ImpactInput

	// Alarm is the life cycle as of now; nil if there is none.
	Alarm *AlarmInput

	// FailoverDeclared says that a manual failover was declared and is still
	// held; both Sockets active is then no split brain.
	FailoverDeclared bool
}

// Site names the site as configured; empty where it is not. Both are shown as they
// are, so the configuration must admit printable characters only.
type Site struct {
	ID, Name string
}

// Self is what this Socket knows of itself.
type Self struct {
	Serial  string
	Model   string
	Version string // firmware, may be unreadable
	Role    peer.Role

	// VersionFault says why there is no version at all; empty if there is one.
	VersionFault string

	// HASource names what tells the HA state ("keepalived", "hook"…); empty if
	// none is configured. HAState is unknown while a configured source does
	// not answer.
	HASource string
	HAState  peer.HAState

	// HADetail says in our own words, escaped, what the source told or why it
	// told nothing.
	HADetail string

	Capabilities Capabilities
	Upgrade      Upgrade
}

// Capabilities stands for a capability set; a zero Digest means none is known.
type Capabilities struct {
	Digest peer.Digest
	Count  int
}

// Upgrade is whether a firmware upgrade is declared, and to which version ("" if
// that was not said).
type Upgrade struct {
	Declared bool
	Target   string
	Since    Instant // zero: since it is first stated
	Overdue  bool    // declared for longer than an upgrade takes
}

// ImpactInput is what a failover would cost in features (contract section 2).
type ImpactInput struct {
	Now, OnFailover, RestoredOnFailover []ImpactFeature

	Basis      string // one of the words of agent/impact
	PeerSource string // what the peer's set rests on: advertised, catalog, unknown

	CapabilityGap  bool // equal majors, and yet a failover may change what works
	GapKnown       bool // and some of that is known
	CatalogDiffers bool
}

// ImpactFeature is one feature. ID and Since may be a peer's words; Name is a
// catalog's, which admits printable characters only.
type ImpactFeature struct {
	ID, Name, Since string
	Source          string // advertised, catalog, unknown
}

// AlarmInput is where the site's alarm stands.
type AlarmInput struct {
	State       string  // clear, pending, raised, clearing
	Since       Instant // of the state
	RaiseAt     Instant // while pending; else zero
	Occurrences int
	Flapping    bool
}

// Peer is what this Socket knows of the other one. Its strings are as the peer
// wrote them.
type Peer struct {
	// Known says that the fields below describe a peer, Heard that it has been
	// heard since this agent started, Fresh that it is heard now: its last
	// heartbeat is not older than the detection time. Fresh needs Heard and
	// Heard needs Known; a peer that stopped as planned is not fresh.
	Known, Heard, Fresh bool

	// PlannedStop says that the peer announced its silence.
	PlannedStop bool

	Serial       string // of its certificate
	Model        string
	AgentVersion string
	Version      string // firmware, may be unreadable
	Role         peer.Role
	HAState      peer.HAState
	Upstream     peer.UpstreamState
	Capabilities Capabilities
	Upgrade      Upgrade

	Readiness     peer.Readiness     // the peer's view of the pair
	Compatibility peer.Compatibility // and its verdict

	// LastHeard is when its last heartbeat came; zero if that is not known.
	LastHeard Instant

	Protocol peer.ProtocolRange // zero if unknown

	// Mismatch is the peer's protocol range if it shares no version with ours,
	// else nil. While it is set, nothing else of the peer can be understood.
	Mismatch *peer.ProtocolRange
}

// Tri is a fact that may be unknown.
type Tri uint8

// Values of a Tri.
const (
	Unknown Tri = iota
	Yes
	No
)

// Link is the HA interface and the heartbeat session on it.
type Link struct {
	Interface string

	// Observed says that the interface has been looked at; until then the
	// fields below mean nothing.
	Observed  bool
	Exists    bool
	Up        bool // administratively up and operational
	Carrier   Tri
	OperState string // the kernel's word: up, down, lowerlayerdown…

	Session peer.SessionState
	Since   Instant // of the session state; zero if unknown

	Local, Peer netip.AddrPort // zero if unknown

	// Trouble is what is known to stand between us and a peer that is not heard,
	// and TroubleDetail says more about it in our own words.
	Trouble       Trouble
	TroubleDetail string

	// LosesAbove is the size in bytes of datagrams that the path does not carry
	// while smaller ones pass; 0 if it carries all.
	LosesAbove int

	TxInterval time.Duration // negotiated; zero if unknown
	DetectTime time.Duration // negotiated; zero if unknown
}

// Trouble is what keeps the two agents from meeting.
type Trouble uint8

// Troubles.
const (
	NoTrouble    Trouble = iota
	TroubleSetup         // the link cannot be set up here; the detail says why
	RefusedHere          // whoever is on the link is not who we trust
	RefusedThere         // the peer does not trust us
)

// Upstream is this Socket's way to the cloud.
type Upstream struct {
	State peer.UpstreamState

	// Fault says why the last report was not delivered, in one printable line;
	// empty if it was.
	Fault string
}

// IdentityKind is what is wrong with the peer's identity.
type IdentityKind uint8

// Identity findings (contract section 2).
const (
	PeerShowsOurSerial      IdentityKind = iota + 1 // its certificate or facts carry our serial
	PeerShowsOurKey                                 // its key is ours
	FactsDifferFromIdentity                         // its facts name another serial than its certificate
	OurFactsDiffer                                  // our serial file names another serial than our own certificate
	PeerReplaced                                    // another Socket stands in the peer's place
)

// IdentityFinding is one thing found wrong with the peer's identity. Serial is
// the one shown or claimed, Expected the one it should have been; both are the
// peer's words and may be empty.
type IdentityFinding struct {
	Kind             IdentityKind
	Serial, Expected string
}

// Expiry is a certificate that soon runs out, or has run out.
type Expiry struct {
	Peer     bool   // the peer's, else ours
	Serial   string // of the Socket
	NotAfter time.Time
}

// Live is what changes without changing the meaning of the document: the time
// it is read at, and counters. It is filled in anew for every answer.
type Live struct {
	Now  Instant
	Boot time.Time // wall time of instant 0, see [SteadyBoot]

	// PeerLastHeard is when the last heartbeat came, by now. It should be
	// filled in: it gives the peer's age, and without it a document made from
	// an evaluation that is no longer kept up to date could show a dead peer
	// as fresh. Zero means that the evaluation's own is the newest there is.
	PeerLastHeard Instant

	RTT                  time.Duration // zero if not measured
	Sent, Received, Lost uint64
	Rejected             map[string]uint64 // owned by the document from here on

	LastDelivered   Instant // zero if never
	Queued, Dropped *uint64 // nil if unknown
}
