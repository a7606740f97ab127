package agent

import (
	"testing"
	"time"

	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/speaker"
	"socketha/peer/transport"
)

// Both Sockets must come to one digest over the same pair, and to another over
// any other pair.
func TestInputsDigestIsTheSameOnBothSides(t *testing.T) {
	type socket struct {
		serial, version string
		role            peer.Role
		state           peer.HAState
	}
	digest := func(self, other socket) peer.Digest {
		return inputsDigest(
			status.Self{Serial: self.serial, Version: self.version, Role: self.role, HAState: self.state},
			status.Peer{Serial: other.serial, Version: other.version, Role: other.role, HAState: other.state},
		)
	}
	a := socket{"SN-1", "18.3.3", peer.RolePrimary, peer.HAActive}
	b := socket{"SN-2", "15.0.2", peer.RoleSecondary, peer.HAStandby}
	if digest(a, b) != digest(b, a) {
		t.Error("the two sides of one pair differ")
	}
	for name, other := range map[string]socket{
		"serial":   {"SN-3", "15.0.2", peer.RoleSecondary, peer.HAStandby},
		"version":  {"SN-2", "15.0.3", peer.RoleSecondary, peer.HAStandby},
		"role":     {"SN-2", "15.0.2", peer.RolePrimary, peer.HAStandby},
		"state":    {"SN-2", "15.0.2", peer.RoleSecondary, peer.HAActive},
		"boundary": {"SN-21", "5.0.2", peer.RoleSecondary, peer.HAStandby},
	} {
		if digest(a, other) == digest(a, b) {
			t.Errorf("another %s gives the same digest", name)
		}
	}
}

// A finding about the peer's identity stands while it is fresh, and not once the
// right peer has come.
func TestFindingsAge(t *testing.T) {
	o := &observer{fixed: fixed{serial: "SN-1"}}
	now := time.Now()
	replaced := func(at, established time.Time) transport.Stats {
		return transport.Stats{PeerReplaced: &transport.Finding{Serial: "SN-3", At: at}, LastEstablished: established}
	}
	for name, c := range map[string]struct {
		stats transport.Stats
		want  int
	}{
		"none":          {transport.Stats{}, 0},
		"just seen":     {replaced(now, time.Time{}), 1},
		"answered":      {replaced(now.Add(-time.Second), now), 0},
		"came back":     {replaced(now, now.Add(-time.Second)), 1},
		"not seen long": {replaced(now.Add(-findingStands-time.Second), time.Time{}), 0},
	} {
		if got := o.findings(&speaker.Snapshot{}, c.stats); len(got) != c.want {
			t.Errorf("%s: %d findings, want %d", name, len(got), c.want)
		}
	}
}

func TestFindingsTellOurSerialFromAnother(t *testing.T) {
	o := &observer{fixed: fixed{serial: "SN-1"}}
	for facts, want := range map[string]status.IdentityKind{
		"SN-1": status.PeerShowsOurSerial,
		"SN-9": status.FactsDifferFromIdentity,
	} {
		s := &speaker.Snapshot{IdentityConflict: &speaker.IdentityConflict{Certificate: "SN-2", Facts: facts}}
		got := o.findings(s, transport.Stats{})
		if len(got) != 1 || got[0].Kind != want || got[0].Serial != facts || got[0].Expected != "SN-2" {
			t.Errorf("facts %s: %+v", facts, got)
		}
	}
}

// The observer looks again when a grace ends or something changes without
// telling, and otherwise not at all: no idle work.
func TestNextLook(t *testing.T) {
	o := &observer{}
	var e status.Evaluator
	quiet := status.Input{Now: o.clock.now()}
	if wait := o.nextLook(&quiet, e.Evaluate(quiet)); wait != 0 {
		t.Errorf("nothing pending: looks again after %v", wait)
	}
	unset := status.Input{Now: o.clock.now(), ClockUnset: true}
	if wait := o.nextLook(&unset, e.Evaluate(unset)); wait != lookAgain {
		t.Errorf("clock not set: looks again after %v", wait)
	}
}
