package plainfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Whatever stands at the path, Read returns: with the contents or an error.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(path("full"), []byte("12345678"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path("over"), []byte("123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(path("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, text, fault string }{
		"as long as allowed": {path("full"), "12345678", ""},
		"longer":             {path("over"), "", "more than 8 bytes"},
		"pipe":               {path("pipe"), "", "a named pipe"},
		"folder":             {dir, "", "a folder"},
		"endless device":     {"/dev/zero", "", "a device"},
		"missing":            {path("none"), "", "no such file"},
	} {
		data, err := Read(c.path, 8)
		switch {
		case c.fault == "" && (err != nil || string(data) != c.text):
			t.Errorf("%s: %q, %v", name, data, err)
		case c.fault != "" && (err == nil || !strings.Contains(err.Error(), c.fault)):
			t.Errorf("%s: error %v, want %q", name, err, c.fault)
		}
	}
}
