package appliance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a manifest, besides its size.
const (
	maxCapabilities = 2000
	maxID           = 40 // bytes
	maxSince        = 64 // bytes
	maxModels       = 32 // of one capability
)

// manifestSchema is the version of the format that is read.
const manifestSchema = 1

// Manifest is what the firmware says it can do.
type Manifest struct {
	Capabilities []Capability // sorted by ID, at most 2,000
}

// Capability is one feature of the firmware.
type Capability struct {
	ID        string   // 1 to 40 of a-z, 0-9, ".", "_" and "-", unique
	Supported bool     // the firmware has it
	Enabled   bool     // the site uses it
	Since     string   // firmware version it came with, at most 64 printable ASCII characters, empty if not given
	Models    []string // models that have it; none means all
}

// SupportedOn reports whether the firmware has the feature on that model.
func (c Capability) SupportedOn(model string) bool {
	return c.Supported && (len(c.Models) == 0 || slices.Contains(c.Models, model))
}

// ParseManifest reads a manifest: JSON, because firmware builds make it.
//
//	{
//	  "schema": 1,
//	  "capabilities": [
//	    {"id": "dhcp-relay", "supported": true, "enabled": true, "since": "10.0"},
//	    {"id": "upgrade-any-wan", "supported": true, "since": "14.0", "models": ["X1500"]}
//	  ]
//	}
//
// id and supported are required. Unknown and repeated keys are refused: in a
// file that a build makes they are mistakes. Errors begin with line and column,
// both from 1, the column in bytes.
func ParseManifest(data []byte) (*Manifest, error) {
	p := &manifestParser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	if !utf8.Valid(data) {
		return nil, p.errorAt(invalidUTF8(data), "not UTF-8")
	}
	m, err := p.manifest()
	if err != nil {
		return nil, err
	}
	end := p.start()
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, p.errorAt(end, "something follows the manifest")
	}
	return m, nil
}

// invalidUTF8 returns the offset of the first byte that is not UTF-8.
func invalidUTF8(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// manifestParser reads JSON token by token, which is what it takes to say
// where something is wrong and to see a key that stands twice.
type manifestParser struct {
	data []byte
	dec  *json.Decoder
	at   int // where the last token begins
}

// start returns where the next token begins.
func (p *manifestParser) start() int {
	at := int(p.dec.InputOffset())
	return at + len(p.data[at:]) - len(bytes.TrimLeft(p.data[at:], " \t\r\n,:"))
}

func (p *manifestParser) errorAt(offset int, format string, args ...any) error {
	before := p.data[:min(offset, len(p.data))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("line %d, column %d: %w", line, column, fmt.Errorf(format, args...))
}

// errorf places an error at the last token.
func (p *manifestParser) errorf(format string, args ...any) error {
	return p.errorAt(p.at, format, args...)
}

func (p *manifestParser) token() (json.Token, error) {
	p.at = p.start()
	t, err := p.dec.Token()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return nil, p.errorf("%w", syntax) // its own offset counts in two ways
	}
	if err != nil { // the only other one is the end of the data
		return nil, p.errorAt(len(p.data), "the file ends too early")
	}
	return t, nil
}

// value reads a token of type T.
func value[T any](p *manifestParser, what string) (T, error) {
	t, err := p.token()
	if err != nil {
		return *new(T), err
	}
	v, ok := t.(T)
	if !ok {
		return v, p.errorf("want %s", what)
	}
	return v, nil
}

func (p *manifestParser) open(bracket json.Delim, what string) error {
	d, err := value[json.Delim](p, what)
	if err == nil && d != bracket {
		err = p.errorf("want %s", what)
	}
	return err
}

// object reads an object and calls member with each of its keys, whose value
// member has to read.
func (p *manifestParser) object(what string, member func(key string) error) error {
	if err := p.open('{', what); err != nil {
		return err
	}
	begin := p.at
	seen := map[string]bool{}
	for p.dec.More() {
		key, err := value[string](p, "a key")
		if err != nil {
			return err
		}
		if seen[key] {
			return p.errorf("the key %q stands here twice", key)
		}
		seen[key] = true
		if err := member(key); err != nil {
			return err
		}
	}
	if _, err := p.token(); err != nil {
		return err
	}
	p.at = begin // what is missing is missing from the whole
	return nil
}

// array reads an array and calls element for each of its values, which element
// has to read.
func (p *manifestParser) array(what string, limit int, element func() error) error {
	if err := p.open('[', what); err != nil {
		return err
	}
	for n := 0; p.dec.More(); n++ {
		if n == limit {
			p.at = p.start()
			return p.errorf("more than %d of these are not accepted", limit)
		}
		if err := element(); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

func (p *manifestParser) manifest() (*Manifest, error) {
	m := &Manifest{}
	seen := map[string]bool{}
	var schema bool
	err := p.object("an object with schema and capabilities", func(key string) error {
		switch key {
		case "schema":
			schema = true
			n, err := value[json.Number](p, "a number")
			if err == nil && n.String() != fmt.Sprint(manifestSchema) {
				err = p.errorf("schema %s is not known, accepted is %d", n, manifestSchema)
			}
			return err
		case "capabilities":
			return p.array("a list of capabilities", maxCapabilities, func() error {
				c, err := p.capability(seen)
				m.Capabilities = append(m.Capabilities, c)
				return err
			})
		}
		return p.errorf("unknown key %q, accepted are schema and capabilities", key)
	})
	if err == nil && !schema {
		err = p.errorf("the key schema is missing")
	}
	slices.SortFunc(m.Capabilities, func(a, b Capability) int { return strings.Compare(a.ID, b.ID) })
	return m, err
}

// capability reads one entry; seen holds the ids before it.
func (p *manifestParser) capability(seen map[string]bool) (c Capability, err error) {
	var supported bool
	err = p.object("a capability in braces", func(key string) (err error) {
		switch key {
		case "id":
			c.ID, err = p.id(seen)
		case "supported":
			supported = true
			c.Supported, err = value[bool](p, "true or false")
		case "enabled":
			c.Enabled, err = value[bool](p, "true or false")
		case "since":
			c.Since, err = p.version()
		case "models":
			err = p.array("a list of models", maxModels, func() error {
				model, err := p.model()
				c.Models = append(c.Models, model)
				return err
			})
		default:
			err = p.errorf("unknown key %q, accepted are id, supported, enabled, since and models", key)
		}
		return err
	})
	switch {
	case err != nil:
	case c.ID == "":
		err = p.errorf("the capability has no id")
	case !supported:
		err = p.errorf("the capability %s does not say whether it is supported", c.ID)
	}
	return c, err
}

func (p *manifestParser) id(seen map[string]bool) (string, error) {
	const accepted = "abcdefghijklmnopqrstuvwxyz0123456789._-"
	id, err := value[string](p, "an id in quotes")
	switch {
	case err != nil:
	case id == "", len(id) > maxID, strings.Trim(id, accepted) != "":
		err = p.errorf("id %q, accepted are 1 to %d of a-z, 0-9, dot, underscore and hyphen", id, maxID)
	case seen[id]:
		err = p.errorf("the capability %s stands here twice", id)
	}
	seen[id] = true
	return id, err
}

// version reads a string of printable ASCII without spaces.
func (p *manifestParser) version() (string, error) {
	s, err := value[string](p, "a firmware version in quotes")
	if err != nil {
		return "", err
	}
	outside := func(r rune) bool { return r <= ' ' || r > '~' }
	if s == "" || len(s) > maxSince || strings.ContainsFunc(s, outside) {
		return "", p.errorf("%q, accepted is a firmware version of 1 to %d printable ASCII characters without spaces", s, maxSince)
	}
	return s, nil
}

func (p *manifestParser) model() (string, error) {
	s, err := value[string](p, "a model in quotes")
	if err != nil {
		return "", err
	}
	if s == "" {
		return "", p.errorf("the model is empty")
	}
	if err := checkText("the model", s, maxValue); err != nil {
		return "", p.errorf("%w", err)
	}
	return s, nil
}
