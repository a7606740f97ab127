package report

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"socketha/agent/report/outbox"
	"socketha/agent/report/post"
	"socketha/agent/report/schema"
	"socketha/agent/status"
	"socketha/peer"
)

// Source is what is reported. Its methods are called from Run's goroutine, and may be
// those of a local.Source.
type Source interface {
	// Current returns the status document as of now, and the id of its meaning.
	Current() (status.Document, string)

	// Changed returns a channel that is closed when the meaning next changes. A
	// change after the call to Changed must not be missed by it.
	Changed() <-chan struct{}

	// History returns the last transitions, newest first.
	History() status.History
}

// Sender sends a body and returns the answer, whatever its status; [post.Client] does.
type Sender interface {
	Post(ctx context.Context, contentType string, body []byte) (*post.Answer, error)
}

// Config is what a Reporter needs. All but Cadence, Random, Saved and Away is required.
type Config struct {
	Serial string // of the client certificate
	Source Source
	Sender Sender

	// Epoch is the number of this start, from 1, already durable or as good as that
	// can be made: used twice, it costs a 409.
	Epoch uint64

	// RaiseEpoch takes an epoch above the one given, makes it durable and returns
	// it. Run waits for it. An error means that there is none now; the report is
	// tried again by back-off.
	RaiseEpoch func(ctx context.Context, above uint64) (uint64, error)

	// Cadence is the time between reports when nothing changes and the server does
	// not ask for another, schema.MinCadence to schema.MaxCadence; 0 means
	// outbox.DefaultCadence.
	Cadence time.Duration

	// Saved is what Save returned in the life before, Away the time since (0 if it
	// is not known: the last delivery is then forgotten). What does not read is ignored.
	Saved []byte
	Away  time.Duration

	Log    *slog.Logger
	Random func() float64 // uniform in [0, 1); nil: a good one
}

// Stats is how reporting goes. It is immutable.
type Stats struct {
	State         peer.UpstreamState // unknown, connected or disconnected
	LastDelivered time.Time          // with a monotonic reading; zero if never
	Queued        uint64             // 0 or 1
	outbox.Counters

	// Malformed counts answers, or parts of them, that did not read.
	Malformed uint64

	// LastError is why the last attempt did not end well, "" if it did: one line
	// of printable ASCII, at most MaxError bytes.
	LastError string

	Cadence  time.Duration   // in force
	Position schema.Position // of the newest report

	saved outbox.Saved // as of at
	at    time.Time
}

// Reporter is the task. Make it with New and run it once.
type Reporter struct {
	cfg     Config
	log     *slog.Logger
	stats   atomic.Pointer[Stats]
	changed chan struct{}

	// Owned by Run, and by New before.
	box       *outbox.Box
	frozen    *schema.Report // as sent last, to be sent again unchanged
	malformed uint64
	lastError string
	said      string // what was last logged of attempts that do not end well
}

// New makes a reporter, which sends nothing before Run.
func New(cfg Config) (*Reporter, error) {
	if cfg.Serial == "" || cfg.Source == nil || cfg.Sender == nil || cfg.RaiseEpoch == nil || cfg.Log == nil {
		return nil, errors.New("upstream: serial, source, sender, epoch and log are required")
	}
	if cfg.Cadence == 0 {
		cfg.Cadence = outbox.DefaultCadence
	}
	if cfg.Random == nil {
		cfg.Random = rand.Float64
	}
	r := &Reporter{cfg: cfg, log: cfg.Log, changed: make(chan struct{}, 1)}
	var saved outbox.Saved
	if len(cfg.Saved) > 0 && json.Unmarshal(cfg.Saved, &saved) != nil {
		saved = outbox.Saved{}
		r.log.Warn("what was kept of the upstream does not read and is ignored")
	}
	now := time.Now()
	var err error
	r.box, err = outbox.New(now, outbox.Config{
		Epoch: cfg.Epoch, Cadence: cfg.Cadence, Random: cfg.Random, Saved: saved, Away: cfg.Away,
	})
	if err != nil {
		return nil, err
	}
	r.publish(now)
	return r, nil
}

// Stats returns how reporting goes now. It may be called from any goroutine.
func (r *Reporter) Stats() *Stats { return r.stats.Load() }

// Changed returns a channel that holds a value after State or LastError has changed; it
// has room for one, and the latest change is never lost.
func (r *Reporter) Changed() <-chan struct{} { return r.changed }

// Save returns what a later life should know, at most 1 KB, to be kept where it
// survives the process but need not survive the machine. It may be called from any goroutine.
func (r *Reporter) Save() []byte {
	stats := r.Stats()
	saved, passed := stats.saved, time.Since(stats.at).Seconds()
	saved.WaitS = max(0, saved.WaitS-passed)
	saved.DeliveredS += passed
	b, err := json.Marshal(saved)
	if err != nil { // cannot be: numbers and booleans
		return nil
	}
	return b
}

// publish makes known how things stand.
func (r *Reporter) publish(now time.Time) {
	s := &Stats{
		State:         r.box.State(now),
		LastDelivered: r.box.LastDelivered(),
		Queued:        r.box.Queued(),
		Counters:      r.box.Counters(),
		Malformed:     r.malformed,
		LastError:     r.lastError,
		Cadence:       r.box.Cadence(),
		Position:      r.box.Position(),
		saved:         r.box.Save(now),
		at:            now,
	}
	before := r.stats.Swap(s)
	if before == nil {
		return
	}
	if before.State != s.State {
		r.logState(s)
	} else if before.LastError == s.LastError {
		return
	}
	select {
	case r.changed <- struct{}{}:
	default: // the last one has not been taken yet, and will show this too
	}
}

func (r *Reporter) logState(s *Stats) {
	if s.State == peer.UpstreamConnected {
		r.log.Info("upstream connected", "cadence", s.Cadence.String())
		return
	}
	r.log.Warn("upstream not connected", "error", s.LastError)
}
