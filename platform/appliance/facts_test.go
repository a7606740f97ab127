package appliance

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree writes files under a new root and returns the paths in it.
func tree(t testing.TB, files map[Field]string) Paths {
	t.Helper()
	paths := DefaultPaths()
	paths.Root = t.TempDir()
	if err := os.MkdirAll(filepath.Dir(paths.file(Serial)), 0o750); err != nil {
		t.Fatal(err)
	}
	for f, content := range files {
		write(t, paths.file(f), content)
	}
	return paths
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func complete() map[Field]string {
	return map[Field]string{
		Serial:       "SKT-0001\n",
		Model:        " X1500\r\n",
		Version:      "\t18.3.3\n\n",
		Site:         "site-7\n Oslo, harbour \n",
		Capabilities: `{"schema": 1, "capabilities": [{"id": "dhcp-relay", "supported": true}]}`,
	}
}

func TestRead(t *testing.T) {
	got := Read(tree(t, complete()))
	want := &Facts{
		Serial: "SKT-0001", Model: "X1500", Version: "18.3.3", SiteID: "site-7", SiteName: "Oslo, harbour",
		Capabilities: &Manifest{Capabilities: []Capability{{ID: "dhcp-relay", Supported: true}}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Facts{})); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

func TestReadNothing(t *testing.T) {
	got := Read(tree(t, nil))
	for f := range Field(fields) {
		err := got.Err(f)
		if f == Marker {
			if err != nil || got.Upgrading {
				t.Errorf("no marker: %v, upgrading %t", err, got.Upgrading)
			}
			continue
		}
		if f == Capabilities {
			if err != nil || got.Capabilities != nil {
				t.Errorf("no manifest: %v, want no problem: older firmware has none", err)
			}
			continue
		}
		problem, ok := errors.AsType[*Problem](err)
		if !ok || problem.Field != f || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error %v, want a problem with a file that does not exist", f, err)
		}
	}
	if len(got.Errs()) != 4 {
		t.Errorf("%d errors, want 4", len(got.Errs()))
	}
}

// The marker says by being there that an upgrade goes on; what is in it only says
// to which version.
func TestReadMarker(t *testing.T) {
	for content, target := range map[string]string{
		"":                        "",
		" 18.4.1\n":               "18.4.1",
		"two\nlines":              "",
		"\x1b[31m":                "",
		strings.Repeat("1", 65):   "",
		strings.Repeat("1", 5000): "",
	} {
		files := complete()
		files[Marker] = content
		got := Read(tree(t, files))
		if !got.Upgrading || got.UpgradeTarget != target || len(got.Errs()) != 0 {
			t.Errorf("%.10q: upgrading %t to %q, errors %v", content, got.Upgrading, got.UpgradeTarget, got.Errs())
		}
	}
	paths := tree(t, complete())
	if err := os.MkdirAll(paths.file(Marker), 0o755); err != nil {
		t.Fatal(err)
	}
	if !Read(paths).Upgrading {
		t.Error("a folder in the place of the marker says nothing")
	}
}

// One bad file leaves the other facts alone.
func TestReadFailsByField(t *testing.T) {
	for name, tc := range map[string]struct {
		field   Field
		content string
		want    string // the error, %s standing for the path
	}{
		"empty version":      {Version, "", "version: %s: is empty: write the firmware version there"},
		"blank version":      {Version, " \t\r\n\v\f", "version: %s: is empty: write the firmware version there"},
		"zeroed version":     {Version, "\x00\x00\x00", "version: %s: is empty: write the firmware version there"},
		"huge version":       {Version, strings.Repeat("1", maxFile+1), "version: %s: has more than 4096 bytes: write the firmware version there"},
		"long serial":        {Serial, strings.Repeat("s", 65), "serial: %s: the S/N has 65 bytes, accepted are 1 to 64"},
		"two lines":          {Serial, "SKT-1\nSKT-2\n", "serial: %s: the S/N has more than one line"},
		"escape":             {Model, "X\x1b[31m", "model: %s: the model has the unprintable character U+001B at byte 2"},
		"right to left":      {Model, "X\u202e1", "model: %s: the model has the unprintable character U+202E at byte 2"},
		"not UTF-8":          {Model, "X\xff", "model: %s: the model is not UTF-8 at byte 2"},
		"long site":          {Site, strings.Repeat("s", 129), "site: %s: the id of the site has 129 bytes, accepted are 1 to 128"},
		"long site name":     {Site, "a\n" + strings.Repeat("s", 129), "site: %s: the name of the site, on the second line, has 129 bytes, accepted are 1 to 128"},
		"three lines":        {Site, "a\nb\nc", "site: %s: the name of the site, on the second line, has more than one line"},
		"broken manifest":    {Capabilities, "{\n \"schema\": 2}", "capabilities: %s: line 2, column 12: schema 2 is not known, accepted is 1"},
		"manifest too large": {Capabilities, strings.Repeat(" ", maxManifest+1), "capabilities: %s: has more than 1048576 bytes: write the capabilities of the firmware there"},
	} {
		t.Run(name, func(t *testing.T) {
			files := complete()
			files[tc.field] = tc.content
			paths := tree(t, files)
			got := Read(paths)
			want := strings.ReplaceAll(tc.want, "%s", paths.file(tc.field))
			if err := got.Err(tc.field); err == nil || err.Error() != want {
				t.Errorf("error\n%v\nwant\n%s", err, want)
			}
			if len(got.Errs()) != 1 {
				t.Errorf("errors of other fields too: %v", got.Errs())
			}
		})
	}
}

func TestReadAccepts(t *testing.T) {
	for name, tc := range map[string]struct {
		field         Field
		content, want string
	}{
		"a device tree property":          {Serial, "SKT-1\x00", "SKT-1"},
		"white space before that zero":    {Serial, "SKT-1\n\x00", "SKT-1"},
		"the longest serial":              {Serial, strings.Repeat("s", 64) + "\n", strings.Repeat("s", 64)},
		"a version that is none":          {Version, "not a version\nat all\n", "not a version\nat all"},
		"a version that is not even text": {Version, "\xff\x00\x1b", "\xff\x00\x1b"},
		"white space that is not ASCII":   {Version, "\u00a018.0", "\u00a018.0"},
	} {
		t.Run(name, func(t *testing.T) {
			files := complete()
			files[tc.field] = tc.content
			got := Read(tree(t, files))
			if s := map[Field]string{Serial: got.Serial, Version: got.Version}[tc.field]; s != tc.want {
				t.Errorf("%s = %q (%v), want %q", tc.field, s, got.Err(tc.field), tc.want)
			}
		})
	}
}

// None of these may hang, fill the memory or have a side effect.
func TestReadRefusesWhatIsNotAPlainFile(t *testing.T) {
	for name, tc := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"pipe": {func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "is a named pipe, not a plain file"},
		"device": {func(t *testing.T, path string) {
			if err := os.Symlink("/dev/zero", path); err != nil {
				t.Fatal(err)
			}
		}, "is a device, not a plain file"},
		"folder": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a folder, not a plain file"},
		"socket": {func(t *testing.T, path string) {
			t.Chdir(filepath.Dir(path)) // the whole path may be too long
			l, err := net.Listen("unix", filepath.Base(path))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
		}, "is a socket, not a plain file"},
		"a gigabyte": {func(t *testing.T, path string) {
			write(t, path, "")
			if err := os.Truncate(path, 1<<30); err != nil {
				t.Fatal(err)
			}
		}, "has more than 4096 bytes"},
		"link to itself": {func(t *testing.T, path string) {
			if err := os.Symlink(path, path); err != nil {
				t.Fatal(err)
			}
		}, "too many levels of symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tc.make(t, filepath.Join(dir, "version"))
			got := Read(Paths{Root: dir, VersionFile: "/version"})
			if err := got.Err(Version); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want %q", err, tc.want)
			}
			if err := got.Err(Serial); err == nil || err.Error() != "serial: no file is configured: name the file with the S/N" {
				t.Errorf("error without a path = %v", err)
			}
		})
	}
}

func TestAdviseOnPermission(t *testing.T) {
	err := advise(&fs.PathError{Op: "open", Path: "/x", Err: syscall.EACCES}, Serial)
	if want := "permission denied: let the user of this program read the file"; err.Error() != want || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error = %q, want %q", err, want)
	}
}

func TestPathsJoinTheRoot(t *testing.T) {
	for root, want := range map[string]string{
		"":         "/etc/socketha/serial",
		"/":        "/etc/socketha/serial",
		"/mnt/":    "/mnt/etc/socketha/serial",
		"/mnt/../": "/etc/socketha/serial",
	} {
		paths := DefaultPaths()
		paths.Root = root
		if got := paths.file(Serial); got != want {
			t.Errorf("root %q: %s, want %s", root, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for field, content := range complete() {
		f.Add(uint8(field), []byte(content))
	}
	f.Fuzz(func(t *testing.T, n uint8, data []byte) {
		field := Field(n) % Field(fields)
		r, err := parse(field, data)
		if err != nil || field == Capabilities {
			return
		}
		if r.text == "" || r.text != trim(r.text) || len(r.text) > max(len(data), maxSite) {
			t.Errorf("%s: %q accepted from %q", field, r.text, data)
		}
	})
}
