package agent

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/journal"
	"socketha/agent/local"
	"socketha/agent/local/client"
	"socketha/agent/status"
	"socketha/peer"
	"socketha/platform/appliance"
)

// fast are knobs with which an alarm is raised while a test waits.
var fast = alarm.Config{
	DisconnectedAfter: time.Second, RaiseAfter: time.Second, UpgradeHold: time.Hour, FailoverHold: time.Hour,
	ClearAfter: time.Second, ReopenWithin: time.Hour, FlapChanges: 30, FlapWithin: time.Second,
}

func isReady(d status.Document) bool { return d.Readiness == "ready" }

func has(d status.Document, c status.Code) bool {
	return slices.ContainsFunc(d.Reasons, func(r status.Reason) bool { return r.Code == c })
}

// What is known of the peer outlives the agent, and is never shown as current.
func TestLastKnownPeerSurvivesARestart(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	stop := pairUp(t, boxes)
	boxes[0].until(t, "ready", isReady)
	boxes[0].until(t, "facts", func(d status.Document) bool { return d.Peer.Model != nil })
	stop[1]()
	stop[0]()
	stop[0] = boxes[0].start(t)
	d := boxes[0].until(t, "a status", func(status.Document) bool { return true })
	p := d.Peer
	if !p.Known || p.Fresh || p.Version == nil || *p.Version != "18.4.1" || *p.Serial != "SN-2" || *p.Model != "X1700B" || p.AgeS == nil {
		t.Errorf("after a restart the peer is %+v", p)
	}
	if d.Compatibility != "unknown" || !has(d, status.CodePeerStale) || has(d, status.CodeNoKeepalive) {
		t.Errorf("%s with %v", d.Compatibility, d.Reasons)
	}
	stop[0]()
	// Another Socket is pinned: the old one is nobody's peer any more.
	boxes[0].write(t, "pins", boxes[0].id.Fingerprint().String())
	boxes[0].start(t)
	if d := boxes[0].until(t, "a status", func(status.Document) bool { return true }); d.Peer.Known {
		t.Errorf("the peer that is not believed any more is shown: %+v", d.Peer)
	}
}

func TestHistoryTellsOfChangesOnly(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "15.0.2"})
	stop := pairUp(t, boxes)
	boxes[0].until(t, "incompatible", func(d status.Document) bool { return d.Remedy != nil })
	boxes[1].write(t, "version", "18.4.1")
	boxes[0].until(t, "ready", isReady)
	history := func() []status.Transition {
		h, err := client.New(boxes[0].cfg.Local.Socket).History(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h.Transitions
	}
	before := history()
	if len(before) < 2 {
		t.Fatalf("history %+v", before)
	}
	last := before[0]
	if *last.From.Compatibility != "incompatible" || *last.To.Readiness != "ready" || last.DurationS == nil ||
		*last.SelfVersion != "18.3.3" || *last.PeerVersion != "18.4.1" || len(last.Reasons) != 0 {
		t.Errorf("the last transition: %+v", last)
	}
	if first := before[len(before)-1]; first.From != (status.View{}) || first.DurationS != nil {
		t.Errorf("before the first verdict there was none: %+v", first)
	}
	stop[0]()
	boxes[0].start(t)
	boxes[0].until(t, "ready again", isReady)
	if after := history(); len(after) != len(before) {
		t.Errorf("a restart with the same verdict is no transition: %+v", after[0])
	}
}

// A declaration is acknowledged when it is on flash, reaches the peer, holds the
// alarm, and its failure raises it on both Sockets.
func TestDeclaredUpgrade(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "15.0.2"})
	for _, b := range boxes {
		b.cfg.Alarm = fast
	}
	stop := pairUp(t, boxes)
	boxes[1].until(t, "incompatible", func(d status.Document) bool { return d.Remedy != nil })
	c := client.New(boxes[1].cfg.Local.Socket)
	begin := client.Declaration{Target: "18.4.1"}
	if err := c.DeclareUpgrade(t.Context(), begin); err != nil {
		t.Fatal(err)
	}
	if err := c.DeclareUpgrade(t.Context(), begin); err == nil {
		t.Error("the same upgrade was declared twice")
	}
	d := boxes[1].until(t, "own upgrade", func(d status.Document) bool { return d.Self.Upgrade != nil })
	if *d.Self.Upgrade.Target != "18.4.1" || d.Alarm.State != "pending" {
		t.Errorf("upgrade %+v, alarm %+v", d.Self.Upgrade, d.Alarm)
	}
	boxes[0].until(t, "the peer's upgrade", func(d status.Document) bool { return d.Peer.Upgrade != nil })
	stop[1]()
	boxes[1].start(t)
	boxes[1].until(t, "the upgrade after a restart", func(d status.Document) bool { return d.Self.Upgrade != nil && d.Peer.Fresh })
	if err := c.DeclareUpgrade(t.Context(), client.Declaration{End: true, Result: "failed"}); err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		b.until(t, "the alarm", func(d status.Document) bool { return d.Alarm.State == "raised" })
	}
	if err := c.DeclareUpgrade(t.Context(), client.Declaration{End: true, Result: "ok"}); err == nil {
		t.Error("an upgrade that nobody declared has ended")
	}
}

func TestUpgradeToWhatRunsIsRefused(t *testing.T) {
	o := observerOf(t)
	for target, refused := range map[string]bool{"18.3.3": true, "v18.3.3": true, "18.3": false, "19.0": false, "": false} {
		err := o.DeclareUpgrade(t.Context(), local.Declaration{Target: target})
		if errors.Is(err, local.ErrConflict) != refused {
			t.Errorf("%q: %v", target, err)
		}
		o.life.journal.Update(func(s *journal.State) { s.Upgrade = journal.Declaration{} }, journal.Routine)
	}
}

// observerOf is an observer whose journal runs, and nothing else.
func observerOf(t *testing.T) *observer {
	t.Helper()
	b := newBoxes(t, [2]string{"18.3.3", "18.3.3"})[0]
	a := &Agent{cfg: b.cfg, log: slog.New(slog.DiscardHandler), identity: b.id, path: &path{}}
	a.appliance = appliance.NewWatcher(appliance.Paths(b.cfg.Appliance), a.log)
	o := &observer{log: a.log, appliance: a.appliance, declared: make(chan struct{}, 1)}
	o.start = o.clock.now()
	var err error
	if o.life, err = newLife(b.cfg.State.Directory, fast, o.start, func(*journal.State) {}, a.log); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx := t.Context()
	go func() { done <- o.life.journal.Run(ctx) }()
	t.Cleanup(func() { // t.Context ends just before
		if err := <-done; err != nil {
			t.Errorf("the journal ended with: %v", err)
		}
	})
	return o
}

// The marker declares by coming and ends by going; what a person declares in
// between counts.
func TestMarkerDeclares(t *testing.T) {
	o := observerOf(t)
	marked := func(target string) *appliance.Facts {
		return &appliance.Facts{Version: "18.3.3", Upgrading: true, UpgradeTarget: target}
	}
	gone := &appliance.Facts{Version: "18.3.3"}
	step := func(what string, f *appliance.Facts, phase journal.Phase, target string) {
		t.Helper()
		o.followUpgrade(f)
		if d := o.life.journal.State().Upgrade; d.Phase != phase || d.Target != target {
			t.Errorf("%s: %+v", what, d)
		}
	}
	step("nothing", gone, journal.Undeclared, "")
	step("it comes, still empty", marked(""), journal.Declared, "")
	step("its version is written", marked("18.4.1"), journal.Declared, "18.4.1")
	step("it stays", marked("18.4.1"), journal.Declared, "18.4.1")
	step("it goes", gone, journal.Undeclared, "")

	step("it comes again", marked("19.0"), journal.Declared, "19.0")
	if err := o.DeclareUpgrade(t.Context(), local.Declaration{End: true, Result: "failed"}); err != nil {
		t.Fatal(err)
	}
	step("a person ended it, the marker lies around", marked("19.0"), journal.EndedFailed, "19.0")
	step("and goes", gone, journal.EndedFailed, "19.0")

	if err := o.DeclareUpgrade(t.Context(), local.Declaration{Target: "19.0"}); err != nil {
		t.Fatal(err)
	}
	begun := o.life.journal.State().Upgrade.Begun
	step("a marker for what is declared already", marked("20.0"), journal.Declared, "19.0")
	if d := o.life.journal.State().Upgrade; d.Begun != begun {
		t.Error("the marker gave a new hold to a declared upgrade")
	}
	step("the version that was declared runs", &appliance.Facts{Version: "19.0.0", Upgrading: true}, journal.EndedOK, "19.0")
	if err := o.DeclareUpgrade(t.Context(), local.Declaration{End: true, Result: "ok"}); err != nil {
		t.Errorf("the end that had come by itself, said by a person too: %v", err)
	}
	if err := o.DeclareUpgrade(t.Context(), local.Declaration{End: true, Result: "failed"}); !errors.Is(err, local.ErrConflict) {
		t.Errorf("a success that is called a failure afterwards: %v", err)
	}
	step("the marker is left behind", &appliance.Facts{Version: "19.0.0", Upgrading: true}, journal.EndedOK, "19.0")
}

// Until the peer had the time to speak, not knowing it is no change of the verdict.
func TestQuietStart(t *testing.T) {
	o := observerOf(t)
	var e status.Evaluator
	silent := status.Input{Now: o.start.Add(time.Second)}
	o.life.record(&silent, e.Evaluate(silent))
	if n := len(o.life.history().Transitions); n != 0 {
		t.Fatalf("%d transitions a second after the start", n)
	}
	silent.Now = o.start.Add(startGrace)
	o.life.record(&silent, e.Evaluate(silent))
	o.life.record(&silent, e.Evaluate(silent))
	h := o.life.history().Transitions
	if len(h) != 1 || *h[0].To.Readiness != "not_ready" || !slices.Contains(h[0].Reasons, string(status.CodePeerUnknown)) {
		t.Errorf("history %+v", h)
	}
}

// What cannot be read back costs the alarm its past, not the agent its start.
func TestUnreadableAlarmBeginsAnew(t *testing.T) {
	o := observerOf(t)
	whole, err := json.Marshal(alarm.Saved{})
	if err != nil {
		t.Fatal(err)
	}
	for _, saved := range []string{"", "{", `{"State":99,"Started":true}`, string(whole)} {
		cycle, err := o.life.resume(fast, journal.Alarm{Saved: []byte(saved)}, o.start)
		if err != nil || cycle == nil {
			t.Errorf("%q: %v", saved, err)
		}
	}
}

// A folder that cannot be written keeps nobody from watching the pair.
func TestStateFolderThatCannotBe(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	file := filepath.Join(boxes[0].dir, "plain")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	boxes[0].cfg.State.Directory = filepath.Join(file, "state")
	pairUp(t, boxes)
	boxes[0].until(t, "ready", isReady)
	err := client.New(boxes[0].cfg.Local.Socket).DeclareUpgrade(t.Context(), client.Declaration{})
	if err == nil {
		t.Error("a declaration was acknowledged that is nowhere kept")
	}
	boxes[0].until(t, "the declaration in force", func(d status.Document) bool { return d.Self.Upgrade != nil })
	// Saying it again is asking for the acknowledgement, not a second upgrade.
	err = client.New(boxes[0].cfg.Local.Socket).DeclareUpgrade(t.Context(), client.Declaration{})
	if err == nil || strings.Contains(err.Error(), "already") {
		t.Errorf("said again: %v", err)
	}
}

// 18 active and 15 standby: what came in between and is in use is what a failover
// would cost, from the peer's own words or else from the catalog.
func TestImpactOfAPair(t *testing.T) {
	const enabled = `{"schema": 1, "capabilities": [
		{"id": "dhcp-relay", "supported": true, "enabled": true, "since": "10.0"},
		{"id": "lan-firewall", "supported": true, "enabled": true, "since": "18.0"},
		{"id": "image-predownload", "supported": true, "enabled": false, "since": "18.0"}]}`
	boxes := newBoxes(t, [2]string{"18.3.3", "15.0.2"})
	boxes[0].write(t, "capabilities", enabled)
	pairUp(t, boxes)
	ids := func(list []status.ImpactEntry) (out []string) {
		for _, e := range list {
			out = append(out, e.ID)
		}
		return out
	}
	for _, b := range boxes {
		d := b.until(t, "the impact", func(d status.Document) bool { return d.Impact != nil && d.Peer.Fresh })
		if got := ids(d.Impact.OnFailover); !slices.Equal(got, []string{"lan-firewall"}) || len(d.Impact.Now)+len(d.Impact.RestoredOnFailover) != 0 {
			t.Errorf("%s: a failover costs %v, %+v", b.dir, got, d.Impact)
		}
		if e := d.Impact.OnFailover[0]; e.Source != "catalog" || *e.Since != "18.0" || d.Impact.Basis != "primary_assumed" {
			t.Errorf("%s: %+v on the basis %s", b.dir, e, d.Impact.Basis)
		}
	}
	if d := boxes[0].until(t, "a status", func(status.Document) bool { return true }); d.Peer.Capabilities.Source != "catalog" {
		t.Errorf("the peer's set is %s", d.Peer.Capabilities.Source)
	}
	boxes[1].write(t, "capabilities", `{"schema": 1, "capabilities": [{"id": "dhcp-relay", "supported": true, "enabled": true}]}`)
	d := boxes[0].until(t, "its own words", func(d status.Document) bool { return d.Impact != nil && d.Impact.OnFailover[0].Source == "advertised" })
	if d.Peer.Capabilities.Source != "advertised" || len(d.Impact.OnFailover) != 1 {
		t.Errorf("%+v of %s", d.Impact, d.Peer.Capabilities.Source)
	}
}

func TestPeerDeclaration(t *testing.T) {
	hb := func(flags peer.Flags, result peer.UpgradeResult) *peer.Heartbeat {
		return &peer.Heartbeat{Flags: flags, UpgradeResult: result}
	}
	for name, c := range map[string]struct {
		hb    *peer.Heartbeat
		fresh bool
		want  alarm.DeclarationState
	}{
		"not heard now": {hb(peer.FlagUpgrading, 0), false, alarm.DeclarationUnknown},
		"upgrading":     {hb(peer.FlagUpgrading, peer.UpgradeResultFailed), true, alarm.Declared},
		"ended":         {hb(0, peer.UpgradeResultOK), true, alarm.EndedOK},
		"failed":        {hb(0, peer.UpgradeResultFailed), true, alarm.EndedFailed},
		"skipped":       {hb(0, peer.UpgradeResultSkipped), true, alarm.EndedSkipped},
		"none":          {hb(0, peer.UpgradeResultNone), true, alarm.Undeclared},
	} {
		if got := peerDeclaration(c.hb, c.fresh); got.State != c.want {
			t.Errorf("%s: %v", name, got.State)
		}
	}
}
