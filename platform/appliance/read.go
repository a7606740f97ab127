package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"unicode"
	"unicode/utf8"

	"socketha/platform/plainfile"
)

// Bounds, in bytes.
const (
	maxFile     = 4096 // of a file with one value
	maxManifest = 1 << 20
	maxValue    = 64 // of S/N and model
	maxSite     = 128
)

// reading is what one file said. With err set the rest is empty.
type reading struct {
	text     string
	second   string    // the second line of a site
	manifest *Manifest // of capabilities, made from text
	present  bool      // of a marker
	err      error     // a *Problem
}

// equal compares what was said, and errors by what they say.
func (r reading) equal(o reading) bool {
	if r.err != nil || o.err != nil {
		return r.err != nil && o.err != nil && r.err.Error() == o.err.Error()
	}
	return r.text == o.text && r.second == o.second && r.present == o.present
}

// read reads the file of one fact. last spares parsing what has not changed.
func read(paths Paths, f Field, last reading) reading {
	path := paths.file(f)
	if f == Marker {
		return readMarker(path)
	}
	if path == "" {
		if f == Capabilities {
			return reading{}
		}
		return failed(f, path, fmt.Errorf("no file is configured: name the file with %s", f.content()))
	}
	limit := maxFile
	if f == Capabilities {
		limit = maxManifest
	}
	data, err := plainfile.Read(path, limit)
	if err != nil {
		if f == Capabilities && errors.Is(err, fs.ErrNotExist) {
			return reading{} // firmware that advertises none
		}
		return failed(f, path, advise(err, f))
	}
	if last.manifest != nil && last.text == string(data) {
		return last
	}
	r, err := parse(f, data)
	if err != nil {
		return failed(f, path, err)
	}
	return r
}

// readMarker never fails: whoever leaves something unreadable there still says
// that an upgrade goes on.
func readMarker(path string) reading {
	if path == "" {
		return reading{}
	}
	data, err := plainfile.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return reading{} // of a folder that may not be looked into nothing is known
	}
	r := reading{present: true, text: trim(string(data))}
	if checkText("the version", r.text, maxValue) != nil {
		r.text = ""
	}
	return r
}

func failed(f Field, path string, err error) reading {
	return reading{err: &Problem{Field: f, Path: path, Err: err}}
}

// advise turns an error of reading into one that says what to do. The cause
// stays wrapped; its path is left to the Problem.
func advise(err error, f Field) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: write %s there, or name the file that holds it", err, f.content())
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: let the user of this program read the file", err)
	}
	return fmt.Errorf("%w: write %s there", err, f.content())
}

// parse turns the contents of f's file into its value.
func parse(f Field, data []byte) (reading, error) {
	if f == Capabilities {
		manifest, err := ParseManifest(data)
		return reading{text: string(data), manifest: manifest}, err
	}
	text := trim(string(data))
	if text == "" {
		return reading{}, fmt.Errorf("is empty: write %s there", f.content())
	}
	switch f {
	case Site:
		return parseSite(text)
	case Serial, Model:
		return reading{text: text}, checkText(f.content(), text, maxValue)
	case Version, Capabilities, Marker:
	}
	return reading{text: text}, nil
}

func parseSite(text string) (reading, error) {
	id, name, _ := strings.Cut(text, "\n")
	r := reading{text: trim(id), second: trim(name)}
	if err := checkText("the id of the site", r.text, maxSite); err != nil {
		return reading{}, err
	}
	if r.second == "" {
		return r, nil
	}
	return r, checkText("the name of the site, on the second line,", r.second, maxSite)
}

// trim removes the ASCII white space around a value and the zero bytes after it.
func trim(s string) string {
	const white = " \t\n\v\f\r"
	return strings.TrimLeft(strings.TrimRight(s, white+"\x00"), white)
}

// checkText accepts one line of printable UTF-8 of at most limit bytes.
func checkText(what, text string, limit int) error {
	if len(text) > limit {
		return fmt.Errorf("%s has %d bytes, accepted are 1 to %d", what, len(text), limit)
	}
	for i, r := range text {
		switch {
		case r == '\n':
			return fmt.Errorf("%s has more than one line", what)
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], string(utf8.RuneError)):
			return fmt.Errorf("%s is not UTF-8 at byte %d", what, i+1)
		case !unicode.IsPrint(r):
			return fmt.Errorf("%s has the unprintable character %U at byte %d", what, r, i+1)
		}
	}
	return nil
}
