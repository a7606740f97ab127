package speaker_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/speaker"
)

// node is a speaker that runs until the test ends.
type node struct {
	*speaker.Speaker
	t       *testing.T
	stop    context.CancelFunc
	done    chan struct{}
	redials atomic.Int64

	discriminator uint32
}

var (
	second = session.DefaultTimers()
	fast   = peer.Timers{DesiredTx: 100 * time.Millisecond, RequiredRx: 100 * time.Millisecond, DetectMult: 3}
)

// start runs a speaker for the Socket with this serial.
func start(t *testing.T, serial string, discriminator uint32, timers peer.Timers, options ...func(*speaker.Config)) *node {
	t.Helper()
	n := prepare(t, discriminator, timers, options...)
	n.run(serial)
	return n
}

// prepare makes a node that does not run yet.
func prepare(t *testing.T, discriminator uint32, timers peer.Timers, options ...func(*speaker.Config)) *node {
	t.Helper()
	n := &node{t: t, done: make(chan struct{}), discriminator: discriminator}
	cfg := speaker.Config{
		Session: session.Config{Timers: timers, Discriminator: discriminator},
		Redial:  func() { n.redials.Add(1) },
	}
	for _, o := range options {
		o(&cfg)
	}
	var err error
	if n.Speaker, err = speaker.New(cfg); err != nil {
		t.Fatal(err)
	}
	return n
}

// run sets it going until the test ends.
func (n *node) run(serial string) {
	n.t.Helper()
	n.tell(localOf(serial))
	ctx, cancel := context.WithCancel(n.t.Context())
	n.stop = cancel
	go func() {
		defer close(n.done)
		if err := n.Run(ctx); err != nil {
			n.t.Error(err)
		}
	}()
	n.t.Cleanup(n.end)
}

// end stops the speaker and waits for it.
func (n *node) end() {
	n.stop()
	<-n.done
}

func localOf(serial string) speaker.Local {
	return speaker.Local{
		Version: "18.3.3", Role: peer.RolePrimary, HAState: peer.HAActive,
		Facts: peer.Facts{Serial: serial, Model: "X1500", Site: "17", AgentVersion: "1.0"},
	}
}

func (n *node) tell(l speaker.Local) {
	n.t.Helper()
	if err := n.SetLocal(l); err != nil {
		n.t.Fatal(err)
	}
}

// pair starts the Sockets A and B and joins them.
func pair(t *testing.T, timers peer.Timers) (a, b *node, p *pipe) {
	t.Helper()
	a, b = start(t, "SERIAL-A", 0xa, timers), start(t, "SERIAL-B", 0xb, timers)
	p = newPipe(1)
	join(p, a, b)
	return a, b, p
}

func join(p *pipe, a, b *node) {
	a.Adopt(p.ends[0])
	b.Adopt(p.ends[1])
}

// pass lets time go by and everything that is due happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// within waits until ok, at most d, in steps of 1 ms.
func within(t *testing.T, d time.Duration, what string, ok func() bool) {
	t.Helper()
	begin := time.Now()
	for synctest.Wait(); !ok(); pass(time.Millisecond) {
		if time.Since(begin) > d {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

func (n *node) state() peer.SessionState { return n.Snapshot().State }

func (n *node) wantState(want peer.SessionState, diag session.Diag) {
	n.t.Helper()
	if s := n.Snapshot(); s.State != want || s.Diag != diag {
		n.t.Errorf("state %v for reason %v, want %v for %v", s.State, s.Diag, want, diag)
	}
}

func bothUp(nodes ...*node) func() bool {
	return func() bool {
		for _, n := range nodes {
			if n.state() != peer.StateUp {
				return false
			}
		}
		return true
	}
}

// drained empties Changed and reports whether there was something.
func (n *node) drained() bool {
	select {
	case <-n.Changed():
		return true
	default:
		return false
	}
}
