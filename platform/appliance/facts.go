package appliance

import (
	"fmt"
	"path/filepath"
)

// Paths says where the files are. The paths below Root are absolute and begin
// at it, so that a test or a container can look at another tree; symbolic
// links in it are followed as they are. An empty path leaves its fact out.
type Paths struct {
	Root             string // "/" or empty for the machine itself
	SerialFile       string
	ModelFile        string
	VersionFile      string
	SiteFile         string
	CapabilitiesFile string
	UpgradeMarker    string
}

// DefaultPaths returns where the files are by default.
func DefaultPaths() Paths {
	return Paths{
		Root:             "/",
		SerialFile:       "/etc/socketha/serial",
		ModelFile:        "/etc/socketha/model",
		VersionFile:      "/etc/socketha/version",
		SiteFile:         "/etc/socketha/site",
		CapabilitiesFile: "/etc/socketha/capabilities",
		UpgradeMarker:    "/run/socketha/upgrading",
	}
}

// file returns the path of f's file, empty if there is none.
func (p Paths) file(f Field) string {
	var path string
	switch f {
	case Serial:
		path = p.SerialFile
	case Model:
		path = p.ModelFile
	case Version:
		path = p.VersionFile
	case Site:
		path = p.SiteFile
	case Capabilities:
		path = p.CapabilitiesFile
	case Marker:
		path = p.UpgradeMarker
	}
	if path == "" {
		return ""
	}
	return filepath.Join("/", p.Root, path)
}

// Field names a fact, and with it its file.
type Field uint8

// Fields.
const (
	Serial Field = iota
	Model
	Version
	Site
	Capabilities
	Marker            // of a firmware upgrade: that the file is there says it
	fields int = iota // how many there are
)

// String returns the word used in errors and logs.
func (f Field) String() string {
	switch f {
	case Serial:
		return "serial"
	case Model:
		return "model"
	case Version:
		return "version"
	case Site:
		return "site"
	case Capabilities:
		return "capabilities"
	case Marker:
		return "upgrade marker"
	}
	return fmt.Sprintf("Field(%d)", uint8(f))
}

// content says in an error what the file should hold.
func (f Field) content() string {
	switch f {
	case Serial:
		return "the S/N"
	case Model:
		return "the model"
	case Version:
		return "the firmware version"
	case Site:
		return "the id of the site"
	case Capabilities:
		return "the capabilities of the firmware"
	case Marker:
		return "the version that is being installed"
	}
	return "it"
}

// Facts are what the files said at one moment. Published facts are never
// changed. A fact that could not be read is empty, and Err says why.
type Facts struct {
	Serial   string // 1 to 64 bytes of printable UTF-8
	Model    string // 1 to 64 bytes of printable UTF-8
	Version  string // as written, 1 to 4,096 bytes: it may be unreadable as a version, or not even text
	SiteID   string // 1 to 128 bytes of printable UTF-8
	SiteName string // up to 128 bytes of printable UTF-8, empty if not given

	// Capabilities is nil if the firmware has no manifest or a broken one.
	Capabilities *Manifest

	// Upgrading says that the marker of a firmware upgrade is there, whatever is
	// in it; UpgradeTarget is the version in it, empty if it holds none.
	Upgrading     bool
	UpgradeTarget string // at most 64 bytes of printable UTF-8

	errs [fields]error
}

// Err says why a fact is missing: a *Problem, or nil if it is there. Firmware
// without a manifest of capabilities is no problem.
func (f *Facts) Err(field Field) error {
	if int(field) >= fields {
		return nil
	}
	return f.errs[field]
}

// Errs returns all that Err says, in the order of the fields.
func (f *Facts) Errs() []error {
	var all []error
	for _, err := range f.errs {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// Problem is a fact that could not be read. It wraps the cause, such as
// [io/fs.ErrNotExist].
type Problem struct {
	Field Field
	Path  string // empty if no file is configured
	Err   error
}

// Error names the fact, the file and what to do.
func (p *Problem) Error() string {
	if p.Path == "" {
		return fmt.Sprintf("%s: %v", p.Field, p.Err)
	}
	return fmt.Sprintf("%s: %s: %v", p.Field, p.Path, p.Err)
}

// Unwrap returns the cause.
func (p *Problem) Unwrap() error { return p.Err }

// Read reads all files once.
func Read(paths Paths) *Facts {
	var all [fields]reading
	for f := range all {
		all[f] = read(paths, Field(f), reading{})
	}
	return assemble(all)
}

func assemble(all [fields]reading) *Facts {
	facts := &Facts{
		Serial:       all[Serial].text,
		Model:        all[Model].text,
		Version:      all[Version].text,
		SiteID:       all[Site].text,
		SiteName:     all[Site].second,
		Capabilities: all[Capabilities].manifest,

		Upgrading: all[Marker].present, UpgradeTarget: all[Marker].text,
	}
	for f, r := range all {
		facts.errs[f] = r.err
	}
	return facts
}
