package status

import (
	"socketha/peer"
	"socketha/peer/compat"
)

// remedy returns what makes an incompatible pair compatible: always an upgrade
// of the Socket with the lower major. Nil unless incompatible.
func remedy(in *Input, v compat.Verdict, names map[string]string) *Remedy {
	if v.Compatibility != peer.Incompatible {
		return nil
	}
	p, lower := remedyParams(in, v), v.Local
	if v.Upgrade == compat.Peer {
		lower = v.Peer
	}
	values := valuesOf(p, names)
	words, where := remedyText, remedyWhere
	if upgrading(in) {
		words = remedyUpgrading
	}
	r := &Remedy{
		FromVersion: compat.Show(lower.Raw),
		ToMajor:     max(v.Local.Version.Major(), v.Peer.Version.Major()),
		Text:        expand(words, values),
	}
	if sn, ok := p["upgrade_serial"].(string); ok {
		r.UpgradeSerial = &sn
	} else {
		where = remedyWhereNoSerial
	}
	r.Where = expand(where, values)
	return r
}

// remedyParams are the params that name the Socket to upgrade and its target.
func remedyParams(in *Input, v compat.Verdict) params {
	p := params{"to_major": max(v.Local.Version.Major(), v.Peer.Version.Major())}
	if v.Upgrade == compat.Local {
		return p.put("upgrade_serial", in.Self.Serial).put("from_version", in.Self.Version)
	}
	return p.put("upgrade_serial", in.Peer.Serial).put("from_version", in.Peer.Version)
}

// upgrading reports whether either Socket has declared an upgrade, as known now.
func upgrading(in *Input) bool {
	return in.Self.Upgrade.Declared || in.Peer.Fresh && in.Peer.Upgrade.Declared
}
