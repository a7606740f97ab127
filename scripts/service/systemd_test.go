package service

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"socketha/scripts/needs"
)

// maxExposure is what the project promises.
const maxExposure = 1.2

func TestUnitExposure(t *testing.T) {
	analyze := needs.Command(t, "systemd-analyze", "systemd")
	out, err := exec.Command(analyze, "security", "--offline=yes", "--no-pager", "systemd/socketha.service").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	m := regexp.MustCompile(`Overall exposure level for socketha.service: ([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("no verdict in:\n%s", out)
	}
	level, err := strconv.ParseFloat(string(m[1]), 64)
	if err != nil || level > maxExposure {
		t.Errorf("exposure %s, want at most %v (%v)\n%s", m[1], maxExposure, err, out)
	}
}

// TestUnitIsUnderstood: systemd finds nothing in it that it does not know.
func TestUnitIsUnderstood(t *testing.T) {
	analyze := needs.Command(t, "systemd-analyze", "systemd")
	text, err := os.ReadFile("systemd/socketha.service")
	if err != nil {
		t.Fatal(err)
	}
	// What it starts need not be installed here.
	unit := filepath.Join(t.TempDir(), "socketha.service")
	text = []byte(strings.ReplaceAll(string(text), "/usr/bin/socketha", "/bin/true"))
	if err := os.WriteFile(unit, text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), "socketha.service") {
		t.Errorf("%v\n%s", err, out)
	}
}
