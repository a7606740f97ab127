package speaker_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/speaker"
	"socketha/peer/wire"
)

// capabilities returns n of them, not in order.
func capabilities(n int) []peer.Capability {
	set := make([]peer.Capability, n)
	for i := range set {
		set[i] = peer.Capability{
			ID: fmt.Sprintf("feature-%d-with-quite-a-long-name", (i*7919)%100_003), Supported: i%3 > 0, Enabled: i%2 > 0, Since: "18.0",
		}
	}
	return set
}

// TestCapabilitiesUnderLoss: facts and two thousand capabilities each way get
// through a link that loses one message in five.
func TestCapabilitiesUnderLoss(t *testing.T) {
	for _, loss := range []float64{0, 0.2, 0.5} {
		synctest.Test(t, func(t *testing.T) {
			a, b := start(t, "SERIAL-A", 0xa, second), start(t, "SERIAL-B", 0xb, second)
			for _, n := range []*node{a, b} {
				l := localOf("SERIAL-" + string("AB"[n.discriminator-0xa]))
				l.Capabilities = capabilities(2000)
				n.tell(l)
			}
			p := newPipe(3)
			p.loss, p.double, p.delayMax = loss, 0.1, 5*time.Millisecond
			join(p, a, b)
			begin := time.Now()
			whole := func(n *node) bool {
				s := n.Snapshot()
				return s.CurrentFacts && s.CurrentCapabilities && len(s.Capabilities) == 2000
			}
			within(t, time.Minute, "everything known", func() bool { return whole(a) && whole(b) })
			c := a.Counters()
			t.Logf("loss %.0f %%: all there after %v; A sent %d parts and %d requests",
				100*loss, time.Since(begin), c.PartsSent, c.RequestsSent)
			if loss == 0 && (c.RequestsSent != 0 || c.InboxDropped != 0) {
				t.Errorf("without loss there is nothing to ask for: %+v", c)
			}
			want := capabilities(2000)
			slices.SortFunc(want, func(x, y peer.Capability) int { return strings.Compare(x.ID, y.ID) })
			if s := a.Snapshot(); !slices.Equal(s.Capabilities, want) || s.CapabilitiesDigest != wire.DigestCapabilities(want) {
				t.Error("not what B advertised")
			}
			pass(100 * time.Millisecond) // the last request, doubled, may still be under way
			sent := b.Counters().PartsSent
			pass(time.Hour)
			p.cut()
			pass(time.Minute)
			p.mend()
			pass(time.Minute)
			if now := b.Counters().PartsSent; now != sent || !bothUp(a, b)() {
				t.Errorf("%d parts sent to a peer that has them", now-sent)
			}
		})
	}
}

// TestCapabilitiesChange: a new set replaces the old one when it is whole; none at
// all is told apart from an empty one.
func TestCapabilitiesChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, p := pair(t, second)
		l := localOf("SERIAL-B")
		l.Capabilities = capabilities(200)
		b.tell(l)
		pass(time.Second)
		if s := a.Snapshot(); len(s.Capabilities) != 200 || !s.CurrentCapabilities {
			t.Fatalf("%d capabilities, current %v", len(s.Capabilities), s.CurrentCapabilities)
		}
		p.set(func(p *pipe) { p.delayMin, p.delayMax = 20*time.Millisecond, 20*time.Millisecond })
		l.Capabilities = capabilities(210)
		b.tell(l)
		pass(25 * time.Millisecond)
		if s := a.Snapshot(); len(s.Capabilities) != 200 || s.CurrentCapabilities {
			t.Errorf("%d capabilities, current %v", len(s.Capabilities), s.CurrentCapabilities)
		}
		pass(time.Second)
		if s := a.Snapshot(); len(s.Capabilities) != 210 || !s.CurrentCapabilities {
			t.Errorf("%d capabilities, current %v", len(s.Capabilities), s.CurrentCapabilities)
		}
		l.Capabilities = []peer.Capability{}
		b.tell(l)
		pass(time.Second)
		if s := a.Snapshot(); len(s.Capabilities) != 0 || s.CapabilitiesDigest == (peer.Digest{}) || !s.CurrentCapabilities {
			t.Errorf("an empty set: %v", s.CapabilitiesDigest)
		}
		l.Capabilities = nil
		b.tell(l)
		pass(time.Second)
		if s := a.Snapshot(); s.CapabilitiesDigest != (peer.Digest{}) || !s.CurrentCapabilities {
			t.Errorf("none advertised: %v", s.CapabilitiesDigest)
		}
	})
}

// TestFactsChange: new facts come at once, without being asked for.
func TestFactsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, second)
		pass(time.Second)
		l := localOf("SERIAL-B")
		l.Facts.AgentVersion = "1.1"
		b.tell(l)
		pass(2 * time.Millisecond)
		if s := a.Snapshot(); s.Facts.AgentVersion != "1.1" || !s.CurrentFacts {
			t.Errorf("%+v", s.Facts)
		}
		if c := a.Counters(); c.RequestsSent != 0 {
			t.Errorf("%d requests", c.RequestsSent)
		}
	})
}

// TestUnobtainable: facts that never fit their announced digest are asked for less
// and less often.
func TestUnobtainable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, "SERIAL-A", 0xa, second)
		p := newPipe(1)
		a.Adopt(p.ends[0])
		b := fakePeer{t: t, pipe: p, life: 0xb, facts: peer.Digest{1, 2, 3}}
		b.run(time.Hour)
		a.wantState(peer.StateUp, session.DiagNone)
		if n := a.Counters().RequestsSent; n < 60 || n > 75 {
			t.Errorf("%d requests in an hour, want about one a minute", n)
		}
		if a.Snapshot().CurrentFacts {
			t.Error("facts that nobody has sent")
		}
	})
}

// fakePeer answers heartbeats with whatever a test wants.
type fakePeer struct {
	t       *testing.T
	pipe    *pipe
	life    uint32
	facts   peer.Digest
	version string
	seq     uint32
}

func (f *fakePeer) run(d time.Duration) {
	f.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); pass(800 * time.Millisecond) {
		f.beat()
	}
}

func (f *fakePeer) beat() {
	f.t.Helper()
	f.seq++
	hb := peer.Heartbeat{
		Protocol: peer.ProtocolRange{Min: 1, Max: 1}, MyDiscriminator: f.life, YourDiscriminator: 0xa, Sequence: f.seq,
		Timers: second, State: peer.StateUp, Facts: f.facts, Version: f.version,
	}
	if f.seq == 1 {
		hb.State = peer.StateInit
	}
	msg, err := wire.AppendHeartbeat(nil, &hb)
	if err != nil {
		f.t.Fatal(err)
	}
	f.pipe.ends[0].deliver(msg)
}

// TestLateHeartbeat: what an overtaken heartbeat says is out of date.
func TestLateHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, "SERIAL-A", 0xa, second)
		p := newPipe(1)
		a.Adopt(p.ends[0])
		b := fakePeer{t: t, pipe: p, life: 0xb, version: "18.4"}
		b.run(5 * time.Second)
		b.seq -= 3
		b.version = "18.3"
		b.beat()
		pass(time.Millisecond)
		if v := a.Snapshot().Heartbeat.Version; v != "18.4" {
			t.Errorf("version %s", v)
		}
	})
}

// TestIdentityConflict: facts with another serial than the certificate are shown
// beside it, until they fit.
func TestIdentityConflict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, second)
		b.tell(localOf("SERIAL-X"))
		pass(time.Second)
		want := speaker.IdentityConflict{Certificate: "SERIAL-B", Facts: "SERIAL-X"}
		if s := a.Snapshot(); s.IdentityConflict == nil || *s.IdentityConflict != want {
			t.Errorf("%+v", s.IdentityConflict)
		}
		b.tell(localOf("SERIAL-B"))
		pass(time.Second)
		if s := a.Snapshot(); s.IdentityConflict != nil {
			t.Errorf("still %+v", s.IdentityConflict)
		}
	})
}

// TestProtocolMismatch: a peer that shares no version is shown with its range and is
// not asked to dial again, because it is there.
func TestProtocolMismatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, "SERIAL-A", 0xa, second)
		p := newPipe(1)
		a.Adopt(p.ends[0])
		pass(time.Millisecond)
		for range 20 {
			p.ends[0].deliver([]byte{0xa2, 0x00, 0x82, 0x02, 0x03, 0x01, 0x80}) // {0: [2, 3], 1: []}
			pass(time.Second)
		}
		if s := a.Snapshot(); s.ProtocolMismatch == nil || *s.ProtocolMismatch != (peer.ProtocolRange{Min: 2, Max: 3}) {
			t.Errorf("%+v", s.ProtocolMismatch)
		}
		a.wantState(peer.StateDown, session.DiagNone)
		if a.redials.Load() != 0 {
			t.Error("asked for another connection to a peer that answers")
		}
		b := start(t, "SERIAL-B", 0xb, second) // downgraded
		join(newPipe(2), a, b)
		pass(time.Second)
		if s := a.Snapshot(); s.ProtocolMismatch != nil || s.State != peer.StateUp {
			t.Errorf("%+v, %v", s.ProtocolMismatch, s.State)
		}
	})
}

// TestBadMessages are counted and dropped, whatever they are.
func TestBadMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, p := pair(t, second)
		pass(time.Second)
		bad := [][]byte{{}, {0xff}, {0xf6}, {0xa0}, []byte("hello"), bytes.Repeat([]byte{0xa1}, 1024), make([]byte, 1500)}
		for _, m := range bad {
			p.ends[0].deliver(m)
			pass(time.Millisecond)
		}
		if c := a.Counters(); c.BadMessages != uint64(len(bad)) {
			t.Errorf("%d bad messages counted, want %d", c.BadMessages, len(bad))
		}
		p.ends[0].deliver([]byte{0xa2, 0x00, 0x82, 0x01, 0x01, 0x18, 0x63, 0x80}) // {0: [1, 1], 99: []}
		pass(time.Minute)
		if c := a.Counters(); c.UnknownMessages != 1 {
			t.Errorf("%d unknown messages counted, want 1", c.UnknownMessages)
		}
		if !bothUp(a, b)() || a.Counters().Lost != 0 {
			t.Error("the session suffers")
		}
	})
}

// TestFlood: twenty thousand messages of junk a second starve neither the session
// nor its timers.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, p := pair(t, fast)
		pass(time.Second)
		junk := bytes.Repeat([]byte{0x5a}, 1024)
		for range 2000 {
			for range 40 {
				p.ends[0].deliver(junk)
			}
			pass(2 * time.Millisecond)
		}
		for _, n := range []*node{a, b} {
			if s := n.Snapshot(); s.State != peer.StateUp || time.Since(s.Since) < 4*time.Second || !n.Alive(time.Now()) {
				t.Errorf("%+v", s)
			}
		}
		if c := a.Counters(); c.BadMessages+c.InboxDropped < 75_000 {
			t.Errorf("of 80,000 only %d refused and %d dropped", c.BadMessages, c.InboxDropped)
		}
	})
}

// TestBusyRequests: a peer that asks all the time gets answers at a bounded rate.
func TestBusyRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, p := pair(t, fast)
		l := localOf("SERIAL-A")
		l.Capabilities = capabilities(500)
		a.tell(l)
		pass(time.Second)
		before := a.Counters()
		ask, err := wire.AppendRequest(nil, peer.ProtocolRange{Min: 1, Max: 1},
			&peer.Request{Facts: true, Capabilities: wire.DigestCapabilities(l.Capabilities)})
		if err != nil {
			t.Fatal(err)
		}
		for range 1000 {
			p.ends[0].deliver(ask)
			pass(time.Millisecond)
		}
		after := a.Counters()
		if n := after.FactsSent + after.PartsSent - before.FactsSent - before.PartsSent; n > 900 || n < 100 {
			t.Errorf("%d messages in a second", n)
		}
		if !bothUp(a, b)() || b.Counters().Timeouts != 0 {
			t.Error("the session suffers")
		}
	})
}

// TestSetLocalRefuses what could not be sent, and keeps what was set before.
func TestSetLocalRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, second)
		for name, change := range map[string]func(*speaker.Local){
			"role":       func(l *speaker.Local) { l.Role = 99 },
			"serial":     func(l *speaker.Local) { l.Facts.Serial = strings.Repeat("x", 65) },
			"capability": func(l *speaker.Local) { l.Capabilities = []peer.Capability{{ID: "a"}, {ID: "a"}} },
		} {
			l := localOf("SERIAL-B")
			l.Version = "99"
			change(&l)
			if err := b.SetLocal(l); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		pass(time.Second)
		if s := a.Snapshot(); s.Heartbeat.Version != "18.3.3" {
			t.Errorf("version %q", s.Heartbeat.Version)
		}
	})
}

// TestLogIsClean: nothing that a peer sends reaches a log as it is, and per-heartbeat
// lines are for those who ask for them.
func TestLogIsClean(t *testing.T) {
	const evil = "\x1b[2J\n<script>\u202e"
	synctest.Test(t, func(t *testing.T) {
		var lines atomic.Int64
		h := handler(func(r slog.Record) {
			lines.Add(1)
			r.Attrs(func(attr slog.Attr) bool {
				if s := attr.Value.String(); strings.ContainsAny(s, "\x1b\n<\u202e") {
					t.Errorf("%s: %s=%q", r.Message, attr.Key, s)
				}
				return true
			})
		})
		a := start(t, "SERIAL-A", 0xa, second, func(c *speaker.Config) { c.Log = slog.New(h) })
		b := start(t, "SERIAL-B", 0xb, second)
		l := localOf("S" + evil)
		l.Version, l.Facts.Model, l.Facts.Site, l.Facts.AgentVersion = evil, evil, evil, evil
		l.Capabilities = []peer.Capability{{ID: evil, Since: evil}}
		b.tell(l)
		p := newPipe(1)
		p.ends[0].serial = evil
		join(p, a, b)
		pass(10 * time.Second)
		if s := a.Snapshot(); s.Heartbeat.Version != evil || len(s.Capabilities) != 1 || lines.Load() < 20 {
			t.Errorf("%+v, %d lines", s, lines.Load())
		}
	})
}
