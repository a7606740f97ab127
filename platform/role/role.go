package role

import "time"

// HA is the state of this Socket in its pair.
type HA uint8

// HA values. The zero value is what nobody has answered.
const (
	Unknown HA = iota
	Active
	Standby
)

// String returns "active", "standby" or "unknown", the words of the contract.
func (h HA) String() string {
	switch h {
	case Active:
		return "active"
	case Standby:
		return "standby"
	case Unknown:
	}
	return "unknown"
}

// State is the HA state at one moment, with who says so.
type State struct {
	HA HA

	// Source is the word of the source that tells it, or of the one that should
	// and does not: "keepalived", "frr", "hook", "vip"; "auto" if none of several
	// is there. Never empty.
	Source string

	// Since is when HA became what it is, or when the watcher was made. It
	// carries a monotonic reading.
	Since time.Time

	// Detail is one line in English: what was read, or why nothing was. What it
	// quotes of others is escaped and cut.
	Detail string
}

// same reports whether s and o say the same, whenever it began.
func (s State) same(o State) bool {
	return s.HA == o.HA && s.Source == o.Source && s.Detail == o.Detail
}

// Kind names a source of the HA state.
type Kind string

// The sources.
const (
	Auto           Kind = "auto" // the first that answers of those configured
	FromKeepalived Kind = "keepalived"
	FromFRR        Kind = "frr"
	FromHook       Kind = "hook"
	FromVIP        Kind = "vip"
)
