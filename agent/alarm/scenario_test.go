package alarm_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"socketha/agent/alarm"
	"socketha/peer"
	"socketha/scripts/scenario"
)

// TestScenarios plays testdata/*.txt; testdata/README.md says how they are written.
func TestScenarios(t *testing.T) { scenario.Run(t, play) }

const codePrefix = "HA_NOT_READY_"

// origin is what the clock reads at 0s of a scenario, as after a day's uptime.
const origin = alarm.Instant(24 * time.Hour)

// player runs one scenario: the alarm of one site, and a journal that is written
// only when the life cycle says so.
type player struct {
	cfg     alarm.Config
	cycle   *alarm.Cycle
	in      alarm.Input
	now     time.Duration // on the clock of the file
	origin  alarm.Instant // what the clock of the machine reads at 0s
	last    alarm.Output
	journal alarm.Saved
	out     strings.Builder
}

// play returns the file with everything below each "----" replaced by what the
// life cycle did.
func play(text string) (string, error) {
	p := &player{cfg: alarm.DefaultConfig(), origin: origin}
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

var errUsage = errors.New("no such command")

func (p *player) command(words []string) error {
	switch {
	case words[0] == "knobs":
		return p.knobs(words[1:])
	case words[0] == "show":
		p.show()
		return nil
	case words[0] == "until" && len(words) == 2:
		return p.at(words[1], func(at time.Duration) error {
			err := p.runUntil(at)
			p.now = at
			return err
		})
	case words[0] == "stall" && len(words) == 2: // nothing wakes it before
		return p.at(words[1], p.step)
	case words[0] == "at" && len(words) > 2:
		return p.at(words[1], func(at time.Duration) error {
			if err := p.runUntil(at - 1); err != nil {
				return err
			}
			return p.events(at, words[2:])
		})
	}
	return errUsage
}

func (p *player) knobs(words []string) error {
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		if key == "changes" {
			n, err := strconv.Atoi(value)
			if err != nil {
				return err
			}
			p.cfg.FlapChanges = n
			continue
		}
		knob := map[string]*time.Duration{
			"disconnected": &p.cfg.DisconnectedAfter, "raise": &p.cfg.RaiseAfter, "clear": &p.cfg.ClearAfter,
			"reopen": &p.cfg.ReopenWithin, "upgrade": &p.cfg.UpgradeHold, "failover": &p.cfg.FailoverHold,
			"flapping": &p.cfg.FlapWithin,
		}[key]
		d, err := time.ParseDuration(value)
		if knob == nil || err != nil {
			return errors.Join(errUsage, err)
		}
		*knob = d
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

// runUntil wakes the life cycle at each of its deadlines, on time.
func (p *player) runUntil(at time.Duration) error {
	for range 1000 {
		due, ok := p.last.NextDeadline()
		if p.cycle == nil || !ok || p.file(due) > at {
			return nil
		}
		if err := p.step(p.file(due)); err != nil {
			return err
		}
	}
	return errors.New("more than 1,000 wake-ups: a busy loop")
}

// file returns the time in the file of an instant of the machine.
func (p *player) file(at alarm.Instant) time.Duration { return at.Sub(p.origin) }

// events takes in what happens at one moment, as one step: "and" joins.
func (p *player) events(at time.Duration, words []string) error {
	if words[0] == "restart" || words[0] == "reboot" {
		return p.restart(at, words)
	}
	for len(words) > 0 {
		one := words
		if i := slices.Index(words, "and"); i >= 0 {
			one, words = words[:i], words[i+1:]
		} else {
			words = nil
		}
		if err := p.event(at, one); err != nil {
			return err
		}
	}
	return p.step(at)
}

func (p *player) event(at time.Duration, words []string) error {
	switch phrase := strings.Join(words[:min(2, len(words))], " "); {
	case words[0] == "ready":
		p.in.Readiness, p.in.Reasons = peer.Ready, nil
		p.in.Conditions = alarm.Conditions{Connected: alarm.ConditionNotEvaluated, Keepalive: alarm.ConditionOK, CompatibleVersion: alarm.ConditionOK}
	case words[0] == "unknown":
		p.notReady(words[1:])
	case phrase == "not ready":
		p.notReady(words[2:])
	case phrase == "upgrade self" && len(words) == 3:
		return p.declare(at, &p.in.Declared.Self, words[2])
	case phrase == "upgrade peer" && len(words) == 3:
		return p.declare(at, &p.in.Declared.Peer, words[2])
	case words[0] == "failover" && len(words) == 2:
		return p.declare(at, &p.in.Declared.Failover, words[1])
	default:
		return errUsage
	}
	return nil
}

// notReady states reasons as the evaluator does: what it cannot tell is unknown.
func (p *player) notReady(codes []string) {
	p.in.Readiness, p.in.Reasons = peer.NotReady, nil
	p.in.Conditions = alarm.Conditions{Connected: alarm.ConditionNotEvaluated, Keepalive: alarm.ConditionUnknown, CompatibleVersion: alarm.ConditionUnknown}
	for _, code := range codes {
		switch code {
		case "SOCKET_DISCONNECTED":
			p.in.Conditions.Connected = alarm.ConditionFail
		case "NO_KEEPALIVE", "HA_LINK_DOWN", "SPLIT_BRAIN":
			p.in.Conditions.Keepalive = alarm.ConditionFail
		case "INCOMPATIBLE_MAJOR_SOCKET_VERSIONS":
			p.in.Conditions.CompatibleVersion = alarm.ConditionFail
		}
		p.in.Reasons = append(p.in.Reasons, alarm.Reason{Code: codePrefix + code})
	}
}

func (p *player) declare(at time.Duration, d *alarm.Declaration, word string) error {
	state, ok := map[string]alarm.DeclarationState{
		"begin": alarm.Declared, "end": alarm.Undeclared, "ok": alarm.EndedOK, "failed": alarm.EndedFailed,
		"skipped": alarm.EndedSkipped, "unheard": alarm.DeclarationUnknown,
	}[word]
	if !ok {
		return errUsage
	}
	*d = alarm.Declaration{State: state}
	if state == alarm.Declared {
		d.Since = p.origin.Add(at)
	}
	return nil
}

// restart stops the agent and starts it again some time later, from what the
// journal holds; it then knows nothing yet. "restart 20s", "reboot 90s",
// "reboot 90s clockless" (it cannot tell how long it was off).
func (p *player) restart(at time.Duration, words []string) error {
	if len(words) < 2 {
		return errUsage
	}
	off, err := time.ParseDuration(words[1])
	if err != nil {
		return err
	}
	away := (at + off) - p.file(p.journal.At)
	if words[0] == "reboot" { // its clock starts anew, 30 s before the agent
		p.origin = alarm.Instant(30 * time.Second).Add(-(at + off))
	}
	if len(words) > 2 && words[2] == "clockless" {
		away = 0
	}
	p.cycle, err = alarm.Restore(p.cfg, p.journal)
	if err != nil {
		return err
	}
	p.cycle.Resume(p.origin.Add(at+off), away)
	p.in = alarm.Input{Reasons: []alarm.Reason{{Code: alarm.CodePeerStale}}}
	fmt.Fprintf(&p.out, "%9s  agent is back\n", short(at+off))
	return p.step(at + off)
}

func (p *player) step(at time.Duration) error {
	if p.cycle == nil {
		cycle, err := alarm.New(p.cfg)
		if err != nil {
			return err
		}
		p.cycle = cycle
	}
	p.now = at
	p.last = p.cycle.Step(p.origin.Add(at), p.in)
	if p.last.Save {
		p.journal = p.cycle.Save()
	}
	for _, tr := range p.last.Transitions {
		line := fmt.Sprintf("%v -> %v: %s", tr.From, tr.To, brief(tr.Cause))
		if tr.To == alarm.Pending && p.last.State == alarm.Pending {
			line += ", to be raised at " + short(p.file(p.last.RaiseAt))
		}
		p.print(line)
	}
	for _, a := range p.last.Actions {
		p.print(fmt.Sprintf("ALARM %d %v: %s", a.Number, a.Kind, brief(a.Cause)))
	}
	return nil
}

func (p *player) print(line string) { fmt.Fprintf(&p.out, "%9s  %s\n", short(p.now), line) }

func (p *player) show() {
	o := &p.last
	line := fmt.Sprintf("%v since %s", o.State, short(p.file(o.Since)))
	if o.State == alarm.Pending {
		line += ", to be raised at " + short(p.file(o.RaiseAt))
	}
	if o.Occurrences > 0 {
		line += fmt.Sprintf(", %d occurrences", o.Occurrences)
	}
	if o.Flapping {
		line += ", flapping"
	}
	p.print(line)
	for _, r := range o.Reasons {
		p.print(fmt.Sprintf("  %s since %s", brief(r.Code), short(p.file(r.Since))))
	}
	h := o.Holds
	for _, one := range []struct {
		name string
		alarm.Hold
	}{{"upgrade of self", h.Self}, {"upgrade of peer", h.Peer}, {"failover", h.Failover}} {
		switch {
		case one.Over:
			p.print(fmt.Sprintf("  %s declared, its time is over since %s", one.name, short(p.file(one.End))))
		case one.Declared:
			p.print(fmt.Sprintf("  %s holds until %s", one.name, short(p.file(one.End))))
		}
	}
}

func brief(cause string) string { return strings.TrimPrefix(cause, codePrefix) }

// short writes 1h4m instead of 1h4m0s.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
