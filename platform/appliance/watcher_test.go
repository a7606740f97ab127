package appliance

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// run watches until the test ends. open is nil for inotify.
func run(t testing.TB, paths Paths, open func() (notifier, error)) *Watcher {
	t.Helper()
	w := NewWatcher(paths, nil)
	if open != nil {
		w.open = open
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v after its context was cancelled, want nil", err)
		}
	})
	return w
}

func polling() (notifier, error) { return nil, errors.New("too many watches") }

func notified(w *Watcher) bool {
	select {
	case <-w.Changed():
		return true
	default:
		return false
	}
}

func TestFactsBeforeRun(t *testing.T) {
	w := NewWatcher(tree(t, complete()), nil)
	if got := w.Facts(); got.Version != "18.3.3" || len(got.Errs()) != 0 {
		t.Errorf("facts = %+v, want those of the files", got)
	}
}

func TestPollingNoticesAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paths := tree(t, complete())
		w := run(t, paths, polling)
		synctest.Wait()
		write(t, paths.file(Version), "18.4.1")
		time.Sleep(pollEvery + quiet - time.Nanosecond)
		synctest.Wait()
		if notified(w) {
			t.Fatalf("version %q before it stood still", w.Facts().Version)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !notified(w) || w.Facts().Version != "18.4.1" {
			t.Fatalf("version %q, want 18.4.1", w.Facts().Version)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if notified(w) {
			t.Error("notified although nothing changed")
		}
	})
}

func TestMarkerComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paths := tree(t, complete())
		w := run(t, paths, polling)
		for _, upgrading := range []bool{true, false} {
			if upgrading {
				write(t, paths.file(Marker), "18.4.1")
			} else if err := os.Remove(paths.file(Marker)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if f := w.Facts(); !notified(w) || f.Upgrading != upgrading || (f.UpgradeTarget == "18.4.1") != upgrading {
				t.Errorf("upgrading %t to %q, want %t", f.Upgrading, f.UpgradeTarget, upgrading)
			}
		}
	})
}

func TestPollingOutlastsATruncation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paths := tree(t, complete())
		w := run(t, paths, polling)
		synctest.Wait()
		write(t, paths.file(Version), "")
		time.Sleep(pollEvery + settle - time.Nanosecond)
		synctest.Wait()
		if got := w.Facts(); got.Version != "18.3.3" || got.Err(Version) != nil {
			t.Errorf("version %q, error %v while the file is empty for a moment, want the last one", got.Version, got.Err(Version))
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := w.Facts(); !notified(w) || got.Version != "" || got.Err(Version) == nil || got.Serial != "SKT-0001" {
			t.Errorf("version %q, error %v of a file that stays empty, want an error for it alone", got.Version, got.Err(Version))
		}
	})
}

// One notification stands for all changes that nobody has looked at.
func TestChangesAreMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paths := tree(t, complete())
		w := run(t, paths, polling)
		for _, version := range []string{"18.4", "18.5", "18.6"} {
			write(t, paths.file(Version), version)
			time.Sleep(2 * pollEvery)
		}
		synctest.Wait()
		if !notified(w) || notified(w) || w.Facts().Version != "18.6" {
			t.Errorf("version %q, want one notification for the last", w.Facts().Version)
		}
	})
}

// scripted is a notifier whose notices come from the test.
type scripted struct {
	*poller
	looks int
}

func (s *scripted) wait(time.Duration) { s.looks++ }

func TestNoticesAreNotFollowedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{poller: newPoller()}
		w := NewWatcher(tree(t, complete()), nil)
		w.open = func() (notifier, error) { return s, nil }
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Run(ctx); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if want := 1 + int(time.Second/quiet); s.looks > want {
			t.Errorf("%d looks in a second of notices, want at most %d", s.looks, want)
		}
	})
}

// openFile is a notifier that knows of a writer.
type openFile struct{ *poller }

func (openFile) writing(string) bool { return true }

func TestHalfWrittenVersionIsNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paths := tree(t, complete())
		w := run(t, paths, func() (notifier, error) { return openFile{newPoller()}, nil })
		synctest.Wait()
		write(t, paths.file(Version), "18.")
		time.Sleep(pollEvery + time.Second)
		synctest.Wait()
		if notified(w) {
			t.Errorf("version %q of a file being written", w.Facts().Version)
		}
		write(t, paths.file(Version), "18.4.1")
		time.Sleep(pollEvery + settle)
		synctest.Wait()
		if !notified(w) || w.Facts().Version != "18.4.1" {
			t.Errorf("version %q, want 18.4.1", w.Facts().Version)
		}
	})
}

func TestTrail(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"slot-a/etc", "slot-b/etc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(root, "slot-a/etc/v"), "18")
	for link, target := range map[string]string{
		"current":        "slot-a",
		"slot-a/version": "etc/v",
		"up":             "slot-b/../current",
		"absolute":       filepath.Join(root, "slot-a/etc"),
		"loop":           "loop",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string][]string{
		"slot-a/etc/v":    {"slot-a", "slot-a/etc", "slot-a/etc/v"},
		"current/version": {"current", "slot-a", "slot-a/version", "slot-a/etc", "slot-a/etc/v"},
		"up/etc/v":        {"up", "slot-b", "current", "slot-a", "slot-a/etc", "slot-a/etc/v"},
		"absolute/v":      {"absolute", "slot-a", "slot-a/etc", "slot-a/etc/v"},
		"slot-c/etc/v":    {"slot-c"},
		"slot-a/etc/w":    {"slot-a", "slot-a/etc", "slot-a/etc/w"},
		"slot-a/etc/v/x":  {"slot-a", "slot-a/etc", "slot-a/etc/v", "slot-a/etc/v/x"},
	} {
		t.Run(path, func(t *testing.T) {
			var got []string
			for _, s := range trail(filepath.Join(root, path)) {
				if rel, err := filepath.Rel(root, s.path()); err == nil && rel != "." && rel[0] != '.' {
					got = append(got, rel)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("way to %s (-want +got):\n%s", path, diff)
			}
		})
	}
	if got := len(trail(filepath.Join(root, "loop"))); got < maxLinks || got > maxLinks+20 {
		t.Errorf("a loop has a way of %d steps, want an end after %d links", got, maxLinks)
	}
}
