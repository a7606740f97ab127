package agent

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"socketha/agent/local"
	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/speaker"
	"socketha/peer/transport"
	"socketha/peer/transport/beacon"
	"socketha/platform/appliance"
	"socketha/platform/link"
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
	speaker   *speaker.Speaker
	path      *path

	clock     clock
	start     status.Instant
	evaluator status.Evaluator // owned by Run
	suspects  suspects         // owned by Run

	current atomic.Pointer[status.Evaluation]
	notice  local.Notice
}

// fixed is what of the status no event changes.
type fixed struct {
	role          peer.Role
	ifname        string
	serial        string         // of our certificate
	expires       time.Time      // end of that certificate
	local, remote netip.AddrPort // as configured
}

func newObserver(a *Agent) *observer {
	o := &observer{
		build: a.build, log: a.log,
		fixed: fixed{
			role: a.cfg.Pair.Role, ifname: a.cfg.Link.Interface, serial: a.identity.Serial(),
			expires: a.identity.Certificate().NotAfter,
			local:   a.cfg.Link.LocalAddrPort(), remote: a.cfg.Link.PeerAddrPort(),
		},
		appliance: a.appliance, link: a.link, speaker: a.speaker, path: a.path,
	}
	o.start = o.clock.now()
	o.evaluate() // so that there is a document from the first question on
	return o
}

// Run evaluates anew at each change until ctx is cancelled, and then returns nil.
func (o *observer) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
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
	in := o.input()
	ev := o.evaluator.Evaluate(in)
	before := o.current.Swap(ev)
	o.tell(&in, ev)
	if before == nil || before.Meaning() != ev.Meaning() {
		o.notice.Announce()
		o.logVerdict(before, ev)
	}
	return o.nextLook(&in, ev)
}

func (o *observer) nextLook(in *status.Input, ev *status.Evaluation) time.Duration {
	var wait time.Duration
	if in.ClockUnset || len(in.Identity) > 0 || !in.Peer.Fresh {
		wait = lookAgain
	}
	if deadline, ok := ev.NextDeadline(); ok {
		left := max(time.Duration(deadline-o.clock.now()), time.Millisecond)
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return wait
}

// tell gives the speaker what this Socket says of itself.
func (o *observer) tell(in *status.Input, ev *status.Evaluation) {
	facts := o.appliance.Facts()
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
		Inputs:        inputsDigest(in.Self, in.Peer),
		Facts: peer.Facts{
			Serial:       serial,
			Model:        facts.Model,
			Site:         facts.SiteID,
			AgentVersion: o.build.Version,
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

// input gathers all that the status document is made from.
func (o *observer) input() status.Input {
	facts, snapshot, stats := o.appliance.Facts(), o.speaker.Snapshot(), o.path.stats()
	now := time.Now()
	l := o.linkInput(snapshot)
	l.Trouble, l.TroubleDetail = o.suspects.trouble(now, cmp.Or(o.path.setupError(), stats.SocketError, o.path.discovery().Error), stats)
	if stats.PathMTU != nil {
		l.LosesAbove = max(stats.PathMTU.Passed, 1)
	}
	return status.Input{
		Now:          o.clock.now(),
		AgentVersion: o.build.Version,
		AgentStart:   o.start,
		Site:         status.Site{ID: facts.SiteID, Name: facts.SiteName},
		Self: status.Self{
			Serial:       o.fixed.serial,
			Model:        facts.Model,
			Version:      facts.Version,
			VersionFault: fault(facts.Err(appliance.Version)),
			Role:         o.fixed.role,
			Capabilities: advertised(facts),
		},
		Peer:       o.peer(snapshot),
		Link:       l,
		Upstream:   &status.Upstream{State: peer.UpstreamNotConfigured},
		Identity:   o.suspects.findings(now, o.fixed.serial, facts.Serial, snapshot, stats),
		Expiring:   o.expiring(now, snapshot.PeerSerial),
		ClockUnset: now.Before(o.build.CommitTime),
	}
}

// warnBefore is how long before its end a certificate is warned of.
const warnBefore = 30 * 24 * time.Hour

// expiring lists the certificates that end soon or have ended, the sooner first.
// Those that the command makes have no end; a CA's have.
func (o *observer) expiring(now time.Time, peerSerial string) []status.Expiry {
	all := []status.Expiry{{Serial: o.fixed.serial, NotAfter: o.fixed.expires}}
	if t := o.path.expires.Load(); t != nil {
		all = append(all, status.Expiry{Peer: true, Serial: peerSerial, NotAfter: *t})
	}
	// A clock that is not set cannot tell; the transport judges by the same floor.
	if now.Before(o.build.CommitTime) {
		now = o.build.CommitTime
	}
	all = slices.DeleteFunc(all, func(e status.Expiry) bool { return e.NotAfter.Sub(now) > warnBefore })
	slices.SortStableFunc(all, func(a, b status.Expiry) int { return a.NotAfter.Compare(b.NotAfter) })
	return all
}

// fault is an error for the status document: our own words, escaped.
func fault(err error) string {
	if err == nil {
		return ""
	}
	quoted := strconv.Quote(err.Error())
	return quoted[1 : len(quoted)-1]
}

func (o *observer) peer(s *speaker.Snapshot) status.Peer {
	hb := &s.Heartbeat
	p := status.Peer{
		Known: s.Known, Heard: s.Known,
		Fresh:         s.State == peer.StateUp || s.State == peer.StateInit,
		PlannedStop:   s.PlannedStop,
		Serial:        s.PeerSerial,
		Version:       hb.Version,
		Role:          hb.Role,
		HAState:       hb.HAState,
		Upstream:      hb.Upstream,
		Upgrade:       status.Upgrade{Declared: hb.Flags.Has(peer.FlagUpgrading)},
		Readiness:     hb.Readiness,
		Compatibility: hb.Compatibility,
		LastHeard:     o.clock.instant(s.LastReceived),
		Protocol:      hb.Protocol,
		Mismatch:      s.ProtocolMismatch,
	}
	if s.Facts != nil {
		p.Model, p.AgentVersion = s.Facts.Model, s.Facts.AgentVersion
	}
	if s.Capabilities != nil {
		p.Capabilities = status.Capabilities{Digest: s.CapabilitiesDigest, Count: len(s.Capabilities)}
	}
	return p
}

func (o *observer) linkInput(s *speaker.Snapshot) status.Link {
	state := o.link.State()
	l := status.Link{
		Interface:  o.fixed.ifname,
		Observed:   state.Known,
		Exists:     state.Exists,
		Up:         state.Up,
		OperState:  state.OperState,
		Session:    s.State,
		Since:      o.clock.instant(s.Since),
		Local:      o.fixed.local,
		Peer:       o.fixed.remote,
		TxInterval: s.TxInterval,
		DetectTime: s.DetectTime,
	}
	if s.Path != nil {
		l.Local, l.Peer = addrPort(s.Path.Local), addrPort(s.Path.Remote)
	}
	switch state.Carrier {
	case link.CarrierYes:
		l.Carrier = status.Yes
	case link.CarrierNo:
		l.Carrier = status.No
	case link.CarrierUnknown:
	}
	return l
}

// addrPort reads the address of a UDP socket.
func addrPort(a net.Addr) netip.AddrPort {
	if udp, ok := a.(*net.UDPAddr); ok {
		return udp.AddrPort()
	}
	return netip.AddrPort{}
}

// Current implements [local.Source].
func (o *observer) Current() (status.Document, string) {
	snapshot, counters, stats := o.speaker.Snapshot(), o.speaker.Counters(), o.path.stats()
	now, boot := o.clock.anchor()
	return o.current.Load().Show(status.Live{
		Now: now, Boot: boot,
		PeerLastHeard: o.clock.instant(snapshot.LastReceived),
		RTT:           snapshot.RTT,
		Sent:          counters.Sent,
		Received:      counters.Received,
		Lost:          counters.Lost,
		Rejected:      rejected(stats, o.path.discovery(), counters),
	})
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
