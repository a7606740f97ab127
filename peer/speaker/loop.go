package speaker

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/wire"
)

const (
	maxIdle  = 5 * time.Second // the loop goes round at least so often, to show that it lives
	maxLinks = 4               // connections kept at a time
	lastWait = time.Second     // that connections get to close before Run returns all the same

	firstReminder = 3 * time.Second // of silence before another connection is asked for
	lastReminder  = 30 * time.Second
)

// loop is what the goroutine of Run owns.
type loop struct {
	sp    *Speaker
	ctx   context.Context // for the log only
	log   *slog.Logger
	s     *session.Session
	now   time.Time
	group sync.WaitGroup // the goroutines of the connections

	alarm alarm     // pokes the loop
	armed time.Time // when that is

	mine  *local
	links []*link        // oldest first
	hb    peer.Heartbeat // the next one to send, so that none is allocated

	heard    *peer.Heartbeat     // the last one believed
	serial   string              // of the certificate behind it
	key      [32]byte            // and its fingerprint
	mismatch *peer.ProtocolRange // as in Snapshot
	conflict *IdentityConflict   // as in Snapshot

	x exchange

	silentSince time.Time     // nothing readable since then
	reminder    time.Duration // of silence until the next reminder

	shown session.View // what the last Snapshot was made from
	dirty bool         // something else in it has changed
	count Counters
}

func newLoop(ctx context.Context, sp *Speaker) *loop {
	now := time.Now()
	return &loop{
		sp: sp, ctx: ctx, log: sp.log, s: sp.session, now: now,
		alarm: newAlarm(sp.poke), mine: &local{},
		silentSince: now, reminder: firstReminder,
	}
}

// run goes round until ctx ends and the planned stop has been said.
func (l *loop) run(ctx context.Context) {
	defer l.alarm.stop()
	l.step(session.Event{Kind: session.Start})
	stop := ctx.Done()
	for {
		l.round()
		if stop != nil && ctx.Err() != nil {
			stop = nil
			l.step(session.Event{Kind: session.Stop})
		}
		l.publish()
		if stop == nil && l.s.NextDeadline().IsZero() {
			break
		}
		l.wait(stop)
	}
	l.end()
}

// round does all that can be done now. The inboxes are left after a bounded number
// of messages, so that no flood keeps the loop from its timers; what came in the
// meantime has poked it again.
func (l *loop) round() {
	l.now = time.Now()
	l.takeMail()
	// From the oldest connection to the newest: what is queued is taken in before
	// anybody is judged by the clock.
	for i := 0; i < len(l.links); i++ {
		k := l.links[i]
		dead := k.dead.Load() // before its last messages are taken
		l.drain(k)
		if dead {
			l.lose(k)
			i--
		}
	}
	l.now = time.Now()
	if at := l.s.NextDeadline(); due(at, l.now) {
		l.step(session.Event{Kind: session.Tick})
	}
	l.closeOld()
	l.checkStuck()
	l.talk()
	l.remind()
}

// drain takes in what one connection delivered, at most one inbox full.
func (l *loop) drain(k *link) {
	for range inboxSize {
		b := k.in.take()
		if b == nil {
			return
		}
		l.now = time.Now()
		l.receive(k, b.message())
		k.in.give(b)
	}
}

// takeMail takes in what Adopt and SetLocal left.
func (l *loop) takeMail() {
	l.sp.mail.Lock()
	conns, mine := l.sp.mail.conns, l.sp.mail.local
	l.sp.mail.conns = nil
	l.sp.mail.Unlock()
	if mine != l.mine {
		old := l.mine
		l.mine = mine
		l.tellNews(old)
	}
	for _, c := range conns {
		l.adopt(c)
	}
}

// tellNews sends what has changed on our side.
func (l *loop) tellNews(old *local) {
	if l.mine.sameNews(old) {
		return
	}
	if l.mine.facts != old.facts {
		l.x.factsToSend = l.mine.facts != peer.Digest{}
	}
	if l.mine.capabilities != old.capabilities {
		l.x.sendAllParts(l.mine)
	}
	l.step(session.Event{Kind: session.Urgent})
}

// step hands an event to the session and does what it says. It reports whether
// a heartbeat received was believed.
func (l *loop) step(ev session.Event) (believed bool) {
	believed = true
	for _, a := range l.s.Step(l.now, ev) {
		switch a.Kind {
		case session.Send:
			l.sendHeartbeat(&a.Heartbeat)
		case session.Changed:
			l.stateChanged(&a)
		case session.Ignored:
			believed = false
		}
	}
	return believed
}

// sendHeartbeat queues a heartbeat on every connection that may be the one the
// peer listens to.
func (l *loop) sendHeartbeat(h *session.Heartbeat) {
	l.hb = peer.Heartbeat{
		Protocol:          l.sp.cfg.Protocol,
		MyDiscriminator:   h.MyDiscriminator,
		YourDiscriminator: h.YourDiscriminator,
		Sequence:          h.Sequence,
		Timers:            h.Timers,
		State:             h.State,
		Flags:             h.Flags,
	}
	l.mine.fill(&l.hb)
	for _, k := range l.usable() {
		err := k.send(func(dst []byte) ([]byte, error) { return wire.AppendHeartbeat(dst, &l.hb) })
		if err != nil { // SetLocal and session.New have let through what cannot be sent
			l.log.Error("heartbeat not sent", "error", err)
		}
	}
	if l.log.Enabled(l.ctx, slog.LevelDebug) {
		l.log.Debug("heartbeat sent", "sequence", h.Sequence, "state", h.State.String(), "flags", uint8(h.Flags))
	}
}

// stateChanged does what belongs to a transition beside telling the peer.
func (l *loop) stateChanged(a *session.Action) {
	l.logTransition(a)
	switch {
	case a.To == peer.StateUp:
		l.reminder = firstReminder
		l.x.up(l.mine, l.s.View().Discriminator)
	case a.Diag == session.DiagTimeout && a.From == peer.StateUp:
		l.redial()
	}
}

func (l *loop) redial() {
	l.count.Redials++
	l.sp.cfg.Redial()
}

// remind asks for another connection while nothing is heard: the last one asked
// for may have led to a peer that is no more.
func (l *loop) remind() {
	if !l.waiting() || l.now.Sub(l.silentSince) < l.reminder {
		return
	}
	l.silentSince = l.now
	l.reminder = min(2*l.reminder, lastReminder)
	l.redial()
}

// waiting reports whether we would be Up if there was a peer.
func (l *loop) waiting() bool {
	state := l.s.View().State
	return state == peer.StateDown || state == peer.StateInit
}

// wait sleeps until there is something to do.
func (l *loop) wait(stop <-chan struct{}) {
	at := l.nextDue()
	l.sp.lastTick.Store(int64(l.now.Sub(l.sp.epoch)))
	l.sp.promised.Store(int64(at.Sub(l.sp.epoch)))
	if now := time.Now(); !at.Equal(l.armed) || !at.After(now) {
		l.alarm.set(at.Sub(now))
		l.armed = at
	}
	select {
	case <-l.sp.wake:
	case <-stop:
	}
}

// nextDue is when the loop must go round again.
func (l *loop) nextDue() time.Time {
	at := l.now.Add(maxIdle)
	for _, k := range l.links {
		at = sooner(at, k.closeAt)
	}
	at = sooner(at, l.s.NextDeadline())
	at = sooner(at, l.exchangeDue())
	if l.waiting() {
		at = sooner(at, l.silentSince.Add(l.reminder))
	}
	return at
}

// end closes everything and waits for it.
func (l *loop) end() {
	sp := l.sp
	sp.mail.Lock()
	sp.mail.closed = true
	late := sp.mail.conns
	sp.mail.conns = nil
	sp.mail.Unlock()
	for _, c := range late {
		_ = c.Close() // never used
	}
	for _, k := range l.links {
		k.close(&l.group)
	}
	l.links = nil
	l.publish()
	sp.promised.Store(0)
	gone := make(chan struct{})
	go func() {
		l.group.Wait()
		close(gone)
	}()
	timer := time.NewTimer(lastWait)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
		l.log.Warn("a connection does not close", "waited", lastWait)
	}
}

func due(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// sooner returns the earlier of two times, a zero one meaning never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
