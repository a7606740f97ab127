package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"socketha/peer"
	"socketha/peer/compat"
)

// cause is a reason before it is known since when it stands.
type cause struct {
	code    Code
	variant string
	params  params
}

// causes returns every reason that stands, gravest first, at most one a code.
func causes(in *Input, v compat.Verdict, p pulse) []cause {
	list := identityCauses(in)
	list = append(list, linkCauses(in, p)...)
	list = append(list, rolesCauses(in, p)...)
	list = append(list, versionCauses(in, v)...)
	list = append(list, cloudCauses(in)...)
	list = append(list, certificateCauses(in)...)
	list = append(list, modelCauses(in)...)
	list = append(list, featureCauses(in)...)
	list = append(list, upgradeCauses(in)...)
	if in.Alarm != nil && in.Alarm.Flapping {
		list = append(list, cause{CodeFlapping, "", params{"occurrences": in.Alarm.Occurrences}})
	}
	if in.ClockUnset {
		list = append(list, cause{CodeClockUnset, "", params{}.put("self_serial", in.Self.Serial)})
	}
	return ordered(list)
}

// ordered sorts the gravest first and keeps one cause a code.
func ordered(list []cause) []cause {
	slices.SortStableFunc(list, func(a, b cause) int { return cmp.Compare(rank(a.code), rank(b.code)) })
	return slices.CompactFunc(list, func(a, b cause) bool { return a.code == b.code })
}

// identityCauses turns what was found about the peer's identity into reasons.
// Of several findings with one code the first is shown.
func identityCauses(in *Input) []cause {
	var list []cause
	for _, f := range in.Identity {
		code, variant := CodeIdentityConflict, ""
		switch f.Kind {
		case PeerShowsOurSerial:
			variant = "serial"
		case PeerShowsOurKey:
			variant = "key"
		case FactsDifferFromIdentity:
			variant = "facts"
		case OurFactsDiffer:
			variant = "own_facts"
		case PeerReplaced:
			code = CodePeerReplaced
		}
		p := params{}.put("self_serial", in.Self.Serial).
			put("shown_serial", f.Serial).put("expected_serial", f.Expected)
		list = append(list, cause{code, variant, p})
	}
	if in.Peer.Heard && in.Peer.Serial != "" && in.Peer.Serial == in.Self.Serial {
		p := params{}.put("self_serial", in.Self.Serial).put("shown_serial", in.Peer.Serial)
		list = append(list, cause{CodeIdentityConflict, "serial", p})
	}
	return list
}

// linkCauses are the reasons why the peer is not heard.
func linkCauses(in *Input, p pulse) []cause {
	var list []cause
	link := params{}.put("interface", in.Link.Interface)
	if fault := linkFault(in.Link); fault != "" {
		down := params{"fault": fault}.put("interface", in.Link.Interface).put("oper_state", in.Link.OperState)
		list = append(list, cause{CodeLinkDown, fault, down})
	}
	if in.Link.LosesAbove > 0 && !in.Peer.Fresh {
		lossy := params{"bytes": in.Link.LosesAbove}.put("interface", in.Link.Interface)
		list = append(list, cause{CodeMTU, "", lossy})
	}
	switch p {
	case pulseMismatch:
		ours := peer.ProtocolRange{Min: peer.ProtocolMin, Max: peer.ProtocolMax}
		ranges := params{}.put("peer_serial", in.Peer.Serial).both("protocol", rangeText(ours), rangeText(*in.Peer.Mismatch))
		list = append(list, cause{CodeProtocolMismatch, "", ranges})
	case pulseLost:
		list = append(list, cause{CodeNoKeepalive, "", link.put("peer_serial", in.Peer.Serial)})
	case pulseMeeting: // nothing has failed, and nothing is known for certain
		list = append(list, cause{CodePeerUnknown, "meeting", link.put("peer_serial", in.Peer.Serial)})
	case pulseOneWay:
		list = append(list, cause{CodeNoKeepalive, "one_way", link.put("peer_serial", in.Peer.Serial)})
	default:
	}
	return append(list, absenceCauses(in)...)
}

// absenceCauses say that the peer is not known, or known only from before.
func absenceCauses(in *Input) []cause {
	if in.Peer.Fresh {
		return nil
	}
	if !in.Peer.Known {
		if in.Peer.Mismatch != nil {
			return nil // it has been heard, and the mismatch says so
		}
		p := params{}.put("interface", in.Link.Interface)
		return []cause{{CodePeerUnknown, troubles[in.Link.Trouble], p.trouble(in.Link)}}
	}
	p := params{"planned_stop": in.Peer.PlannedStop}.
		put("peer_serial", in.Peer.Serial).put("peer_version", in.Peer.Version)
	if in.Link.Trouble != NoTrouble { // also after a stop: this is what keeps it away now
		return []cause{{CodePeerStale, troubles[in.Link.Trouble], p.trouble(in.Link)}}
	}
	if in.Peer.PlannedStop {
		return []cause{{CodePeerStale, "planned_stop", p}}
	}
	return []cause{{CodePeerStale, "", p}}
}

// troubles are the variants of the texts.
var troubles = [...]string{NoTrouble: "", TroubleSetup: "setup", RefusedHere: "refused_here", RefusedThere: "refused_there"}

// trouble adds what is known of it.
func (p params) trouble(l Link) params {
	if l.Trouble == NoTrouble {
		return p
	}
	p["trouble"] = troubles[l.Trouble]
	if l.TroubleDetail != "" {
		p["detail"] = l.TroubleDetail
	}
	return p
}

// certificateCauses name the certificate that runs out first.
func certificateCauses(in *Input) []cause {
	if len(in.Expiring) == 0 {
		return nil
	}
	e := in.Expiring[0]
	variant := "" // ours
	if e.Peer {
		variant = "peer"
	}
	p := params{"not_after": NewTime(e.NotAfter).Format(time.DateOnly)}.put("serial", e.Serial)
	return []cause{{CodeCertificateEnds, variant, p}}
}

// rolesCauses compare who the Sockets should be and what they do.
func rolesCauses(in *Input, p pulse) []cause {
	var list []cause
	switch p {
	case pulseSplit:
		list = append(list, cause{CodeSplitBrain, "", params{}.both("serial", in.Self.Serial, in.Peer.Serial)})
	case pulseNoActive:
		list = append(list, cause{CodeNoActive, "", params{}.both("serial", in.Self.Serial, in.Peer.Serial)})
	default:
	}
	if in.Peer.Fresh && in.Self.Role != peer.RoleUnknown && in.Self.Role == in.Peer.Role {
		same := params{"role": in.Self.Role.String()}.both("serial", in.Self.Serial, in.Peer.Serial)
		list = append(list, cause{CodeRoleConflict, "", same})
	}
	return list
}

// versionCauses say what keeps the versions from being compatible. Only a fresh
// version of the peer is judged; ours always is.
func versionCauses(in *Input, v compat.Verdict) []cause {
	both := params{}.both("serial", in.Self.Serial, in.Peer.Serial).both("version", in.Self.Version, in.Peer.Version)
	if v.Compatibility == peer.Incompatible {
		r := remedyParams(in, v)
		maps.Copy(r, both)
		variant := ""
		if upgrading(in) {
			variant = "upgrading"
		}
		return []cause{{CodeIncompatible, variant, r}}
	}
	side := ""
	ours, theirs := v.Local.Err != nil, in.Peer.Fresh && v.Peer.Err != nil
	switch {
	case ours && theirs:
		side = "both"
	case ours:
		side = "self"
	case theirs:
		side = "peer"
	default:
		return nil
	}
	p := params{"side": side}
	if ours {
		p["self_version"], p["self_fault"] = compat.Show(in.Self.Version), v.Local.Err.Error()
		if in.Self.VersionFault != "" {
			p["self_fault"] = in.Self.VersionFault
		}
		p.put("self_serial", in.Self.Serial)
	}
	if theirs {
		p["peer_version"], p["peer_fault"] = compat.Show(in.Peer.Version), v.Peer.Err.Error()
		p.put("peer_serial", in.Peer.Serial)
	}
	return []cause{{CodeVersionUnreadable, side, p}}
}

// cloudCauses say which Socket has lost its cloud.
func cloudCauses(in *Input) []cause {
	ours, theirs := upstreams(in)
	p, variant := params{}, ""
	if ours == peer.UpstreamDisconnected {
		variant = "self"
		p.put("self_serial", in.Self.Serial)
	}
	if theirs == peer.UpstreamDisconnected {
		p.put("peer_serial", in.Peer.Serial)
		if variant == "" {
			variant = "peer"
		} else {
			variant = "both"
		}
	}
	if variant == "" {
		return nil
	}
	p["side"] = variant
	return []cause{{CodeDisconnected, variant, p}}
}

// rangeText writes a protocol range: "1", or "1-3".
func rangeText(r peer.ProtocolRange) string {
	if r.Min == r.Max {
		return fmt.Sprint(r.Min)
	}
	return fmt.Sprintf("%d-%d", r.Min, r.Max)
}
