package session_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/scripts/scenario"
)

// TestScenarios plays testdata/*.txt; testdata/README.md says how they are written.
func TestScenarios(t *testing.T) { scenario.Run(t, play) }

// player runs one scenario: one session, and a peer that says what the file says.
type player struct {
	cfg    session.Config
	s      *session.Session
	now    time.Duration     // of the last step
	mine   peer.Timers       // as last sent
	peer   session.Heartbeat // defaults of the next recv
	jitter float64
	out    strings.Builder
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// play returns the file with everything below each "----" replaced by what the
// session did.
func play(text string) (string, error) {
	p := &player{
		cfg:    session.Config{Discriminator: 1},
		peer:   session.Heartbeat{MyDiscriminator: 7, YourDiscriminator: 1, Timers: session.DefaultTimers()},
		jitter: 0.5,
	}
	p.cfg.Jitter = func() float64 { return p.jitter }
	var out strings.Builder
	expected := false // inside an expectation, up to the next blank line
	for n, line := range strings.SplitAfter(text, "\n") {
		word := strings.TrimSpace(line)
		switch {
		case word == "":
			expected = false
		case expected:
			continue
		case word == "----":
			expected = true
			out.WriteString(line)
			out.WriteString(p.out.String())
			p.out.Reset()
			continue
		case !strings.HasPrefix(word, "#"):
			if err := p.command(strings.Fields(word)); err != nil {
				return "", fmt.Errorf("line %d: %s: %w", n+1, word, err)
			}
		}
		out.WriteString(line)
	}
	if p.out.Len() > 0 {
		return "", fmt.Errorf("the last command has no ---- after it:\n%s", p.out.String())
	}
	return out.String(), nil
}

func (p *player) command(words []string) error {
	switch words[0] {
	case "config":
		return p.config(words[1:])
	case "peer":
		return p.fields(&p.peer, words[1:])
	}
	if p.s == nil {
		s, err := session.New(epoch, p.cfg)
		if err != nil {
			return err
		}
		p.s, p.mine = s, p.cfg.Timers
	}
	switch {
	case words[0] == "show":
		p.show()
	case len(words) > 1 && words[0] == "until":
		return p.at(words[1], func(at time.Duration) error {
			err := p.runUntil(at)
			p.now = at
			return err
		})
	case len(words) > 1 && words[0] == "stall":
		return p.at(words[1], p.stallUntil)
	case len(words) > 2 && words[0] == "at":
		return p.at(words[1], func(at time.Duration) error {
			if err := p.runUntil(at - 1); err != nil {
				return err
			}
			return p.event(at, words[2:])
		})
	case len(words) > 5 && words[0] == "every": // every 800ms until 5s recv up
		return p.every(words[1], words[3], words[4:])
	default:
		return fmt.Errorf("no such command")
	}
	return nil
}

func (p *player) at(word string, do func(time.Duration) error) error {
	at, err := time.ParseDuration(word)
	if err != nil {
		return err
	}
	if at < p.now {
		return fmt.Errorf("%v is before %v", at, p.now)
	}
	return do(at)
}

func (p *player) every(step, until string, words []string) error {
	every, err := time.ParseDuration(step)
	if err != nil {
		return err
	}
	return p.at(until, func(end time.Duration) error {
		for at := p.now + every; at <= end; at += every {
			if err := p.runUntil(at - 1); err != nil {
				return err
			}
			if err := p.event(at, words); err != nil {
				return err
			}
		}
		return nil
	})
}

// runUntil wakes the session at each of its deadlines, on time.
func (p *player) runUntil(at time.Duration) error {
	for range 10_000 {
		due := p.s.NextDeadline()
		if due.IsZero() || due.Sub(epoch) > at {
			return nil
		}
		if due.Sub(epoch) <= p.now && p.now > 0 {
			p.step(p.now, session.Event{Kind: session.Tick})
			continue
		}
		p.step(due.Sub(epoch), session.Event{Kind: session.Tick})
	}
	return fmt.Errorf("more than 10,000 wake-ups: a busy loop")
}

// stallUntil does not wake it before at, whatever was due.
func (p *player) stallUntil(at time.Duration) error {
	p.step(at, session.Event{Kind: session.Tick})
	return nil
}

func (p *player) event(at time.Duration, words []string) error {
	kinds := map[string]session.EventKind{
		"start": session.Start, "stop": session.Stop, "tick": session.Tick, "urgent": session.Urgent,
		"path up": session.PathUp, "path down": session.PathDown,
	}
	if kind, ok := kinds[strings.Join(words, " ")]; ok {
		p.step(at, session.Event{Kind: kind})
		return nil
	}
	if words[0] != "recv" || len(words) < 2 {
		return fmt.Errorf("no such event")
	}
	p.peer.Sequence++
	hb := p.peer
	if err := p.fields(&hb, words[1:]); err != nil {
		return err
	}
	p.peer.Sequence = max(p.peer.Sequence, hb.Sequence)
	p.step(at, session.Event{Kind: session.Received, Heartbeat: hb})
	return nil
}

func (p *player) step(at time.Duration, ev session.Event) {
	p.now = at
	for _, a := range p.s.Step(epoch.Add(at), ev) {
		fmt.Fprintf(&p.out, "%9v  %s\n", at, p.describe(a))
	}
}

func (p *player) describe(a session.Action) string {
	switch a.Kind {
	case session.Changed:
		return fmt.Sprintf("%v -> %v (%v)", a.From, a.To, a.Diag)
	case session.Ignored:
		return "ignored: " + a.Why.String()
	case session.Send:
	}
	hb := a.Heartbeat
	words := []string{"send", hb.State.String(), fmt.Sprintf("your=%d seq=%d", hb.YourDiscriminator, hb.Sequence)}
	for _, f := range flagWords {
		if hb.Flags.Has(f.flag) {
			words = append(words, f.word)
		}
	}
	if hb.Timers != p.mine {
		words = append(words, timersText(hb.Timers))
		p.mine = hb.Timers
	}
	return strings.Join(words, " ")
}

func (p *player) show() {
	v, c := p.s.View(), p.s.Counters()
	next := "none"
	if d := p.s.NextDeadline(); !d.IsZero() {
		next = d.Sub(epoch).String()
	}
	fmt.Fprintf(&p.out, "%9v  %v since %v diag=%v next=%s tx=%v detect=%v rtt=%v planned=%v\n", p.now, v.State,
		v.Since.Sub(epoch), v.Diag, next, v.TxInterval, v.DetectTime, v.RTT, v.PlannedStop)
	fmt.Fprintf(&p.out, "%9v  sent=%d received=%d lost=%d duplicates=%d late=%d refused=%d polls=%d restarts=%d timeouts=%d stalls=%d\n",
		p.now, c.Sent, c.Received, c.Lost, c.Duplicates, c.Late, c.Refused, c.Polls, c.Restarts, c.Timeouts, c.Stalls)
}

var flagWords = []struct {
	word string
	flag peer.Flags
}{
	{"poll", peer.FlagPoll},
	{"final", peer.FlagFinal},
	{"planned", peer.FlagPlannedStop},
}

var stateWords = map[string]peer.SessionState{
	"admin_down": peer.StateAdminDown, "down": peer.StateDown, "init": peer.StateInit, "up": peer.StateUp,
}

func timersText(t peer.Timers) string {
	return fmt.Sprintf("tx=%v rx=%v mult=%d", t.DesiredTx, t.RequiredRx, t.DetectMult)
}

func (p *player) config(words []string) error {
	p.cfg.Timers = session.DefaultTimers()
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		var err error
		switch key {
		case "jitter":
			p.jitter, err = strconv.ParseFloat(value, 64)
		case "slow":
			p.cfg.SlowTx, err = time.ParseDuration(value)
		default:
			err = setTimer(&p.cfg.Timers, key, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *player) fields(hb *session.Heartbeat, words []string) error {
next:
	for _, word := range words {
		if state, ok := stateWords[word]; ok {
			hb.State = state
			continue
		}
		for _, f := range flagWords {
			if f.word == word {
				hb.Flags |= f.flag
				continue next
			}
		}
		key, value, _ := strings.Cut(word, "=")
		number := map[string]*uint32{"my": &hb.MyDiscriminator, "your": &hb.YourDiscriminator, "seq": &hb.Sequence}[key]
		if number == nil {
			if err := setTimer(&hb.Timers, key, value); err != nil {
				return err
			}
			continue
		}
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return err
		}
		*number = uint32(n)
	}
	return nil
}

func setTimer(t *peer.Timers, key, value string) (err error) {
	switch key {
	case "tx":
		t.DesiredTx, err = time.ParseDuration(value)
	case "rx":
		t.RequiredRx, err = time.ParseDuration(value)
	case "mult":
		var n uint64
		n, err = strconv.ParseUint(value, 10, 8)
		t.DetectMult = uint8(n)
	default:
		err = fmt.Errorf("no such word: %s", key)
	}
	return err
}
