package session_test

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"socketha/peer"
	"socketha/peer/session"
)

func TestNewRefuses(t *testing.T) {
	good := session.Config{Discriminator: 1, Timers: session.DefaultTimers()}
	for _, c := range []struct {
		name   string
		change func(*session.Config)
		want   string
	}{
		{"no discriminator", func(c *session.Config) { c.Discriminator = 0 }, "discriminator"},
		{"tx below the floor", func(c *session.Config) { c.Timers.DesiredTx = 49 * time.Millisecond }, "transmit interval 49ms is outside 50ms to 1m0s"},
		{"rx above the ceiling", func(c *session.Config) { c.Timers.RequiredRx = 61 * time.Second }, "receive interval 1m1s is outside 50ms to 1m0s"},
		{"multiplier 1", func(c *session.Config) { c.Timers.DetectMult = 1 }, "multiplier 1 is outside 2 to 50"},
		{"multiplier 51", func(c *session.Config) { c.Timers.DetectMult = 51 }, "multiplier 51"},
		{"slow too slow", func(c *session.Config) { c.SlowTx = time.Hour }, "slow transmit interval"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := good
			c.change(&cfg)
			if _, err := session.New(epoch, cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
	odd := session.Config{Discriminator: 1, SlowTx: peer.MinInterval, Timers: peer.Timers{
		DesiredTx: 100*time.Millisecond + 1, RequiredRx: 101*time.Millisecond - 1, DetectMult: 3,
	}}
	if v := mustNew(t, odd).View(); v.TxInterval != 101*time.Millisecond || v.RxInterval != 101*time.Millisecond {
		t.Errorf("intervals %v and %v, want whole milliseconds", v.TxInterval, v.RxInterval)
	}
	s := mustNew(t, session.Config{Discriminator: 1})
	if v := s.View(); v.TxInterval != session.DefaultSlowTx || v.State != peer.StateAdminDown {
		t.Errorf("with defaults: %+v", v)
	}
}

// TestStrangeJitter: a broken source of jitter makes the session regular, not broken.
func TestStrangeJitter(t *testing.T) {
	for _, j := range []float64{math.NaN(), math.Inf(1), -1, 2} {
		s := mustNew(t, session.Config{Discriminator: 1, Jitter: func() float64 { return j }})
		s.Step(epoch, session.Event{Kind: session.Start})
		s.Step(epoch, session.Event{Kind: session.PathUp})
		now := afterTheHurry(s)
		if gap := s.NextDeadline().Sub(now); gap != 900*time.Millisecond {
			t.Errorf("jitter %v: interval %v, want 900ms", j, gap)
		}
	}
}

// afterTheHurry lets the repetitions on a new path go by and returns the time then.
func afterTheHurry(s *session.Session) (now time.Time) {
	for now = epoch; now.Before(epoch.Add(2 * time.Second)); {
		now = s.NextDeadline()
		s.Step(now, session.Event{Kind: session.Tick})
	}
	return now
}

// TestTimeNeverGoesBack: a caller whose times are out of order makes nothing undone.
func TestTimeNeverGoesBack(t *testing.T) {
	s, hb := upSession(t)
	last := epoch.Add(time.Second)
	for _, at := range []time.Time{last, epoch.Add(time.Millisecond)} {
		hb.Sequence++
		s.Step(at, session.Event{Kind: session.Received, Heartbeat: hb})
		if v := s.View(); !v.LastReceived.Equal(last) {
			t.Errorf("stepped at %v, last received %v", at, v.LastReceived)
		}
	}
}

// TestOwnJitter: the built-in generator covers its range.
func TestOwnJitter(t *testing.T) {
	s := mustNew(t, session.Config{Discriminator: 12345})
	s.Step(epoch, session.Event{Kind: session.Start})
	s.Step(epoch, session.Event{Kind: session.PathUp})
	now, least, most := afterTheHurry(s), time.Hour, time.Duration(0)
	for range 10_000 {
		gap := s.NextDeadline().Sub(now)
		least, most = min(least, gap), max(most, gap)
		now = s.NextDeadline()
		s.Step(now, session.Event{Kind: session.Tick})
	}
	if least < 750*time.Millisecond || least > 751*time.Millisecond || most > 900*time.Millisecond || most < 899*time.Millisecond {
		t.Errorf("intervals from %v to %v, want 750ms to 900ms", least, most)
	}
}

// TestWords: every value has a word, so that no log or document ever shows a number.
func TestWords(t *testing.T) {
	for k := session.Tick; k <= session.Urgent; k++ {
		checkWord(t, k.String())
	}
	for d := session.DiagNone; d <= session.DiagAdminDown; d++ {
		checkWord(t, d.String())
	}
	for w := session.WhyHeld; w <= session.WhyLate; w++ {
		checkWord(t, w.String())
	}
	for _, beyond := range []string{(session.Urgent + 1).String(), (session.DiagAdminDown + 1).String(), (session.WhyLate + 1).String()} {
		if beyond != "unknown" {
			t.Errorf("beyond the last value: %q", beyond)
		}
	}
}

func checkWord(t *testing.T, word string) {
	t.Helper()
	if word == "" || word == "unknown" {
		t.Errorf("a value without a word")
	}
}

// FuzzStep reads events of 32 bytes each from the input and checks the same
// invariants as TestAnyEvents.
func FuzzStep(f *testing.F) {
	f.Add(fuzzEvents(peer.StateDown, peer.StateInit, peer.StateUp))
	f.Add(fuzzEvents(peer.StateInit, peer.StateUp, peer.StateUp, peer.StateDown, peer.StateAdminDown))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := mustNew(t, session.Config{Discriminator: 1})
		now := epoch
		for len(in) >= 32 {
			now = now.Add(time.Duration(int16(binary.BigEndian.Uint16(in))) * time.Millisecond)
			checkStep(t, s, now, session.Event{
				Kind: session.EventKind(in[2] % 9),
				Heartbeat: session.Heartbeat{
					MyDiscriminator:   binary.BigEndian.Uint32(in[3:]),
					YourDiscriminator: uint32(in[7]),
					Sequence:          binary.BigEndian.Uint32(in[8:]),
					Timers: peer.Timers{
						DesiredTx:  time.Duration(binary.BigEndian.Uint64(in[12:])),
						RequiredRx: time.Duration(binary.BigEndian.Uint64(in[20:])),
						DetectMult: in[28],
					},
					State: peer.SessionState(in[29]),
					Flags: peer.Flags(in[30]),
				},
			})
			in = in[32:]
		}
	})
}

// fuzzEvents are Start, PathUp and heartbeats in these states, 700 ms apart.
func fuzzEvents(states ...peer.SessionState) []byte {
	record := func(kind session.EventKind, n int, state peer.SessionState) []byte {
		b := make([]byte, 32)
		binary.BigEndian.PutUint16(b, 700)
		b[2], b[7], b[29] = byte(kind), 1, byte(state)
		binary.BigEndian.PutUint32(b[3:], 7)
		binary.BigEndian.PutUint32(b[8:], uint32(n))
		binary.BigEndian.PutUint64(b[12:], uint64(time.Second))
		binary.BigEndian.PutUint64(b[20:], uint64(time.Second))
		b[28] = 3
		return b
	}
	in := append(record(session.Start, 0, 0), record(session.PathUp, 0, 0)...)
	for n, state := range states {
		in = append(in, record(session.Received, n+1, state)...)
	}
	return in
}

// BenchmarkStep is one exchange in steady state: our timer, then the answer.
func BenchmarkStep(b *testing.B) {
	s, hb := upSession(b)
	b.ReportAllocs()
	for b.Loop() {
		now := s.NextDeadline()
		s.Step(now, session.Event{Kind: session.Tick})
		hb.Sequence++
		now = now.Add(time.Millisecond)
		s.Step(now, session.Event{Kind: session.Received, Heartbeat: hb})
	}
}

// TestStepAllocates nothing, neither in steady state nor on the way down and up.
func TestStepAllocates(t *testing.T) {
	s, hb := upSession(t)
	now := epoch.Add(10 * time.Millisecond)
	allocs := testing.AllocsPerRun(1000, func() {
		for range 24 { // past the detection time
			now = s.NextDeadline()
			s.Step(now, session.Event{Kind: session.Tick})
		}
		for _, state := range []peer.SessionState{peer.StateDown, peer.StateInit, peer.StateUp} {
			now = now.Add(time.Millisecond)
			hb.Sequence++
			hb.State = state
			s.Step(now, session.Event{Kind: session.Received, Heartbeat: hb})
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations a cycle, want 0", allocs)
	}
	if c := s.Counters(); c.Timeouts < 1000 {
		t.Errorf("only %d timeouts: the cycle does not do what it should", c.Timeouts)
	}
}

func upSession(t testing.TB) (*session.Session, session.Heartbeat) {
	t.Helper()
	s := mustNew(t, session.Config{Discriminator: 1})
	hb := session.Heartbeat{MyDiscriminator: 7, YourDiscriminator: 1, Timers: session.DefaultTimers(), State: peer.StateInit}
	s.Step(epoch, session.Event{Kind: session.Start})
	s.Step(epoch, session.Event{Kind: session.PathUp})
	for _, state := range []peer.SessionState{peer.StateInit, peer.StateUp} {
		hb.State = state
		hb.Sequence++
		s.Step(epoch.Add(time.Duration(hb.Sequence)*time.Millisecond), session.Event{Kind: session.Received, Heartbeat: hb})
	}
	if s.View().State != peer.StateUp {
		t.Fatal("not up")
	}
	return s, hb
}
