package beacon

import (
	"testing"
	"time"
)

// start is a made-up time with which the pure parts are tested.
var start = time.Unix(1_000_000, 0)

func TestPace(t *testing.T) {
	p := pace{spread: func() float64 { return 0 }}
	p.begin(start)
	expect := func(at time.Duration, solicits bool) {
		t.Helper()
		if got := p.next.Sub(start); got != at || p.solicits() != solicits {
			t.Fatalf("next beacon at %v, solicits %v; want %v, %v", got, p.solicits(), at, solicits)
		}
		p.sent(p.next)
	}
	expect(0, true)
	expect(40*time.Millisecond, true)
	expect(120*time.Millisecond, true)
	expect(1020*time.Millisecond, true) // 10 % early
	p.spread = func() float64 { return 1 }
	expect(1920*time.Millisecond, true)
	expect(2670*time.Millisecond, true) // 25 % early

	now := start.Add(3 * time.Second)
	p.settle(now, true)
	expect(3*time.Second+22500*time.Millisecond, false)
	p.catchUp()
	expect(25500*time.Millisecond+catchUpAfter, false)
	p.catchUp()
	p.settle(now, true) // no news
	expect(25500*time.Millisecond+2*catchUpAfter, false)

	p.begin(start.Add(40 * time.Second)) // the interface came up
	expect(40*time.Second, true)
	expect(40*time.Second+40*time.Millisecond, true)
	p.settle(start.Add(41*time.Second), false) // the session is lost
	expect(41*time.Second, true)
	p.catchUp() // what is due anyway does not move
	expect(41*time.Second+40*time.Millisecond, true)
}

func TestBucket(t *testing.T) {
	b := bucket{rate: 10, burst: 5}
	took := 0
	for i := range 10_000 { // within one second, and from a clock that steps back once
		now := start.Add(time.Duration(i) * 100 * time.Microsecond)
		if i == 5000 {
			now = start
		}
		if b.take(now) {
			took++
		}
	}
	if took < 14 || took > 15 {
		t.Errorf("took %d tokens in a second, want 5 at once and 10 more", took)
	}
	if b.take(start.Add(time.Second)); !b.take(start.Add(time.Hour)) {
		t.Error("the bucket does not fill up again")
	}
}
