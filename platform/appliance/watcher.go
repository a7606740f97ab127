package appliance

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"
)

// notifier ends a wait when files may have changed. All of it is used from one
// goroutine but for close, which may come from another at any time and ends a
// wait.
type notifier interface {
	// follow sets which files are meant, and is called again after each wait,
	// because folders come and go and links are switched. It returns for how
	// long files may be believed without a notice.
	follow(paths []string) time.Duration

	// wait returns after a notice, or after d.
	wait(d time.Duration)

	// writing reports whether a writer is known to have the file open.
	writing(path string) bool

	close()
}

// Watcher keeps the facts up to date. Make it with NewWatcher and run it once.
type Watcher struct {
	log     *slog.Logger
	open    func() (notifier, error)
	facts   atomic.Pointer[Facts]
	changed chan struct{}

	// The rest is owned by Run.
	paths    Paths
	settlers [fields]settler
}

// NewWatcher reads all files once and returns a watcher with what they said,
// which may be nothing. A nil log discards.
func NewWatcher(paths Paths, log *slog.Logger) *Watcher {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := &Watcher{log: log, open: openInotify, changed: make(chan struct{}, 1), paths: paths}
	var all [fields]reading
	for f := range all {
		all[f] = read(paths, Field(f), reading{})
		w.settlers[f].published = all[f]
	}
	w.facts.Store(assemble(all))
	return w
}

// Facts returns the latest facts, never nil. It never blocks.
func (w *Watcher) Facts() *Facts { return w.facts.Load() }

// Changed delivers one notification for all changes since the last was taken,
// after which Facts tells the latest. It is for one consumer and never closed.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Run watches until ctx is cancelled, and then returns nil. It has no error:
// where there is no inotify it looks every 2 s and says so in the log.
func (w *Watcher) Run(ctx context.Context) error {
	n, err := w.open()
	if err != nil {
		w.log.Warn("no notice of changed files, looking at them instead", "error", err, "every", pollEvery)
		n = newPoller()
	}
	defer closeWith(ctx, n.close)()
	files := w.files()
	for ctx.Err() == nil {
		believed := n.follow(files)
		looked := time.Now()
		w.look(looked, n)
		n.wait(w.next(looked.Add(believed)).Sub(looked))
		// A writer of many small pieces gets no look at each of them.
		sleep(ctx, time.Until(looked.Add(quiet)))
	}
	return nil
}

// files lists the paths of all facts that have one.
func (w *Watcher) files() []string {
	var files []string
	for f := range w.settlers {
		if path := w.paths.file(Field(f)); path != "" {
			files = append(files, path)
		}
	}
	return files
}

// next returns the earliest of limit and what the settlers wait for.
func (w *Watcher) next(limit time.Time) time.Time {
	for _, s := range w.settlers {
		if s.pending && s.due.Before(limit) {
			limit = s.due
		}
	}
	return limit
}

// look reads every file and publishes what has settled.
func (w *Watcher) look(now time.Time, n notifier) {
	var all [fields]reading
	var changed bool
	for i := range w.settlers {
		s, f := &w.settlers[i], Field(i)
		path := w.paths.file(f)
		if s.observe(now, read(w.paths, f, s.published), n.writing(path)) {
			changed = true
			w.logChange(f, path, s.published)
		}
		all[i] = s.published
	}
	if !changed {
		return
	}
	w.facts.Store(assemble(all))
	select {
	case w.changed <- struct{}{}:
	default: // one is waiting already, and Facts tells the latest
	}
}

func (w *Watcher) logChange(f Field, path string, r reading) {
	switch {
	case r.err != nil:
		w.log.Warn("appliance file cannot be used", "field", f.String(), "error", r.err)
	case f == Marker && r.present:
		w.log.Info("the marker of a firmware upgrade is there", "path", path, "target", r.text)
	case f == Marker:
		w.log.Info("the marker of a firmware upgrade is gone", "path", path)
	case f == Capabilities:
		count := 0
		if r.manifest != nil {
			count = len(r.manifest.Capabilities)
		}
		w.log.Info("appliance file changed", "field", f.String(), "path", path, "count", count)
	default:
		w.log.Info("appliance file changed", "field", f.String(), "path", path, "value", fmt.Sprintf("%.*q", maxValue, r.text))
	}
}

// closeWith calls release when ctx ends, or at the latest when the function it
// returns is called, which waits until release has returned.
func closeWith(ctx context.Context, release func()) (end func()) {
	released := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		release()
		close(released)
	})
	return func() {
		if stop() {
			release()
			return
		}
		<-released
	}
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// step is a name looked up in a folder.
type step struct{ folder, name string }

// path joins the two.
func (s step) path() string { return filepath.Join(s.folder, s.name) }
