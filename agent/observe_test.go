package agent

import (
	"slices"
	"testing"
	"time"

	"socketha/agent/status"
	"socketha/peer"
)

// Both Sockets must come to one digest over the same pair, and to another over
// any other pair.
func TestInputsDigestIsTheSameOnBothSides(t *testing.T) {
	type socket struct {
		serial, version string
		role            peer.Role
		state           peer.HAState
		cloud           peer.UpstreamState
	}
	digest := func(self, other socket) peer.Digest {
		return inputsDigest(
			status.Self{Serial: self.serial, Version: self.version, Role: self.role, HAState: self.state},
			self.cloud,
			status.Peer{Serial: other.serial, Version: other.version, Role: other.role, HAState: other.state, Upstream: other.cloud},
		)
	}
	a := socket{"SN-1", "18.3.3", peer.RolePrimary, peer.HAActive, peer.UpstreamConnected}
	b := socket{"SN-2", "15.0.2", peer.RoleSecondary, peer.HAStandby, peer.UpstreamUnknown}
	if digest(a, b) != digest(b, a) {
		t.Error("the two sides of one pair differ")
	}
	for name, other := range map[string]socket{
		"serial":   {"SN-3", "15.0.2", peer.RoleSecondary, peer.HAStandby, peer.UpstreamUnknown},
		"version":  {"SN-2", "15.0.3", peer.RoleSecondary, peer.HAStandby, peer.UpstreamUnknown},
		"role":     {"SN-2", "15.0.2", peer.RolePrimary, peer.HAStandby, peer.UpstreamUnknown},
		"state":    {"SN-2", "15.0.2", peer.RoleSecondary, peer.HAActive, peer.UpstreamUnknown},
		"cloud":    {"SN-2", "15.0.2", peer.RoleSecondary, peer.HAStandby, peer.UpstreamConnected},
		"boundary": {"SN-21", "5.0.2", peer.RoleSecondary, peer.HAStandby, peer.UpstreamUnknown},
	} {
		if digest(a, other) == digest(a, b) {
			t.Errorf("another %s gives the same digest", name)
		}
	}
}

// The observer looks again when a grace ends or something changes without
// telling, and otherwise not at all: no idle work.
func TestNextLook(t *testing.T) {
	o := &observer{}
	var e status.Evaluator
	quiet := status.Input{Now: o.clock.now(), Peer: status.Peer{Known: true, Heard: true, Fresh: true}}
	quiet.Link.Session = peer.StateUp
	if wait := o.nextLook(&quiet, e.Evaluate(quiet), o.clock.now().Add(time.Hour)); wait <= 59*time.Minute || wait > time.Hour {
		t.Errorf("alarm due in an hour: looks again after %v", wait)
	}
	if wait := o.nextLook(&quiet, e.Evaluate(quiet), 0); wait != 0 {
		t.Errorf("nothing pending: looks again after %v", wait)
	}
	unset := quiet
	unset.ClockUnset = true
	if wait := o.nextLook(&unset, e.Evaluate(unset), 0); wait != lookAgain {
		t.Errorf("clock not set: looks again after %v", wait)
	}
	silent := status.Input{Now: o.clock.now()}
	if wait := o.nextLook(&silent, e.Evaluate(silent), 0); wait != lookAgain {
		t.Errorf("no peer: looks again after %v", wait)
	}
}

// A certificate is warned of 30 days before its end, the sooner one first, also
// with a clock at 1970.
func TestExpiring(t *testing.T) {
	built := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	in := func(days int) time.Time { return built.AddDate(0, 0, days) }
	for name, c := range map[string]struct {
		now         time.Time
		ours, peers time.Time
		want        []bool // whether each is the peer's
	}{
		"both far":         {built, in(31), in(400), nil},
		"ours soon":        {built, in(29), in(400), []bool{false}},
		"the peer's":       {built, in(400), in(30), []bool{true}},
		"both":             {built, in(20), in(10), []bool{true, false}},
		"over":             {in(50), in(40), in(400), []bool{false}},
		"clock not set":    {time.Unix(0, 0), in(20), in(400), []bool{false}},
		"not set, far off": {time.Unix(0, 0), in(60), in(400), nil},
	} {
		o := &observer{build: Build{CommitTime: built}, path: &path{}, fixed: fixed{serial: "SN-1", expires: c.ours}}
		o.path.expires.Store(&c.peers)
		var got []bool
		for _, e := range o.expiring(c.now, "SN-2") {
			got = append(got, e.Peer)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
