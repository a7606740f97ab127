package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// bom is the part of CycloneDX 1.6 that we fill in.
type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Purl       string     `json:"purl"`
	Hashes     []hash     `json:"hashes,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

// writeSBOM writes what is inside of the binary, as the linker noted it.
func (r *release) writeSBOM(binary string, t target) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	b, err := r.bom(info, sha256.Sum256(data), t)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(binary+".cdx.json", append(text, '\n'), 0o644)
}

func (r *release) bom(info *debug.BuildInfo, sum [32]byte, t target) (*bom, error) {
	main := component{
		Type: "application", Name: "socketha", Version: r.version,
		Purl:   "pkg:generic/socketha@" + r.version + "?arch=" + t.name,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum[:])}},
		Properties: []property{
			{"socketha:file", filepath.Base(r.file("linux_" + t.name))},
			{"socketha:commit", r.commit},
		},
	}
	for _, s := range info.Settings {
		main.Properties = append(main.Properties, property{"go:build:" + s.Key, s.Value})
	}
	main.Ref = main.Purl
	std := component{Type: "library", Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}
	std.Purl = "pkg:golang/std@" + std.Version
	std.Ref = std.Purl
	inside := []component{std}
	for _, m := range info.Deps {
		c, err := module(m)
		if err != nil {
			return nil, err
		}
		inside = append(inside, c)
	}
	slices.SortFunc(inside, func(a, b component) int { return strings.Compare(a.Ref, b.Ref) })
	links := dependency{Ref: main.Ref}
	for _, c := range inside {
		links.DependsOn = append(links.DependsOn, c.Ref)
	}
	return &bom{
		Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		SerialNumber: "urn:uuid:" + uuid(sum),
		Metadata:     metadata{r.at.Format("2006-01-02T15:04:05Z"), main},
		Components:   inside, Dependencies: []dependency{links},
	}, nil
}

func module(m *debug.Module) (component, error) {
	if m.Replace != nil {
		m = m.Replace
	}
	c := component{Type: "library", Name: m.Path, Version: m.Version, Purl: "pkg:golang/" + m.Path + "@" + m.Version}
	c.Ref = c.Purl
	// go.sum's h1 is a SHA-256 over the list of the module's files.
	raw, ok := strings.CutPrefix(m.Sum, "h1:")
	if sum, err := base64.StdEncoding.DecodeString(raw); ok && err == nil {
		c.Properties = []property{{"go:module:h1", hex.EncodeToString(sum)}}
		return c, nil
	}
	return c, fmt.Errorf("module %s has no checksum", m.Path)
}

// uuid is made from the binary's hash (RFC 9562 version 8), so that the same
// binary has the same SBOM.
func uuid(sum [32]byte) string {
	b := sum[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
