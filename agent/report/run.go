package report

import (
	"context"
	"time"

	"socketha/agent/report/outbox"
	"socketha/agent/report/schema"
	"socketha/agent/status"
)

// settle ends an attempt, or a step of it. It is called by the owner of the box, and
// returns true if another step is under way.
type settle func(now time.Time) bool

// Run reports until ctx is cancelled, and then returns nil. It has no error of its own:
// a cloud that cannot be reached is a state.
func (r *Reporter) Run(ctx context.Context) error {
	ended := make(chan settle, 1)
	flying := false
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		changed := r.cfg.Source.Changed() // before Current, so that nothing is missed
		document, meaning := r.cfg.Source.Current()
		now := time.Now()
		r.box.Observe(meaning)
		if r.box.Due(now) {
			flying = r.begin(ctx, now, document, meaning, ended)
		}
		r.publish(now)
		if next := r.box.NextDeadline(now); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(next.Sub(now))
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case end := <-ended:
			flying = end(time.Now())
		case <-timer.C:
		}
	}
	if flying {
		<-ended // nothing of ours outlives Run
	}
	return nil
}

// begin starts an attempt, and reports whether it is under way; what could not even
// be written down has been settled.
func (r *Reporter) begin(ctx context.Context, now time.Time, document status.Document, meaning string, ended chan<- settle) bool {
	attempt := r.box.Take(now, meaning)
	if !attempt.Again || r.frozen == nil {
		r.frozen = r.render(document, attempt)
	}
	body, err := schema.Encode(r.cfg.Serial, r.frozen)
	if err != nil {
		return r.settle(ctx, now, verdict{outcome: refused, why: err.Error()}, ended)
	}
	r.log.Debug("report", "epoch", attempt.Epoch, "seq", attempt.Seq, "cause", string(attempt.Cause), "bytes", len(body))
	go func() {
		v := judge(attempt.Position)(r.cfg.Sender.Post(ctx, schema.ContentType, body))
		ended <- func(now time.Time) bool { return r.settle(ctx, now, v, ended) }
	}()
	return true
}

// render makes the report of an attempt.
func (r *Reporter) render(document status.Document, a outbox.Attempt) *schema.Report {
	transitions := r.cfg.Source.History().Transitions
	if len(transitions) > schema.MaxTransitions {
		transitions = transitions[:schema.MaxTransitions]
	}
	// A copy: a list that is empty, not null, and holds the rest of the history no longer.
	transitions = append([]status.Transition{}, transitions...)
	return &schema.Report{
		Document: document, Position: a.Position,
		Cause: a.Cause, NextReportInS: int(a.NextIn / time.Second),
		Transitions: transitions,
	}
}

// settle tells the outbox how an attempt ended.
func (r *Reporter) settle(ctx context.Context, now time.Time, v verdict, ended chan<- settle) bool {
	if ctx.Err() != nil {
		return false // our own end is nobody's failure
	}
	r.malformed += v.malformed
	switch v.outcome {
	case delivered:
		cadence := v.cadence
		if v.malformed > 0 {
			cadence = r.box.Cadence() // as it was
		}
		r.box.Delivered(now, cadence)
		r.frozen = nil
	case refused:
		r.box.Refused(now, v.retryAfter)
		r.frozen = nil
	case conflict:
		return r.goOn(ctx, now, v, ended)
	case failed:
		r.box.Failed(now, v.retryAfter)
	}
	r.say(v)
	return false
}

// goOn follows a 409 above the position in it.
func (r *Reporter) goOn(ctx context.Context, now time.Time, v verdict, ended chan<- settle) bool {
	raise, err := r.box.Conflict(now, v.last)
	r.frozen = nil
	if err != nil {
		v.why = err.Error()
	}
	r.say(v)
	if !raise {
		return false
	}
	r.log.Warn("the server knows later reports of this serial: the epoch is raised", "above", v.last.Epoch)
	go func() {
		epoch, err := r.cfg.RaiseEpoch(ctx, v.last.Epoch)
		ended <- func(now time.Time) bool {
			switch {
			case ctx.Err() != nil:
				return false
			case err != nil:
				r.box.Unraised(now)
			default:
				err = r.box.Raised(now, epoch)
			}
			if err != nil {
				r.say(verdict{outcome: failed, why: "no higher epoch: " + err.Error()})
			}
			return false
		}
	}()
	return true
}

// say keeps the last error, and logs one that is not the one before.
func (r *Reporter) say(v verdict) {
	r.lastError = shown(v.why)
	if r.lastError == r.said {
		return
	}
	r.said = r.lastError
	if r.lastError != "" {
		r.log.Warn("report not delivered", "error", r.lastError, "outcome", v.outcome.String())
	}
}
