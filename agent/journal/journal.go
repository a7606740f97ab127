package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// ErrStopped says that Run has ended: nothing will be written any more.
var ErrStopped = errors.New("the journal has stopped")

// Options are how to keep a journal. The zero Options are good.
type Options struct {
	// Every is the least time between a write and one for which nothing urgent
	// waits; 0 means DefaultEvery.
	Every time.Duration

	// Refresh, if set, fills in what changes all the time, such as when the
	// peer was last heard. It is called before each write and when a write of
	// routine is due, from Run's goroutine with the journal locked: it must be
	// quick, and not call the journal.
	Refresh func(*State)

	Log *slog.Logger // nil discards
}

// Recovered is what Open found.
type Recovered struct {
	// State is the newest state that is whole, with the epoch of the start that
	// wrote it. It is the zero State if none was Found.
	State State
	Found bool

	// Damaged lists what could not be used. State may then be older than the
	// last one acknowledged.
	Damaged []Damage
}

// Stats are counters since Open.
type Stats struct {
	Writes   uint64 // acknowledged
	Bytes    uint64 // in them
	Size     int    // bytes of the last one
	Failures uint64
	Err      error // of the last attempt; nil: it was acknowledged
	Damaged  int   // files found damaged by Open
	Refused  uint64
	Pending  bool // something is in memory only
}

// Journal keeps the state. Make it with Open and run it once.
type Journal struct {
	log     *slog.Logger
	refresh func(*State)
	wake    chan struct{}
	state   atomic.Pointer[State]

	// Owned by Run.
	store store
	last  []byte // the state as acknowledged, encoded

	mu       sync.Mutex // guards the rest, and is never held over I/O
	pace     pace
	revision uint64 // of the state: how often it was updated
	urgent   uint64 // the last revision that was no routine
	waiting  uint64 // the last revision that somebody waits for
	acked    uint64 // the last revision on flash
	attempt  *attempt
	stopped  bool
	stats    Stats
}

// attempt is a write to come; done is closed when it is over.
type attempt struct {
	done     chan struct{}
	revision uint64
	err      error
}

// Open reads the journal in dir and takes the next epoch, which Run writes first of
// all. Nothing that is or is not on the disk is an error; the error says which
// option is wrong. Open writes nothing, but for setting damaged files aside.
func Open(dir string, opts Options) (*Journal, Recovered, error) {
	switch {
	case dir == "":
		return nil, Recovered{}, errors.New("journal: no directory")
	case opts.Every < 0:
		return nil, Recovered{}, fmt.Errorf("journal: a write every %v, accepted: 0 or more", opts.Every)
	}
	j, recovered := open(folder(dir), opts)
	return j, recovered, nil
}

func open(d disk, opts Options) (*Journal, Recovered) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	if opts.Every == 0 {
		opts.Every = DefaultEvery
	}
	j := &Journal{
		log: opts.Log, refresh: opts.Refresh,
		wake:    make(chan struct{}, 1),
		store:   store{disk: d},
		pace:    pace{every: opts.Every, written: time.Now()},
		attempt: &attempt{done: make(chan struct{})},
	}
	f := j.store.load()
	for _, damage := range f.damaged {
		j.log.Warn("damaged state", "file", damage.File, "error", damage.Err, "kept_as", damage.Kept)
	}
	j.stats.Damaged = len(f.damaged)
	next := f.state
	next.Epoch++
	if f.lost {
		next.Epoch++ // the generation that was lost may have used this one
	}
	j.state.Store(&next)
	j.revision, j.urgent = 1, 1
	return j, Recovered{State: f.state, Found: f.exists, Damaged: f.damaged}
}

// State returns the state as it is in memory. It is immutable.
func (j *Journal) State() *State { return j.state.Load() }

// Update changes the state in memory; Run writes it when it is due. It does no I/O.
// change gets a copy that shares slices with the former state: it replaces them,
// and never writes into them. It is called with the journal locked, and must not
// call the journal.
func (j *Journal) Update(change func(*State), urgency Urgency) {
	j.mu.Lock()
	j.update(change)
	if urgency != Routine {
		j.urgent = j.revision
	}
	j.mu.Unlock()
	j.poke()
}

func (j *Journal) update(change func(*State)) {
	next := *j.state.Load()
	epoch := next.Epoch
	change(&next)
	next.Epoch = epoch // is nobody's but Open's
	if next.bound() {
		j.stats.Refused++
		j.log.Error("the state of the alarm is too long to be kept", "limit", MaxAlarm)
	}
	j.state.Store(&next)
	j.revision++
}

func (j *Journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default: // Run has not taken the last one yet, and will see this too
	}
}

// Sync returns nil once every update before it survives power loss, or the error
// of an attempt to make it so; the journal then goes on trying. It is for what a person
// asked for: it waits for no allowance. Run must be running, or be about to.
func (j *Journal) Sync(ctx context.Context) error {
	j.mu.Lock()
	want := j.revision
	for {
		if j.acked >= want {
			j.mu.Unlock()
			return nil
		}
		if j.stopped {
			j.mu.Unlock()
			return ErrStopped
		}
		j.waiting = max(j.waiting, want)
		a := j.attempt
		j.mu.Unlock()
		j.poke()
		select {
		case <-ctx.Done():
			return fmt.Errorf("journal: not on flash yet: %w", context.Cause(ctx))
		case <-a.done:
		}
		if a.revision >= want && a.err != nil {
			return fmt.Errorf("journal: %w", a.err)
		}
		j.mu.Lock()
	}
}

// Stats returns the counters.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.stats
	s.Pending = j.acked < j.revision
	return s
}

// Run writes what is due until ctx is cancelled; then it writes a last time if
// something urgent waits, and returns nil. It has no error: what cannot be
// written is said in the log and kept in memory.
func (j *Journal) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		if due, ok := j.due(time.Now()); !ok {
			timer.Stop()
		} else if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
		} else {
			j.write()
			continue
		}
		select {
		case <-ctx.Done():
		case <-j.wake:
		case <-timer.C:
		}
	}
	j.stop()
	return nil
}

// due returns when to write next; false if nothing waits.
func (j *Journal) due(now time.Time) (time.Time, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	urgency := j.urgency()
	if urgency == Routine && j.acked == j.revision && j.refresh == nil {
		return time.Time{}, false
	}
	return j.pace.Due(now, urgency), true
}

// urgency is that of the most urgent update in memory only.
func (j *Journal) urgency() Urgency {
	switch {
	case j.waiting > j.acked:
		return waited
	case j.urgent > j.acked:
		return Change
	}
	return Routine
}

// write makes one attempt and tells all who wait for it.
func (j *Journal) write() {
	state, revision, urgency := j.take()
	size, same, err := j.put(state)
	j.mu.Lock()
	defer j.mu.Unlock()
	now := time.Now()
	if err != nil {
		j.pace.failedAt(now)
		j.stats.Failures++
	} else {
		j.acked = revision
		if same {
			j.pace.written = now // nothing was worn, and nothing is owed
		} else {
			j.pace.wrote(now, urgency)
			j.stats.Writes++
			j.stats.Bytes += uint64(size)
			j.stats.Size = size
		}
	}
	j.say(err)
	j.stats.Err = err
	over := j.attempt
	j.attempt = &attempt{done: make(chan struct{})}
	over.revision, over.err = revision, err
	close(over.done)
}

// take returns what is to be written now.
func (j *Journal) take() (*State, uint64, Urgency) {
	j.mu.Lock()
	defer j.mu.Unlock()
	urgency := j.urgency()
	if j.refresh != nil {
		j.update(j.refresh)
	}
	j.waiting = 0 // who asks from here on waits for the next attempt
	return j.state.Load(), j.revision, urgency
}

// put writes a state unless it is on flash already.
func (j *Journal) put(state *State) (size int, same bool, err error) {
	encoded, err := encode(state)
	if err != nil {
		return 0, false, err
	}
	if j.last != nil && bytes.Equal(encoded, j.last) {
		return 0, true, nil
	}
	// Whatever becomes of it, what is on flash is not known until it succeeds.
	j.last = nil
	if size, err = j.store.write(encoded); err != nil {
		return 0, false, err
	}
	j.last = encoded
	return size, false, nil
}

// say logs that writing began or ceased to fail, not each failure.
func (j *Journal) say(err error) {
	switch {
	case err != nil && j.stats.Err == nil:
		j.log.Error("the state cannot be written and is kept in memory", "error", err)
	case err == nil && j.stats.Err != nil:
		j.log.Info("the state is written again", "failures", j.stats.Failures)
	}
}

// stop writes what is urgent a last time and lets go of all who wait.
func (j *Journal) stop() {
	j.mu.Lock()
	owed := j.urgency() != Routine
	j.mu.Unlock()
	if owed {
		j.write()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped = true
	close(j.attempt.done)
}

// RaiseEpoch takes an epoch above the one given, and returns it once it is on
// flash. It is for a receiver that has seen higher ones, as after a reset to
// factory state. With the error the epoch is taken all the same, but a restart may
// take it again.
func (j *Journal) RaiseEpoch(ctx context.Context, above uint64) (uint64, error) {
	if above >= maxEpoch-1 {
		return 0, fmt.Errorf("journal: no epoch above %d", above)
	}
	j.mu.Lock()
	next := *j.state.Load()
	next.Epoch = max(next.Epoch, above) + 1
	j.state.Store(&next)
	j.revision++
	j.urgent = j.revision
	j.mu.Unlock()
	return next.Epoch, j.Sync(ctx)
}
