package agent

import (
	"testing"
	"time"

	"socketha/agent/status"
	"socketha/peer/speaker"
	"socketha/peer/transport"
)

var nobody speaker.Snapshot

// A finding about the peer's identity stands while it is fresh, and not once the
// right peer has come.
func TestFindingsAge(t *testing.T) {
	now := time.Now()
	replaced := func(at, established time.Time) transport.Stats {
		return transport.Stats{
			Side: transport.SideInitiator, LastEstablished: established,
			PeerReplaced: &transport.Finding{Serial: "SN-3", At: at},
		}
	}
	for name, c := range map[string]struct {
		stats transport.Stats
		want  int
	}{
		"none":          {transport.Stats{}, 0},
		"just seen":     {replaced(now, time.Time{}), 1},
		"answered":      {replaced(now.Add(-time.Second), now), 0},
		"came back":     {replaced(now, now.Add(-time.Second)), 1},
		"not seen long": {replaced(now.Add(-suspicionStands-time.Second), time.Time{}), 0},
	} {
		var s suspects
		if got := s.findings(now, "SN-1", "", &nobody, c.stats); len(got) != c.want {
			t.Errorf("%s: %d findings, want %d", name, len(got), c.want)
		}
	}
}

// A conflict in our own configuration does not heal with time.
func TestOwnConflictStands(t *testing.T) {
	var s suspects
	now := time.Now()
	stats := transport.Stats{Side: transport.SideNone, IdentityConflict: &transport.Finding{Reason: transport.ReasonOwnKey, At: now.Add(-time.Hour)}}
	if got := s.findings(now, "SN-1", "", &nobody, stats); len(got) != 1 || got[0].Kind != status.PeerShowsOurKey {
		t.Errorf("after an hour: %+v", got)
	}
}

func TestFindingsTellSerialsApart(t *testing.T) {
	for facts, want := range map[string]status.IdentityKind{
		"SN-1": status.PeerShowsOurSerial,
		"SN-9": status.FactsDifferFromIdentity,
	} {
		var s suspects
		snapshot := &speaker.Snapshot{IdentityConflict: &speaker.IdentityConflict{Certificate: "SN-2", Facts: facts}}
		got := s.findings(time.Now(), "SN-1", "SN-1", snapshot, transport.Stats{})
		if len(got) != 1 || got[0].Kind != want || got[0].Serial != facts || got[0].Expected != "SN-2" {
			t.Errorf("facts %s: %+v", facts, got)
		}
	}
	var s suspects
	got := s.findings(time.Now(), "SN-1", "SN-8", &nobody, transport.Stats{})
	if len(got) != 1 || got[0].Kind != status.OurFactsDiffer || got[0].Serial != "SN-8" {
		t.Errorf("our own serial file: %+v", got)
	}
}

// A pinned key that comes back under another serial is another Socket, until the
// first serial returns.
func TestKeyKeepsItsSerial(t *testing.T) {
	var s suspects
	for i, c := range []struct {
		serial string
		want   int
	}{{"SN-2", 0}, {"SN-3", 1}, {"SN-3", 1}, {"SN-2", 0}} {
		snapshot := &speaker.Snapshot{Known: true, PeerKey: [32]byte{1}, PeerSerial: c.serial}
		got := s.findings(time.Now(), "SN-1", "", snapshot, transport.Stats{})
		if len(got) != c.want {
			t.Errorf("%d, serial %s: %+v", i, c.serial, got)
		}
		if len(got) == 1 && (got[0].Kind != status.PeerReplaced || got[0].Expected != "SN-2") {
			t.Errorf("%d: %+v", i, got[0])
		}
	}
}

func TestTrouble(t *testing.T) {
	rejected := func(reason transport.Reason, n uint64) transport.Stats {
		return transport.Stats{Rejected: map[transport.Reason]uint64{reason: n}}
	}
	var s suspects
	now := time.Now()
	for i, c := range []struct {
		after time.Duration
		setup string
		stats transport.Stats
		want  status.Trouble
	}{
		{0, "", transport.Stats{}, status.NoTrouble},
		{0, "nobody is trusted yet", transport.Stats{}, status.TroubleSetup},
		{0, "", rejected(transport.ReasonPinMismatch, 1), status.RefusedHere},
		{suspicionStands, "", rejected(transport.ReasonPinMismatch, 1), status.NoTrouble},
		{0, "", rejected(transport.ReasonPinMismatch, 2), status.RefusedHere},
		{suspicionStands, "", rejected(transport.ReasonRefusedByPeer, 1), status.RefusedThere},
		{suspicionStands, "", rejected(transport.ReasonHandshakeTimeout, 9), status.NoTrouble},
	} {
		now = now.Add(c.after)
		if got, _ := s.trouble(now, c.setup, c.stats); got != c.want {
			t.Errorf("%d: trouble %d, want %d", i, got, c.want)
		}
	}
}
