package status

import (
	"strings"
	"testing"

	"socketha/peer"
)

func TestModelsThatFormAPair(t *testing.T) {
	for name, c := range map[string]struct {
		ours, theirs string
		models       []string
		lost, want   bool
	}{
		"equal":                  {"X1500", "X1500", nil, false, false},
		"different":              {"X1500", "X1600", nil, false, true},
		"said to form a pair":    {"X1500", "X1500B", []string{"X1500", "X1500B"}, false, false},
		"only one of them is":    {"X1500", "X1600", []string{"X1500", "X1500B"}, false, true},
		"only the other one is":  {"X1600", "X1500", []string{"X1500", "X1500B"}, false, true},
		"ours is not known":      {"", "X1600", nil, false, false},
		"the peer's is not":      {"X1500", "", nil, false, false},
		"the peer is last-known": {"X1500", "X1600", nil, true, false},
	} {
		in := readyWith(second(30), func(in *Input) { in.Self.Model, in.Peer.Model, in.PairModels = c.ours, c.theirs, c.models })
		if c.lost {
			lost(second(10))(&in)
		}
		d := documentOf(in)
		if has(d, CodeModelMismatch) != c.want {
			t.Errorf("%s: reasons %v", name, codesOf(d))
		}
		if c.want && d.Readiness != "not_ready" {
			t.Errorf("%s: %s", name, d.Readiness)
		}
	}
}

// A warning never makes a pair not ready.
func TestFeatureWarningsOnlyWarn(t *testing.T) {
	for _, code := range []Code{CodeCapabilityGap, CodeCatalogDiffers} {
		in := readyWith(t0, func(in *Input) {
			in.Impact = &ImpactInput{CapabilityGap: code == CodeCapabilityGap, CatalogDiffers: code == CodeCatalogDiffers}
		})
		if d := documentOf(in); !has(d, code) || d.Readiness != "ready" || len(d.Reasons) != 1 {
			t.Errorf("%s: %s with %v", code, d.Readiness, codesOf(d))
		}
		lost(t0)(&in)
		if d := documentOf(in); has(d, code) {
			t.Errorf("%s stands over a peer that is not heard", code)
		}
	}
}

// What is not known is warned of as that.
func TestGapThatIsNotKnown(t *testing.T) {
	for known, want := range map[bool]string{true: "would stop 1", false: "is not known"} {
		d := documentOf(readyWith(t0, gap, func(in *Input) { in.Impact.GapKnown = known }))
		if len(d.Reasons) != 1 || !strings.Contains(d.Reasons[0].Summary, want) {
			t.Errorf("known %t: %+v", known, d.Reasons)
		}
	}
}

func TestOverdueUpgradeSaysWhose(t *testing.T) {
	over := Upgrade{Declared: true, Overdue: true}
	for side, change := range map[string]func(*Input){
		"self": func(in *Input) { in.Self.Upgrade = over },
		"peer": func(in *Input) { in.Peer.Upgrade = over },
		"both": func(in *Input) { in.Self.Upgrade, in.Peer.Upgrade = over, over },
		"":     func(in *Input) { in.Self.Upgrade, in.Peer.Upgrade = Upgrade{Overdue: true}, Upgrade{Declared: true} },
	} {
		d := documentOf(readyWith(t0, change))
		if has(d, CodeUpgradeOverdue) != (side != "") || side != "" && d.Reasons[0].Params["side"] != side {
			t.Errorf("%q: %+v", side, d.Reasons)
		}
		if d.Readiness != "ready" {
			t.Errorf("%q: a warning made the pair %s", side, d.Readiness)
		}
	}
}

// The views are compared when both were made from the same facts, and only for
// what both Sockets can know.
func TestViewsDiffer(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Input)
		want   bool
	}{
		"agree":                 {peerSees(peer.Ready, peer.Compatible), false},
		"another verdict":       {peerSees(peer.Ready, peer.Incompatible), true},
		"its own trouble":       {peerSees(peer.NotReady, peer.Compatible), false},
		"not told yet":          {peerSees(peer.ReadinessUnknown, peer.CompatibilityUnknown), false},
		"other facts":           {func(in *Input) { in.SameInputs = false; peerSees(peer.Ready, peer.Incompatible)(in) }, false},
		"ready to our conflict": {func(in *Input) { in.Peer.Role = in.Self.Role }, true},
		"a declared failover there": {func(in *Input) {
			states(peer.HAActive, peer.HAActive)(in)
		}, false},
		"session coming up": {func(in *Input) {
			in.Link.Session = peer.StateInit
			peerSees(peer.Ready, peer.Incompatible)(in)
		}, false},
	} {
		var e Evaluator
		at := func(n float64) Document {
			in := readyWith(second(n), sameInputs, c.change)
			return e.Evaluate(in).Document(liveAt(in.Now))
		}
		if d := at(0); has(d, CodeViewsDiffer) {
			t.Errorf("%s: warned of at once, while news crosses the link", name)
		}
		if d := at(9.9); has(d, CodeViewsDiffer) {
			t.Errorf("%s: warned of before the grace was over", name)
		}
		if d := at(10); has(d, CodeViewsDiffer) != c.want {
			t.Errorf("%s: reasons %v", name, codesOf(d))
		}
	}
}

// Somebody has to look again when the grace of differing views ends.
func TestDifferingViewsHaveADeadline(t *testing.T) {
	var e Evaluator
	ev := e.Evaluate(readyWith(t0, sameInputs, peerSees(peer.Ready, peer.Incompatible)))
	if at, ok := ev.NextDeadline(); !ok || at != second(10) {
		t.Errorf("deadline %v %t, want %v", at, ok, second(10))
	}
	// The earlier of two graces counts.
	e = Evaluator{}
	e.Evaluate(readyWith(t0, states(peer.HAActive, peer.HAActive)))
	ev = e.Evaluate(readyWith(second(4), states(peer.HAActive, peer.HAActive), sameInputs, peerSees(peer.Ready, peer.Incompatible)))
	if at, ok := ev.NextDeadline(); !ok || at != second(10) {
		t.Errorf("deadline %v %t with two graces, want %v", at, ok, second(10))
	}
}

func TestPeerCapabilitySource(t *testing.T) {
	for want, change := range map[string]func(*Input){
		"advertised": func(*Input) {},
		"catalog":    func(in *Input) { in.Peer.Capabilities, in.Impact = Capabilities{}, &ImpactInput{PeerSource: "catalog"} },
		"unknown":    func(in *Input) { in.Peer.Capabilities = Capabilities{} },
	} {
		if d := documentOf(readyWith(t0, change)); d.Peer.Capabilities.Source != want {
			t.Errorf("source %q, want %q", d.Peer.Capabilities.Source, want)
		}
	}
}
