// Package scenario plays the text files that tell what a pure package must do:
// a file holds what happens and what comes of it, for a network engineer to read
// and extend. Playing a file writes it anew with what really came of it, and any
// difference is a failure; `go test -update` accepts it.
package scenario

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what comes of the scenarios into testdata/*.txt")

// Run plays each of testdata/*.txt as a test of its own. play gets the text of a
// file and returns it with what came of it; its error says what in the file it
// does not understand.
func Run(t *testing.T, play func(text string) (string, error)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			run(t, file, play)
		})
	}
}

func run(t *testing.T, file string, play func(string) (string, error)) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := play(string(raw))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(raw), got); diff != "" {
		t.Errorf("%s (-file +played):\n%s", file, diff)
	}
}
