package status

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"socketha/peer"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden are situations with the document they lead to, in testdata/NAME.json.
// The document is read two seconds after the last input.
var golden = []struct {
	name    string
	inputs  []Input // in the order of time
	live    func(*Live)
	outcome Outcome
}{
	{name: "ready", inputs: []Input{readyWith(t0)}, live: counters},
	{name: "ready_minor_gap", inputs: []Input{readyWith(t0, versions("18.4.1", "18.3.3"))}},
	{name: "ready_capability_gap", inputs: []Input{readyWith(t0, versions("18.4.1", "18.3.3"), gap)}},
	{name: "ready_catalog_differs", inputs: []Input{readyWith(t0, func(in *Input) { in.Impact = &ImpactInput{Basis: "ha_state", CatalogDiffers: true} })}},
	{name: "ready_upgrade_overdue", inputs: []Input{readyWith(second(3000), func(in *Input) {
		in.Self.Upgrade = Upgrade{Declared: true, Target: "18.4.1", Since: second(600), Overdue: true}
	})}},
	{name: "model_mismatch", inputs: []Input{readyWith(t0, func(in *Input) { in.Peer.Model = "X1600\x1b[31m" })}, outcome: OutcomeNotReady},
	{name: "views_differ", inputs: []Input{
		readyWith(second(0), sameInputs, peerSees(peer.NotReady, peer.Incompatible)),
		readyWith(second(10), sameInputs, peerSees(peer.NotReady, peer.Incompatible)),
	}},
	{name: "flapping", inputs: []Input{readyWith(second(300), func(in *Input) {
		in.Alarm = &AlarmInput{State: "clearing", Since: second(290), Occurrences: 5, Flapping: true}
	})}},
	{name: "incompatible_with_impact", inputs: []Input{
		readyWith(t0, versions("18.3.3", "15.0.2"), func(in *Input) {
			in.Peer.Capabilities = Capabilities{}
			in.Impact = &ImpactInput{
				OnFailover: []ImpactFeature{
					{ID: "ipsec-ha", Name: "IPsec HA", Since: "16.0", Source: "catalog"},
					{ID: "odd\x07id", Source: "unknown"},
				},
				Basis: "ha_state", PeerSource: "catalog",
			}
			in.Alarm = &AlarmInput{State: "pending", Since: t0, RaiseAt: second(3600)}
		}),
	}, outcome: OutcomeNotReady},
	{name: "ready_no_role_source", inputs: []Input{readyWith(t0, states(peer.HAUnknown, peer.HAUnknown), func(in *Input) { in.Self.HASource = "" })}},
	{name: "ready_connected", inputs: []Input{readyWith(t0, clouds(peer.UpstreamConnected, peer.UpstreamConnected))}, live: delivered},
	{name: "ready_clock_unset", inputs: []Input{readyWith(t0, func(in *Input) { in.ClockUnset = true })}, live: year1970},
	{name: "ready_failover_declared", inputs: []Input{
		readyWith(second(0), states(peer.HAActive, peer.HAActive), declareFailover),
		readyWith(second(120), states(peer.HAActive, peer.HAActive), declareFailover),
	}},
	{name: "ready_role_taken_over", inputs: []Input{
		readyWith(second(0)), readyWith(second(4), states(peer.HAActive, peer.HAActive)),
	}},
	{
		name: "incompatible_18_15", inputs: []Input{readyWith(t0, versions("18.3.3", "15.0.2"), peerSees(peer.NotReady, peer.Incompatible))},
		outcome: OutcomeNotReady,
	},
	{
		name: "incompatible_15_18", inputs: []Input{readyWith(t0, versions("15.0.2", "18.3.3"), peerSees(peer.NotReady, peer.Incompatible))},
		outcome: OutcomeNotReady,
	},
	{
		name: "incompatible_serial_unknown",
		inputs: []Input{readyWith(t0, versions("18.3.3", "15.0.2"), func(in *Input) {
			in.Peer.Serial, in.Peer.Model, in.Peer.AgentVersion = "", "", ""
		})},
		outcome: OutcomeNotReady,
	},
	{
		name: "incompatible_upgrading",
		inputs: []Input{readyWith(t0, versions("18.3.3", "15.0.2"), func(in *Input) {
			in.Peer.Upgrade = Upgrade{Declared: true, Target: "18.3.3"}
		})},
		outcome: OutcomeNotReady,
	},
	{name: "peer_unknown", inputs: []Input{readyWith(t0, never)}, outcome: OutcomeUnknown},
	{name: "peer_stale_after_restart", inputs: []Input{readyWith(t0, remembered)}, outcome: OutcomeUnknown},
	{name: "peer_lost", inputs: []Input{readyWith(second(0)), readyWith(second(33), lost(second(30)))}, outcome: OutcomeNotReady},
	{name: "peer_lost_while_incompatible", inputs: []Input{
		readyWith(second(0), versions("18.3.3", "15.0.2")),
		readyWith(second(33), versions("18.3.3", "15.0.2"), lost(second(30))),
	}, outcome: OutcomeNotReady},
	{name: "peer_planned_stop", inputs: []Input{readyWith(second(0)), readyWith(second(30), lost(second(30)), plannedStop)}, outcome: OutcomeUnknown},
	{name: "peer_one_way", inputs: []Input{
		readyWith(second(0)), readyWith(second(30), func(in *Input) { in.Link.Session = peer.StateInit }),
	}, outcome: OutcomeNotReady},
	{name: "peer_meeting", inputs: []Input{
		readyWith(second(0), never), readyWith(second(1), func(in *Input) { in.Link.Session = peer.StateInit }),
	}, outcome: OutcomeUnknown},
	{name: "protocol_mismatch", inputs: []Input{readyWith(t0, never, func(in *Input) {
		in.Peer.Mismatch = &peer.ProtocolRange{Min: 7, Max: 9}
	})}, outcome: OutcomeNotReady},
	{name: "link_down_no_carrier", inputs: []Input{readyWith(second(0)), readyWith(second(30), noCarrier)}, outcome: OutcomeNotReady},
	{name: "link_down_never_heard", inputs: []Input{readyWith(t0, never, noCarrier)}, outcome: OutcomeNotReady},
	{name: "link_missing", inputs: []Input{readyWith(t0, remembered, func(in *Input) {
		in.Link.Exists, in.Link.Up, in.Link.Carrier, in.Link.OperState = false, false, Unknown, ""
	})}, outcome: OutcomeNotReady},
	{name: "split_brain", inputs: []Input{
		readyWith(second(0)),
		readyWith(second(5), states(peer.HAActive, peer.HAActive)),
		readyWith(second(15), states(peer.HAActive, peer.HAActive)),
	}, outcome: OutcomeNotReady},
	{name: "no_active", inputs: []Input{
		readyWith(second(0), states(peer.HAStandby, peer.HAStandby)),
		readyWith(second(10), states(peer.HAStandby, peer.HAStandby)),
	}, outcome: OutcomeNotReady},
	{name: "role_source_silent", inputs: []Input{readyWith(t0, states(peer.HAUnknown, peer.HAStandby), func(in *Input) {
		in.Self.HADetail = "the process named in /run/vrrp.pid does not run"
	})}, outcome: OutcomeUnknown},
	{name: "role_conflict", inputs: []Input{readyWith(t0, func(in *Input) { in.Peer.Role = peer.RolePrimary })}, outcome: OutcomeNotReady},
	{
		name: "version_unreadable_hostile", inputs: []Input{readyWith(t0, versions("18.3.3", "18\x1b[2J\n<script>alert(1)</script>\u202e"+strings.Repeat("9", 100)))},
		outcome: OutcomeUnknown,
	},
	{name: "version_unreadable_self", inputs: []Input{readyWith(t0, versions("18..1", "18.3.3"))}, outcome: OutcomeUnknown},
	{name: "version_unreadable_both", inputs: []Input{readyWith(t0, versions("", "v"))}, outcome: OutcomeUnknown},
	{name: "identity_conflict_serial", inputs: []Input{readyWith(t0, func(in *Input) { in.Peer.Serial = in.Self.Serial })}, outcome: OutcomeNotReady},
	{name: "identity_conflict_facts", inputs: []Input{readyWith(t0, func(in *Input) {
		in.Identity = []IdentityFinding{{Kind: FactsDifferFromIdentity, Serial: "C3\x07", Expected: "B2000002"}}
	})}, outcome: OutcomeNotReady},
	{name: "identity_conflict_key", inputs: []Input{readyWith(t0, never, func(in *Input) {
		in.Identity = []IdentityFinding{{Kind: PeerShowsOurKey}}
	})}, outcome: OutcomeNotReady},
	{name: "peer_replaced", inputs: []Input{readyWith(t0, remembered, func(in *Input) {
		in.Identity = []IdentityFinding{{Kind: PeerReplaced, Serial: "C3000003", Expected: "B2000002"}}
	})}, outcome: OutcomeNotReady},
	{name: "disconnected_self", inputs: []Input{readyWith(t0, clouds(peer.UpstreamDisconnected, peer.UpstreamConnected))}, outcome: OutcomeNotReady},
	{name: "disconnected_both", inputs: []Input{readyWith(t0, clouds(peer.UpstreamDisconnected, peer.UpstreamDisconnected))}, outcome: OutcomeNotReady},
	{name: "peer_unknown_setup", inputs: []Input{readyWith(t0, never, func(in *Input) {
		in.Link.Trouble, in.Link.TroubleDetail = TroubleSetup, "nobody is trusted yet"
	})}, outcome: OutcomeUnknown},
	{name: "peer_stale_refused_there", inputs: []Input{
		readyWith(second(0)), readyWith(second(30), lost(second(30)), plannedStop, func(in *Input) { in.Link.Trouble = RefusedThere }),
	}, outcome: OutcomeUnknown},
	{name: "identity_conflict_own_facts", inputs: []Input{readyWith(t0, func(in *Input) {
		in.Identity = []IdentityFinding{{Kind: OurFactsDiffer, Serial: "A1000009", Expected: "A1000001"}}
	})}, outcome: OutcomeNotReady},
	{name: "path_loses_large", inputs: []Input{readyWith(t0, never, func(in *Input) { in.Link.LosesAbove = 600 })}, outcome: OutcomeNotReady},
	{name: "certificate_expires", inputs: []Input{readyWith(t0, func(in *Input) {
		in.Expiring = []Expiry{{Peer: true, Serial: "B2000002", NotAfter: time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)}}
	})}, outcome: OutcomeReady},
	{name: "connected_unknown", inputs: []Input{readyWith(t0, clouds(peer.UpstreamUnknown, peer.UpstreamConnected))}, outcome: OutcomeUnknown},
	{name: "nothing_known", inputs: []Input{{Now: t0}}, outcome: OutcomeUnknown},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		t.Run(g.name, func(t *testing.T) {
			var e Evaluator
			var ev *Evaluation
			for _, in := range g.inputs {
				ev = e.Evaluate(in)
			}
			live := liveAt(g.inputs[len(g.inputs)-1].Now.Add(2 * time.Second))
			if g.live != nil {
				g.live(&live)
			}
			d := ev.Document(live)
			if got := d.Outcome(); got != g.outcome {
				t.Errorf("outcome %d, want %d", got, g.outcome)
			}
			compareGolden(t, g.name, d)
		})
	}
}

func compareGolden(t *testing.T, name string, d Document) {
	t.Helper()
	got, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name+".json")
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got, run with -update to accept):\n%s", path, diff)
	}
	var read Document
	if err := json.Unmarshal(want, &read); err != nil {
		t.Errorf("%s does not read back: %v", path, err)
	}
}

// TestGoldenFilesAreUsed finds files left behind by a renamed situation.
func TestGoldenFilesAreUsed(t *testing.T) {
	used := make(map[string]bool)
	for _, g := range golden {
		used[g.name+".json"] = true
	}
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".json") && !used[entry.Name()] {
			t.Errorf("testdata/%s belongs to no situation", entry.Name())
		}
	}
}

func counters(l *Live) {
	l.PeerLastHeard = l.Now.Add(-420 * time.Millisecond)
	l.RTT = 734_400 * time.Nanosecond
	l.Sent, l.Received, l.Lost = 120, 118, 2
	l.Rejected = map[string]uint64{"unknown_key": 3, "expired": 1}
}

func delivered(l *Live) {
	l.LastDelivered = l.Now.Add(-time.Minute)
	queued, dropped := uint64(1), uint64(0)
	l.Queued, l.Dropped = &queued, &dropped
}

func year1970(l *Live) { l.Boot = time.Unix(0, 0) }

func gap(in *Input) {
	in.Impact = &ImpactInput{
		OnFailover:         []ImpactFeature{{ID: "dns-proxy", Name: "DNS proxy", Since: "18.4", Source: "advertised"}},
		RestoredOnFailover: []ImpactFeature{}, Basis: "ha_state", PeerSource: "advertised", CapabilityGap: true, GapKnown: true,
	}
}

func sameInputs(in *Input) { in.SameInputs = true }

func declareFailover(in *Input) { in.FailoverDeclared = true }

func plannedStop(in *Input) { in.Peer.PlannedStop = true }

func noCarrier(in *Input) {
	in.Link.Carrier, in.Link.Up, in.Link.OperState = No, false, "lowerlayerdown"
}

func peerSees(r peer.Readiness, c peer.Compatibility) func(*Input) {
	return func(in *Input) { in.Peer.Readiness, in.Peer.Compatibility = r, c }
}
