package status

import (
	"strconv"

	"socketha/peer/compat"
)

// namesOf returns what the placeholders of texts.go stand for in every reason,
// all of it escaped. The params of a reason come first; what they lack reads as
// "unknown".
func namesOf(in *Input, upgrade compat.Which) map[string]string {
	names := map[string]string{
		"self": "this Socket", "Self": "This Socket",
		"peer": "the peer", "Peer": "The peer",
		"link": "the HA interface", "Link": "The HA interface",
	}
	if sn := compat.Show(in.Self.Serial); sn != "" {
		names["self"] += " (S/N " + sn + ")"
		names["Self"] += " (S/N " + sn + ")"
	}
	if sn := compat.Show(in.Peer.Serial); sn != "" {
		names["peer"] += " (S/N " + sn + ")"
		names["Peer"] += " (S/N " + sn + ")"
	}
	if name := compat.Show(in.Link.Interface); name != "" {
		names["link"] = "HA interface " + name
		names["Link"] = "HA interface " + name
	}
	switch upgrade {
	case compat.Local:
		names["lower"] = names["self"]
	case compat.Peer:
		names["lower"] = names["peer"]
	case compat.Neither:
	}
	for _, name := range [...]string{"self_serial", "shown_serial", "expected_serial", "peer_version", "detail"} {
		names[name] = "unknown"
	}
	return names
}

// params are the parameters of a reason; empty strings are left out.
type params map[string]any

// put adds a string that may hold anything, escaped and cut.
func (p params) put(name, raw string) params {
	if raw != "" {
		p[name] = compat.Show(raw)
	}
	return p
}

// both adds what the two Sockets have.
func (p params) both(name, ours, theirs string) params {
	return p.put("self_"+name, ours).put("peer_"+name, theirs)
}

// valuesOf returns the lookup that [expand] asks.
func valuesOf(p params, names map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		switch v := p[name].(type) {
		case string:
			return v, true
		case int:
			return strconv.Itoa(v), true
		}
		v, ok := names[name]
		return v, ok
	}
}
