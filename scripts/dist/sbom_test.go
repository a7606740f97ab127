package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestSBOM: it lists exactly what `go version -m` sees in the binary.
func TestSBOM(t *testing.T) {
	r := made(t, "0.1.0")
	binary := r.file("linux_" + host(t).name)
	b := readBOM(t, binary+".cdx.json")
	out, err := exec.Command("go", "version", "-m", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) >= 3 && f[0] == "dep" {
			want = append(want, "pkg:golang/"+f[1]+"@"+f[2])
		}
	}
	want = append(want, "pkg:golang/std@"+strings.TrimPrefix(strings.Fields(string(out))[1], "go"))
	slices.Sort(want)
	var got []string
	for _, c := range b.Components {
		got = append(got, c.Purl)
		if c.Name == "" || c.Version == "" || c.Ref != c.Purl {
			t.Errorf("%+v", c)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v\nwant %v", got, want)
	}
	if len(want) < 8 || !slices.ContainsFunc(want, func(s string) bool { return strings.HasPrefix(s, "pkg:golang/github.com/pion/dtls/v2@") }) {
		t.Errorf("implausible: %v", want)
	}
	if !slices.Equal(b.Dependencies[0].DependsOn, got) || b.Dependencies[0].Ref != b.Metadata.Component.Ref {
		t.Errorf("dependencies %+v", b.Dependencies)
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.Version != "0.1.0" || len(b.Metadata.Component.Hashes[0].Content) != 64 {
		t.Errorf("%+v", b.Metadata)
	}
}

func readBOM(t *testing.T, file string) bom {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// TestVEX: every statement is about something that is inside, in that version. A
// raised dependency asks for its statements to be read again.
func TestVEX(t *testing.T) {
	r := made(t, "0.1.0")
	b := readBOM(t, r.file("linux_"+host(t).name)+".cdx.json")
	data, err := os.ReadFile("../vex.json")
	if err != nil {
		t.Fatal(err)
	}
	var vex struct {
		Context    string `json:"@context"`
		ID         string `json:"@id"`
		Author     string
		Timestamp  string
		Version    int
		Statements []struct {
			Vulnerability struct{ Name string }
			Products      []struct {
				ID            string `json:"@id"`
				Subcomponents []struct {
					ID string `json:"@id"`
				}
			}
			Status          string
			Justification   string
			ImpactStatement string `json:"impact_statement"`
		}
	}
	if err := json.Unmarshal(data, &vex); err != nil {
		t.Fatal(err)
	}
	if vex.Context != "https://openvex.dev/ns/v0.2.0" || vex.ID == "" || vex.Author == "" || vex.Timestamp == "" || vex.Version < 1 || len(vex.Statements) == 0 {
		t.Errorf("%+v", vex)
	}
	for _, s := range vex.Statements {
		if s.Vulnerability.Name == "" || len(s.Products) == 0 || !slices.Contains([]string{"not_affected", "affected", "fixed", "under_investigation"}, s.Status) {
			t.Errorf("%+v", s)
		}
		if s.Status == "not_affected" && (s.Justification == "" || s.ImpactStatement == "") {
			t.Errorf("%s: why is it not affected?", s.Vulnerability.Name)
		}
		for _, p := range s.Products {
			for _, sub := range p.Subcomponents {
				if !slices.ContainsFunc(b.Components, func(c component) bool { return c.Purl == sub.ID }) {
					t.Errorf("%s speaks of %s, which is not inside", s.Vulnerability.Name, sub.ID)
				}
			}
		}
	}
}
