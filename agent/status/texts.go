package status

import "strings"

// text is what a reason says. Names in braces are replaced by the reason's
// params and by the names of names.go: {self} and {peer} name the Sockets with
// their serials ({Self} and {Peer} at the start of a sentence), {link} the
// HA interface.
type text struct {
	code    Code
	variant string
	summary string // what is wrong, one sentence
	action  string // what to do
}

// texts hold the words of every reason, for somebody woken at 3 a.m.: what is
// wrong with which Socket, then what to do first. The first entry of a code is
// the one used where no variant fits.
var texts = [...]text{
	{
		CodeIdentityConflict, "",
		"{Peer} does not prove who it says it is.",
		"Compare the serials and key fingerprints of both Sockets (socketha identity show) and make a new identity where they are wrong.",
	},
	{
		CodeIdentityConflict, "serial",
		"The peer shows this Socket's own serial, S/N {self_serial}.",
		"One of the Sockets was provisioned with the other's serial or is a copy of it: correct its serial and make it a new identity (socketha identity init).",
	},
	{
		CodeIdentityConflict, "key",
		"The peer shows this Socket's own key.",
		"The Sockets share one identity, as after copying a disk or a backup: make a new one on one of them (socketha identity init) and trust it on the other.",
	},
	{
		CodeIdentityConflict, "own_facts",
		"This Socket's serial file says S/N {shown_serial}, but its certificate is for S/N {expected_serial}.",
		"Correct the serial file, or make a new identity (socketha identity init) and trust it on the peer.",
	},
	{
		CodeIdentityConflict, "facts",
		"The peer states S/N {shown_serial}, but its certificate is for S/N {expected_serial}.",
		"Correct the serial of that Socket or make it a new identity (socketha identity init); do not rely on a failover until both agree.",
	},
	{
		CodePeerReplaced, "",
		"Another Socket, S/N {shown_serial}, stands in the place of the peer, S/N {expected_serial}.",
		"If the Socket was exchanged on purpose, trust the new one (socketha identity trust). If not, find out who is on the HA link.",
	},
	{
		CodeSplitBrain, "",
		"Both Sockets are active: {self} and {peer}.",
		"Find out why they do not hear each other's failover messages: VRRP on the LAN ports, VLANs, filters. Until then hosts may reach either Socket.",
	},
	{
		CodeNoActive, "",
		"No Socket is active: {self} and {peer} are both standby.",
		"Check the failover software (VRRP) on both Sockets: traffic of the site has no gateway until one of them is active.",
	},
	{
		CodeLinkDown, "",
		"{Link} is down, so the peer cannot be heard.",
		"Bring the interface up and check its cable and the port at the other end.",
	},
	{
		CodeLinkDown, "missing",
		"{Link} does not exist.",
		"Check the name of the HA interface in the configuration (socketha config show) and that its hardware or driver is there.",
	},
	{
		CodeLinkDown, "no_carrier",
		"{Link} has no carrier: its cable is unplugged, or the other end is off.",
		"Check the HA cable and that the peer has power.",
	},
	{
		CodeMTU, "",
		"{Link} passes small packets and loses those above {bytes} bytes, so the agents cannot agree on keys.",
		"Set the same MTU on both Sockets and on every switch between them.",
	},
	{
		CodeProtocolMismatch, "",
		"{Peer} speaks heartbeat protocol {peer_protocol} and this Socket {self_protocol}: they share no version.",
		"Update the agent of the Socket with the lower range.",
	},
	{
		CodeNoKeepalive, "",
		"Heartbeats from {peer} have stopped on {link}.",
		"Check that the peer has power and that its agent runs (socketha status there), then the HA cable.",
	},
	{
		CodeNoKeepalive, "one_way",
		"{Peer} is heard on {link}, but it does not hear this Socket.",
		"Check the HA link in the direction to the peer: cable, switch, and any filter for UDP at the peer.",
	},
	{
		CodePeerUnknown, "",
		"The other Socket of the pair has never been heard.",
		"Check that it has power and runs the agent, that the HA cable connects both, and that each Socket trusts the other's key (socketha identity show).",
	},
	{
		CodePeerUnknown, "setup",
		"The other Socket has not been heard: the HA link cannot be set up here: {detail}.",
		"Correct that on this Socket; the agent tries again by itself.",
	},
	{
		CodePeerUnknown, "refused_here",
		"Whoever is on {link} is not the Socket that is trusted: {detail}.",
		"If it is the right one, compare the fingerprints (socketha identity show on both) and trust its key here (socketha identity trust); if not, find out what is plugged in.",
	},
	{
		CodePeerUnknown, "refused_there",
		"The other Socket is on {link} and refuses this one.",
		"Compare the fingerprints (socketha identity show on both) and trust this Socket's key there (socketha identity trust).",
	},
	{
		CodePeerUnknown, "meeting",
		"{Peer} is heard on {link}; whether it hears this Socket is not known yet.",
		"Wait a few seconds: the two agents are just meeting.",
	},
	{
		CodePeerStale, "",
		"{Peer} is not heard now; its version {peer_version} is what it last ran.",
		"Check that the peer has power and that its agent runs. The versions are compared again with its first heartbeat.",
	},
	{
		CodePeerStale, "setup",
		"{Peer} is not heard now: the HA link cannot be set up here: {detail}.",
		"Correct that on this Socket; the agent tries again by itself.",
	},
	{
		CodePeerStale, "refused_here",
		"{Peer} is not heard now; whoever is on {link} is not the Socket that is trusted: {detail}.",
		"If the peer was given a new key, compare the fingerprints (socketha identity show on both) and trust it here (socketha identity trust); if not, find out what is plugged in.",
	},
	{
		CodePeerStale, "refused_there",
		"{Peer} is on {link} and refuses this Socket.",
		"Compare the fingerprints (socketha identity show on both) and trust this Socket's key there (socketha identity trust).",
	},
	{
		CodePeerStale, "planned_stop",
		"{Peer} stopped as planned; its version {peer_version} is what it last ran.",
		"Nothing, if the stop was intended: the peer is heard again once its agent runs. Otherwise start it.",
	},
	{
		CodeIncompatible, "",
		"The major versions differ: {self} runs {self_version}, {peer} runs {peer_version}.",
		"Upgrade {lower} from {from_version} to major version {to_major}. There is no downgrade.",
	},
	{
		CodeIncompatible, "upgrading",
		"The major versions differ while an upgrade is declared: {self} runs {self_version}, {peer} runs {peer_version}.",
		"Wait for the upgrade to end. If {lower} is not at major version {to_major} then, upgrade it.",
	},
	{
		CodeVersionUnreadable, "",
		"A version cannot be read.",
		"Correct the version file of that Socket.",
	},
	{
		CodeVersionUnreadable, "self",
		"The version of {self} cannot be read: \"{self_version}\", {self_fault}.",
		"Correct the version file of this Socket (socketha config show names it).",
	},
	{
		CodeVersionUnreadable, "peer",
		"The version of {peer} cannot be read: \"{peer_version}\", {peer_fault}.",
		"Correct the version file of the peer (socketha config show there names it).",
	},
	{
		CodeVersionUnreadable, "both",
		"Neither version can be read: {self} says \"{self_version}\", {self_fault}; {peer} says \"{peer_version}\", {peer_fault}.",
		"Correct the version files of both Sockets (socketha config show names them).",
	},
	{
		CodeModelMismatch, "",
		"{Self} and {peer} are models that do not form a pair: {self_model} and {peer_model}.",
		"Replace one of them, so that both are of one type.",
	},
	{
		CodeRoleConflict, "",
		"Both Sockets are configured as {role}: {self} and {peer}.",
		"Change the configured role of one of them.",
	},
	{
		CodeDisconnected, "",
		"A Socket has no connection to its cloud.",
		"Check its WAN links and name resolution.",
	},
	{
		CodeDisconnected, "self",
		"{Self} has no connection to its cloud.",
		"Check the WAN links, name resolution and clock of this Socket.",
	},
	{
		CodeDisconnected, "peer",
		"{Peer} has no connection to its cloud.",
		"Check the WAN links, name resolution and clock of the peer.",
	},
	{
		CodeDisconnected, "both",
		"Neither Socket has a connection to its cloud: {self} and {peer}.",
		"Check what both have in common: the WAN links of the site, and whether the cloud can be reached at all.",
	},
	{
		CodeViewsDiffer, "",
		"{Self} and {peer} see the same facts and come to different verdicts: {self_readiness} and {self_compatibility} here, {peer_readiness} and {peer_compatibility} there.",
		"Update the agent on both Sockets to one version; report it if they still differ.",
	},
	{
		CodeCapabilityGap, "",
		"{Self} and {peer} run the same major version, but a failover would stop {lost_on_failover} of the features in use and bring back {restored_on_failover}.",
		"Bring both Sockets to the same version. Until then see what a failover would cost (socketha impact).",
	},
	{
		CodeCapabilityGap, "unknown",
		"{Self} and {peer} run the same major version, but whether the standby Socket supports all features in use is not known: of {lost_on_failover} nothing tells.",
		"See which they are (socketha impact), and whether a capability manifest is missing or refused on one of the Sockets (the agent's log says why).",
	},
	{
		CodeCatalogDiffers, "",
		"{Self} and {peer} know different feature catalogs.",
		"Bring both Sockets to the same version.",
	},
	{
		CodeUpgradeOverdue, "",
		"A declared upgrade has not ended in time.",
		"Look at the Socket being upgraded, then declare how it ended (socketha upgrade end --result ok, failed or skipped).",
	},
	{
		CodeUpgradeOverdue, "self",
		"The upgrade declared on {self} has not ended in time.",
		"Look whether it is still going on, then declare here how it ended (socketha upgrade end --result ok, failed or skipped).",
	},
	{
		CodeUpgradeOverdue, "peer",
		"The upgrade declared on {peer} has not ended in time.",
		"Look whether it is still going on, then declare there how it ended (socketha upgrade end --result ok, failed or skipped).",
	},
	{
		CodeUpgradeOverdue, "both",
		"The upgrades declared on both Sockets have not ended in time: {self} and {peer}.",
		"Look whether they are still going on, then declare on each how it ended (socketha upgrade end --result ok, failed or skipped).",
	},
	{
		CodeFlapping, "",
		"The pair changes between Ready and Not Ready again and again.",
		"Look at the transitions (socketha history) for what comes and goes, first of all the HA cable.",
	},
	{
		CodeCertificateEnds, "",
		"This Socket's certificate is valid until {not_after}.",
		"Renew it before then: afterwards the peer refuses this Socket at its next connection.",
	},
	{
		CodeCertificateEnds, "peer",
		"The peer's certificate (S/N {serial}) is valid until {not_after}.",
		"Renew it on the peer before then: afterwards it is refused here at its next connection.",
	},
	{
		CodeClockUnset, "",
		"The clock of {self} is not set, so the times shown are wrong; ages are right.",
		"Check that this Socket reaches a time server.",
	},
}

// Words of the remedy.
const (
	remedyText          = "Upgrade {lower} from version {from_version} to major version {to_major}. There is no downgrade."
	remedyUpgrading     = "An upgrade is declared: wait for it to end. If {lower} is not at major version {to_major} then, upgrade it."
	remedyWhere         = "In the management console at the Socket with S/N {upgrade_serial}, or by a support request that names this S/N"
	remedyWhereNoSerial = "In the management console at {lower}, or by a support request that names its S/N"
)

// lookup returns the words of a code, those of the variant if there are such.
func lookup(code Code, variant string) text {
	fallback := text{code: code, summary: string(code), action: "Update this command or agent."}
	found := false
	for _, t := range texts {
		if t.code != code {
			continue
		}
		if t.variant == variant {
			return t
		}
		if !found {
			fallback, found = t, true
		}
	}
	return fallback
}

// expand replaces each {name} in one pass, so that a brace in a value stays what
// it is. A name without a value stays as it stands, for a test to find.
func expand(words string, value func(name string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(words, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		v, known := value(name)
		if !closed || !known {
			b.WriteString("{")
			words = rest
			continue
		}
		b.WriteString(v)
		words = after
	}
}
