package session_test

import (
	"container/heap"
	"math/rand/v2"
	"testing"
	"time"

	"socketha/peer"
	"socketha/peer/session"
)

// sim connects two sessions by a lossy pipe in virtual time. Everything in it
// follows from the seed.
type sim struct {
	t     testing.TB
	rng   *rand.Rand
	now   time.Time
	pipe  pipe
	nodes [2]*node
	fly   flight
	order uint64 // breaks ties, so that runs repeat
}

// pipe is what happens to a heartbeat on its way.
type pipe struct {
	loss     float64       // lost, 0 to 1
	double   float64       // delivered twice
	delayMin time.Duration // each takes from delayMin to delayMax,
	delayMax time.Duration // so a wide span reorders
}

// node is one side and what its run has shown.
type node struct {
	s       *session.Session
	id      int
	alive   bool
	deaf    bool // all that is sent to it is lost
	timers  peer.Timers
	lastRx  time.Time     // when the last accepted heartbeat was delivered
	detect  time.Duration // the detection time that one set
	changes []change
	ticks   int // wake-ups by the timer
	steps   int
	onSend  func(now time.Time, hb session.Heartbeat)
}

type change struct {
	at       time.Time
	from, to peer.SessionState
	diag     session.Diag
}

type delivery struct {
	at    time.Time
	order uint64
	to    int
	hb    session.Heartbeat
}

type flight []delivery

func (f flight) Len() int      { return len(f) }
func (f flight) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f flight) Less(i, j int) bool {
	if f[i].at.Equal(f[j].at) {
		return f[i].order < f[j].order
	}
	return f[i].at.Before(f[j].at)
}
func (f *flight) Push(x any) { *f = append(*f, x.(delivery)) }
func (f *flight) Pop() any {
	last := len(*f) - 1
	d := (*f)[last]
	*f = (*f)[:last]
	return d
}

func newSim(t testing.TB, seed uint64, p pipe, a, b peer.Timers) *sim {
	t.Helper()
	m := &sim{t: t, rng: rand.New(rand.NewPCG(seed, 1)), now: epoch, pipe: p}
	for i, timers := range []peer.Timers{a, b} {
		m.nodes[i] = &node{id: i, timers: timers}
		m.boot(i)
	}
	return m
}

// boot starts node i, again if need be, in a new life.
func (m *sim) boot(i int) {
	m.t.Helper()
	n := m.nodes[i]
	s, err := session.New(m.now, session.Config{
		Timers: n.timers, Discriminator: m.rng.Uint32() | 1, Jitter: m.rng.Float64,
	})
	if err != nil {
		m.t.Fatal(err)
	}
	n.s, n.alive, n.lastRx = s, true, time.Time{}
	m.step(n, session.Event{Kind: session.Start})
	m.step(n, session.Event{Kind: session.PathUp})
}

// run lets d pass, waking each side exactly at its deadlines.
func (m *sim) run(d time.Duration) {
	end := m.now.Add(d)
	for {
		at, do := m.next()
		if do == nil || at.After(end) {
			m.now = end
			return
		}
		if at.Before(m.now) {
			m.t.Fatalf("a deadline %v in the past", m.now.Sub(at))
		}
		m.now = at
		do()
	}
}

// next returns the earliest thing to happen.
func (m *sim) next() (at time.Time, do func()) {
	for _, n := range m.nodes {
		if d := n.s.NextDeadline(); n.alive && !d.IsZero() && (do == nil || d.Before(at)) {
			at, do = d, func() {
				n.ticks++
				m.step(n, session.Event{Kind: session.Tick})
			}
		}
	}
	if len(m.fly) > 0 && (do == nil || !at.Before(m.fly[0].at)) {
		at, do = m.fly[0].at, func() {
			d := heap.Pop(&m.fly).(delivery)
			if n := m.nodes[d.to]; n.alive && !n.deaf {
				m.step(n, session.Event{Kind: session.Received, Heartbeat: d.hb})
			}
		}
	}
	return at, do
}

func (m *sim) step(n *node, ev session.Event) {
	n.steps++
	accepted := ev.Kind == session.Received
	for _, a := range n.s.Step(m.now, ev) {
		switch a.Kind {
		case session.Send:
			if n.onSend != nil {
				n.onSend(m.now, a.Heartbeat)
			}
			m.send(1-n.id, a.Heartbeat)
		case session.Changed:
			n.changes = append(n.changes, change{m.now, a.From, a.To, a.Diag})
			m.checkTimeout(n, a.Diag)
		case session.Ignored:
			accepted = false
		}
	}
	if accepted {
		hb := ev.Heartbeat
		n.lastRx = m.now
		n.detect = max(n.timers.RequiredRx, hb.Timers.DesiredTx) * time.Duration(hb.Timers.DetectMult)
	}
	if d := n.s.NextDeadline(); !d.IsZero() && !d.After(m.now) {
		m.t.Fatalf("after a step at %v the next deadline is %v: a busy loop", m.now.Sub(epoch), d.Sub(epoch))
	}
}

// checkTimeout holds every loss against the detection time of section 6.8.4. In
// this simulation nobody is woken late, so it must fit to the nanosecond.
func (m *sim) checkTimeout(n *node, diag session.Diag) {
	if diag != session.DiagTimeout {
		return
	}
	if silence := m.now.Sub(n.lastRx); silence != n.detect {
		m.t.Fatalf("node %d lost its peer after %v of silence instead of %v", n.id, silence, n.detect)
	}
}

func (m *sim) send(to int, hb session.Heartbeat) {
	copies := 1
	if m.rng.Float64() < m.pipe.double {
		copies = 2
	}
	for range copies {
		if m.rng.Float64() < m.pipe.loss {
			continue
		}
		m.order++
		delay := m.pipe.delayMin
		if span := m.pipe.delayMax - m.pipe.delayMin; span > 0 {
			delay += time.Duration(m.rng.Int64N(int64(span)))
		}
		heap.Push(&m.fly, delivery{m.now.Add(delay), m.order, to, hb})
	}
}

func (m *sim) bothUp() bool {
	return m.nodes[0].s.View().State == peer.StateUp && m.nodes[1].s.View().State == peer.StateUp
}

func (n *node) count(diag session.Diag) (times int) {
	for _, c := range n.changes {
		if c.diag == diag {
			times++
		}
	}
	return times
}

var fast = peer.Timers{DesiredTx: 100 * time.Millisecond, RequiredRx: 100 * time.Millisecond, DetectMult: 3}

// TestFalseAlarms is the promise of the probes: with 100 ms x 3 and both
// directions losing at random, nobody who is alive is called lost.
func TestFalseAlarms(t *testing.T) {
	hours := 3
	if testing.Short() {
		hours = 1
	}
	for _, c := range []struct {
		name  string
		loss  float64
		limit int // false alarms, both sides together, in 10 min
	}{
		{"10 % loss", 0.10, 0},
		{"20 % loss", 0.20, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			pipe := pipe{delayMin: 100 * time.Microsecond, delayMax: 2 * time.Millisecond}
			m := newSim(t, 42, pipe, fast, fast)
			m.run(5 * time.Second)
			if !m.bothUp() {
				t.Fatal("never up")
			}
			m.pipe.loss = c.loss
			before, total := 0, 0
			for range 6 * hours {
				m.run(10 * time.Minute)
				now := m.nodes[0].count(session.DiagTimeout) + m.nodes[1].count(session.DiagTimeout)
				if now-before > c.limit {
					t.Errorf("%d false alarms in 10 min, want at most %d", now-before, c.limit)
				}
				before, total = now, now
			}
			a, b := m.nodes[0].s.Counters(), m.nodes[1].s.Counters()
			t.Logf("%d false alarms in %d h; per second and side: %.1f heartbeats sent, of them %.1f probes",
				total, hours, float64(a.Sent+b.Sent)/float64(hours*7200), float64(a.Polls+b.Polls)/float64(hours*7200))
		})
	}
}

// TestPhaseLock counts wake-ups: two for each exchange on the side that leads
// and one on the other, where two timers of their own would need four.
func TestPhaseLock(t *testing.T) {
	pipe := pipe{delayMin: 100 * time.Microsecond, delayMax: 300 * time.Microsecond}
	m := newSim(t, 7, pipe, fast, fast)
	m.run(time.Second)
	a, b := m.nodes[0], m.nodes[1]
	sent := a.s.Counters().Sent + b.s.Counters().Sent
	a.ticks, b.ticks = 0, 0
	m.run(10 * time.Minute)
	sent = a.s.Counters().Sent + b.s.Counters().Sent - sent
	if ticks := uint64(a.ticks + b.ticks); float64(ticks) > 0.53*float64(sent) {
		t.Errorf("%d timer wake-ups for %d heartbeats, want about half", ticks, sent)
	} else {
		t.Logf("%d timer wake-ups for %d heartbeats (%d on one side, %d on the other)", ticks, sent, a.ticks, b.ticks)
	}
	if rate := float64(sent) / 2 / 600 / 10; rate < 1/0.90 || rate > 1/0.75 {
		t.Errorf("%.2f heartbeats an interval, outside the jitter of 10 to 25 %%", rate)
	}
}

// TestRestart kills one side again and again; the other calls it a restart and
// is Up again within the two round trips that a handshake takes.
func TestRestart(t *testing.T) {
	pipe := pipe{delayMin: time.Millisecond, delayMax: time.Millisecond}
	m := newSim(t, 3, pipe, fast, fast)
	for range 100 {
		m.run(time.Second)
		m.boot(1)
		m.run(3 * time.Millisecond)
		if !m.bothUp() {
			t.Fatalf("not up 3 ms after the start: %+v", m.nodes[0].changes[len(m.nodes[0].changes)-1])
		}
	}
	if n := m.nodes[0]; n.count(session.DiagPeerRestarted) != 100 || n.count(session.DiagTimeout) != 0 {
		t.Errorf("%d restarts and %d timeouts seen, want 100 and 0",
			n.count(session.DiagPeerRestarted), n.count(session.DiagTimeout))
	}
}
