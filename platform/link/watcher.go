package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// reconcileEvery is how long a read is believed when no message comes.
	reconcileEvery = 30 * time.Second

	// rereadAfter is how soon a failed read is tried again.
	rereadAfter = time.Second

	// reopenMin and reopenMax bound the wait before a failed subscription is
	// made again.
	reopenMin = time.Second
	reopenMax = 30 * time.Second

	// receiveBuffer holds some 400 messages while the interface is being read.
	receiveBuffer = 1 << 20

	// maxName is the longest name the kernel allows, in bytes (IFNAMSIZ - 1).
	maxName = 15
)

// Config says what to watch.
type Config struct {
	Name string       // of the interface, 1 to 15 bytes; an alternative name will do
	Log  *slog.Logger // nil discards
}

// Watcher watches one interface. Make it with New and run it once.
type Watcher struct {
	name    string
	log     *slog.Logger
	open    func() (feed, error)
	state   atomic.Pointer[State]
	changed chan struct{}

	// The rest is owned by Run.
	last  reading
	flaps flapCounter
}

// New checks the name and returns a watcher that knows nothing yet. The
// interface need not exist.
func New(cfg Config) (*Watcher, error) {
	if err := checkName(cfg.Name); err != nil {
		return nil, err
	}
	w := &Watcher{
		name:    cfg.Name,
		log:     cfg.Log,
		open:    func() (feed, error) { return openFeed(receiveBuffer) },
		changed: make(chan struct{}, 1),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	w.last.Name = cfg.Name
	w.state.Store(&State{Name: cfg.Name})
	return w, nil
}

// checkName follows dev_valid_name of the kernel.
func checkName(name string) error {
	switch {
	case name == "", len(name) > maxName:
		return fmt.Errorf("interface name %q: has %d bytes, accepted are 1 to %d", name, len(name), maxName)
	case name == ".", name == "..", strings.ContainsAny(name, "/: \t\n\v\f\r\x00"):
		return fmt.Errorf("interface name %q: must not contain slash, colon or white space", name)
	}
	return nil
}

// State returns the interface as it was last seen. It never blocks.
func (w *Watcher) State() State { return *w.state.Load() }

// Changed delivers one notification for all changes since the last was taken,
// after which State tells the latest. It is for one consumer and never closed.
func (w *Watcher) Changed() <-chan struct{} { return w.changed }

// Run watches until ctx is cancelled, and then returns nil. A subscription
// that fails is made again, with State.Known false meanwhile. The only error
// is an operating system without netlink, matching [errors.ErrUnsupported].
func (w *Watcher) Run(ctx context.Context) error {
	wait := reopenMin
	for ctx.Err() == nil {
		lived, err := w.watch(ctx)
		if err == nil || errors.Is(err, errors.ErrUnsupported) {
			return err
		}
		if lived {
			wait = reopenMin
		}
		w.log.Warn("watching the HA interface failed, trying again", "interface", w.name, "error", err, "wait", wait)
		w.publishUnknown()
		sleep(ctx, wait)
		wait = min(2*wait, reopenMax)
	}
	return nil
}

// watch lives as long as one subscription, and ends without an error when ctx
// does. lived says that it worked at all.
func (w *Watcher) watch(ctx context.Context) (lived bool, err error) {
	f, err := w.open()
	if err != nil {
		return false, err
	}
	defer closeWith(ctx, f.close)()

	// The subscription stands, so what changes from here on is announced.
	next := w.reread(ctx, f)
	for ctx.Err() == nil {
		messages, err := f.wait(time.Until(next))
		stale := !time.Now().Before(next)
		switch {
		case errors.Is(err, errMissed):
			w.log.Warn("netlink messages lost, reading the HA interface afresh", "interface", w.name)
			stale = true
		case err != nil && ctx.Err() == nil:
			return true, err
		}
		for _, m := range messages {
			stale = w.hint(m) || stale
		}
		if stale {
			next = w.reread(ctx, f)
		}
	}
	return true, nil
}

// hint publishes what cannot wait and reports whether the message asks for a
// new read.
func (w *Watcher) hint(m message) bool {
	ours := w.last.Exists && m.index == w.last.Index
	switch m.kind {
	case linkGone:
		if ours {
			w.publish(missing(w.name))
		}
		return ours
	case linkSet:
		if ours && m.link.overtakes(w.last) {
			w.publish(w.last.withLoss(m.link))
		}
		// While ours does not exist any interface may be it, under an
		// alternative name that messages do not carry.
		return ours || !w.last.Exists || m.link.Name == w.name
	case addrChanged:
		return ours
	}
	return false
}

// missing is the reading of an interface that does not exist.
func missing(name string) reading {
	return reading{State: State{Known: true, Name: name}}
}

// reread reads the interface, publishes what differs and returns when to read
// it again if no message comes.
func (w *Watcher) reread(ctx context.Context, f feed) time.Time {
	r, err := f.read(w.name)
	switch {
	case err == nil:
		w.publish(r)
	case ctx.Err() == nil: // else the feed was closed to stop the watcher
		w.log.Warn("reading the HA interface failed, trying again", "interface", w.name, "error", err, "wait", rereadAfter)
		w.publishUnknown()
		return time.Now().Add(rereadAfter)
	}
	return time.Now().Add(reconcileEvery)
}

func (w *Watcher) publishUnknown() {
	r := w.last
	r.Known = false
	w.publish(r)
}

// publish replaces the snapshot if r says anything new.
func (w *Watcher) publish(r reading) {
	if r.Known {
		r.Flaps = w.flaps.observe(w.last, r)
	}
	before := w.last.State
	w.last = r
	if before.Equal(r.State) {
		return
	}
	state := r.State
	w.state.Store(&state)
	select {
	case w.changed <- struct{}{}:
	default: // one is waiting already, and State is the latest
	}
	w.logChange(before, state)
}

// logChange says at Info what an operator looks for, and the rest at Debug.
func (w *Watcher) logChange(before, after State) {
	log := w.log.Debug
	if before.Known != after.Known || before.Exists != after.Exists || before.Index != after.Index || before.Up != after.Up {
		log = w.log.Info
	}
	log("HA interface changed", "interface", w.name,
		"known", after.Known, "exists", after.Exists, "index", after.Index, "oper_state", after.OperState,
		"carrier", after.Carrier.String(), "up", after.Up, "mtu", after.MTU, "addresses", len(after.Addrs), "flaps", after.Flaps)
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
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
