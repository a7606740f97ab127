package agent

import (
	"encoding/json"
	"log/slog"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/journal"
	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/compat"
	"socketha/peer/speaker"
)

// startGrace is how long after its start the agent records no change of the
// verdict until a session is up: not knowing the peer yet is no change.
const startGrace = 10 * time.Second

// life is what outlives the moment: the alarm, the history, and what the journal
// keeps of them. It belongs to the goroutine of the observer, but for the
// journal, which is safe for all.
type life struct {
	journal *journal.Journal
	bootID  journal.BootID
	log     *slog.Logger

	remembered journal.Peer // as the agent before us last knew it
	cycle      *alarm.Cycle
	alarm      status.AlarmInput

	recorded journal.View   // the verdict last recorded
	since    journal.Moment // and when that was
	quiet    status.Instant // no verdict is recorded before
	trusted  func([32]byte) bool
}

// newLife opens the journal and goes on from what it holds. Nothing in it, and
// nothing about the folder, keeps the agent from starting.
func newLife(dir string, knobs alarm.Config, start status.Instant, refresh func(*journal.State), log *slog.Logger) (*life, error) {
	j, recovered, err := journal.Open(dir, journal.Options{Refresh: refresh, Log: log})
	if err != nil {
		return nil, err
	}
	l := &life{journal: j, log: log, quiet: start.Add(startGrace)}
	if l.bootID, err = journal.ReadBootID(); err != nil {
		log.Warn("ages from before this start are told by the wall clock only", "error", err)
	}
	l.remembered = recovered.State.Peer
	if n := len(recovered.State.Transitions); n > 0 {
		last := recovered.State.Transitions[n-1]
		l.recorded, l.since = last.To, last.At
	}
	l.cycle, err = l.resume(knobs, recovered.State.Alarm, start)
	return l, err
}

// resume takes up the alarm's life cycle where the last agent left it.
func (l *life) resume(knobs alarm.Config, kept journal.Alarm, start status.Instant) (*alarm.Cycle, error) {
	if len(kept.Saved) == 0 {
		return alarm.New(knobs)
	}
	var saved alarm.Saved
	err := json.Unmarshal(kept.Saved, &saved)
	if err == nil {
		var cycle *alarm.Cycle
		if cycle, err = alarm.Restore(knobs, saved); err == nil {
			away, _ := kept.At.Age(l.moment(start))
			cycle.Resume(alarm.Instant(start), away)
			return cycle, nil
		}
	}
	l.log.Error("the alarm that was kept cannot be read, it begins anew", "error", err)
	return alarm.New(knobs)
}

// moment returns an instant of now as one that outlives the boot.
func (l *life) moment(at status.Instant) journal.Moment {
	return journal.Moment{Wall: time.Now().Add(-time.Duration(status.Instant(sinceBoot()) - at)), Boot: time.Duration(at), BootID: l.bootID}
}

// instant places a moment on the clock of now; zero stays zero.
func (l *life) instant(m journal.Moment, now status.Instant) status.Instant {
	if m.IsZero() {
		return 0
	}
	age, _ := m.Age(l.moment(now))
	return now.Add(-age)
}

// step takes the alarm one step further and reports whether its place in the life
// cycle is another one now. What a restart needs is handed to the journal before
// anything is told.
func (l *life) step(now status.Instant, ev *status.Evaluation, d alarm.Declarations) (out alarm.Output, changed bool) {
	out = l.cycle.Step(alarm.Instant(now), alarmInput(ev, d))
	if out.Save {
		l.save(now)
	}
	next := status.AlarmInput{
		State: out.State.String(), Since: status.Instant(out.Since),
		Occurrences: out.Occurrences, Flapping: out.Flapping,
	}
	if out.State == alarm.Pending {
		next.RaiseAt = status.Instant(out.RaiseAt)
	}
	changed = next != l.alarm
	l.alarm = next
	return out, changed
}

func (l *life) save(now status.Instant) {
	saved, err := json.Marshal(l.cycle.Save())
	if err != nil { // cannot be: it holds nothing that JSON cannot
		l.log.Error("the alarm cannot be kept", "error", err)
		return
	}
	kept := journal.Alarm{Saved: saved, At: l.moment(now)}
	l.journal.Update(func(s *journal.State) { s.Alarm = kept }, journal.Change)
}

// alarmInput is an evaluation in the words of the life cycle.
func alarmInput(ev *status.Evaluation, d alarm.Declarations) alarm.Input {
	connected, keepalive, version := ev.Conditions()
	in := alarm.Input{
		Readiness:  ev.Readiness(),
		Conditions: alarm.Conditions{Connected: alarm.ConditionOf(string(connected)), Keepalive: alarm.ConditionOf(string(keepalive)), CompatibleVersion: alarm.ConditionOf(string(version))},
		Declared:   d,
	}
	for code, since := range ev.Reasons() {
		in.Reasons = append(in.Reasons, alarm.Reason{Code: string(code), Since: alarm.Instant(since)})
	}
	return in
}

// record adds a transition to the history where the verdict is another one than
// was last recorded, and returns it; nil where there is none.
func (l *life) record(in *status.Input, ev *status.Evaluation) *journal.Transition {
	now := journal.View{Readiness: ev.Readiness(), Compatibility: ev.Compatibility()}
	if in.Link.Session == peer.StateUp {
		l.quiet = 0
	}
	if now == l.recorded || in.Now < l.quiet {
		return nil
	}
	at := l.moment(in.Now)
	t := journal.Transition{
		At: at, From: l.recorded, To: now,
		Local: compat.Show(in.Self.Version), Peer: compat.Show(in.Peer.Version),
	}
	if !l.since.IsZero() {
		t.Lasted, _ = l.since.Age(at)
	}
	for code := range ev.Reasons() {
		t.Reasons = append(t.Reasons, string(code))
	}
	l.recorded, l.since = now, at
	l.journal.Update(func(s *journal.State) { s.Add(t) }, journal.Change)
	return &t
}

// history renders what was recorded, newest first.
func (l *life) history() status.History {
	kept := l.journal.State().Transitions
	h := status.History{Schema: status.SchemaVersion, Transitions: make([]status.Transition, 0, len(kept))}
	for i := len(kept) - 1; i >= 0; i-- {
		h.Transitions = append(h.Transitions, transition(&kept[i]))
	}
	return h
}

func transition(t *journal.Transition) status.Transition {
	out := status.Transition{
		Time: status.NewTime(t.At.Wall), From: view(t.From), To: view(t.To),
		Reasons: t.Reasons, SelfVersion: optional(t.Local), PeerVersion: optional(t.Peer),
	}
	if out.Reasons == nil {
		out.Reasons = []string{}
	}
	if t.Lasted > 0 {
		seconds := t.Lasted.Seconds()
		out.DurationS = &seconds
	}
	return out
}

func view(v journal.View) status.View {
	if v.Readiness == peer.ReadinessUnknown {
		return status.View{} // before the first verdict
	}
	return status.View{Readiness: optional(v.Readiness.String()), Compatibility: optional(v.Compatibility.String())}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// known writes down the peer as it is known now. It is called by the journal
// before each write.
func (l *life) known(s *journal.State, snapshot *speaker.Snapshot, heard status.Instant) {
	if !snapshot.Known {
		return
	}
	hb := &snapshot.Heartbeat
	p := journal.Peer{
		Key: snapshot.PeerKey, Version: hb.Version, Role: hb.Role, HAState: hb.HAState, Upstream: hb.Upstream,
		Readiness: hb.Readiness, Compatibility: hb.Compatibility, Protocol: hb.Protocol,
		Capabilities: hb.Capabilities, LastHeard: l.moment(heard),
	}
	if snapshot.Facts != nil {
		p.Facts = *snapshot.Facts
	}
	p.Facts.Serial = snapshot.PeerSerial // the certificate's, whatever the facts say
	if snapshot.CurrentCapabilities {
		p.Count = uint32(len(snapshot.Capabilities))
	}
	s.Peer = p
}

// lastKnown is the peer as the agent before us knew it, if its key is one that is
// still believed.
func (l *life) lastKnown(now status.Instant) status.Peer {
	p := &l.remembered
	if !p.Known() || l.trusted != nil && !l.trusted(p.Key) {
		return status.Peer{}
	}
	return status.Peer{
		Known:  true,
		Serial: p.Facts.Serial, Model: p.Facts.Model, AgentVersion: p.Facts.AgentVersion,
		Version: p.Version, Role: p.Role, HAState: p.HAState, Upstream: p.Upstream,
		Readiness: p.Readiness, Compatibility: p.Compatibility, Protocol: p.Protocol,
		Capabilities: status.Capabilities{Digest: p.Capabilities, Count: int(p.Count)},
		LastHeard:    l.instant(p.LastHeard, now),
	}
}
