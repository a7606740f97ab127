package schema

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"socketha/agent/status"
)

// Bounds of what is in a document, as a receiver takes it. An agent stays far below.
const (
	maxText    = 4096 // bytes of a string
	maxMap     = 64   // entries of a map
	maxReasons = 64
	maxImpact  = 5000 // entries of one list: the features of a catalog
	maxParam   = 256  // bytes of a value in the params of a reason
)

// word is a field that holds one of a few words.
type word struct {
	field, has string
	of         []string
}

var (
	readinessWords     = []string{"ready", "not_ready"}
	compatibilityWords = []string{"compatible", "incompatible", "unknown"}
	viewWords          = []string{"ready", "not_ready", "unknown"}
	conditionWords     = []string{
		string(status.StateOK), string(status.StateFail), string(status.StateUnknown), string(status.StateNotEvaluated),
	}
	haWords       = []string{"active", "standby", "unknown"}
	upstreamWords = []string{"connected", "disconnected", "not_configured", "unknown"}
	sessionWords  = []string{"up", "init", "down", "admin_down", "unknown"}
	roleWords     = []string{"primary", "secondary"}
	causeWords    = []string{string(CauseStart), string(CauseChange), string(CausePeriodic)}
	alarmWords    = []string{"clear", "pending", "raised", "clearing"}
	sourceWords   = []string{"advertised", "catalog", "unknown"}
	severityWords = []string{string(status.SeverityNotReady), string(status.SeverityWarning)}
)

// checkWords checks the fields that a receiver decides by. A field that is missing
// has no word, so this is also the check that a document is whole.
func (r *Report) checkWords() error {
	words := []word{
		{"cause", string(r.Cause), causeWords},
		{"readiness", r.Readiness, readinessWords},
		{"compatibility", r.Compatibility, compatibilityWords},
		{"conditions.connected.state", string(r.Conditions.Connected.State), conditionWords},
		{"conditions.keepalive.state", string(r.Conditions.Keepalive.State), conditionWords},
		{"conditions.compatible_version.state", string(r.Conditions.CompatibleVersion.State), conditionWords},
		{"self.ha_state", r.Self.HAState, haWords},
		{"peer.ha_state", r.Peer.HAState, haWords},
		{"peer.capabilities.source", r.Peer.Capabilities.Source, sourceWords},
		{"link.session", r.Link.Session, sessionWords},
	}
	words = optional(words, "self.configured_role", r.Self.ConfiguredRole, roleWords)
	words = optional(words, "peer.configured_role", r.Peer.ConfiguredRole, roleWords)
	words = optional(words, "peer.view.readiness", r.Peer.View.Readiness, viewWords)
	words = optional(words, "peer.view.compatibility", r.Peer.View.Compatibility, compatibilityWords)
	if r.Alarm != nil {
		words = append(words, word{"alarm.state", r.Alarm.State, alarmWords})
	}
	if r.Upstream != nil {
		words = append(words, word{"upstream.state", r.Upstream.State, upstreamWords})
	}
	for _, reason := range r.Reasons {
		words = append(words, word{"reasons.severity", string(reason.Severity), severityWords})
	}
	for _, t := range r.Transitions {
		words = optional(words, "transitions.from.readiness", t.From.Readiness, viewWords)
		words = optional(words, "transitions.from.compatibility", t.From.Compatibility, compatibilityWords)
		words = optional(words, "transitions.to.readiness", t.To.Readiness, viewWords)
		words = optional(words, "transitions.to.compatibility", t.To.Compatibility, compatibilityWords)
	}
	for _, w := range words {
		if !slices.Contains(w.of, w.has) {
			return wrong("data."+w.field, "none of "+strings.Join(w.of, ", "))
		}
	}
	return nil
}

func optional(words []word, field string, has *string, of []string) []word {
	if has == nil {
		return words
	}
	return append(words, word{field, *has, of})
}

// checkNumbers checks that nothing is negative that is counted or measured, and how
// much of everything there is.
func (r *Report) checkNumbers() error {
	for _, f := range [...]struct {
		field    string
		negative bool
	}{
		{"agent.uptime_s", r.Agent.UptimeS < 0},
		{"peer.age_s", r.Peer.AgeS != nil && *r.Peer.AgeS < 0},
		{"self.major", r.Self.Major != nil && *r.Self.Major < 0},
		{"peer.major", r.Peer.Major != nil && *r.Peer.Major < 0},
		{"alarm.occurrences", r.Alarm != nil && r.Alarm.Occurrences < 0},
		{"transitions.duration_s", slices.ContainsFunc(r.Transitions, func(t status.Transition) bool {
			return t.DurationS != nil && *t.DurationS < 0
		})},
	} {
		if f.negative {
			return wrong("data."+f.field, "negative")
		}
	}
	if len(r.Reasons) > maxReasons {
		return wrong("data.reasons", fmt.Sprintf("more than %d", maxReasons))
	}
	for _, reason := range r.Reasons {
		if reason.Code == "" {
			return wrong("data.reasons.code", "missing")
		}
		for _, v := range reason.Params {
			if !isParam(v) {
				return wrong("data.reasons.params", fmt.Sprintf("not a number, a boolean or a string of at most %d bytes", maxParam))
			}
		}
	}
	return nil
}

func isParam(v any) bool {
	switch v := v.(type) {
	case string:
		return len(v) <= maxParam
	case float64, bool:
		return true
	}
	return false
}

// checkBounds looks at every string, list and map of a report, those included that
// later fields bring.
func checkBounds(r *Report) error {
	return bounded(reflect.ValueOf(r).Elem(), "data")
}

func bounded(v reflect.Value, field string) error {
	switch v.Kind() {
	case reflect.String:
		return checkText(v.String(), field)
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return bounded(v.Elem(), field)
		}
	case reflect.Slice:
		if v.Len() > maxImpact {
			return wrong(field, fmt.Sprintf("more than %d entries", maxImpact))
		}
		for i := range v.Len() {
			if err := bounded(v.Index(i), field); err != nil {
				return err
			}
		}
	case reflect.Map:
		return boundedMap(v, field)
	case reflect.Struct:
		return boundedStruct(v, field)
	default: // numbers and booleans
	}
	return nil
}

func boundedMap(v reflect.Value, field string) error {
	if v.Len() > maxMap {
		return wrong(field, fmt.Sprintf("more than %d entries", maxMap))
	}
	for it := v.MapRange(); it.Next(); {
		if err := bounded(it.Key(), field); err != nil {
			return err
		}
		if err := bounded(it.Value(), field); err != nil {
			return err
		}
	}
	return nil
}

func boundedStruct(v reflect.Value, field string) error {
	if v.Type() == reflect.TypeFor[status.Time]() {
		return nil
	}
	for i := range v.NumField() {
		if err := bounded(v.Field(i), join(field, v.Type().Field(i))); err != nil {
			return err
		}
	}
	return nil
}

// join names a field as it is written in JSON; an embedded struct has no name there.
func join(field string, f reflect.StructField) string {
	if f.Anonymous {
		return field
	}
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return field + "." + name
}

// checkText refuses what could deceive a reader, whatever shows it: control
// characters, and those that turn the direction of writing or show nothing.
func checkText(s, field string) error {
	if len(s) > maxText {
		return wrong(field, fmt.Sprintf("more than %d bytes", maxText))
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) }) {
		return wrong(field, "a control character")
	}
	return nil
}
