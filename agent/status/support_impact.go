package status

// ImpactList is one list of an [Impact] with what it means, for people.
type ImpactList struct {
	Meaning string
	Entries []ImpactEntry
}

// Lists returns the three lists in the order in which they matter to somebody who
// thinks of a failover.
func (i *Impact) Lists() [3]ImpactList {
	return [3]ImpactList{
		{"Would stop at a failover", i.OnFailover},
		{"Does not work now", i.Now},
		{"Would come back at a failover", i.RestoredOnFailover},
	}
}

// ImpactBasis says in a sentence which Socket the impact takes for the active
// one, and why; empty without an impact.
func (d *Document) ImpactBasis() string {
	if d.Impact == nil {
		return ""
	}
	self := "This Socket" + number(d.Self.Serial)
	other := "The peer" + number(d.Peer.Serial)
	switch d.Impact.Basis {
	case "ha_state":
		if d.Self.HAState == "active" {
			return self + " is active, as the HA states say."
		}
		return other + " is active, as the HA states say."
	case "primary_assumed":
		if said(d.Self.ConfiguredRole, "") == "primary" || said(d.Peer.ConfiguredRole, "") == "secondary" {
			return self + " is taken for the active one, as the configured primary: the HA states do not tell."
		}
		return other + " is taken for the active one, as the configured primary: the HA states do not tell."
	case "other_assumed":
		if d.Self.HAState == "standby" {
			return other + " is taken for the active one, because this Socket is standby."
		}
		return self + " is taken for the active one, because the peer is standby."
	case "self_assumed":
		return self + " is taken for the active one: nothing tells which of them is."
	}
	return "Which Socket is active was told by: " + d.Impact.Basis + "."
}

func number(serial *string) string {
	if serial == nil {
		return ""
	}
	return " (S/N " + *serial + ")"
}

// ImpactUnknown says why the document has no impact; empty if it has one.
func (d *Document) ImpactUnknown() string {
	switch {
	case d.Impact != nil:
		return ""
	case !d.Peer.Known:
		return "the other Socket has never been heard, so its features are not known."
	case d.Self.Capabilities.Count == nil && d.Peer.Capabilities.Count == nil:
		return "neither Socket tells which features this site uses (capability manifest)."
	}
	return "this agent does not compute it."
}
