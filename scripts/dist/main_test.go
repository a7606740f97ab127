package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	scratch    string // for all tests
	sourceRoot string
)

func TestMain(m *testing.M) { os.Exit(withScratch(m)) }

func withScratch(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "socketha-dist-"); err == nil {
		sourceRoot, err = filepath.Abs("../..")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := os.Chmod(scratch, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

var when = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// host is the target of this machine.
func host(t *testing.T) target {
	t.Helper()
	i := slices.IndexFunc(targets, func(t target) bool { return t.env[0] == "GOARCH="+runtime.GOARCH })
	if i < 0 {
		t.Fatalf("no target for %s", runtime.GOARCH)
	}
	return targets[i]
}

// made runs dist for this machine's architecture, once a version.
func made(t *testing.T, version string) *release {
	t.Helper()
	releases.Lock()
	defer releases.Unlock()
	if r := releases.by[version]; r != nil {
		return r
	}
	r := &release{
		version: version, commit: "0123456789ab", at: when, root: sourceRoot,
		out: filepath.Join(scratch, version), nfpm: []string{filepath.Join(sourceRoot, "scripts", "tool"), "nfpm"},
	}
	dist(t, r)
	releases.by[version] = r
	return r
}

var releases = struct {
	sync.Mutex
	by map[string]*release
}{by: make(map[string]*release)}

func dist(t *testing.T, r *release) {
	t.Helper()
	defer func() { _ = os.RemoveAll(r.docs) }()
	if err := r.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.make(t.Context(), host(t)); err != nil {
		t.Fatal(err)
	}
	if err := r.finish(); err != nil {
		t.Fatal(err)
	}
}

// TestReproducible: the same source in two folders gives the same bytes,
// whatever the time, and in every file that is delivered.
func TestReproducible(t *testing.T) {
	var sums [2]map[string][32]byte
	source := t.TempDir()
	copySource(t, source)
	for i, name := range []string{"here", "a much longer name/there"} {
		root := filepath.Join(t.TempDir(), name)
		if err := os.CopyFS(root, os.DirFS(source)); err != nil {
			t.Fatal(err)
		}
		r := &release{
			version: "1.2.3", commit: "0123456789ab", at: when, root: root,
			out: filepath.Join(root, "dist"), nfpm: []string{filepath.Join(sourceRoot, "scripts", "tool"), "nfpm"},
		}
		dist(t, r)
		sums[i] = hashes(t, r.out)
	}
	if len(sums[0]) != 7 {
		t.Errorf("%d files were made, want binary, SBOM, three packages, VEX and checksums", len(sums[0]))
	}
	for name, sum := range sums[0] {
		if sums[1][name] != sum {
			t.Errorf("%s differs between two folders", name)
		}
	}
}

// copySource copies what belongs to the source, as it is now.
func copySource(t *testing.T, to string) {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = sourceRoot
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(sourceRoot, name))
		if os.IsNotExist(err) {
			continue // removed, but not committed yet
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// hashes returns the hash of every file in a folder, by name.
func hashes(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	all := make(map[string][32]byte)
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestChecksums(t *testing.T) {
	r := made(t, "0.1.0")
	cmd := exec.Command("sha256sum", "--check", "--strict", "SHA256SUMS")
	cmd.Dir = r.out
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), ": OK\n") != 6 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestFlags(t *testing.T) {
	good := []string{"1.2.3", "c", "2026-11-22T12:00:00+01:00", "dist"}
	if r, err := newRelease(good[0], good[1], good[2], good[3]); err != nil || !filepath.IsAbs(r.out) || r.at.Hour() != 11 {
		t.Errorf("%v %+v", err, r)
	}
	for _, bad := range [][]string{
		{"", "c", good[2], "d"}, {"../x", "c", good[2], "d"}, {"1 2", "c", good[2], "d"}, {"1.2.3", "c", "yesterday", "d"},
	} {
		if _, err := newRelease(bad[0], bad[1], bad[2], bad[3]); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if _, err := choose("amd64,vax"); err == nil || !strings.Contains(err.Error(), "vax") {
		t.Errorf("%v", err)
	}
}

// TestSameFlagsAsMake: what is delivered is what the Makefile builds.
func TestSameFlagsAsMake(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\nTAGS     = " + tags + "\n",
		"build -trimpath -buildvcs=false -tags '$(TAGS)' -ldflags '-s -w $(BUILDINFO)'\n",
	} {
		if !strings.Contains(string(makefile), want) {
			t.Errorf("the Makefile lacks %q", want)
		}
	}
}

func TestPackageVersion(t *testing.T) {
	for version, want := range map[string][2]string{ // deb and ipk, apk
		"1.2.3":                   {"1.2.3", "1.2.3"},
		"v1.2.3":                  {"1.2.3", "1.2.3"},
		"v1.2.3-rc.1":             {"1.2.3~rc1", "1.2.3_rc1"},
		"v1.2.3-4-gabc1234":       {"1.2.3+4.gabc1234", "1.2.3_p4"},
		"v1.2.3-4-gabc1234-dirty": {"1.2.3+4.gabc1234+dirty", "1.2.3_p4"},
		"615b7b8":                 {"0.0.0~git20261122120000.615b7b8", "0.0.0_git20261122120000"},
		"615b7b8-dirty":           {"0.0.0~git20261122120000.615b7b8.dirty", "0.0.0_git20261122120000"},
		"devel":                   {"0.0.0~git20261122120000.devel", "0.0.0_git20261122120000"},
		"12345":                   {"0.0.0~git20261122120000.12345", "0.0.0_git20261122120000"},
	} {
		if got := packageVersion(version, "deb", when); got != want[0] {
			t.Errorf("deb of %s: %s, want %s", version, got, want[0])
		}
		if got := packageVersion(version, "apk", when); got != want[1] {
			t.Errorf("apk of %s: %s, want %s", version, got, want[1])
		}
	}
	for _, pair := range [][2]string{{"615b7b8", "v0.1.0-rc1"}, {"v0.1.0-rc1", "v0.1.0"}, {"v0.1.0", "v0.1.0-4-gabc"}, {"v0.1.0-4-gabc", "v0.1.1"}} {
		older, newer := packageVersion(pair[0], "deb", when), packageVersion(pair[1], "deb", when)
		if err := exec.Command("dpkg", "--compare-versions", older, "lt", newer).Run(); err != nil {
			t.Errorf("dpkg does not sort %s before %s", older, newer)
		}
	}
}
