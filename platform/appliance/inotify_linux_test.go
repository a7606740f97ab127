package appliance

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// await blocks until the facts are as wanted. If they never are, the time
// limit of the whole test run tells where.
func await(w *Watcher, wanted func(*Facts) bool) {
	for !wanted(w.Facts()) {
		<-w.Changed()
	}
}

func awaitVersion(w *Watcher, version string) {
	await(w, func(f *Facts) bool { return f.Version == version })
}

// The periodic look comes once a minute, so what is seen at once is seen by
// inotify.
func TestInotifyNotices(t *testing.T) {
	replace := func(t *testing.T, path, version string) {
		t.Helper()
		write(t, path+".new", version)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, path string) {
		t.Helper()
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, change := range map[string]func(t *testing.T, w *Watcher, path string){
		"renamed over": func(t *testing.T, w *Watcher, path string) {
			replace(t, path, "19.1")
		},
		"written in place": func(t *testing.T, w *Watcher, path string) {
			write(t, path, "19.1")
		},
		"removed and made again at once": func(t *testing.T, w *Watcher, path string) {
			remove(t, path)
			write(t, path, "19.1")
		},
		"removed, known to be, and made again": func(t *testing.T, w *Watcher, path string) {
			remove(t, path)
			await(w, func(f *Facts) bool { return f.Err(Version) != nil })
			write(t, path, "19.1")
		},
		"folder removed, known to be, and made again": func(t *testing.T, w *Watcher, path string) {
			remove(t, filepath.Dir(path))
			await(w, func(f *Facts) bool { return f.Err(Version) != nil })
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			write(t, path, "19.1")
		},
		"folder replaced": func(t *testing.T, w *Watcher, path string) {
			folder := filepath.Dir(path)
			if err := os.Rename(folder, folder+".old"); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(folder, 0o750); err != nil {
				t.Fatal(err)
			}
			write(t, path, "19.1")
		},
		"a folder above replaced": func(t *testing.T, w *Watcher, path string) {
			above := filepath.Dir(filepath.Dir(path))
			if err := os.Rename(above, above+".old"); err != nil {
				t.Fatal(err)
			}
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			write(t, path, "19.1")
		},
		"replaced by a link": func(t *testing.T, w *Watcher, path string) {
			target := filepath.Join(t.TempDir(), "v")
			write(t, target, "19.1")
			if err := os.Symlink(target, path+".new"); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
			awaitVersion(w, "19.1")
			replace(t, target, "19.2") // and what the link leads to is followed
			awaitVersion(w, "19.2")
			replace(t, target, "19.1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			paths := tree(t, complete())
			w := run(t, paths, nil)
			awaitVersion(w, "18.3.3")
			change(t, w, paths.file(Version))
			awaitVersion(w, "19.1")
		})
	}
}

// Two slots and a link that is switched, as firmware updates do it.
func TestInotifyNoticesASwitchedLink(t *testing.T) {
	root := t.TempDir()
	for slot, version := range map[string]string{"a": "18.3.3", "b": "19.1"} {
		if err := os.MkdirAll(filepath.Join(root, slot, "etc"), 0o750); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, slot, "etc", "version"), version)
	}
	boot := func(slot string) {
		link := filepath.Join(root, "current")
		if err := os.Symlink(slot, link+".new"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
	}
	boot("a")
	w := run(t, Paths{Root: root, VersionFile: "/current/etc/version"}, nil)
	for range 3 {
		awaitVersion(w, "18.3.3")
		boot("b")
		awaitVersion(w, "19.1")
		boot("a")
	}
}

// A writer that stops half-way with the file open is not believed. To prove
// that nothing happens, the state after each step is asked of the parts
// instead of waited for.
func TestInotifyKnowsAWriter(t *testing.T) {
	paths := tree(t, complete())
	path := paths.file(Version)
	n, err := openInotify()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	if got := n.follow([]string{path}); got != recheckEvery {
		t.Errorf("believed for %v, want %v", got, recheckEvery)
	}
	writing := func(want bool) {
		t.Helper()
		n.wait(recheckEvery)
		if got := n.writing(path); got != want {
			t.Errorf("writing = %t, want %t", got, want)
		}
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	writing(true)
	if _, err := file.WriteString("19."); err != nil {
		t.Fatal(err)
	}
	writing(true)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	writing(false)
	write(t, path, "19.1")
	writing(false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	writing(false)
}

// What is left behind is not watched any more: watches are limited for a user.
func TestInotifyDropsOldWatches(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "current", "version")
	o, err := openInotify()
	if err != nil {
		t.Fatal(err)
	}
	defer o.close()
	n := o.(*inotify)
	for _, slot := range []string{"a", "b", "c", "d"} {
		if err := os.MkdirAll(filepath.Join(root, slot), 0o750); err != nil {
			t.Fatal(err)
		}
		_ = os.Remove(filepath.Dir(path))
		if err := os.Symlink(slot, filepath.Dir(path)); err != nil {
			t.Fatal(err)
		}
		n.follow([]string{path})
	}
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", n.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(info), "inotify wd:"); got != len(n.watches) {
		t.Errorf("the kernel keeps %d watches, want the %d that matter:\n%s", got, len(n.watches), info)
	}
}

// Neighbours in the same folders wake nobody up.
func TestInotifyIgnoresNeighbours(t *testing.T) {
	paths := tree(t, complete())
	path := paths.file(Version)
	n, err := openInotify()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	n.follow([]string{path})
	in := n.(*inotify)
	write(t, filepath.Join(filepath.Dir(path), "neighbour"), "x")
	size, err := in.file.Read(in.buf[:])
	if err != nil {
		t.Fatal(err)
	}
	if in.notice(in.buf[:size]) {
		t.Error("a neighbour's file counts as ours")
	}
}

func TestInotifyLeaksNothing(t *testing.T) {
	paths := tree(t, complete())
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := 0
	for i := range 20 {
		t.Run("", func(t *testing.T) {
			w := run(t, paths, nil)
			version := []string{"19.1", "19.2"}[i%2]
			write(t, paths.file(Version), version)
			awaitVersion(w, version)
		})
		if i == 0 {
			before = count()
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors open after 20 runs, %d after the first", after, before)
	}
	buf := make([]byte, 1<<20)
	for strings.Contains(string(buf[:runtime.Stack(buf, true)]), "appliance.(*Watcher)") {
		runtime.Gosched() // one that never ends is shown by the time limit of the run
	}
}
