package status

// MaxTransitions bounds a History.
const MaxTransitions = 256

// Transition is one change of the verdict over the pair. Its versions are
// escaped and cut like every string of the [Document].
type Transition struct {
	Time Time `json:"time"`
	From View `json:"from"` // null within where the agent had just started
	To   View `json:"to"`

	Reasons     []string `json:"reasons"` // codes that stand from then on, gravest first
	SelfVersion *string  `json:"self_version"`
	PeerVersion *string  `json:"peer_version"` // the last known one
	DurationS   *float64 `json:"duration_s"`   // how long From had stood, in seconds; null if not known
}

// History is the answer to GET /v1/history: what the pair went through, newest first.
type History struct {
	Schema      int          `json:"schema"`
	Transitions []Transition `json:"transitions"` // at most MaxTransitions
}
