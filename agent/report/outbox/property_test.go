package outbox

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"socketha/agent/report/schema"
)

// cloud is a server that keeps to the contract: it takes what is above the last one.
type cloud struct {
	last    schema.Position
	content string // of the last one taken
}

// receive returns whether a report counts as taken: now, or just before as the same one.
func (c *cloud) receive(p schema.Position, content string) bool {
	if p.Above(c.last) {
		c.last, c.content = p, content
		return true
	}
	return p == c.last && content == c.content
}

// world is one Socket, its cloud and what lies between, under rapid's control.
type world struct {
	now     time.Time
	box     *Box
	cloud   cloud
	durable uint64 // epoch on flash

	life      int // which start this is
	meanings  int
	meaning   string
	told      uint64 // states that the agent knows to be delivered
	seen      uint64 // states that the agent has seen
	delayed   []report
	positions map[schema.Position]string // all ever sent in this life
	attempts  []time.Time
}

type report struct {
	position schema.Position
	content  string
}

func (w *world) start(t *rapid.T) {
	w.durable++
	w.life++
	random := rapid.Float64Range(0, 0.999)
	box, err := New(w.now, Config{
		Epoch: w.durable, Cadence: DefaultCadence,
		Random: func() float64 { return random.Draw(t, "random") },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.box, w.told, w.seen = box, 0, 0
	w.positions, w.attempts = map[schema.Position]string{}, nil
	w.observe()
}

func (w *world) observe() {
	w.box.Observe(w.meaning)
	w.seen++
}

// content is what is sent of the state now: another life writes it otherwise.
func (w *world) content() string { return fmt.Sprintf("%s in life %d", w.meaning, w.life) }

func (w *world) change() {
	w.meanings++
	w.meaning = fmt.Sprint(w.meanings)
	w.observe()
}

// attempt makes one if it is due, and draws what becomes of it.
func (w *world) attempt(t *rapid.T, fate string) {
	if !w.box.Due(w.now) {
		return
	}
	a := w.box.Take(w.now, w.meaning)
	w.attempts = append(w.attempts, w.now)
	sent := report{a.Position, w.content()}
	before, again := w.positions[a.Position]
	switch {
	case again != a.Again, again && before != sent.content:
		t.Fatalf("%+v was sent before as %q, now with %q", a, before, sent.content)
	}
	for p := range w.positions {
		if !again && !a.Above(p) {
			t.Fatalf("%+v is not above %+v", a.Position, p)
		}
	}
	w.positions[a.Position] = sent.content
	owed := w.box.last.owed
	if rapid.IntRange(0, 4).Draw(t, "changes meanwhile") == 0 {
		w.change()
	}
	switch fate {
	case "lost":
		w.box.Failed(w.now, 0)
	case "delayed": // arrives some day, maybe after newer ones
		w.delayed = append(w.delayed, sent)
		w.box.Failed(w.now, 0)
	case "answer lost":
		w.cloud.receive(sent.position, sent.content)
		w.box.Failed(w.now, 0)
	case "busy":
		w.box.Failed(w.now, time.Duration(rapid.IntRange(0, 7200).Draw(t, "retry after"))*time.Second)
	case "refused":
		w.box.Refused(w.now, 0)
	case "nonsense":
		p := schema.Position{Epoch: rapid.Uint64().Draw(t, "epoch"), Seq: rapid.Uint64().Draw(t, "seq")}
		if raise, _ := w.box.Conflict(w.now, p); raise {
			w.raise(t, p.Epoch)
		}
	default:
		w.answer(t, sent, owed)
	}
}

// answer is the whole way there and back.
func (w *world) answer(t *rapid.T, sent report, owed bool) {
	last := w.cloud.last
	if w.cloud.receive(sent.position, sent.content) {
		if w.cloud.last != last && !w.cloud.last.Above(last) {
			t.Fatalf("the last one went from %+v to %+v", last, w.cloud.last)
		}
		w.box.Delivered(w.now, 0)
		if owed {
			w.told++
		}
		return
	}
	raise, err := w.box.Conflict(w.now, w.cloud.last)
	if err == nil && raise {
		w.raise(t, w.cloud.last.Epoch)
	}
}

func (w *world) raise(t *rapid.T, above uint64) {
	if rapid.IntRange(0, 5).Draw(t, "flash is broken") == 0 {
		w.box.Unraised(w.now)
		return
	}
	w.durable = max(w.durable, above) + 1
	if err := w.box.Raised(w.now, w.durable); err != nil {
		t.Fatal(err)
	}
}

var fates = []string{"lost", "delayed", "answer lost", "busy", "refused", "nonsense", "fine", "fine", "fine"}

// TestAnyInterleaving: whatever is lost, late, refused or forgotten, no number stands
// for two contents, what the server takes rises, no state goes uncounted, nothing is
// asked hot, and after the trouble the server has the newest state.
func TestAnyInterleaving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{now: t0, meaning: "0"}
		w.start(t)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.step(t)
			w.check(t)
		}
		w.calm(t)
	})
}

func (w *world) step(t *rapid.T) {
	switch rapid.IntRange(0, 11).Draw(t, "step") {
	case 0, 1:
		w.change()
	case 2: // the agent restarts
		w.start(t)
	case 3: // a factory reset
		if rapid.Bool().Draw(t, "reset") {
			w.durable = 0
			w.start(t)
		}
	case 4: // the server comes back from a backup, or anew
		if rapid.Bool().Draw(t, "forget") {
			w.cloud = cloud{}
		}
	case 5: // an old report arrives
		if n := len(w.delayed); n > 0 {
			r := w.delayed[rapid.IntRange(0, n-1).Draw(t, "which")]
			before := w.cloud.last
			w.cloud.receive(r.position, r.content)
			if before.Above(w.cloud.last) {
				t.Fatal("an old report won")
			}
		}
	case 6:
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "wait")) * time.Second)
	default:
		if next := w.box.NextDeadline(w.now); next.After(w.now) {
			w.now = next
		}
		w.attempt(t, rapid.SampledFrom(fates).Draw(t, "fate"))
	}
}

// check: each state seen was told, is counted as dropped, or is the newest and owed.
func (w *world) check(t *rapid.T) {
	var owed uint64
	if w.box.owed {
		owed = 1
	}
	if c := w.box.Counters(); w.seen != w.told+c.Dropped+owed {
		t.Fatalf("%d states seen; %d told, %d dropped, %d owed", w.seen, w.told, c.Dropped, owed)
	}
	// 16 changes in a row, their conflicts, and little more within a second.
	if n := len(w.attempts); n > 60 && w.attempts[n-1].Sub(w.attempts[n-60]) < time.Second {
		t.Fatalf("60 attempts in %v", w.attempts[n-1].Sub(w.attempts[n-60]))
	}
}

// calm is the end of all trouble: the server has the newest state within the longest
// wait there is.
func (w *world) calm(t *rapid.T) {
	end := w.now.Add(MaxRetryAfter + MaxBackoff + 2*raiseEvery)
	for !w.now.After(end) {
		if w.cloud.content == w.content() && !w.box.owed && w.box.Queued() == 0 {
			return
		}
		if next := w.box.NextDeadline(w.now); next.After(w.now) {
			w.now = next
		}
		w.attempt(t, "fine")
	}
	t.Fatalf("the server has %q, the newest is %q, owed %v", w.cloud.content, w.content(), w.box.owed)
}
