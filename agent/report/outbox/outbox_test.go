package outbox

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"socketha/agent/report/schema"
	"socketha/peer"
)

// t0 is when everything here begins.
var t0 = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func half() float64 { return 0.5 }

func newBox(t testing.TB, change ...func(*Config)) *Box {
	t.Helper()
	cfg := Config{Epoch: 7, Cadence: DefaultCadence, Random: half}
	for _, c := range change {
		c(&cfg)
	}
	b, err := New(t0, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// take expects an attempt to be due at now, and not a millisecond before.
func take(t testing.TB, b *Box, now time.Time, meaning string) Attempt {
	t.Helper()
	b.Observe(meaning)
	if now.After(t0) && b.Due(now.Add(-time.Millisecond)) {
		t.Fatalf("due before %v", now.Sub(t0))
	}
	if !b.Due(now) {
		t.Fatalf("not due at %v but at %v", now.Sub(t0), b.NextDeadline(now).Sub(t0))
	}
	return b.Take(now, meaning)
}

func TestStartChangePeriodic(t *testing.T) {
	b := newBox(t)
	if s := b.State(t0); s != peer.UpstreamUnknown {
		t.Errorf("%v before the first attempt", s)
	}
	a := take(t, b, t0, "a")
	if a.Cause != schema.CauseStart || a.Position != (schema.Position{Epoch: 7, Seq: 1}) || a.NextIn != DefaultCadence || a.Again {
		t.Errorf("start: %+v", a)
	}
	if b.Due(t0) || b.State(t0) != peer.UpstreamUnknown || b.Queued() != 1 {
		t.Errorf("under way: due %v, %v, queued %d", b.Due(t0), b.State(t0), b.Queued())
	}
	now := t0.Add(time.Second)
	b.Delivered(now, 0)
	if b.State(now) != peer.UpstreamConnected || b.Queued() != 0 {
		t.Errorf("delivered: %v, queued %d", b.State(now), b.Queued())
	}
	now = now.Add(time.Second)
	if a = changeToB(t, b, now); a.Cause != schema.CauseChange || a.Seq != 2 {
		t.Errorf("change: %+v", a)
	}
	b.Delivered(now, 0)
	now = now.Add(DefaultCadence)
	if a = take(t, b, now, "b"); a.Cause != schema.CausePeriodic || a.Seq != 3 {
		t.Errorf("periodic: %+v", a)
	}
	b.Delivered(now, 0)
	if c := b.Counters(); c != (Counters{Delivered: 3}) {
		t.Errorf("%+v", c)
	}
}

// changeToB expects a change to be due at once.
func changeToB(t testing.TB, b *Box, now time.Time) Attempt {
	t.Helper()
	if b.Due(now) {
		t.Fatal("due without a change")
	}
	b.Observe("b")
	if !b.Due(now) {
		t.Fatalf("a change is due %v later", b.NextDeadline(now).Sub(now))
	}
	return b.Take(now, "b")
}

func TestNewestWins(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Observe("b")
	b.Observe("c") // b was never sent
	if n := b.Counters().Dropped; n != 1 {
		t.Errorf("%d dropped, want 1", n)
	}
	b.Failed(t0, 0) // and a not delivered
	b.Observe("d")  // nor c
	if n := b.Counters().Dropped; n != 3 {
		t.Errorf("%d dropped, want 3", n)
	}
	if a := take(t, b, t0.Add(firstWait/2), "d"); a.Cause != schema.CauseStart || a.Seq != 2 {
		t.Errorf("%+v", a)
	}
	b.Observe("e")
	b.Delivered(t0.Add(firstWait/2), 0)
	if c := b.Counters(); c.Dropped != 3 || b.Queued() != 1 || !b.Due(t0.Add(firstWait/2)) {
		t.Errorf("%+v, queued %d", c, b.Queued())
	}
	b.Take(t0.Add(firstWait/2), "e")
	b.Delivered(t0.Add(firstWait/2), 0)
	if c := b.Counters(); c != (Counters{Delivered: 2, Failed: 1, Dropped: 3}) || b.Queued() != 0 {
		t.Errorf("%+v, queued %d", c, b.Queued())
	}
}

// TestPeriodicIsNotDropped: of a state that the server was told before, nothing is lost.
func TestPeriodicIsNotDropped(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Delivered(t0, 0)
	now := t0.Add(DefaultCadence)
	take(t, b, now, "a")
	b.Observe("b")
	b.Failed(now, 0)
	if n := b.Counters().Dropped; n != 0 {
		t.Errorf("%d dropped", n)
	}
}

// TestSameContentSameNumber: while its ages are about true, the same content is sent again.
func TestSameContentSameNumber(t *testing.T) {
	b := newBox(t)
	first := take(t, b, t0, "a")
	now := t0
	for range 3 { // 1 s, 2 s, 4 s
		b.Failed(now, 0)
		now = b.NextDeadline(now)
		a := take(t, b, now, "a")
		if !a.Again || a.Position != first.Position || a.NextIn != first.NextIn || a.Cause != first.Cause {
			t.Errorf("%v: %+v, first %+v", now.Sub(t0), a, first)
		}
	}
	b.Failed(now, 0)
	now = t0.Add(MaxAge + time.Second)
	if a := b.Take(now, "a"); a.Again || a.Seq != 2 {
		t.Errorf("stale content: %+v", a)
	}
	b.Failed(now, 0)
	if a := b.Take(now.Add(time.Second), "b"); a.Again || a.Seq != 3 {
		t.Errorf("other content: %+v", a)
	}
	b.Failed(now, 0)
	if a := b.Take(now.Add(time.Second), "a"); a.Again || a.Seq != 4 {
		t.Errorf("back to an older state: %+v", a)
	}
}

// TestCadenceJitter: -20…+20 %, evenly, and as announced.
func TestCadenceJitter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	b := newBox(t, func(c *Config) { c.Random = random.Float64 })
	now := t0
	var waits []float64
	a := take(t, b, now, "a")
	for range 4000 {
		b.Delivered(now, 0)
		next := b.periodic
		if next.Sub(now) != a.NextIn {
			t.Fatalf("announced %v, made %v", a.NextIn, next.Sub(now))
		}
		waits = append(waits, next.Sub(now).Seconds())
		now = next
		a = take(t, b, now, "a")
	}
	checkUniform(t, waits, 240, 360)
}

// TestFullJitter: each wait is uniform between nothing and the limit, which doubles
// up to ten minutes.
func TestFullJitter(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	waits := make([][]float64, 14)
	for range 3000 {
		b := newBox(t, func(c *Config) { c.Random = random.Float64 })
		for i := range waits {
			b.Take(t0, "a")
			b.Failed(t0, 0)
			waits[i] = append(waits[i], b.notBefore.Sub(t0).Seconds())
		}
	}
	limit := 2.0
	for i := range waits {
		t.Logf("failure %d: up to %.0f s", i+1, limit)
		checkUniform(t, waits[i], 0, limit)
		limit = min(2*limit, MaxBackoff.Seconds())
	}
}

// checkUniform compares samples with the uniform distribution (Kolmogorov-Smirnov, one in
// a million false alarms; the chance here is seeded anyway).
func checkUniform(t *testing.T, samples []float64, low, high float64) {
	t.Helper()
	slices.Sort(samples)
	worst := 0.0
	for i, s := range samples {
		if s < low || s > high {
			t.Fatalf("%v is not in %v to %v", s, low, high)
		}
		ideal := (s - low) / (high - low)
		worst = max(worst, ideal-float64(i)/float64(len(samples)), float64(i+1)/float64(len(samples))-ideal)
	}
	if n := float64(len(samples)); worst*worst*n > 7.25 { // K = 2.69
		t.Errorf("not uniform in %v to %v: off by %.3f", low, high, worst)
	}
}

// TestBackOffStartsAnew: a success, and a refusal, end what was before.
func TestBackOffStartsAnew(t *testing.T) {
	for name, end := range map[string]func(*Box){
		"delivered": func(b *Box) { b.Delivered(t0, 0) },
		"refused":   func(b *Box) { b.Refused(t0, 0) },
	} {
		b := newBox(t)
		for range 5 {
			b.Take(t0, "a")
			b.Failed(t0, 0)
		}
		b.Take(t0, "a")
		if _, err := b.Conflict(t0, b.Position()); err != nil {
			t.Fatal(err)
		}
		b.Take(t0, "a")
		end(b)
		b.Take(t0, "b")
		if _, err := b.Conflict(t0, b.Position()); err != nil || !b.Due(t0) {
			t.Errorf("%s: the first conflict since then waits, %v", name, err)
		}
		b.Take(t0, "b")
		b.Failed(t0, 0)
		if wait := b.notBefore.Sub(t0); wait != firstWait/2 {
			t.Errorf("%s: the first failure since then waits %v", name, wait)
		}
	}
}

// TestBackOffHoldsChanges: a flapping site does not hammer a server that is down.
func TestBackOffHoldsChanges(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Failed(t0, 0)
	b.Observe("b")
	if b.Due(t0.Add(firstWait/2 - 1)) {
		t.Error("a change did not wait for the back-off")
	}
	if !b.Due(t0.Add(firstWait / 2)) {
		t.Error("a change waits for longer than the back-off")
	}
}

func TestRetryAfter(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		time.Second:      time.Second,
		time.Hour:        time.Hour,
		30 * time.Hour:   time.Hour,
		-5 * time.Second: 0,
	} {
		b := newBox(t)
		take(t, b, t0, "a")
		b.Failed(t0, asked)
		if got := b.NextDeadline(t0).Sub(t0); got != want+firstWait/2 {
			t.Errorf("Retry-After %v: again after %v, want %v and the jitter", asked, got, want)
		}
		b = newBox(t, func(c *Config) { c.Random = func() float64 { return 0 } })
		take(t, b, t0, "a")
		b.Refused(t0, asked)
		b.Observe("b")
		if b.Due(t0.Add(want-1)) || !b.Due(t0.Add(want)) {
			t.Errorf("refused with Retry-After %v: a change is due at another time", asked)
		}
	}
}

func TestRefused(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Refused(t0, 0)
	if c := b.Counters(); c != (Counters{Refused: 1, Dropped: 1}) || b.Queued() != 0 || b.State(t0) != peer.UpstreamDisconnected {
		t.Errorf("%+v, queued %d, %v", c, b.Queued(), b.State(t0))
	}
	a := take(t, b, t0.Add(DefaultCadence), "a")
	if a.Again || a.Seq != 2 || a.Cause != schema.CausePeriodic {
		t.Errorf("%+v", a)
	}
	b.Refused(t0.Add(DefaultCadence), 0)
	if a := changeToB(t, b, t0.Add(DefaultCadence+time.Second)); a.Seq != 3 {
		t.Errorf("a change after a refusal: %+v", a)
	}
	b.Observe("c")
	b.Refused(t0.Add(DefaultCadence+time.Second), 0)
	if c := b.Counters(); c != (Counters{Refused: 3, Dropped: 2}) || b.Queued() != 1 {
		t.Errorf("%+v, queued %d", c, b.Queued())
	}
}

func TestCadenceOfServer(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Delivered(t0, time.Minute)
	if got := b.NextDeadline(t0).Sub(t0); got != time.Minute || b.Cadence() != time.Minute {
		t.Errorf("next after %v", got)
	}
	now := t0.Add(time.Minute)
	if a := take(t, b, now, "a"); a.NextIn != time.Minute {
		t.Errorf("announced %v", a.NextIn)
	}
	b.Delivered(now, 0) // no wish any more
	if b.Cadence() != DefaultCadence || b.NextDeadline(now).Sub(now) != DefaultCadence {
		t.Errorf("cadence %v, next after %v", b.Cadence(), b.NextDeadline(now).Sub(now))
	}
}

// TestConnected: two cadences after the last delivery, to the nanosecond, and a
// deadline says so.
func TestConnected(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Delivered(t0, 0)
	end := t0.Add(2 * DefaultCadence)
	now := t0
	for now.Before(end) {
		if b.State(now) != peer.UpstreamConnected {
			t.Fatalf("not connected after %v", now.Sub(t0))
		}
		next := b.NextDeadline(now)
		if !next.After(now) || next.After(end) {
			t.Fatalf("at %v the next deadline is %v", now.Sub(t0), next.Sub(t0))
		}
		now = next
		if b.Due(now) {
			b.Take(now, "a")
			b.Failed(now, 0)
		}
	}
	if now != end || b.State(end.Add(-1)) != peer.UpstreamConnected || b.State(end) != peer.UpstreamDisconnected {
		t.Errorf("disconnected at another time than %v: %v", end.Sub(t0), now.Sub(t0))
	}
	// While an attempt hangs, time goes on.
	b = newBox(t)
	take(t, b, t0, "a")
	b.Delivered(t0, 0)
	take(t, b, t0.Add(DefaultCadence), "a")
	if next := b.NextDeadline(t0.Add(DefaultCadence)); next != end {
		t.Errorf("with an attempt under way the next deadline is %v", next.Sub(t0))
	}
}

// TestChangesAreBounded: 16 at once, then one every ten seconds; the newest is never lost.
func TestChangesAreBounded(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "start")
	b.Delivered(t0, 0)
	sent := 0
	for i := range 3600 { // a change each second for an hour
		now := t0.Add(time.Duration(i) * time.Second)
		b.Observe(string(rune('A' + i%26)))
		if b.Due(now) {
			b.Take(now, b.newest)
			b.Delivered(now, 0)
			sent++
			if i < changeBurst && sent != i+1 {
				t.Fatalf("change %d was not sent at once", i)
			}
		}
	}
	if want := changeBurst + 360; sent < want-1 || sent > want+1 {
		t.Errorf("%d reports in an hour, want about %d", sent, want)
	}
}

func TestConfigRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"epoch 0":        func(c *Config) { c.Epoch = 0 },
		"epoch too high": func(c *Config) { c.Epoch = schema.MaxCounter + 1 },
		"cadence 29 s":   func(c *Config) { c.Cadence = 29 * time.Second },
		"cadence 2 h":    func(c *Config) { c.Cadence = 2 * time.Hour },
		"no chance":      func(c *Config) { c.Random = nil },
	} {
		cfg := Config{Epoch: 1, Cadence: DefaultCadence, Random: half}
		change(&cfg)
		if _, err := New(t0, cfg); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
