package metrics

import (
	"maps"
	"runtime"
	"slices"

	"socketha/agent/status"
)

// MaxReasons bounds how many reasons of refusal have a series of their own.
const MaxReasons = 48

// Counters is what the document does not hold. A nil pointer is a part that does
// not run; its metrics are absent. All count from the agent's start.
type Counters struct {
	LinkFlaps *uint64 // how often the interface was lost

	// Of the syslog writer: messages handed over, and dropped for whatever reason.
	SyslogSent, SyslogDropped *uint64

	// Of the local interface: connections closed for newer ones, and streams
	// of events refused because there were too many.
	LocalEvicted, LocalRefused *uint64

	// JournalErrors counts writes of the journal that failed.
	JournalErrors *uint64

	// Reloads and ReloadErrors count configurations taken over and refused.
	Reloads, ReloadErrors *uint64
}

// Build says which source the binary was made from.
type Build struct {
	Version string
	Commit  string
}

// The states of each thing that has some, as the document words them.
var (
	conditionStates     = []string{string(status.StateOK), string(status.StateFail), string(status.StateUnknown), string(status.StateNotEvaluated)}
	compatibilityStates = []string{"compatible", "incompatible", "unknown"}
	alarmStates         = []string{"clear", "pending", "raised", "clearing"}
	haStates            = []string{"active", "standby", "unknown"}
	sessionStates       = []string{"up", "init", "down", "admin_down"}
	upstreamStates      = []string{"connected", "disconnected", "not_configured", "unknown"}
)

// Append appends the metrics of one moment to b.
func Append(b []byte, d *status.Document, c *Counters, build Build) []byte {
	w := &writer{b: b}
	w.about(d, build)
	w.verdict(d)
	w.alarm(d.Alarm)
	w.sockets(d)
	w.link(&d.Link, c.LinkFlaps)
	w.upstream(d.Upstream)
	w.internals(c)
	return w.b
}

func (w *writer) about(d *status.Document, build Build) {
	w.family("socketha_build_info", gauge, "The agent's build; always 1.")
	w.count(1, "version", build.Version, "commit", build.Commit, "go_version", runtime.Version())
	w.family("socketha_start_time_seconds", gauge, "When the agent started, in seconds since 1970 by this Socket's clock.")
	w.moment(d.Agent.StartedAt.Time)
	w.family("socketha_info", gauge, "This Socket as its appliance describes it; always 1.")
	w.count(1, "serial", text(d.Self.Serial), "model", text(d.Self.Model), "version", text(d.Self.Version),
		"configured_role", text(d.Self.ConfiguredRole), "site", text(d.Site.ID))
}

func (w *writer) verdict(d *status.Document) {
	w.family("socketha_ready", gauge, "1 if the pair is ready: the other Socket can take over without loss. 0 also if that is not known.")
	w.flag(d.Readiness == "ready")
	w.family("socketha_readiness_changed_timestamp_seconds", gauge, "Since when the readiness is what it is, in seconds since 1970.")
	w.moment(d.ReadinessSince.Time)
	w.family("socketha_compatibility", gauge, "Whether the major versions of the two Sockets match: 1 for the state that holds.")
	w.states(d.Compatibility, compatibilityStates)

	conditions := [...]struct {
		name string
		*status.Condition
	}{
		{"connected", &d.Conditions.Connected},
		{"keepalive", &d.Conditions.Keepalive},
		{"compatible_version", &d.Conditions.CompatibleVersion},
	}
	w.family("socketha_condition", gauge, "The three conditions of readiness: 1 for the state that holds.")
	for _, c := range conditions {
		w.states(string(c.State), conditionStates, "condition", c.name)
	}
	w.family("socketha_condition_changed_timestamp_seconds", gauge, "Since when a condition is what it is, in seconds since 1970.")
	for _, c := range conditions {
		w.moment(c.Since.Time, "condition", c.name)
	}
	w.family("socketha_reason", gauge, "1 if this reason stands. Those of severity not_ready make the pair not ready.")
	for _, code := range status.Codes() {
		stands := slices.ContainsFunc(d.Reasons, func(r status.Reason) bool { return r.Code == code })
		w.flag(stands, "code", string(code), "severity", string(code.Severity()))
	}
	if d.Impact != nil {
		w.family("socketha_impact_capabilities", gauge, "Enabled capabilities that do not work now, that a failover would stop, and that it would bring back.")
		w.count(uint64(len(d.Impact.Now)), "when", "now")
		w.count(uint64(len(d.Impact.OnFailover)), "when", "on_failover")
		w.count(uint64(len(d.Impact.RestoredOnFailover)), "when", "restored_on_failover")
	}
}

func (w *writer) alarm(a *status.Alarm) {
	if a == nil {
		return
	}
	w.family("socketha_alarm", gauge, "Where the alarm stands in its life cycle: 1 for the state that holds.")
	w.states(a.State, alarmStates)
	w.family("socketha_alarm_changed_timestamp_seconds", gauge, "Since when the alarm is in its state, in seconds since 1970.")
	w.moment(a.Since.Time)
	w.family("socketha_alarm_raise_timestamp_seconds", gauge, "When a pending alarm will be raised, in seconds since 1970; absent otherwise.")
	if a.RaiseAt != nil {
		w.moment(a.RaiseAt.Time)
	}
	w.family("socketha_alarm_occurrences", gauge, "How often the alarm has occurred since it was first raised.")
	w.value(float64(a.Occurrences))
	w.family("socketha_alarm_flapping", gauge, "1 while the alarm changes too often to tell of each change.")
	w.flag(a.Flapping)
}

// sockets writes what exists once for each of the two.
func (w *writer) sockets(d *status.Document) {
	w.family("socketha_version_major", gauge, "Major version of a Socket's firmware; absent if it is unknown or unreadable.")
	w.number(d.Self.Major, "socket", "self")
	w.number(d.Peer.Major, "socket", "peer")
	w.family("socketha_ha_state", gauge, "The HA state of a Socket, as its appliance tells: 1 for the state that holds.")
	w.states(d.Self.HAState, haStates, "socket", "self")
	w.states(d.Peer.HAState, haStates, "socket", "peer")
	w.family("socketha_upgrade_declared", gauge, "1 while a firmware upgrade of the Socket is declared.")
	w.flag(d.Self.Upgrade != nil, "socket", "self")
	w.flag(d.Peer.Upgrade != nil, "socket", "peer")
	w.family("socketha_peer_known", gauge, "1 if the peer was ever heard, also before the agent's start.")
	w.flag(d.Peer.Known)
	w.family("socketha_peer_fresh", gauge, "1 if what is known of the peer is current; at 0 it is last known.")
	w.flag(d.Peer.Fresh)
	w.family("socketha_peer_age_seconds", gauge, "Time since the last heartbeat of the peer; absent if none was ever heard.")
	if d.Peer.AgeS != nil {
		w.value(*d.Peer.AgeS)
	}
}

func (w *writer) link(l *status.LinkStatus, flaps *uint64) {
	w.family("socketha_link_session", gauge, "State of the heartbeat session with the peer: 1 for the state that holds.")
	w.states(l.Session, sessionStates)
	w.family("socketha_link_carrier", gauge, "1 if the HA interface has a carrier; absent if that is not known.")
	if l.Carrier != nil {
		w.flag(*l.Carrier)
	}
	w.counter("socketha_link_flaps_total", "How often the HA interface was lost.", flaps)
	w.family("socketha_link_transmit_interval_seconds", gauge, "Time between two heartbeats sent, as negotiated; absent without a session.")
	w.milliseconds(l.TxIntervalMS)
	w.family("socketha_link_detection_time_seconds", gauge, "Silence after which the peer counts as lost, as negotiated; absent without a session.")
	w.milliseconds(l.DetectMS)
	w.family("socketha_link_round_trip_seconds", gauge, "Round trip to the peer's agent, last measured; absent before that.")
	if l.RTTMS != nil {
		w.value(*l.RTTMS / 1e3)
	}
	w.counter("socketha_heartbeats_sent_total", "Heartbeats sent.", &l.Sent)
	w.counter("socketha_heartbeats_received_total", "Heartbeats received from the authenticated peer.", &l.Received)
	w.counter("socketha_heartbeats_lost_total", "Heartbeats missing in the peer's sequence.", &l.Lost)
	w.rejected(l.Rejected)
}

// rejected writes the refusals by reason. The reasons are words of our own, but
// their number is bounded here too.
func (w *writer) rejected(by map[string]uint64) {
	reasons := slices.Sorted(maps.Keys(by))
	w.family("socketha_link_rejected_total", counter, "Datagrams, records and handshakes on the HA link that were refused.")
	var other uint64
	for i, reason := range reasons {
		if i < MaxReasons && reason != "other" {
			w.count(by[reason], "reason", reason)
		} else {
			other += by[reason]
		}
	}
	if other > 0 || len(reasons) == 0 {
		w.count(other, "reason", "other") // so that the metric exists before anything is refused
	}
}

func (w *writer) upstream(u *status.UpstreamStatus) {
	if u == nil {
		return
	}
	w.family("socketha_upstream", gauge, "The way to the cloud: 1 for the state that holds.")
	w.states(u.State, upstreamStates)
	w.family("socketha_upstream_last_delivered_timestamp_seconds", gauge, "When a report was last delivered, in seconds since 1970; absent if none was.")
	if u.LastDeliveredAt != nil {
		w.moment(u.LastDeliveredAt.Time)
	}
	w.family("socketha_upstream_queued_reports", gauge, "Reports that wait to be delivered.")
	if u.Queued != nil {
		w.count(*u.Queued)
	}
	w.counter("socketha_upstream_dropped_reports_total", "Reports dropped undelivered, because newer ones needed the room.", u.Dropped)
}

// internals writes how the agent itself does.
func (w *writer) internals(c *Counters) {
	w.counter("socketha_syslog_messages_total", "Messages handed to the syslog.", c.SyslogSent)
	w.counter("socketha_syslog_dropped_total", "Messages that the syslog did not take in time.", c.SyslogDropped)
	w.counter("socketha_local_evicted_connections_total", "Connections to the local interface closed to make room for newer ones.", c.LocalEvicted)
	w.counter("socketha_local_refused_streams_total", "Streams of events refused because there were too many.", c.LocalRefused)
	w.counter("socketha_journal_errors_total", "Writes of the journal that failed. What they held is kept in memory and tried again.", c.JournalErrors)
	w.counter("socketha_config_reloads_total", "Configurations taken over while running.", c.Reloads)
	w.counter("socketha_config_reload_errors_total", "Configurations refused while running; the one before stayed in force.", c.ReloadErrors)
}

// counter writes a family of one series, unless n is nil.
func (w *writer) counter(name, help string, n *uint64) {
	if n == nil {
		return
	}
	w.family(name, counter, help)
	w.count(*n)
}

func (w *writer) number(n *int, labels ...string) {
	if n != nil {
		w.value(float64(*n), labels...)
	}
}

func (w *writer) milliseconds(ms *int64) {
	if ms != nil {
		w.value(float64(*ms) / 1e3)
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
