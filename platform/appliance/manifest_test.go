package appliance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseManifest(t *testing.T) {
	got, err := ParseManifest([]byte(`
{
  "capabilities": [
    {"id": "upgrade-any-wan", "since": "14.0", "supported": true, "models": ["X1500", "X1700 B"], "enabled": false},
    {"id": "dhcp-relay", "supported": true, "enabled": true, "since": "10.0"},
    {"id": "x.y_z", "supported": false}
  ],
  "schema": 1
}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := &Manifest{Capabilities: []Capability{
		{ID: "dhcp-relay", Supported: true, Enabled: true, Since: "10.0"},
		{ID: "upgrade-any-wan", Supported: true, Since: "14.0", Models: []string{"X1500", "X1700 B"}},
		{ID: "x.y_z"},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("manifest (-want +got):\n%s", diff)
	}
}

func TestParseManifestSaysWhere(t *testing.T) {
	entries := func(s string) string { return `{"schema": 1, "capabilities": [` + s + "\n]}" }
	long := strings.Repeat("x", 65)
	for name, tc := range map[string]struct{ in, want string }{
		"empty":              {"", "line 1, column 1: the file ends too early"},
		"not an object":      {"\n [1]", "line 2, column 2: want an object with schema and capabilities"},
		"a number":           {"18", "line 1, column 1: want an object with schema and capabilities"},
		"no schema":          {"{}", "line 1, column 1: the key schema is missing"},
		"schema of text":     {`{"schema": "1"}`, "line 1, column 12: want a number"},
		"schema to come":     {`{"schema": 2}`, "line 1, column 12: schema 2 is not known, accepted is 1"},
		"unknown key":        {"{\"schema\": 1,\n  \"capability\": []}", `line 2, column 3: unknown key "capability", accepted are schema and capabilities`},
		"repeated key":       {`{"schema": 1, "schema": 1}`, `line 1, column 15: the key "schema" stands here twice`},
		"cut":                {"{\"schema\": 1,\n\"capabilities\": [", "line 2, column 18: the file ends too early"},
		"cut in a string":    {"{\"sche", "line 1, column 7: the file ends too early"},
		"followed":           {"{\"schema\": 1}\n{}", "line 2, column 1: something follows the manifest"},
		"comma too many":     {"{\"schema\": 1,}", "line 1, column 14: invalid character '}'"},
		"comma missing":      {`{"schema": 1 "capabilities": []}`, "line 1, column 14: invalid character '\"' after object key:value pair"},
		"comment":            {"{\n// none\n}", "line 2, column 1: invalid character '/'"},
		"not UTF-8":          {"{\n \"\xff\": 1}", "line 2, column 3: not UTF-8"},
		"list of text":       {entries("\n\"dhcp-relay\""), "line 2, column 1: want a capability in braces"},
		"no id":              {entries("\n  {\"supported\": true}"), "line 2, column 3: the capability has no id"},
		"not said":           {entries("\n  {\"id\": \"a\"}"), "line 2, column 3: the capability a does not say whether it is supported"},
		"capital id":         {entries(`{"id": "dhcpRelay", "supported": true}`), `line 1, column 39: id "dhcpRelay", accepted are 1 to 40 of a-z, 0-9, dot, underscore and hyphen`},
		"long id":            {entries(`{"id": "` + long[:41] + `"}`), `line 1, column 39: id "` + long[:41] + `", accepted are 1 to 40 of a-z, 0-9, dot, underscore and hyphen`},
		"id twice":           {entries("\n{\"id\": \"a\", \"supported\": true},\n{\"id\": \"a\"}"), "line 3, column 8: the capability a stands here twice"},
		"supported as text":  {entries(`{"id": "a", "supported": "yes"}`), "line 1, column 57: want true or false"},
		"supported null":     {entries(`{"id": "a", "supported": null}`), "line 1, column 57: want true or false"},
		"since as a number":  {entries(`{"id": "a", "supported": true, "since": 10.0}`), "line 1, column 72: want a firmware version in quotes"},
		"since with a space": {entries(`{"id": "a", "since": "10 0"}`), `line 1, column 53: "10 0", accepted is a firmware version of 1 to 64 printable ASCII characters without spaces`},
		"empty model":        {entries(`{"id": "a", "models": [""]}`), "line 1, column 55: the model is empty"},
		"long model":         {entries(`{"id": "a", "models": ["` + long + `"]}`), "line 1, column 55: the model has 65 bytes, accepted are 1 to 64"},
		"too many models":    {entries(`{"id": "a", "models": [` + strings.Repeat(`"x",`, 32) + "\n" + `"y"]}`), "line 2, column 1: more than 32 of these are not accepted"},
		"unknown detail":     {entries(`{"id": "a", "sinc": "10.0"}`), `line 1, column 44: unknown key "sinc", accepted are id, supported, enabled, since and models`},
		"deep":               {entries(strings.Repeat("[", 20000)), "line 1, column 32: want a capability in braces"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseManifest([]byte(tc.in))
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("error\n%v\nwant\n%s", err, tc.want)
			}
		})
	}
}

func TestParseManifestBound(t *testing.T) {
	if m, err := ParseManifest(manifestOf(maxCapabilities)); err != nil || len(m.Capabilities) != maxCapabilities {
		t.Errorf("%d capabilities: %v", maxCapabilities, err)
	}
	_, err := ParseManifest(manifestOf(maxCapabilities + 1))
	if err == nil || !strings.HasSuffix(err.Error(), "more than 2000 of these are not accepted") {
		t.Errorf("%d capabilities: error = %v", maxCapabilities+1, err)
	}
}

// manifestOf makes a manifest with n capabilities, one a line.
func manifestOf(n int) []byte {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"id": "capability-%d", "supported": true, "enabled": true, "since": "18.%d", "models": ["X1500", "X1700B"]}`, i, i)
	}
	return []byte("{\"schema\": 1, \"capabilities\": [\n" + strings.Join(lines, ",\n") + "\n]}\n")
}

func TestSupportedOn(t *testing.T) {
	for _, tc := range []struct {
		c    Capability
		want bool
	}{
		{Capability{Supported: true}, true},
		{Capability{Supported: true, Models: []string{"X1700", "X1500"}}, true},
		{Capability{Supported: true, Models: []string{"X1700"}}, false},
		{Capability{Models: []string{"X1500"}}, false},
		{Capability{}, false},
	} {
		if got := tc.c.SupportedOn("X1500"); got != tc.want {
			t.Errorf("%+v supported = %t, want %t", tc.c, got, tc.want)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(complete()[Capabilities]))
	f.Add(manifestOf(2))
	f.Add([]byte(`{"schema":1,"capabilities":[{"id":"a","supported":true,"models":["x"]},]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "line ") {
				t.Errorf("error without a place: %v", err)
			}
			return
		}
		if len(m.Capabilities) > maxCapabilities {
			t.Errorf("%d capabilities", len(m.Capabilities))
		}
		for i, c := range m.Capabilities {
			if c.ID == "" || len(c.ID) > maxID || len(c.Since) > maxSince || len(c.Models) > maxModels {
				t.Errorf("out of bounds: %+v", c)
			}
			if i > 0 && c.ID <= m.Capabilities[i-1].ID {
				t.Errorf("%q follows %q", c.ID, m.Capabilities[i-1].ID)
			}
		}
	})
}

func BenchmarkParseManifest(b *testing.B) {
	data := manifestOf(maxCapabilities)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseManifest(data); err != nil {
			b.Fatal(err)
		}
	}
}
