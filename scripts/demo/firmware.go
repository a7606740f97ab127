package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"socketha/agent/impact"
	"socketha/peer/compat"
)

// inUse are the features that the site of the demo has switched on.
var inUse = []string{"dhcp-relay", "dns-relay-lan", "bgp-withdraw-offline", "lan-firewall", "image-predownload"}

// manifest is what the firmware of that version says of itself: the features of
// the built-in catalog that had come by then.
func manifest(version string) (string, error) {
	v, err := compat.Parse(version)
	if err != nil {
		return "", fmt.Errorf("firmware version: %w", err)
	}
	type capability struct {
		ID        string `json:"id"`
		Supported bool   `json:"supported"`
		Enabled   bool   `json:"enabled"`
		Since     string `json:"since"`
	}
	list := []capability{}
	for f := range impact.Sample().All() {
		if f.Since.Compare(v) <= 0 {
			list = append(list, capability{f.ID, true, slices.Contains(inUse, f.ID), f.Since.String()})
		}
	}
	data, err := json.MarshalIndent(map[string]any{"schema": 1, "capabilities": list}, "", " ")
	if err != nil {
		return "", fmt.Errorf("manifest of the firmware: %w", err)
	}
	return string(data), nil
}

// install leaves behind what a firmware upgrade does: another manifest, then
// another version.
func (s *socket) install(version string) error {
	m, err := manifest(version)
	if err != nil {
		return err
	}
	s.version = version
	for _, f := range [...]struct{ name, text string }{{"capabilities", m}, {"version", version + "\n"}} {
		name := filepath.Join(s.dir, "etc/socketha", f.name)
		if err := write(name+".new", f.text); err != nil {
			return err
		}
		if err := os.Rename(name+".new", name); err != nil {
			return fmt.Errorf("install %s on %s: %w", version, s.name, err)
		}
	}
	return nil
}
