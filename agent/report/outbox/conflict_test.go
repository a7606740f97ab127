package outbox

import (
	"testing"
	"time"

	"socketha/agent/report/schema"
	"socketha/peer"
)

func TestConflictInTheSameEpoch(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	raise, err := b.Conflict(t0, schema.Position{Epoch: 7, Seq: 500})
	if raise || err != nil {
		t.Fatalf("raise %v, %v", raise, err)
	}
	a := take(t, b, t0, "a")
	if a.Again || a.Position != (schema.Position{Epoch: 7, Seq: 501}) || a.Cause != schema.CauseStart {
		t.Errorf("%+v", a)
	}
}

func TestConflictWithAHigherEpoch(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	raise, err := b.Conflict(t0, schema.Position{Epoch: 90, Seq: 3})
	if !raise || err != nil {
		t.Fatalf("raise %v, %v", raise, err)
	}
	if b.Due(t0.Add(time.Hour)) || b.State(t0) != peer.UpstreamDisconnected {
		t.Errorf("while the epoch is raised: due %v, %v", b.Due(t0.Add(time.Hour)), b.State(t0))
	}
	if err := b.Raised(t0, 91); err != nil {
		t.Fatal(err)
	}
	if a := take(t, b, t0, "a"); a.Again || a.Position != (schema.Position{Epoch: 91, Seq: 1}) {
		t.Errorf("%+v", a)
	}
	// A second one in a row waits.
	if _, err := b.Conflict(t0, schema.Position{Epoch: 91, Seq: 8}); err != nil {
		t.Fatal(err)
	}
	if a := take(t, b, t0.Add(firstWait/2), "a"); a.Position != (schema.Position{Epoch: 91, Seq: 9}) {
		t.Errorf("%+v", a)
	}
	b.Delivered(t0.Add(firstWait/2), 0)
	if c := b.Counters(); c != (Counters{Delivered: 1, Conflicts: 2}) {
		t.Errorf("%+v", c)
	}
}

func TestConflictWithoutAHigherEpoch(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	if raise, err := b.Conflict(t0, schema.Position{Epoch: 90, Seq: 3}); !raise || err != nil {
		t.Fatal(raise, err)
	}
	b.Unraised(t0)
	take(t, b, t0.Add(firstWait/2), "a")
	if raise, err := b.Conflict(t0, schema.Position{Epoch: 90, Seq: 3}); !raise || err != nil {
		t.Fatal(raise, err)
	}
	if err := b.Raised(t0, 7); err == nil {
		t.Error("an epoch that is not higher was taken")
	}
	if b.Due(t0) || b.flying || b.Position().Epoch != 7 {
		t.Error("no back-off")
	}
}

// TestConflictThatMakesNoSense: a position below the report's, or none, or one that
// would use the numbers up, is a failed attempt.
func TestConflictThatMakesNoSense(t *testing.T) {
	for _, last := range []schema.Position{
		{}, {Epoch: 7}, {Epoch: 6, Seq: 99}, {Epoch: 7, Seq: 1}, {Epoch: maxForeign + 1, Seq: 1}, {Epoch: schema.MaxCounter, Seq: 1},
	} {
		b := newBox(t)
		take(t, b, t0, "a")
		b.Delivered(t0, 0)
		changeToB(t, b, t0) // epoch 7, seq 2
		if raise, err := b.Conflict(t0, last); raise || err == nil {
			t.Errorf("%+v: raise %v, %v", last, raise, err)
		}
		if c := b.Counters(); c.Failed != 1 || c.Conflicts != 0 || b.Due(t0) {
			t.Errorf("%+v: %+v, due %v", last, c, b.Due(t0))
		}
	}
}

// TestEpochsAreNotBurnt: a server that answers nothing but 409 does not wear the flash out.
func TestEpochsAreNotBurnt(t *testing.T) {
	b := newBox(t)
	now, raised, attempts := t0, 0, 0
	for now.Before(t0.Add(24 * time.Hour)) {
		a := b.Take(now, "a")
		attempts++
		raise, _ := b.Conflict(now, schema.Position{Epoch: a.Epoch + 1, Seq: 1})
		if raise {
			raised++
			if err := b.Raised(now, a.Epoch+2); err != nil {
				t.Fatal(err)
			}
		}
		now = b.NextDeadline(now)
	}
	if raised < raiseBurst || raised > raiseBurst+24 {
		t.Errorf("the epoch was raised %d times in a day", raised)
	}
	if attempts > 320 { // with half of ten minutes between two
		t.Errorf("%d attempts in a day", attempts)
	}
}

func TestSaved(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Delivered(t0, time.Minute)
	now := t0.Add(20 * time.Second)
	changeToB(t, b, now)
	b.Failed(now, 600*time.Second)
	now = now.Add(100 * time.Second)
	b.Observe("c")
	saved := b.Save(now)
	if want := (Saved{CadenceS: 60, WaitS: 501, DeliveredS: 120, Ever: true, Owed: true, Dropped: 1}); saved != want {
		t.Fatalf("saved %+v, want %+v", saved, want)
	}
	next := newBox(t, func(c *Config) { c.Epoch, c.Saved, c.Away = 8, saved, 30*time.Second })
	next.Observe("c")
	if got := next.NextDeadline(t0).Sub(t0); got != 471*time.Second {
		t.Errorf("the server is asked after %v, it wanted 471 s more", got)
	}
	if next.Cadence() != time.Minute || next.LastDelivered() != t0.Add(-150*time.Second) || next.Counters().Dropped != 2 {
		t.Errorf("%v, %v, %+v", next.Cadence(), next.LastDelivered(), next.Counters())
	}
	if next.State(t0) != peer.UpstreamUnknown {
		t.Errorf("%v before the first attempt", next.State(t0))
	}
	if next.Take(t0.Add(471*time.Second), "c").Position != (schema.Position{Epoch: 8, Seq: 1}) {
		t.Error("not the first report of a new life")
	}
}

// TestUnknownTimeAway: a last delivery of unknown age is none.
func TestUnknownTimeAway(t *testing.T) {
	b := newBox(t, func(c *Config) { c.Saved = Saved{Ever: true, DeliveredS: 1} })
	b.Take(t0, "a")
	b.Failed(t0, 0)
	if !b.LastDelivered().IsZero() || b.State(t0) != peer.UpstreamDisconnected {
		t.Errorf("%v, %v", b.LastDelivered(), b.State(t0))
	}
}

// TestOwnBackOffIsNotKept: a restart tries at once.
func TestOwnBackOffIsNotKept(t *testing.T) {
	b := newBox(t)
	take(t, b, t0, "a")
	b.Failed(t0, 0)
	next := newBox(t, func(c *Config) { c.Saved = b.Save(t0) })
	take(t, next, t0, "a")
}

// TestDamagedSaved: what makes no sense is as good as nothing.
func TestDamagedSaved(t *testing.T) {
	for _, s := range []Saved{
		{CadenceS: -1}, {CadenceS: 5}, {CadenceS: 1 << 60}, {WaitS: -1}, {WaitS: 1e300}, {Ever: true, DeliveredS: -5}, {Ever: true, DeliveredS: 1e300},
	} {
		b := newBox(t, func(c *Config) { c.Saved, c.Away = s, time.Nanosecond })
		if b.Cadence() != DefaultCadence || !b.LastDelivered().IsZero() || !b.Due(t0) {
			t.Errorf("%+v changed something", s)
		}
	}
}
