package role

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"time"
)

const (
	// hold is for how long the state stands after the FIFO was hung up: a reload
	// takes some 50 ms.
	hold = time.Second

	// returnEvery is how often the FIFO is tried meanwhile, and reopenEvery after.
	// Lines wait in the FIFO, so none is lost to the pause.
	returnEvery = 50 * time.Millisecond
	reopenEvery = time.Second

	// recheckEvery is how often the path is compared with what is open.
	recheckEvery = 30 * time.Second
)

// pipe is an open FIFO. All of it is used from one goroutine but for close,
// which may come from another at any time and ends a read.
type pipe interface {
	// read returns what is there. With a wait of 0 it looks once, else it waits for
	// at most that long. Nothing came if it returns nothing; io.EOF says that
	// nobody has the FIFO open for writing. The slice is valid until the next call.
	read(wait time.Duration) ([]byte, error)

	// current reports whether the path still leads to it.
	current() bool

	// identity tells it from others, and the time of the last write to it.
	identity() string

	close()
}

// keepalived is the source that reads the notify FIFO. What touches the machine
// is behind functions, so that its timing can be tested without one.
type keepalived struct {
	cfg      Keepalived
	log      *slog.Logger
	open     func() (pipe, error)
	identify func() string // the run of keepalived by its pid file, empty if there is none
	boot     string        // id of the boot, empty if not known

	// The rest is owned by run.
	table    table
	lines    splitter
	run0     string    // the run that told the table
	attached bool      // somebody has the FIFO open for writing
	began    bool      // it has been attached before
	gone     time.Time // when that ended
	unsaved  bool      // that it cannot be kept was said
}

func newKeepalived(cfg Keepalived, log *slog.Logger) *keepalived {
	return &keepalived{
		cfg: cfg, log: log, table: newTable(), boot: bootID(),
		open:     func() (pipe, error) { return openPipe(cfg.FIFO) },
		identify: func() string { return fileIdentity(cfg.PIDFiles) },
	}
}

func (k *keepalived) run(ctx context.Context, say func(report)) {
	for ctx.Err() == nil {
		err := k.follow(ctx, say)
		if ctx.Err() != nil {
			return
		}
		if k.lost(time.Now()) {
			say(k.why(err))
			sleep(ctx, reopenEvery)
		} else {
			sleep(ctx, returnEvery)
		}
	}
}

// follow reads the FIFO until it is hung up, replaced or broken.
func (k *keepalived) follow(ctx context.Context, say func(report)) error {
	p, err := k.open()
	if err != nil {
		return err
	}
	defer closeWith(ctx, p.close)()
	data, err := p.read(0)
	if err != nil {
		return err
	}
	k.attach(p)
	for news := true; ctx.Err() == nil; {
		// A FIFO that was made anew is news too: the memory belongs to the FIFO.
		if k.take(data) || news {
			k.save(p)
		}
		news = false
		say(k.table.judge(k.cfg.Instance, k.cfg.Group))
		if data, err = p.read(recheckEvery); err != nil {
			return err
		}
		if data == nil && !p.current() {
			return errReplaced
		}
	}
	return nil
}

var errReplaced = errors.New("another file took its place")

// attach decides, when there is a writer again, whether what was told before
// still holds.
func (k *keepalived) attach(p pipe) {
	run := k.identify()
	switch {
	case !k.began && k.cfg.Memory != "":
		table, err := loadMemory(k.cfg.Memory, moment{boot: k.boot, run: run, fifo: p.identity()})
		k.log.Debug("looked for what keepalived told before the start", "known", err == nil, "instances", len(table.instances))
		k.table = table
	case run == "" || run != k.run0:
		k.table = newTable()
	}
	k.run0, k.attached, k.began = run, true, true
	k.lines.reset()
}

// take applies what was read and reports whether that was anything.
func (k *keepalived) take(data []byte) bool {
	if len(data) == 0 {
		return false
	}
	if run := k.identify(); run != k.run0 { // restarted so fast that nobody saw it
		k.table, k.run0 = newTable(), run
	}
	k.lines.feed(data, func(line []byte) {
		e, err := parseNotify(line)
		if err != nil {
			k.log.Debug("line from keepalived left aside", "line", quote(string(line)), "error", err)
			return
		}
		k.table.apply(e)
	})
	return true
}

// lost takes note that the FIFO has no writer and reports whether that is
// to be told: a state may stand for a while, see hold.
func (k *keepalived) lost(now time.Time) bool {
	if k.attached {
		k.attached, k.gone = false, now
	}
	return k.table.empty() || now.Sub(k.gone) >= hold
}

// why says it in words.
func (k *keepalived) why(err error) report {
	switch {
	case k.table.stopped && k.table.empty():
		return silence("keepalived was stopped")
	case errors.Is(err, io.EOF):
		return silence("keepalived does not run: nobody has %s open for writing", k.cfg.FIFO)
	case errors.Is(err, fs.ErrNotExist):
		return absence("%s does not exist: keepalived does not run, or has no vrrp_notify_fifo", k.cfg.FIFO)
	}
	return silence("the FIFO of keepalived cannot be read: %v", err)
}

// save keeps the table for the next start of the agent.
func (k *keepalived) save(p pipe) {
	now := moment{boot: k.boot, run: k.run0, fifo: p.identity()}
	if k.cfg.Memory == "" || !now.known() || k.table.empty() {
		return
	}
	err := saveMemory(k.cfg.Memory, now, &k.table)
	if err != nil && !k.unsaved {
		k.log.Warn("what keepalived tells cannot be kept for the next start", "error", err)
	}
	k.unsaved = err != nil
}
