package site

import (
	"time"

	"socketha/agent/status"
)

// Report is what is kept of a Socket's newest report to judge its site by and to
// list it. Its strings are a Socket's words: data, to be escaped where they are
// shown.
type Report struct {
	Serial     string        `json:"-"`
	ReceivedAt time.Time     `json:"-"` // by the console's clock
	Next       time.Duration `json:"-"` // announced time to the next report, positive

	SiteName     string `json:"site_name,omitempty"`
	Model        string `json:"model,omitempty"`
	Version      string `json:"version,omitempty"`
	Role         string `json:"role,omitempty"` // configured: primary, secondary
	HAState      string `json:"ha_state,omitempty"`
	AgentVersion string `json:"agent,omitempty"`

	Readiness         string   `json:"readiness"`
	Compatibility     string   `json:"compatibility"`
	Connected         string   `json:"connected"`
	Keepalive         string   `json:"keepalive"`
	CompatibleVersion string   `json:"compatible_version"`
	Reasons           []Reason `json:"reasons,omitempty"`

	PeerSerial  string `json:"peer,omitempty"`
	PeerVersion string `json:"peer_version,omitempty"`
	PeerFresh   bool   `json:"peer_fresh,omitempty"`
	PeerStopped bool   `json:"peer_stopped,omitempty"` // it said so before it fell silent

	LastTransition time.Time `json:"last_transition,omitzero"` // as its own clock states it

	Upgrade     Upgrade `json:"upgrade,omitzero"`
	PeerUpgrade Upgrade `json:"peer_upgrade,omitzero"`
}

// Reason is why a site is not ready, or a warning.
type Reason struct {
	Code    string    `json:"code"`
	Since   time.Time `json:"since"` // by the console's clock
	Summary string    `json:"summary,omitempty"`
	Action  string    `json:"action,omitempty"`
}

// Upgrade is a firmware upgrade as declared on a Socket. The zero Upgrade: none.
type Upgrade struct {
	State  string    `json:"state,omitempty"` // declared, ok, failed, skipped
	Target string    `json:"target,omitempty"`
	Since  time.Time `json:"since,omitzero"`
}

// maxAge bounds the ages that a Socket may claim.
const maxAge = 10 * 365 * 24 * time.Hour

// Read takes from a document what a site is judged by. received is when it
// arrived, next the announced time to the next one.
func Read(doc *status.Document, received time.Time, next time.Duration) Report {
	at := func(t status.Time) time.Time {
		age := doc.GeneratedAt.Sub(t.Time)
		return received.Add(-min(max(age, 0), maxAge)).Truncate(time.Millisecond)
	}
	r := Report{
		ReceivedAt: received, Next: next,
		Serial: text(doc.Self.Serial), SiteName: text(doc.Site.Name), Model: text(doc.Self.Model),
		Version: text(doc.Self.Version), Role: text(doc.Self.ConfiguredRole), HAState: doc.Self.HAState,
		AgentVersion: doc.Agent.Version,
		Readiness:    doc.Readiness, Compatibility: doc.Compatibility,
		Connected:         string(doc.Conditions.Connected.State),
		Keepalive:         string(doc.Conditions.Keepalive.State),
		CompatibleVersion: string(doc.Conditions.CompatibleVersion.State),
		PeerSerial:        text(doc.Peer.Serial), PeerVersion: text(doc.Peer.Version), PeerFresh: doc.Peer.Fresh,
		Upgrade: upgrade(doc.Self.Upgrade, at), PeerUpgrade: upgrade(doc.Peer.Upgrade, at),
	}
	for _, reason := range doc.Reasons {
		r.Reasons = append(r.Reasons, Reason{
			Code: string(reason.Code), Since: at(reason.Since), Summary: reason.Summary, Action: reason.Action,
		})
		if planned, _ := reason.Params["planned_stop"].(bool); planned && reason.Code == status.CodePeerStale {
			r.PeerStopped = true
		}
	}
	return r
}

func upgrade(u *status.UpgradeStatus, at func(status.Time) time.Time) Upgrade {
	if u == nil {
		return Upgrade{}
	}
	return Upgrade{State: u.State, Target: text(u.Target), Since: at(u.Since)}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
