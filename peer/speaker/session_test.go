package speaker_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/speaker"
)

// TestUp: two Sockets with a link of 1 ms know each other after three trips, and each
// other's facts after one more.
func TestUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, second)
		pass(3 * time.Millisecond)
		a.wantState(peer.StateUp, session.DiagNone)
		b.wantState(peer.StateUp, session.DiagNone)
		pass(2 * time.Millisecond)
		s := a.Snapshot()
		if !s.Known || s.Heartbeat.Version != "18.3.3" || s.Heartbeat.HAState != peer.HAActive || s.PeerSerial != "SERIAL-B" {
			t.Errorf("not what B said: %+v", s)
		}
		if s.Facts == nil || s.Facts.Serial != "SERIAL-B" || !s.CurrentFacts || s.IdentityConflict != nil {
			t.Errorf("facts %+v", s.Facts)
		}
		if !s.CurrentCapabilities || s.Capabilities != nil {
			t.Errorf("B advertises no capabilities, and here are %v", s.Capabilities)
		}
		if s.Path == nil || s.Path.Remote.String() != "192.0.2.2:20481" || s.Path.PeerKey != [32]byte{'B'} {
			t.Errorf("path %+v", s.Path)
		}
		if s.RTT != 2*time.Millisecond || s.DetectTime != 3*time.Second || s.TxInterval != time.Second {
			t.Errorf("rtt %v, detection %v, interval %v", s.RTT, s.DetectTime, s.TxInterval)
		}
	})
}

// TestChangedOnlyForMeaning: hours of heartbeats are no news.
func TestChangedOnlyForMeaning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, second)
		pass(time.Second)
		if !a.drained() {
			t.Error("the session came up without saying so")
		}
		before := a.Snapshot()
		pass(time.Hour)
		if a.drained() {
			t.Error("changed, though nothing did")
		}
		if after := a.Snapshot(); !after.LastReceived.After(before.LastReceived.Add(59 * time.Minute)) {
			t.Errorf("last received %v", after.LastReceived)
		}
		if c := a.Counters(); c.Lost+c.Duplicates+c.BadMessages+c.Timeouts != 0 || c.Received < 4000 {
			t.Errorf("counters %+v", c)
		}
		sent := b.Counters().Sent
		within(t, time.Second, "the next heartbeat", func() bool { return b.Counters().Sent > sent })
		pass(peer.MinInterval) // sooner than that not even news is told
		next := localOf("SERIAL-B")
		next.Version = "18.4.1"
		b.tell(next)
		pass(2 * time.Millisecond) // long before the next heartbeat is due
		if !a.drained() || a.Snapshot().Heartbeat.Version != "18.4.1" {
			t.Error("the new version has not come at once")
		}
		pass(100 * time.Millisecond)
		sent = b.Counters().Sent
		for range 100 {
			b.tell(next) // nothing new
		}
		next.Inputs = peer.Digest{1}
		b.tell(next)
		pass(2 * time.Millisecond)
		if b.Counters().Sent != sent {
			t.Error("what the verdict was made from is no reason to hurry")
		}
		pass(time.Second)
		if a.Snapshot().Heartbeat.Inputs != next.Inputs {
			t.Error("and yet it comes with the next heartbeat")
		}
	})
}

// TestUpgradeEnds: that an upgrade is declared and how it ended is said at once, for it
// decides whether the peer raises an alarm.
func TestUpgradeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, second)
		l := localOf("SERIAL-B")
		for _, step := range []struct {
			upgrading bool
			result    peer.UpgradeResult
		}{
			{true, peer.UpgradeResultNone},
			{false, peer.UpgradeResultFailed},
			{false, peer.UpgradeResultSkipped},
			{true, peer.UpgradeResultNone},
			{false, peer.UpgradeResultOK},
			{false, peer.UpgradeResultNone},
		} {
			l.Upgrading, l.UpgradeResult = step.upgrading, step.result
			pass(200 * time.Millisecond)
			a.drained()
			b.tell(l)
			pass(2 * time.Millisecond) // long before the next heartbeat is due
			hb := a.Snapshot().Heartbeat
			if !a.drained() || hb.UpgradeResult != step.result || hb.Flags.Has(peer.FlagUpgrading) != step.upgrading {
				t.Errorf("%+v has not come at once: %+v", step, hb)
			}
		}
	})
}

// TestLost: silence is noticed exactly at the detection time, for its reason, and
// another connection is asked for.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, p := pair(t, fast)
		pass(10 * time.Second)
		p.cut()
		pass(5 * time.Millisecond) // what was under way
		last := a.Snapshot().LastReceived
		pass(time.Until(last.Add(300*time.Millisecond - 1)))
		a.wantState(peer.StateUp, session.DiagNone)
		pass(1)
		a.wantState(peer.StateDown, session.DiagTimeout)
		if n := a.redials.Load(); n != 1 {
			t.Errorf("%d times asked for another connection, want once", n)
		}
		if s := a.Snapshot(); s.PlannedStop || !s.Known || s.Heartbeat.Version != "18.3.3" || !s.LastReceived.Equal(last) {
			t.Errorf("what was known last must stay: %+v", s)
		}
		p.mend()
		within(t, time.Second, "up again", bothUp(a))
	})
}

// TestReminder: while nothing is heard another connection is asked for again and
// again, ever less often, since the one made last may lead nowhere.
func TestReminder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, "SERIAL-A", 0xa, second)
		for _, c := range []struct {
			after time.Duration
			want  int64
		}{{2900 * time.Millisecond, 0}, {200 * time.Millisecond, 1}, {6 * time.Second, 2}, {12 * time.Second, 3}, {24 * time.Second, 4}, {5 * time.Minute, 14}} {
			pass(c.after)
			if n := a.redials.Load(); n != c.want {
				t.Errorf("asked %d times, want %d", n, c.want)
			}
		}
		b := start(t, "SERIAL-B", 0xb, second)
		p := newPipe(1)
		join(p, a, b)
		pass(time.Hour)
		if n := a.redials.Load(); n != 14 {
			t.Errorf("asked %d times, though the peer is there", n)
		}
		p.cut()
		pass(10 * time.Second) // lost after 3 s, and that long ago again
		if n := a.redials.Load(); n != 17 {
			t.Errorf("asked %d times after the loss, want 3", n-14)
		}
	})
}

// TestPlannedStop: who stops says so, is not called lost, and is gone after a round
// trip.
func TestPlannedStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _ := pair(t, second)
		pass(10 * time.Second)
		begin := time.Now()
		a.end()
		if took := time.Since(begin); took > 5*time.Millisecond {
			t.Errorf("stopping took %v", took)
		}
		pass(time.Minute)
		b.wantState(peer.StateDown, session.DiagPeerStopped)
		if s := b.Snapshot(); !s.PlannedStop || s.Path != nil {
			t.Errorf("planned stop %v, path %v", s.PlannedStop, s.Path)
		}
		if c := b.Counters(); c.Timeouts != 0 {
			t.Errorf("%d timeouts", c.Timeouts)
		}
		a.wantState(peer.StateAdminDown, session.DiagAdminDown)
	})
}

// TestPlannedStopUnderLoss: the copies get through a bad link nearly always.
func TestPlannedStopUnderLoss(t *testing.T) {
	missed := 0
	for seed := range uint64(100) {
		synctest.Test(t, func(t *testing.T) {
			a, b := start(t, "SERIAL-A", 0xa, second), start(t, "SERIAL-B", 0xb, second)
			p := newPipe(seed)
			join(p, a, b)
			pass(time.Second)
			p.set(func(p *pipe) { p.loss, p.quiet = 0.3, true })
			begin := time.Now()
			a.end()
			if took := time.Since(begin); took > 60*time.Millisecond {
				t.Errorf("stopping took %v", took)
			}
			pass(10 * time.Second)
			if !b.Snapshot().PlannedStop {
				missed++
			}
		})
	}
	if missed > 2 { // 0.3^5 is a quarter of a percent
		t.Errorf("%d of 100 planned stops were missed at 30 %% loss", missed)
	}
}

// TestOwnStall: the loop does not come to run for five seconds. What waits in the
// inbox keeps the peer; and if nothing waits it is asked first, and not blamed.
func TestOwnStall(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var stall atomic.Bool
			h := handler(func(slog.Record) {
				if stall.CompareAndSwap(true, false) {
					time.Sleep(5 * time.Second)
				}
			})
			a := start(t, "SERIAL-A", 0xa, fast, func(c *speaker.Config) { c.Log = slog.New(h) })
			b := start(t, "SERIAL-B", 0xb, fast)
			p := newPipe(1)
			join(p, a, b)
			pass(time.Second)
			stall.Store(true)
			pass(100 * time.Millisecond)
			if deaf {
				p.cut()
			}
			if pass(4 * time.Second); a.Alive(time.Now()) {
				t.Error("the loop stands still and counts as alive")
			}
			p.mend()
			pass(2 * time.Second)
			if c := a.Counters(); c.Timeouts != 0 || c.Stalls == 0 {
				t.Errorf("deaf %v: %d timeouts, %d stalls", deaf, c.Timeouts, c.Stalls)
			}
			if !bothUp(a, b)() || !a.Alive(time.Now()) {
				t.Errorf("deaf %v: not up again", deaf)
			}
		})
	}
}

type handler func(slog.Record)

func (h handler) Enabled(context.Context, slog.Level) bool      { return true }
func (h handler) Handle(_ context.Context, r slog.Record) error { h(r); return nil }
func (h handler) WithAttrs([]slog.Attr) slog.Handler            { return h }
func (h handler) WithGroup(string) slog.Handler                 { return h }

// TestWriteBlocks: a connection whose Write never returns costs what it cannot
// carry, and nothing else: the loop hears, judges and stops in time.
func TestWriteBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, "SERIAL-A", 0xa, fast), start(t, "SERIAL-B", 0xb, fast)
		p := newPipe(1)
		var block atomic.Bool
		never := make(chan struct{})
		a.Adopt(&wrapped{end: p.ends[0], write: func(m []byte) (int, error) {
			if block.Load() {
				<-never
			}
			return p.ends[0].Write(m)
		}})
		b.Adopt(p.ends[1])
		pass(time.Second)
		block.Store(true)
		pass(400 * time.Millisecond)
		b.wantState(peer.StateDown, session.DiagTimeout)
		a.wantState(peer.StateDown, session.DiagPeerDown) // B says so, and A hears it
		next := localOf("SERIAL-B")
		next.Version = "18.4.1"
		b.tell(next)
		pass(2 * time.Millisecond)
		if a.Snapshot().Heartbeat.Version != "18.4.1" || !a.Alive(time.Now()) {
			t.Error("A does not hear any more")
		}
		pass(time.Minute)
		if c := a.Counters(); c.OutboxDropped == 0 {
			t.Error("nothing dropped from a queue that nobody empties")
		}
		begin := time.Now()
		a.stop()
		<-a.done
		if took := time.Since(begin); took > 1500*time.Millisecond {
			t.Errorf("stopping took %v", took)
		}
		if !p.ends[0].isClosed() {
			t.Error("not closed, though nothing waits for it any more")
		}
		close(never)
	})
}

// TestWriteFails: errors of Write are counted, and after three in a row another
// connection is asked for, once.
func TestWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, "SERIAL-A", 0xa, second), start(t, "SERIAL-B", 0xb, second)
		p := newPipe(1)
		var fail atomic.Bool
		a.Adopt(&wrapped{end: p.ends[0], write: func(m []byte) (int, error) {
			if fail.Load() {
				return 0, errors.New("connection refused")
			}
			return p.ends[0].Write(m)
		}})
		b.Adopt(p.ends[1])
		pass(time.Second)
		fail.Store(true)
		pass(2 * time.Second)
		if n := a.redials.Load(); n != 1 {
			t.Errorf("asked %d times for another connection, want once", n)
		}
		if a.Counters().WriteErrors < 3 {
			t.Error("not counted")
		}
		a.wantState(peer.StateUp, session.DiagNone) // only silence decides
		fail.Store(false)
		within(t, 2*time.Second, "up again", bothUp(a, b))
	})
}

// TestReadFails: an error of Read is a hint; only the end of the connection, or
// nothing but errors, ends it.
func TestReadFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := start(t, "SERIAL-A", 0xa, fast), start(t, "SERIAL-B", 0xb, fast)
		p := newPipe(1)
		var always atomic.Bool
		turn := 0
		a.Adopt(&wrapped{end: p.ends[0], read: func(m []byte) (int, error) {
			if turn++; turn%3 == 0 || always.Load() {
				return 0, errors.New("connection refused")
			}
			return p.ends[0].Read(m)
		}})
		b.Adopt(p.ends[1])
		pass(time.Minute)
		a.wantState(peer.StateUp, session.DiagNone)
		if c := a.Counters(); c.BadMessages == 0 || c.Timeouts != 0 {
			t.Errorf("counters %+v", c)
		}
		always.Store(true)
		pass(time.Second)
		if !p.ends[0].isClosed() || a.Snapshot().Path != nil {
			t.Error("a connection that only fails is still in use")
		}
	})
}

// TestClosed: when the connection ends the path is gone at once, the peer only
// after the detection time.
func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, p := pair(t, fast)
		pass(time.Second)
		last := a.Snapshot().LastReceived
		_ = p.ends[0].Close()
		pass(2 * time.Millisecond)
		if s := a.Snapshot(); s.Path != nil || s.State != peer.StateUp {
			t.Errorf("path %v, state %v", s.Path, s.State)
		}
		if a.redials.Load() != 1 || b.redials.Load() != 1 {
			t.Error("nobody asked for another connection")
		}
		pass(time.Until(last.Add(320 * time.Millisecond)))
		a.wantState(peer.StateDown, session.DiagTimeout)
		sent := a.Counters().Sent
		pass(time.Minute)
		if n := a.Counters().Sent - sent; n != 0 {
			t.Errorf("%d heartbeats sent without a path", n)
		}
		join(newPipe(2), a, b)
		within(t, 3*time.Millisecond, "up again", bothUp(a, b))
	})
}

// TestRunOnce: a second Run is refused, and what is adopted after the end is closed.
func TestRunOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := start(t, "SERIAL-A", 0xa, second)
		if a.Alive(time.Now()) {
			t.Error("alive before it has run")
		}
		pass(time.Second)
		if !a.Alive(time.Now()) || a.LastTick().IsZero() {
			t.Error("not alive")
		}
		pass(time.Hour) // no path, nothing to do, and still it shows that it lives
		if !a.Alive(time.Now()) || time.Since(a.LastTick()) > 5*time.Second {
			t.Errorf("last tick %v ago", time.Since(a.LastTick()))
		}
		if err := a.Run(t.Context()); err == nil {
			t.Error("a second Run goes through")
		}
		a.end()
		if a.Alive(time.Now()) {
			t.Error("alive after the end")
		}
		p := newPipe(1)
		a.Adopt(p.ends[0])
		if !p.ends[0].isClosed() {
			t.Error("adopted by nobody and not closed")
		}
	})
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]speaker.Config{
		"discriminator": {},
		"timers":        {Session: session.Config{Discriminator: 1, Timers: peer.Timers{DesiredTx: 1}}},
		"protocol":      {Session: session.Config{Discriminator: 1}, Protocol: peer.ProtocolRange{Min: 3, Max: 2}},
	} {
		if _, err := speaker.New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
