package status

import (
	"strings"
	"time"

	"socketha/peer"
	"socketha/peer/compat"
)

// grace is how long both Sockets or none may be active before it counts: a
// takeover takes 3 to 4 s. The same time is given to a session that is just
// being set up before its one-way talk counts as a fault.
const grace = 10 * time.Second

// finding is a condition before it is known since when it stands.
type finding struct {
	state  ConditionState
	detail string
}

// connected judges the ways to the cloud. Only a Socket that has one configured
// counts, and of the peer only what it says now.
func connected(in *Input) finding {
	ours, theirs := upstreams(in)
	switch {
	case ours == peer.UpstreamDisconnected && theirs == peer.UpstreamDisconnected:
		return finding{StateFail, "Neither Socket has a connection to its cloud."}
	case ours == peer.UpstreamDisconnected:
		return finding{StateFail, "This Socket has no connection to its cloud" + because(in.Upstream.Fault)}
	case theirs == peer.UpstreamDisconnected:
		return finding{StateFail, "The peer has no connection to its cloud."}
	case ours == peer.UpstreamNotConfigured && theirs == peer.UpstreamNotConfigured:
		return finding{StateNotEvaluated, "No cloud is configured on either Socket."}
	case ours == peer.UpstreamUnknown:
		return finding{StateUnknown, "This Socket has not finished its first report to the cloud."}
	case !in.Peer.Fresh:
		return finding{StateUnknown, "The peer is not heard, so its connection is not known."}
	case theirs == peer.UpstreamUnknown:
		return finding{StateUnknown, "The peer has not finished its first report to the cloud."}
	case ours == peer.UpstreamNotConfigured:
		return finding{StateOK, "The peer is connected; no cloud is configured here."}
	case theirs == peer.UpstreamNotConfigured:
		return finding{StateOK, "This Socket is connected; no cloud is configured on the peer."}
	}
	return finding{StateOK, "Both Sockets are connected."}
}

// because ends a sentence with its cause, if there is one.
func because(fault string) string {
	if fault == "" {
		return "."
	}
	return ": " + strings.TrimSuffix(fault, ".") + "."
}

// upstreams returns how both Sockets stand with their cloud, as known now.
func upstreams(in *Input) (ours, theirs peer.UpstreamState) {
	if in.Upstream != nil {
		ours = in.Upstream.State
	}
	if in.Peer.Fresh {
		theirs = in.Peer.Upstream
	}
	return ours, theirs
}

// compatibleVersion turns the verdict into the condition.
func compatibleVersion(in *Input, v compat.Verdict) finding {
	switch {
	case in.Peer.Fresh && v.Compatibility == peer.Compatible:
		return finding{StateOK, v.Summary()}
	case in.Peer.Fresh && v.Compatibility == peer.Incompatible:
		return finding{StateFail, v.Summary()}
	case in.Peer.Fresh:
		return finding{StateUnknown, v.Summary()}
	case in.Peer.Known:
		return finding{StateUnknown, "The peer is not heard now; the version known of it is its last."}
	}
	return finding{StateUnknown, "The peer's version is not known."}
}

// judgeVersions returns the verdict over both versions, unknown unless the
// peer's is fresh.
func judgeVersions(in *Input) compat.Verdict {
	v := compat.Judge(in.Self.Version, in.Peer.Version)
	if !in.Peer.Fresh {
		v.Compatibility, v.Upgrade, v.GapMajors = peer.CompatibilityUnknown, compat.Neither, nil
	}
	return v
}

// pulse is how the pair stands as heard over the link: the keepalive condition
// with its cause.
type pulse uint8

const (
	pulseUnheard     pulse = iota // not heard since our start
	pulseStopped                  // stopped as planned
	pulseMismatch                 // heard in a protocol we do not speak
	pulseLinkDown                 // the interface is down
	pulseLost                     // heard, then lost
	pulseMeeting                  // heard, and just getting to know each other
	pulseOneWay                   // heard, but does not hear us
	pulseRoleSilent               // our role source does not answer
	pulseChanging                 // not exactly one active, within the grace
	pulseDeclared                 // not exactly one active, as declared
	pulseSplit                    // both active
	pulseNoActive                 // none active
	pulseRolesUnread              // heartbeats arrive, HA states not compared
	pulseOK                       // heartbeats arrive, exactly one active
)

// pulses is the keepalive condition for each pulse.
var pulses = [...]finding{
	pulseUnheard:     {StateUnknown, "The peer has not been heard since this agent started."},
	pulseStopped:     {StateUnknown, "The peer stopped as planned."},
	pulseMismatch:    {StateFail, "The peer speaks another heartbeat protocol."},
	pulseLinkDown:    {StateFail, "The HA link is down."},
	pulseLost:        {StateFail, "Heartbeats from the peer have stopped."},
	pulseMeeting:     {StateUnknown, "The peer is heard; waiting for it to hear this Socket."},
	pulseOneWay:      {StateFail, "The peer is heard, but it does not hear this Socket."},
	pulseRoleSilent:  {StateUnknown, "Heartbeats arrive, but this Socket cannot read its own HA state."},
	pulseChanging:    {StateOK, "Heartbeats arrive; the active Socket is changing."},
	pulseDeclared:    {StateOK, "Heartbeats arrive; a failover is declared."},
	pulseSplit:       {StateFail, "Heartbeats arrive, but both Sockets are active."},
	pulseNoActive:    {StateFail, "Heartbeats arrive, but no Socket is active."},
	pulseRolesUnread: {StateOK, "Heartbeats arrive; the HA states are not compared."},
	pulseOK:          {StateOK, "Heartbeats arrive; exactly one Socket is active."},
}

// keepalive is the condition for a pulse, with what is known of its cause.
func keepalive(in *Input, p pulse) finding {
	f := pulses[p]
	if p == pulseRoleSilent && in.Self.HADetail != "" {
		f.detail = strings.TrimSuffix(f.detail, ".") + " from " + in.Self.HASource + ": " + in.Self.HADetail + "."
	}
	return f
}

// sessionPulse judges the link and the session. A planned stop is not a failure
// even if it takes the link down with it, as it does on a direct cable.
func sessionPulse(in *Input) pulse {
	switch {
	case in.Peer.Mismatch != nil:
		return pulseMismatch
	case in.Peer.PlannedStop:
		return pulseStopped
	case !in.Peer.Heard:
		return pulseUnheard
	case linkFault(in.Link) != "":
		return pulseLinkDown
	case !in.Peer.Fresh:
		return pulseLost
	case in.Link.Session != peer.StateUp:
		return pulseOneWay
	}
	return pulseOK
}

// rolesPulse judges the HA states of a pair whose session is up.
func rolesPulse(in *Input) pulse {
	ours, theirs := in.Self.HAState, in.Peer.HAState
	switch {
	case in.Self.HASource == "":
		return pulseRolesUnread
	case ours == peer.HAUnknown:
		return pulseRoleSilent
	case theirs == peer.HAUnknown:
		return pulseRolesUnread
	case ours != theirs:
		return pulseOK
	case in.FailoverDeclared:
		return pulseDeclared
	case ours == peer.HAActive:
		return pulseSplit
	}
	return pulseNoActive
}

// linkFault returns how the HA interface is down ("missing", "down",
// "no_carrier"), empty if it is not or has not been looked at.
func linkFault(l Link) string {
	switch {
	case !l.Observed:
		return ""
	case !l.Exists:
		return "missing"
	case l.Carrier == No:
		return "no_carrier"
	case !l.Up:
		return "down"
	}
	return ""
}
