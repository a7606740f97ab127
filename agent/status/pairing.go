package status

import (
	"slices"

	"socketha/peer"
	"socketha/peer/compat"
)

// modelCauses compare the models: equal ones form a pair, and those that are
// said to. A model that is not known is not judged.
func modelCauses(in *Input) []cause {
	ours, theirs := in.Self.Model, in.Peer.Model
	switch {
	case !in.Peer.Fresh || ours == "" || theirs == "" || ours == theirs:
		return nil
	case slices.Contains(in.PairModels, ours) && slices.Contains(in.PairModels, theirs):
		return nil
	}
	p := params{}.both("serial", in.Self.Serial, in.Peer.Serial).both("model", ours, theirs)
	return []cause{{CodeModelMismatch, "", p}}
}

// featureCauses warn of what the versions do not show.
func featureCauses(in *Input) []cause {
	if in.Impact == nil || !in.Peer.Fresh {
		return nil
	}
	var list []cause
	both := params{}.both("serial", in.Self.Serial, in.Peer.Serial)
	if in.Impact.CapabilityGap {
		gap := both.both("version", in.Self.Version, in.Peer.Version)
		gap["lost_on_failover"], gap["restored_on_failover"] = len(in.Impact.OnFailover), len(in.Impact.RestoredOnFailover)
		variant := "unknown"
		if in.Impact.GapKnown {
			variant = ""
		}
		list = append(list, cause{CodeCapabilityGap, variant, gap})
	}
	if in.Impact.CatalogDiffers {
		list = append(list, cause{CodeCatalogDiffers, "", params{}.both("serial", in.Self.Serial, in.Peer.Serial)})
	}
	return list
}

// upgradeCauses warn of a declared upgrade that nobody has ended.
func upgradeCauses(in *Input) []cause {
	ours := in.Self.Upgrade.Declared && in.Self.Upgrade.Overdue
	theirs := in.Peer.Known && in.Peer.Upgrade.Declared && in.Peer.Upgrade.Overdue
	p := params{}
	if ours {
		p.put("self_serial", in.Self.Serial).put("self_target", in.Self.Upgrade.Target)
	}
	if theirs {
		p.put("peer_serial", in.Peer.Serial).put("peer_target", in.Peer.Upgrade.Target)
	}
	side := ""
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
	p["side"] = side
	return []cause{{CodeUpgradeOverdue, side, p}}
}

// shared are the reasons that follow from what both Sockets know of each other. A
// Socket that states one, and a peer that says "ready" from the same facts, cannot
// both be right. The reasons of the roles are not among them: a declared failover
// is known to one Socket only.
var shared = []Code{CodeIncompatible, CodeVersionUnreadable, CodeRoleConflict, CodeDisconnected}

// compareViews warns when the peer draws another conclusion from the same facts for
// longer than news takes to cross the link. It returns when that will be so.
func (e *Evaluator) compareViews(in *Input, v compat.Verdict, ours peer.Readiness, list []cause) ([]cause, Instant) {
	known := in.Peer.Fresh && in.SameInputs && in.Link.Session == peer.StateUp && in.Peer.Readiness != peer.ReadinessUnknown
	isShared := func(c cause) bool { return slices.Contains(shared, c.code) }
	differ := known && (in.Peer.Compatibility != v.Compatibility ||
		in.Peer.Readiness == peer.Ready && slices.ContainsFunc(list, isShared))
	over, deadline := e.views.over(differ, in.Now)
	if !over {
		return list, deadline
	}
	p := params{
		"self_readiness": ours.String(), "self_compatibility": v.Compatibility.String(),
		"peer_readiness": in.Peer.Readiness.String(), "peer_compatibility": in.Peer.Compatibility.String(),
	}.both("serial", in.Self.Serial, in.Peer.Serial)
	return ordered(append(list, cause{CodeViewsDiffer, "", p})), 0
}
