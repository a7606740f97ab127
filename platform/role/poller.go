package role

import (
	"context"
	"errors"
	"os"
	"time"
)

const (
	// askTime bounds one question.
	askTime = 2 * time.Second

	// believe is how long an answer stands while the next one is late. Any other
	// failure ends it at once.
	believe = 5 * time.Second
)

// poller is a source that has to be asked.
type poller struct {
	every time.Duration
	ask   func(ctx context.Context) report // ends soon after ctx does
	close func()                           // after the last question
	hints chan struct{}                    // capacity 1, or nil: there are none
}

// hint lets the next question be asked now: something else tells of a change.
func (p *poller) hint() {
	select {
	case p.hints <- struct{}{}:
	default:
	}
}

// failure is the silence of a question that failed.
func failure(what string, err error) report {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		r := silence("%s: no answer within %v", what, askTime)
		r.late = true
		return r
	}
	return silence("%s: %v", what, err)
}

func (p *poller) run(ctx context.Context, say func(report)) {
	defer p.close()
	var answeredAt time.Time
	for ctx.Err() == nil {
		asked, cancel := context.WithTimeout(ctx, askTime)
		r := p.ask(asked)
		cancel()
		switch now := time.Now(); {
		case ctx.Err() != nil:
			return
		case r.standing == answered:
			answeredAt = now
			say(r)
		case r.late && !answeredAt.IsZero() && now.Sub(answeredAt) < believe:
		default:
			say(r)
		}
		p.wait(ctx)
	}
}

func (p *poller) wait(ctx context.Context) {
	timer := time.NewTimer(p.every)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-p.hints:
	}
}
