package role

import (
	"fmt"
	"strings"
	"time"
)

// This file decides what several sources together say. It is pure.

// standing is how a source stands.
type standing uint8

const (
	pending  standing = iota // has not reported yet
	absent                   // not in use here
	silent                   // in use here, and does not answer
	answered                 // answers; the answer may be Unknown
)

// report is what one source says, or why it says nothing. Its zero value is that of a
// source that was not asked yet.
type report struct {
	standing standing
	ha       HA
	detail   string // of an answer as of a silence

	// weak marks an answer by absence, which proves that this Socket is not
	// active and not that it could be.
	weak bool

	// late marks a silence that may be only a slow answer.
	late bool

	// split marks an answer that is Unknown because things do not agree, which
	// several that change one after the other do not for a moment.
	split bool
}

func answer(ha HA, format string, args ...any) report {
	return report{standing: answered, ha: ha, detail: fmt.Sprintf(format, args...)}
}

func silence(format string, args ...any) report {
	return report{standing: silent, detail: fmt.Sprintf(format, args...)}
}

func absence(format string, args ...any) report {
	return report{standing: absent, detail: fmt.Sprintf(format, args...)}
}

// agreeWithin is how long things may take to agree before it is said that they
// do not.
const agreeWithin = time.Second

// voice is a source with its latest report. It reads no clock.
type voice struct {
	kind  Kind
	last  report
	heard bool // has answered before, so that absence is silence

	next report    // one that waits to be the latest
	due  time.Time // when it is; zero: none waits
}

// hear takes the next report, made at now.
func (v *voice) hear(now time.Time, r report) {
	switch {
	case !r.split || v.last.standing != answered || v.last.split:
		v.last, v.due = r, time.Time{}
	case v.due.IsZero():
		v.next, v.due = r, now.Add(agreeWithin)
	default:
		v.next = r
	}
	v.heard = v.heard || r.standing == answered
}

// settle makes a report that has waited long enough the latest.
func (v *voice) settle(now time.Time) {
	if !v.due.IsZero() && !now.Before(v.due) {
		v.last, v.due = v.next, time.Time{}
	}
}

// choose returns what the first of the voices says that answers. Since is left
// to the caller.
func choose(voices []voice) State {
	dead := -1 // the first source that should answer and does not
	for i, v := range voices {
		switch {
		case v.last.standing == pending:
			// It answers in a moment, and it comes first.
			return State{Source: string(v.kind), Detail: "has not answered yet"}
		case v.last.standing == answered:
			if v.last.weak && dead >= 0 {
				continue
			}
			return State{HA: v.last.ha, Source: string(v.kind), Detail: v.last.detail}
		case dead < 0 && (v.last.standing == silent || v.heard):
			dead = i
		}
	}
	switch {
	case dead >= 0:
		return State{Source: string(voices[dead].kind), Detail: voices[dead].last.detail}
	case len(voices) == 1:
		return State{Source: string(voices[0].kind), Detail: voices[0].last.detail}
	}
	details := make([]string, 0, len(voices))
	for _, v := range voices {
		details = append(details, string(v.kind)+": "+v.last.detail)
	}
	return State{Source: string(Auto), Detail: strings.Join(details, "; ")}
}

// vote is the state of one of several things that should agree.
type vote struct {
	name string
	word string // as its owner calls the state
	ha   HA
}

// maxNamed bounds how many of them a detail names.
const maxNamed = 4

// agree makes one answer of votes, of which there is at least one.
func agree(votes []vote) report {
	for _, v := range votes[1:] {
		if v.ha != votes[0].ha {
			r := answer(Unknown, "%s: they do not agree, name the one that counts", named(votes))
			r.split = true
			return r
		}
	}
	return answer(votes[0].ha, "%s", named(votes))
}

func named(votes []vote) string {
	var b strings.Builder
	for i, v := range votes {
		if i == maxNamed {
			fmt.Fprintf(&b, " and %d more", len(votes)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s is %s", v.name, v.word)
	}
	return b.String()
}

// quote shows a word of somebody else: escaped, and cut to 64 bytes.
func quote(s string) string { return fmt.Sprintf("%.64q", s) }
