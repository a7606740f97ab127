package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Bounds of an answer.
const (
	MaxAnswer  = 64 << 10 // bytes an agent reads of one
	MinCadence = 30 * time.Second
	MaxCadence = time.Hour
)

// Answer is what a receiver says to a report. Every field may be left out, and an
// answer without a body says nothing.
type Answer struct {
	// Position is the last one taken of this Socket. With a success it is the
	// report's own, with 409 the one to go above.
	Position

	// CadenceS is how often to report when nothing changes, in whole seconds, from
	// MinCadence to MaxCadence; 0: as the agent is configured.
	CadenceS int `json:"cadence_s,omitempty"`

	// Error says to a person why a report was refused, in one sentence.
	Error string `json:"error,omitempty"`
}

// Cadence returns CadenceS as a duration.
func (a *Answer) Cadence() time.Duration { return time.Duration(a.CadenceS) * time.Second }

// ParseAnswer reads an answer that anybody may have written. Empty is the zero answer.
// What is no JSON object, or has a position that is none, is an error: such an
// answer acknowledges nothing. A cadence that is none or out of bounds, and an error
// that is no text, are ignored; ignored counts them.
func ParseAnswer(b []byte) (a Answer, ignored int, err error) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 {
		return Answer{}, 0, nil
	}
	if len(b) > MaxAnswer {
		return Answer{}, 0, fmt.Errorf("answer: more than %d bytes", MaxAnswer)
	}
	var raw struct {
		Epoch   *uint64         `json:"epoch"`
		Seq     *uint64         `json:"seq"`
		Cadence json.RawMessage `json:"cadence_s"`
		Error   json.RawMessage `json:"error"`
	}
	if b[0] != '{' {
		return Answer{}, 0, errors.New("answer: not a JSON object")
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return Answer{}, 0, errors.New("answer: not the JSON object expected")
	}
	if raw.Epoch != nil && raw.Seq != nil {
		a.Epoch, a.Seq = *raw.Epoch, *raw.Seq
	}
	// Epoch 0 with seq 0 is a receiver that has taken none yet.
	if (raw.Epoch == nil) != (raw.Seq == nil) || a.Position != (Position{}) && !a.Valid() {
		return Answer{}, 0, fmt.Errorf("answer: epoch and seq are not both in 1 to %d", int64(MaxCounter))
	}
	var ok bool
	if a.CadenceS, ok = readCadence(raw.Cadence); !ok {
		ignored++
	}
	if len(raw.Error) > 0 && json.Unmarshal(raw.Error, &a.Error) != nil {
		a.Error, ignored = "", ignored+1
	}
	return a, ignored, nil
}

func readCadence(raw json.RawMessage) (seconds int, ok bool) {
	var n *int
	if len(raw) == 0 {
		return 0, true
	}
	if json.Unmarshal(raw, &n) != nil {
		return 0, false
	}
	switch {
	case n == nil: // null
		return 0, true
	case *n < int(MinCadence/time.Second), *n > int(MaxCadence/time.Second):
		return 0, false
	}
	return *n, true
}
