package schema

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/compat"
)

// Event is a report as it was received, checked.
type Event struct {
	// Serial is what the sender calls itself; it is for the receiver to compare it
	// with the certificate that the sender has shown.
	Serial string
	Report Report
}

// ID returns the id of the event, the key by which a second copy is known.
func (e *Event) ID() string { return ID(e.Serial, e.Report.Position) }

// Parse reads an envelope that anybody may have written. What it returns is bounded
// in every list and string, free of control and direction characters, and consistent:
// id, source, subject and data name the same Socket, site and position. Names that it
// does not know are ignored, so that agents may be newer than their cloud. The error
// says which field is wrong, and quotes nothing of it.
func Parse(b []byte) (*Event, error) {
	if len(b) > MaxReport {
		return nil, fmt.Errorf("%w: %d bytes, accepted: %d", ErrTooLarge, len(b), MaxReport)
	}
	if !utf8.Valid(b) {
		return nil, wrong("", "not UTF-8")
	}
	var in envelope[*Report]
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, notJSON(err)
	}
	serial, err := in.check()
	if err != nil {
		return nil, err
	}
	if err := in.Data.check(serial); err != nil {
		return nil, err
	}
	if in.Subject != Subject(in.Data.Site.ID) {
		return nil, wrong("subject", "not the site of the data")
	}
	if in.ID != ID(serial, in.Data.Position) {
		return nil, wrong("id", "not SERIAL/EPOCH/SEQ of source and data")
	}
	return &Event{Serial: serial, Report: *in.Data}, nil
}

// A FieldError says which field of an envelope is wrong, and how.
type FieldError struct {
	Field, Problem string
}

// Error says both.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return "report: " + e.Problem
	}
	return "report: " + e.Field + ": " + e.Problem
}

func wrong(field, problem string) error { return &FieldError{Field: field, Problem: problem} }

// embedded takes the Go names of embedded structs, which JSON does not know, out of a path.
var embedded = strings.NewReplacer("Document.", "", "Position.", "")

// notJSON puts an error of encoding/json in words that quote nothing of the input.
func notJSON(err error) error {
	if e, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // comes unwrapped
		return wrong(embedded.Replace(e.Field), "a JSON "+strings.SplitN(e.Value, " ", 2)[0]+" does not fit")
	}
	return wrong("", "not JSON, or a time that is none")
}

// check checks the attributes that stand by themselves, and returns the serial.
func (in *envelope[Data]) check() (string, error) {
	for _, f := range [...]struct{ name, has, want string }{
		{"specversion", in.SpecVersion, SpecVersion},
		{"type", in.Type, Type},
		{"datacontenttype", in.DataContentType, DataContentType},
	} {
		if f.has != f.want {
			return "", wrong(f.name, "not "+f.want)
		}
	}
	serial, err := parseSource(in.Source)
	if err != nil {
		return "", wrong("source", err.Error())
	}
	if !isSerial(serial) {
		return "", wrong("source", fmt.Sprintf("a serial has 1 to %d printable characters", peer.MaxSerial))
	}
	return serial, nil
}

func isSerial(s string) bool {
	return s != "" && len(s) <= peer.MaxSerial && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// check checks the data.
func (r *Report) check(serial string) error {
	switch {
	case r == nil:
		return wrong("data", "missing")
	case r.Schema != status.SchemaVersion:
		return wrong("data.schema", fmt.Sprintf("not %d", status.SchemaVersion))
	case !r.Valid():
		return wrong("data.epoch, data.seq", fmt.Sprintf("not in 1 to %d", int64(MaxCounter)))
	case r.NextReportInS < 1 || r.NextReportInS > MaxNextReport:
		return wrong("data.next_report_in_s", fmt.Sprintf("not in 1 to %d", MaxNextReport))
	case len(r.Transitions) > MaxTransitions:
		return wrong("data.transitions", fmt.Sprintf("more than %d", MaxTransitions))
	case r.Self.Serial != nil && *r.Self.Serial != compat.Show(serial):
		return wrong("data.self.serial", "not the serial of the source")
	}
	if err := r.checkWords(); err != nil {
		return err
	}
	if err := r.checkNumbers(); err != nil {
		return err
	}
	return checkBounds(r)
}
