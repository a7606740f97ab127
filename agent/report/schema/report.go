package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"socketha/agent/status"
)

// Words of the envelope (CloudEvents 1.0, section 3.1).
const (
	ContentType     = "application/cloudevents+json"
	SpecVersion     = "1.0"
	Type            = "ha.report.v1"
	DataContentType = "application/json"

	sourcePrefix  = "urn:socket:"
	subjectPrefix = "site/"
)

// Bounds. Encode and Parse hold to the same.
const (
	MaxReport      = 1 << 20 // bytes of an envelope
	MaxTransitions = 16      // in a report

	// MaxCounter bounds epoch and seq: JSON carries whole numbers exactly up to it
	// (RFC 8259 section 6).
	MaxCounter = 1<<53 - 1

	// MaxNextReport bounds next_report_in_s, in seconds: the longest cadence, jitter
	// included, with room.
	MaxNextReport = 2 * 3600
)

// ErrTooLarge says that an envelope exceeds MaxReport.
var ErrTooLarge = errors.New("the report is too large")

// Cause is why a report was sent.
type Cause string

// Causes.
const (
	CauseStart    Cause = "start"    // the first of this life
	CauseChange   Cause = "change"   // the document has another meaning than the last one sent
	CausePeriodic Cause = "periodic" // nothing else was due
)

// Position orders the reports of a Socket.
type Position struct {
	Epoch uint64 `json:"epoch"` // which start of the agent, from 1
	Seq   uint64 `json:"seq"`   // which report since then, from 1
}

// Above reports whether p is above q.
func (p Position) Above(q Position) bool {
	return p.Epoch > q.Epoch || p.Epoch == q.Epoch && p.Seq > q.Seq
}

// Valid reports whether both counters lie in 1 to MaxCounter.
func (p Position) Valid() bool {
	return p.Epoch >= 1 && p.Epoch <= MaxCounter && p.Seq >= 1 && p.Seq <= MaxCounter
}

// Report is the data of the envelope: the status document and what a report adds.
type Report struct {
	status.Document
	Position

	Cause         Cause               `json:"cause"`
	NextReportInS int                 `json:"next_report_in_s"` // seconds until the next one, if nothing changes
	Transitions   []status.Transition `json:"transitions"`      // newest first, at most MaxTransitions
}

// envelope is a CloudEvent in the JSON format.
type envelope[Data any] struct {
	SpecVersion     string      `json:"specversion"`
	Type            string      `json:"type"`
	Source          string      `json:"source"`
	Subject         string      `json:"subject,omitempty"` // left out where no site is known: it may not be empty
	ID              string      `json:"id"`
	Time            status.Time `json:"time"`
	DataContentType string      `json:"datacontenttype"`
	Data            Data        `json:"data"`
}

// Encode returns the envelope of a report of the Socket with a serial. The same
// report gives the same bytes. It fails with ErrTooLarge above MaxReport bytes, and
// for a position that is not valid.
func Encode(serial string, r *Report) ([]byte, error) {
	if !r.Valid() {
		return nil, fmt.Errorf("report: epoch %d, seq %d, accepted: 1 to %d", r.Epoch, r.Seq, int64(MaxCounter))
	}
	b, err := json.Marshal(envelope[*Report]{
		SpecVersion: SpecVersion, Type: Type,
		Source: Source(serial), Subject: Subject(r.Site.ID), ID: ID(serial, r.Position),
		Time: r.GeneratedAt, DataContentType: DataContentType,
		Data: r,
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("report: %w", err)
	case len(b) > MaxReport:
		return nil, fmt.Errorf("%w: %d bytes, accepted: %d", ErrTooLarge, len(b), MaxReport)
	}
	return b, nil
}

// Source returns the URN of the Socket with a serial, escaped where RFC 8141 asks for it.
func Source(serial string) string { return sourcePrefix + url.PathEscape(serial) }

// Subject returns the subject of reports about a site, "" if there is no site.
func Subject(site *string) string {
	if site == nil || *site == "" {
		return ""
	}
	return subjectPrefix + *site
}

// ID returns the id of a report.
func ID(serial string, p Position) string {
	return serial + "/" + strconv.FormatUint(p.Epoch, 10) + "/" + strconv.FormatUint(p.Seq, 10)
}

// parseSource returns the serial of a source.
func parseSource(source string) (string, error) {
	escaped, ok := strings.CutPrefix(source, sourcePrefix)
	if !ok {
		return "", fmt.Errorf("no %sSERIAL", sourcePrefix)
	}
	serial, err := url.PathUnescape(escaped)
	if err != nil || Source(serial) != source { // one Socket has one source
		return "", errors.New("wrongly escaped")
	}
	return serial, nil
}
