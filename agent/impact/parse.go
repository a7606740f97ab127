package impact

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"socketha/peer"
	"socketha/peer/compat"
)

// Bounds of a catalog file.
const (
	MaxCatalogSize = 1 << 20 // bytes
	MaxFeatures    = 5000
	maxName        = 128 // bytes
	maxProblems    = 20  // told of one file
)

// header is the first record of a catalog, in this order.
var header = [...]string{"id", "name", "since"}

// Problem is one thing wrong with a catalog file.
type Problem struct {
	Line, Column int    // from 1; the column in bytes
	Text         string // what is wrong, with the value and what is accepted; printable
}

// String puts line and column in front.
func (p Problem) String() string {
	return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, p.Text)
}

// CatalogError is everything wrong with a catalog file, in its order.
type CatalogError struct {
	Problems []Problem // at least one, at most 20
	More     bool      // there are others
}

// Error has one line for each problem.
func (e *CatalogError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	for _, p := range e.Problems {
		lines = append(lines, p.String())
	}
	if e.More {
		lines = append(lines, "and more")
	}
	return strings.Join(lines, "\n")
}

// ParseCatalog reads a feature catalog: comma-separated values (RFC 4180) in UTF-8,
// which a firmware build or a spreadsheet can write, first the header, then one
// feature a record, in any order.
//
//	id,name,since
//	dhcp-relay,DHCP relay per range,10.0
//	dns-http-tcp-probes,"DNS, HTTP and TCP probes with account policy",21.0
//
// since is a firmware version that can be read; a feature may come with a minor or
// a build release (20.0.18221). A catalog without features is accepted, one that is
// larger than the bounds is not. The error is a *[CatalogError].
func ParseCatalog(data []byte) (*Catalog, error) {
	if len(data) > MaxCatalogSize {
		return nil, &CatalogError{Problems: []Problem{{
			Line: 1, Column: 1, Text: fmt.Sprintf("the file has %d bytes, accepted are at most %d", len(data), MaxCatalogSize),
		}}}
	}
	text := bytes.TrimPrefix(data, []byte("\ufeff")) // spreadsheets write it
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord = -1 // told below, with what is missing
	p := &catalogParser{csv: r, mark: len(data) - len(text), lines: map[string]int{}}
	for ok := p.header(); ok && !p.failed.More; {
		ok = p.record()
	}
	if len(p.failed.Problems) > 0 {
		return nil, &p.failed
	}
	return newCatalog(p.features), nil
}

type catalogParser struct {
	csv      *csv.Reader
	mark     int // bytes before the first column of the first line
	features []Feature
	lines    map[string]int // where each id was first seen
	failed   CatalogError
}

// problem notes what is wrong at a field of the record just read.
func (p *catalogParser) problem(field int, format string, args ...any) {
	line, column := p.csv.FieldPos(field)
	p.problemAt(line, column, fmt.Sprintf(format, args...))
}

func (p *catalogParser) problemAt(line, column int, text string) {
	if line == 1 {
		column += p.mark
	}
	if len(p.failed.Problems) == maxProblems {
		p.failed.More = true
		return
	}
	p.failed.Problems = append(p.failed.Problems, Problem{Line: line, Column: column, Text: text})
}

// read returns the next record, nil at the end or where the file can no longer
// be read as records.
func (p *catalogParser) read() []string {
	fields, err := p.csv.Read()
	if broken, ok := errors.AsType[*csv.ParseError](err); ok {
		p.problemAt(broken.Line, broken.Column, broken.Err.Error())
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) { // a byte slice has no other errors
		p.problemAt(1, 1, err.Error())
	}
	if err != nil {
		return nil
	}
	return fields
}

// header reads the first record and reports whether it is the header. Without it
// the rest means nothing.
func (p *catalogParser) header() bool {
	fields := p.read()
	switch {
	case len(p.failed.Problems) > 0:
	case fields == nil:
		p.problemAt(1, 1, "the file is empty, accepted is the header id,name,since and a feature on each line after it")
	case len(fields) != len(header):
		p.problem(0, "the header has %d columns, accepted are 3: id,name,since", len(fields))
	default:
		for i, want := range header {
			if fields[i] != want {
				p.problem(i, "column %d of the header is %s, accepted is %s", i+1, quoted(fields[i]), want)
			}
		}
	}
	return len(p.failed.Problems) == 0
}

// record reads one feature and reports whether another one may follow.
func (p *catalogParser) record() bool {
	fields := p.read()
	if fields == nil {
		return false
	}
	if len(fields) != len(header) {
		p.problem(0, "the record has %d fields, accepted are 3: id,name,since", len(fields))
		return true
	}
	if len(p.lines) == MaxFeatures {
		p.problem(0, "this is feature %d, accepted are at most %d", MaxFeatures+1, MaxFeatures)
		return false
	}
	before := len(p.failed.Problems)
	f := Feature{ID: p.id(fields[0]), Name: p.name(fields[1])}
	version, err := compat.Parse(fields[2])
	if err != nil {
		p.problem(2, "since %s is no firmware version: %v", quoted(fields[2]), err)
	}
	f.Since = version
	if len(p.failed.Problems) == before {
		p.features = append(p.features, f)
	}
	return true
}

func (p *catalogParser) id(id string) string {
	const accepted = "abcdefghijklmnopqrstuvwxyz0123456789._-"
	if id == "" || len(id) > peer.MaxCapabilityID || strings.Trim(id, accepted) != "" {
		p.problem(0, "id %s, accepted are 1 to %d of a-z, 0-9, dot, underscore and hyphen", quoted(id), peer.MaxCapabilityID)
		return id
	}
	line, _ := p.csv.FieldPos(0)
	if first, twice := p.lines[id]; twice {
		p.problem(0, "id %s stands on line %d already", quoted(id), first)
		return id
	}
	p.lines[id] = line
	return id
}

func (p *catalogParser) name(name string) string {
	switch {
	case name == "", len(name) > maxName:
		p.problem(1, "the name has %d bytes, accepted are 1 to %d", len(name), maxName)
	case !utf8.ValidString(name):
		p.problem(1, "the name is not UTF-8")
	case strings.TrimSpace(name) != name || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		p.problem(1, "name %s, accepted are printable characters without space at either end", quoted(name))
	}
	return name
}

// quoted shows any bytes in plain ASCII, cut.
func quoted(s string) string { return `"` + compat.Show(s) + `"` }
