package web

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"socketha/agent/status"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
	"socketha/peer/compat"
)

// funcs are what templates may call. Whatever they return is text, and is escaped.
var funcs = template.FuncMap{
	"link": link, "age": age, "ago": ago, "stamp": stamp, "iso": iso, "tone": tone, "word": word, "headline": headline,
	"label": story.Label, "critical": critical, "kind": kindWord, "show": compat.Show, "severity": severity, "dash": dash,
}

// Tones: how something stands. Shape and word say it too; colour comes last.
const (
	good   = "good"
	wrong  = "bad"
	unsure = "unsure"
	idle   = "idle"
)

// tone returns the tone of a word of the contract.
func tone(v any) string {
	switch fmt.Sprint(v) {
	case "ok", "ready", "compatible", "heard", "closed", string(StatusWarning):
		return good
	case "fail", "not_ready", "incompatible", "open", "silent":
		return wrong
	case "not_evaluated", "":
		return idle
	}
	return unsure
}

// StatusWarning is no word of the contract: ready, with a warning.
const StatusWarning = "ready_warning"

// word returns what is shown for a word of the contract.
func word(v any) string {
	switch w := fmt.Sprint(v); w {
	case "ok":
		return "OK"
	case "fail", "not_ready":
		return "Not Ready"
	case "not_evaluated":
		return "Not evaluated"
	case "":
		return "Unknown"
	case "cloud_path":
		return "Way to the cloud is broken"
	case "not_heard":
		return "Not heard"
	case "down":
		return "Down"
	case "stopped":
		return "Stopped as planned"
	default:
		return sentence(w)
	}
}

// sentence starts a word of the contract with a capital. Others stay data.
func sentence(w string) string {
	w = strings.ReplaceAll(w, "_", " ")
	if w == "" || w[0] < 'a' || w[0] > 'z' {
		return w
	}
	return string(w[0]-'a'+'A') + w[1:]
}

// headlines say a reason in a few words. The words of the About page where it has them.
var headlines = map[status.Code]string{
	status.CodeIncompatible:      "Incompatible major versions",
	status.CodeNoKeepalive:       "No keepalive from the peer",
	status.CodeDisconnected:      "Socket disconnected",
	status.CodePeerUnknown:       "The peer is not known",
	status.CodePeerStale:         "The peer is not heard now",
	status.CodeVersionUnreadable: "A version cannot be read",
	status.CodeModelMismatch:     "The models do not form a pair",
	status.CodePeerReplaced:      "The peer was replaced",
	status.CodeIdentityConflict:  "Identity conflict",
	status.CodeSplitBrain:        "Split brain: both active",
	status.CodeNoActive:          "No Socket is active",
	status.CodeRoleConflict:      "Both have the same role",
	status.CodeLinkDown:          "The HA link is down",
	status.CodeMTU:               "The HA link loses large packets",
	status.CodeProtocolMismatch:  "The agents share no protocol",
	status.CodeCapabilityGap:     "Capabilities differ",
	status.CodeViewsDiffer:       "Verdicts differ",
	status.CodeCatalogDiffers:    "Feature catalogs differ",
	status.CodeClockUnset:        "The clock is not set",
	status.CodeUpgradeOverdue:    "An upgrade is overdue",
	status.CodeFlapping:          "Ready and Not Ready in turns",
}

func headline(code string) string {
	if h, ok := headlines[status.Code(code)]; ok {
		return h
	}
	return code
}

func severity(code string) status.Severity { return status.Code(code).Severity() }

// kindWord says what an entry of a timeline is.
func kindWord(kind string) string {
	if kind == "note" {
		return "Note"
	}
	return sentence(kind)
}

func critical(n int) string {
	switch {
	case n >= 6:
		return wrong
	case n >= 4:
		return unsure
	}
	return idle
}

// age says how long something lasts, in the words of the About page.
func age(now, since time.Time) string {
	s := max(0, int64(now.Sub(since)/time.Second))
	m, h := s/60, s/3600
	switch {
	case since.IsZero():
		return "–"
	case s < 60:
		return strconv.FormatInt(s, 10) + " s"
	case m < 60:
		return strconv.FormatInt(m, 10) + " min"
	case h < 48 && m%60 == 0:
		return strconv.FormatInt(h, 10) + " h"
	case h < 48:
		return strconv.FormatInt(h, 10) + " h " + strconv.FormatInt(m%60, 10) + " min"
	}
	return strconv.FormatInt(h/24, 10) + " days"
}

func ago(now, at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	if at.After(now.Add(time.Second)) {
		return "in " + age(at, now)
	}
	return age(now, at) + " ago"
}

// stamp is a time for people: of today without the day would be ambiguous in a copy.
func stamp(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func dash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// standing is the word by which lists colour and sort a site.
func standing(one *store.Site) string {
	if one.State == site.Ready && len(one.Reasons) > 0 {
		return StatusWarning
	}
	return string(one.State)
}
