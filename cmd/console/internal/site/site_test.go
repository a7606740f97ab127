package site_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"socketha/agent/alarm"
	"socketha/agent/status"
	"socketha/cmd/console/internal/site"
	"socketha/peer"
)

var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

const cadence = 5 * time.Minute

// view is a report of a Socket that finds everything well.
func view(serial, peerSerial string, at time.Time) site.Report {
	return site.Report{
		Serial: serial, ReceivedAt: at, Next: cadence, Readiness: "ready", Compatibility: "compatible",
		Connected: "ok", Keepalive: "ok", CompatibleVersion: "ok", PeerSerial: peerSerial, PeerFresh: true,
	}
}

func TestWitness(t *testing.T) {
	lost := func(r *site.Report) {
		r.Readiness, r.Keepalive, r.PeerFresh = "not_ready", "fail", false
		r.Reasons = []site.Reason{{Code: string(status.CodeNoKeepalive), Since: t0}}
	}
	for _, one := range []struct {
		name      string
		b         func(*site.Report) // what B, which is heard, says
		aAge      time.Duration      // of A's last report
		bAge      time.Duration
		listening time.Duration // for how long
		state     site.State
		connected status.ConditionState
		diagnosis site.Diagnosis
	}{
		{"both heard", nil, time.Minute, time.Minute, time.Hour, site.Ready, "ok", ""},
		{"on the edge", nil, 2*cadence - 1, time.Minute, time.Hour, site.Ready, "ok", ""},
		{"A silent, B hears it", nil, 2 * cadence, time.Minute, time.Hour, site.NotReady, "fail", site.CloudPath},
		{"A silent, B lost it", lost, 2 * cadence, time.Minute, time.Hour, site.NotReady, "fail", site.Down},
		{
			"A silent, B knows it was stopped", func(r *site.Report) { lost(r); r.Keepalive, r.PeerStopped = "unknown", true },
			2 * cadence, time.Minute, time.Hour, site.NotReady, "fail", site.Stopped,
		},
		{
			"A silent, B cannot tell", func(r *site.Report) { lost(r); r.Keepalive = "unknown" },
			2 * cadence, time.Minute, time.Hour, site.NotReady, "fail", site.NotHeard,
		},
		{"both silent", nil, 2 * cadence, 2 * cadence, time.Hour, site.Unknown, "unknown", site.NotHeard},
		{"A awaited: we were away", nil, 2 * cadence, time.Minute, 9 * time.Minute, site.NotReady, "unknown", site.CloudPath},
		{"both awaited", nil, 2 * cadence, 3 * cadence, time.Minute, site.Unknown, "unknown", site.NotHeard},
	} {
		a, b := view("A", "B", t0.Add(-one.aAge)), view("B", "A", t0.Add(-one.bAge))
		if one.b != nil {
			one.b(&b)
		}
		v := site.Judge(t0, t0.Add(-one.listening), []site.Report{a, b})
		if v.State != one.state || v.Connected != one.connected || v.Sockets[0].Diagnosis != one.diagnosis {
			t.Errorf("%s: %s, connected %s, A %q", one.name, v.State, v.Connected, v.Sockets[0].Diagnosis)
		}
	}
}

// TestConnectedIsOurs: what the Sockets think of their connection is overruled by
// what we hear, and only that.
func TestConnectedIsOurs(t *testing.T) {
	a, b := view("A", "B", t0), view("B", "A", t0)
	a.Readiness, a.Connected = "not_ready", "fail"
	a.Reasons = []site.Reason{{Code: string(status.CodeDisconnected), Since: t0}}
	if v := site.Judge(t0, t0, []site.Report{a, b}); v.State != site.Ready || len(v.Reasons) != 0 {
		t.Errorf("both are heard: %+v", v)
	}
	a.Reasons = append(a.Reasons, site.Reason{Code: string(status.CodeIncompatible), Since: t0})
	if v := site.Judge(t0, t0, []site.Report{a, b}); v.State != site.NotReady || len(v.Reasons) != 1 {
		t.Errorf("and something else is wrong: %+v", v)
	}
	a = view("A", "B", t0)
	a.Readiness = "not_ready"
	if v := site.Judge(t0, t0, []site.Report{a, b}); v.State != site.NotReady {
		t.Errorf("not ready without a reason: %+v", v)
	}
}

// TestReplaced: a Socket that was replaced is not awaited.
func TestReplaced(t *testing.T) {
	old := view("B", "A", t0.Add(-time.Hour))
	v := site.Judge(t0, t0.Add(-24*time.Hour), []site.Report{old, view("A", "C", t0.Add(-time.Minute)), view("C", "A", t0)})
	if v.State != site.Ready || len(v.Sockets) != 2 || v.Sockets[1].Serial != "C" {
		t.Errorf("%+v", v)
	}
}

// TestLone: of a site where one Socket has ever reported, that one's word counts.
func TestLone(t *testing.T) {
	a := view("A", "B", t0)
	a.Readiness, a.Connected = "not_ready", "fail"
	a.Reasons = []site.Reason{{Code: string(status.CodeDisconnected), Since: t0}}
	v := site.Judge(t0, t0, []site.Report{a})
	if v.State != site.NotReady || v.Connected != "fail" || v.Reasons[0].Code != string(status.CodeDisconnected) {
		t.Errorf("its peer is not connected: %+v", v)
	}
	if v := site.Judge(t0, t0, nil); v.State != site.Unknown || !v.Deadline.IsZero() {
		t.Errorf("nobody: %+v", v)
	}
}

// TestDeclared: each speaks for itself, its peer for it while it is silent, and what
// nobody can tell is unknown.
func TestDeclared(t *testing.T) {
	a, b := view("A", "B", t0), view("B", "A", t0)
	a.Upgrade = site.Upgrade{State: "declared", Since: t0.Add(-time.Minute)}
	v := site.Judge(t0, t0, []site.Report{a, b})
	in := v.Input()
	if in.Declared.Self.State != alarm.Declared || in.Declared.Peer.State != alarm.Undeclared {
		t.Errorf("A upgrades: %+v", in.Declared)
	}
	a.ReceivedAt = t0.Add(-time.Hour)
	b.PeerUpgrade, b.PeerFresh = a.Upgrade, false
	v = site.Judge(t0, t0.Add(-2*time.Hour), []site.Report{a, b})
	if in := v.Input(); in.Declared.Self.State != alarm.Declared {
		t.Errorf("A reboots: %+v", in.Declared)
	}
	b.PeerUpgrade = site.Upgrade{}
	v = site.Judge(t0, t0.Add(-2*time.Hour), []site.Report{a, b})
	if in := v.Input(); in.Declared.Self.State != alarm.DeclarationUnknown {
		t.Errorf("nobody can tell: %+v", in.Declared)
	}
	b.Upgrade.State = "failed"
	v = site.Judge(t0, t0, []site.Report{b})
	if in := v.Input(); in.Declared.Peer.State != alarm.EndedFailed {
		t.Errorf("the lone B has its own place: %+v", in.Declared)
	}
}

// TestRead: a Socket's clock is off by ten years, its ages are right.
func TestRead(t *testing.T) {
	then := time.Date(2016, 1, 1, 0, 0, 0, 0, time.UTC)
	doc := &status.Document{GeneratedAt: status.NewTime(then), Reasons: []status.Reason{
		{Code: status.CodePeerStale, Since: status.NewTime(then.Add(-time.Hour)), Params: map[string]any{"planned_stop": true}},
		{Code: status.CodeMTU, Since: status.NewTime(then.Add(time.Hour))},
		{Code: status.CodeNoActive, Since: status.NewTime(then.Add(-1e5 * time.Hour))},
	}}
	r := site.Read(doc, t0, cadence)
	for i, want := range []time.Duration{time.Hour, 0, 10 * 365 * 24 * time.Hour} {
		if got := t0.Sub(r.Reasons[i].Since); got != want {
			t.Errorf("reason %d: %v old, want %v", i, got, want)
		}
	}
	if !r.PeerStopped {
		t.Error("the planned stop was not seen")
	}
}

// TestNeverGreenBySilence: whatever was reported, a site is ready only while every one
// of its Sockets is heard and none says otherwise; and nothing changes before the
// deadline unless a report comes.
func TestNeverGreenBySilence(t *testing.T) {
	words := []string{"ok", "fail", "unknown", "not_evaluated", "", "fine"}
	rapid.Check(t, func(t *rapid.T) {
		report := func(serial, other string) site.Report {
			r := view(serial, other, t0.Add(-time.Duration(rapid.IntRange(0, 2000).Draw(t, "age"))*time.Second))
			r.Next = time.Duration(rapid.IntRange(1, 900).Draw(t, "next")) * time.Second
			r.Readiness = rapid.SampledFrom([]string{"ready", "not_ready", "x"}).Draw(t, "readiness")
			r.Connected = rapid.SampledFrom(words).Draw(t, "connected")
			r.Keepalive = rapid.SampledFrom(words).Draw(t, "keepalive")
			r.CompatibleVersion = rapid.SampledFrom(words).Draw(t, "compatible")
			r.PeerFresh = rapid.Bool().Draw(t, "fresh")
			for _, code := range rapid.SliceOfN(rapid.SampledFrom(status.Codes()), 0, 3).Draw(t, "reasons") {
				r.Reasons = append(r.Reasons, site.Reason{Code: string(code), Since: t0.Add(-time.Hour)})
			}
			return r
		}
		reports := []site.Report{report("A", "B"), report("B", "A")}[:rapid.IntRange(1, 2).Draw(t, "sockets")]
		listening := t0.Add(-time.Duration(rapid.IntRange(0, 4000).Draw(t, "listening")) * time.Second)
		v := site.Judge(t0, listening, reports)
		if v.State == site.Ready {
			for _, s := range v.Sockets {
				if s.Presence != site.Heard {
					t.Fatalf("ready, and %s is %s", s.Serial, s.Presence)
				}
			}
			for _, r := range reports {
				if r.Keepalive != "ok" && r.Keepalive != "not_evaluated" || r.CompatibleVersion != "ok" && r.CompatibleVersion != "not_evaluated" {
					t.Fatalf("ready against %+v", r)
				}
			}
		}
		if in := v.Input(); (in.Readiness == peer.Ready) != (v.State == site.Ready) {
			t.Fatalf("state %s becomes %v", v.State, in.Readiness)
		}
		if v.Deadline.IsZero() {
			later := site.Judge(t0.Add(1e4*time.Hour), listening, reports)
			if later.State != v.State {
				t.Fatalf("%s becomes %s without a deadline", v.State, later.State)
			}
			return
		}
		before := site.Judge(v.Deadline.Add(-1), listening, reports)
		if before.State != v.State || before.Connected != v.Connected || len(before.Reasons) != len(v.Reasons) {
			t.Fatalf("%s becomes %s before the deadline", v.State, before.State)
		}
	})
}
