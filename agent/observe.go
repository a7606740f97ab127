package agent

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/impact"
	"socketha/agent/journal"
	"socketha/agent/local"
	"socketha/agent/status"
	"socketha/agent/syslog"
	"socketha/peer"
	"socketha/peer/speaker"
	"socketha/peer/transport"
	"socketha/peer/transport/beacon"
	"socketha/platform/appliance"
	"socketha/platform/link"
	"socketha/platform/role"
)

// lookAgain is how often the world is looked at while something in it changes
// without telling: a clock that is not set yet, a finding that ages, a peer that
// is refused.
const lookAgain = 5 * time.Second

// observer is the task that turns what the others see into the published
// evaluation, and tells the speaker what to say of this Socket. It is the only
// writer of both; readers get immutable values.
type observer struct {
	build     Build
	log       *slog.Logger
	fixed     fixed
	appliance *appliance.Watcher
	link      *link.Watcher
	role      *role.Watcher // nil: none is configured
	speaker   *speaker.Speaker
	path      *path
	life      *life
	teller    *teller
	upstream  *upstream // nil: none is configured

	clock     clock
	start     status.Instant
	declared  chan struct{}    // capacity 1: somebody declared something
	settings  chan settings    // to be taken over
	evaluator status.Evaluator // owned by Run
	suspects  suspects         // owned by Run
	cost      cost             // owned by Run

	current atomic.Pointer[status.Evaluation]
	notice  local.Notice
}

// fixed is what of the status no event changes.
type fixed struct {
	role          peer.Role
	models        []string // that form a pair although they differ
	ifname        string
	serial        string         // of our certificate
	expires       time.Time      // end of that certificate
	local, remote netip.AddrPort // as configured
}

func newObserver(a *Agent, catalog *impact.Catalog) (*observer, error) {
	o := &observer{
		build: a.build, log: a.log,
		fixed: fixed{
			role: a.cfg.Pair.Role, models: a.cfg.Pair.Models, ifname: a.cfg.Link.Interface, serial: a.identity.Serial(),
			expires: a.identity.Certificate().NotAfter,
			local:   a.cfg.Link.LocalAddrPort(), remote: a.cfg.Link.PeerAddrPort(),
		},
		appliance: a.appliance, link: a.link, role: a.role, speaker: a.speaker, path: a.path,
		declared: make(chan struct{}, 1),
		settings: make(chan settings),
		cost:     cost{catalog: catalog},
	}
	o.start = o.clock.now()
	var err error
	if o.life, err = newLife(a.cfg.State.Directory, a.cfg.Alarm, o.start, o.remember, a.log); err != nil {
		return nil, err
	}
	o.life.trusted = a.believes
	o.teller = newTeller(o.life.journal, a.syslog, a.log)
	o.evaluate() // so that there is a document from the first question on
	return o, nil
}

// remember writes the peer as it is known now into what survives a restart.
func (o *observer) remember(s *journal.State) {
	snapshot := o.speaker.Snapshot()
	o.life.known(s, snapshot, o.clock.instant(snapshot.LastReceived))
}

// Run evaluates anew at each change until ctx is cancelled, and then returns nil.
func (o *observer) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var roles, cloud <-chan struct{} // nil, which never delivers, where there is none
	if o.role != nil {
		roles = o.role.Changed()
	}
	if o.upstream != nil {
		cloud = o.upstream.changed
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-o.link.Changed():
			o.path.observe(o.link.State())
		case <-o.appliance.Changed():
		case <-o.speaker.Changed():
			o.path.settle(o.speaker.Snapshot().State == peer.StateUp)
		case <-o.path.changed:
		case <-roles:
		case <-cloud:
		case <-o.declared:
		case to := <-o.settings:
			o.take(to)
		case <-timer.C:
		}
		if wait := o.evaluate(); wait > 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// evaluate publishes what the world looks like now and returns when it must be
// looked at again though nothing told of a change; 0: not before.
func (o *observer) evaluate() time.Duration {
	facts, snapshot := o.appliance.Facts(), o.speaker.Snapshot()
	o.followUpgrade(facts)
	in := o.input(facts, snapshot)
	declared := o.declarations(in.Now, snapshot, in.Peer.Fresh)
	holds := o.life.cycle.Holds(alarm.Instant(in.Now), declared)
	in.FailoverDeclared = holds.Failover.Declared && !holds.Failover.Over
	own := o.life.journal.State()
	in.Self.Upgrade, in.Peer.Upgrade = upgrade(holds.Self, own.Upgrade.Target), upgrade(holds.Peer, "")
	ev, out := o.judge(in, declared)
	o.tell(&in, ev, facts, upgradeResult(own.Upgrade.Phase), own.Failover.Phase == journal.Declared && in.FailoverDeclared)
	o.announce(&in, &out, o.life.record(&in, ev))
	deadline, _ := out.NextDeadline()
	return o.nextLook(&in, ev, status.Instant(deadline))
}

// judge evaluates, publishes, and takes the alarm one step further, which the
// document shows too: where the step changes what it shows, it is evaluated with
// that. Whoever waits for news does not wait for the alarm.
func (o *observer) judge(in status.Input, declared alarm.Declarations) (*status.Evaluation, alarm.Output) {
	shown := o.life.alarm
	in.Alarm = &shown
	ev := o.evaluator.Evaluate(in)
	o.publish(ev)
	out, changed := o.life.step(in.Now, ev, declared)
	if changed {
		shown := o.life.alarm
		in.Alarm = &shown
		ev = o.evaluator.Evaluate(in)
		o.publish(ev)
	}
	return ev, out
}

// publish replaces the evaluation and tells of it if it means something else. Those
// who wait get the processor before this loop goes on: there is only one.
func (o *observer) publish(ev *status.Evaluation) {
	before := o.current.Swap(ev)
	if before != nil && before.Meaning() == ev.Meaning() {
		return
	}
	o.notice.Announce()
	o.logVerdict(before, ev)
	runtime.Gosched()
}

// announce has told what became of the pair in one step.
func (o *observer) announce(in *status.Input, out *alarm.Output, recorded *journal.Transition) {
	if len(out.Actions) == 0 && recorded == nil {
		return
	}
	d, _ := o.Current()
	var wall time.Time // not known while the clock is not set
	if !in.ClockUnset {
		wall = time.Now()
	}
	what := told{actions: out.Actions, occurrences: out.Occurrences}
	if recorded != nil {
		t := transition(recorded)
		what.messages = append(what.messages, syslog.Transition(&t, &d, wall))
	}
	for _, action := range out.Actions {
		what.messages = append(what.messages, syslog.AlarmAction(action, out, &d, wall))
	}
	o.teller.tell(what)
}

func (o *observer) nextLook(in *status.Input, ev *status.Evaluation, alarms status.Instant) time.Duration {
	var wait time.Duration
	if in.ClockUnset || len(in.Identity) > 0 || !in.Peer.Fresh {
		wait = lookAgain
	}
	grace, _ := ev.NextDeadline()
	for _, deadline := range [...]status.Instant{grace, alarms, o.quietOver(in)} {
		if deadline == 0 {
			continue
		}
		left := max(time.Duration(deadline-o.clock.now()), time.Millisecond)
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return wait
}

// quietOver is when a verdict without a session is first recorded; zero if that
// is over.
func (o *observer) quietOver(in *status.Input) status.Instant {
	if o.life == nil || in.Now >= o.life.quiet {
		return 0
	}
	return o.life.quiet
}

// tell gives the speaker what this Socket says of itself; of declarations its own
// only, or the two would go on repeating each other's.
func (o *observer) tell(in *status.Input, ev *status.Evaluation, facts *appliance.Facts, result peer.UpgradeResult, failover bool) {
	serial := facts.Serial
	if serial == "" {
		serial = o.fixed.serial
	}
	err := o.speaker.SetLocal(speaker.Local{
		Version:       in.Self.Version,
		Role:          in.Self.Role,
		HAState:       in.Self.HAState,
		Upstream:      in.Upstream.State,
		Readiness:     ev.Readiness(),
		Compatibility: ev.Compatibility(),
		Inputs:        inputsDigest(in.Self, in.Upstream.State, in.Peer),
		Upgrading:     in.Self.Upgrade.Declared,
		Failover:      failover,
		UpgradeResult: result,
		Facts: peer.Facts{
			Serial:       serial,
			Model:        facts.Model,
			Site:         facts.SiteID,
			AgentVersion: o.build.Version,
			Catalog:      o.cost.catalog.Digest(),
		},
		Capabilities: capabilities(facts.Capabilities, facts.Model),
	})
	if err != nil {
		o.log.Error("the peer cannot be told about this Socket", "error", err)
	}
}

func (o *observer) logVerdict(before, ev *status.Evaluation) {
	if before != nil && before.Readiness() == ev.Readiness() && before.Compatibility() == ev.Compatibility() {
		return
	}
	o.log.Info("verdict", "readiness", ev.Readiness().String(), "compatibility", ev.Compatibility().String())
}

// Current implements [local.Source].
func (o *observer) Current() (status.Document, string) {
	snapshot, counters, stats := o.speaker.Snapshot(), o.speaker.Counters(), o.path.stats()
	now, boot := o.clock.anchor()
	live := status.Live{
		Now: now, Boot: boot,
		PeerLastHeard: o.clock.instant(snapshot.LastReceived),
		RTT:           snapshot.RTT,
		Sent:          counters.Sent,
		Received:      counters.Received,
		Lost:          counters.Lost,
		Rejected:      rejected(stats, o.path.discovery(), counters),
	}
	o.upstream.live(&live, &o.clock)
	return o.current.Load().Show(live)
}

// Changed implements [local.Source].
func (o *observer) Changed() <-chan struct{} { return o.notice.Changed() }

// Healthy implements [local.Source]: it is about the loop that sends heartbeats,
// not about this process.
func (o *observer) Healthy() error {
	if !o.speaker.Alive(time.Now()) {
		return errors.New("the heartbeat loop does not run")
	}
	return nil
}

// rejected joins what the transport refused, what the beacon ignored and what the
// speaker could not read.
func rejected(stats transport.Stats, found beacon.Stats, counters speaker.Counters) map[string]uint64 {
	all := make(map[string]uint64, len(stats.Rejected)+1)
	for reason, n := range stats.Rejected {
		all[string(reason)] = n
	}
	for reason, n := range found.Ignored {
		all[string(reason)] = n
	}
	if counters.BadMessages > 0 {
		all["bad_message"] = counters.BadMessages
	}
	return all
}
