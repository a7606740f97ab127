package agent

import (
	"context"
	"log/slog"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/journal"
	"socketha/agent/syslog"
)

const (
	// maxTold is how many steps may wait to be told; the oldest is dropped.
	maxTold = 32

	// saveFirst is how long telling waits for the flash. An alarm that cannot be
	// saved is told all the same: twice is better than never.
	saveFirst = 2 * time.Second
)

// teller tells of the alarm and of the verdict once what a restart needs of them
// is on flash, so that an agent that dies in between neither tells twice nor gives
// one number to two alarms (agent/alarm). It keeps the evaluation loop from waiting
// for the flash.
type teller struct {
	journal *journal.Journal
	syslog  *syslog.Writer // nil: none is configured
	log     *slog.Logger
	queue   chan told
}

// told is what one step has to tell.
type told struct {
	actions     []alarm.Action
	occurrences int
	messages    []syslog.Message
}

func newTeller(j *journal.Journal, w *syslog.Writer, log *slog.Logger) *teller {
	return &teller{journal: j, syslog: w, log: log, queue: make(chan told, maxTold)}
}

// tell queues; it never blocks. Only one goroutine calls it.
func (t *teller) tell(what told) {
	for {
		select {
		case t.queue <- what:
			return
		default:
		}
		select {
		case lost := <-t.queue:
			t.log.Error("not told: the flash takes too long", "actions", len(lost.actions), "messages", len(lost.messages))
		default: // Run has just taken one
		}
	}
}

// Run tells until ctx is cancelled, then what is left without waiting for the flash,
// and returns nil.
func (t *teller) Run(ctx context.Context) error {
	for {
		select {
		case what := <-t.queue:
			t.save(ctx)
			t.say(what)
		case <-ctx.Done():
			for {
				select {
				case what := <-t.queue:
					t.say(what)
				default:
					return nil
				}
			}
		}
	}
}

func (t *teller) save(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, saveFirst)
	defer cancel()
	if err := t.journal.Sync(ctx); err != nil {
		t.log.Debug("told before it is on flash", "error", err)
	}
}

func (t *teller) say(what told) {
	for _, a := range what.actions {
		t.log.Warn("alarm", "action", a.Kind.String(), "number", a.Number, "cause", a.Cause, "occurrences", what.occurrences)
	}
	if t.syslog == nil {
		return
	}
	for _, m := range what.messages {
		t.syslog.Send(m)
	}
}
