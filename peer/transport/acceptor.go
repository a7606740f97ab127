package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"socketha/peer/transport/internal/guard"
	"socketha/peer/transport/internal/suite"
)

// maxSocketErrors in a row mean that the socket is of no use any more.
const maxSocketErrors = 1 << 10

// acceptor owns one UDP socket and hands its datagrams to virtual connections,
// one for each source. pion's listener is not used: it handshakes in line, so
// that one silent client blocks all others. An initiator has one, too, that
// takes hints and admits nobody.
type acceptor struct {
	endpoint *Endpoint
	answers  bucket // owned by receive, as the next
	strays   bucket

	mu      sync.Mutex
	routes  map[netip.AddrPort]*vconn
	pending []*vconn       // handshakes under way, oldest first
	live    int            // handshakes not gone yet, pending or ended
	gone    [maxOpen]stale // the last ones closed
	nextOld int
}

// stale is a source whose connection was closed a moment ago: what still comes
// from there, an answer to our goodbye mostly, is nobody's mistake.
type stale struct {
	remote netip.AddrPort
	since  time.Time
}

func newAcceptor(e *Endpoint) *acceptor {
	return &acceptor{
		endpoint: e,
		answers:  bucket{burst: answerBurst, every: answerEvery},
		strays:   bucket{burst: strayBurst, every: strayEvery},
		routes:   map[netip.AddrPort]*vconn{},
	}
}

// run keeps a socket open and serves it. It takes new peers until ctx is done
// and serves those it has until the context of the socket is.
func (a *acceptor) run(ctx, socket context.Context) {
	e := a.endpoint
	delay := minRedial
	for socket.Err() == nil {
		select {
		case <-e.rebind: // what comes now has it seen to
		default:
		}
		local := e.addresses().local
		if !local.Addr().IsValid() {
			if !a.await(ctx) {
				return
			}
			continue
		}
		s, err := e.net.Listen(ctx, local)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			a.report(err)
			a.rest(ctx, delay)
			delay = min(2*delay, maxRedialRefused)
			continue
		}
		a.report(nil)
		delay = minRedial
		a.serve(ctx, socket, s)
	}
}

// report records whether the socket could be opened. An initiator needs it only
// for hints.
func (a *acceptor) report(err error) {
	if a.endpoint.side.Accepts() {
		a.endpoint.ledger.socket(err)
	} else {
		a.endpoint.ledger.hintSocket(err)
	}
}

// await waits until there is an address to listen on.
func (a *acceptor) await(ctx context.Context) bool {
	select {
	case <-a.endpoint.rebind:
		return true
	case <-ctx.Done():
		return false
	}
}

// rest waits before the socket is tried again.
func (a *acceptor) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(jitter(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.endpoint.rebind:
	case <-ctx.Done():
	}
}

// serve receives until the socket fails, is to be replaced, or its context is
// done; then every association over it ends.
func (a *acceptor) serve(ctx, socket context.Context, s packetSocket) {
	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-a.endpoint.rebind:
		case <-socket.Done():
		case <-over:
		}
		_ = s.Close() // ends the read below
	})
	if a.endpoint.side == SideAcceptor && !a.endpoint.quiet { // who dials needs no poke
		watch.Go(func() { a.pokeAll(s, over) })
	}
	a.receive(ctx, s)
	close(over)
	watch.Wait()
	a.closeAll()
}

// receive routes datagrams until the socket is closed. Other errors are hints
// that pass, unless there is nothing else any more.
func (a *acceptor) receive(ctx context.Context, s packetSocket) {
	buffer := make([]byte, maxDatagram+1)
	for hints := 0; hints < maxSocketErrors; hints++ {
		n, from, err := s.ReadFromUDPAddrPort(buffer)
		switch {
		case err == nil:
			hints = -1
			a.route(ctx, s, from, buffer[:n])
		case errors.Is(err, net.ErrClosed):
			return
		default:
			a.endpoint.ledger.hints.Add(1)
		}
	}
}

// closeAll ends every association, open or pending.
func (a *acceptor) closeAll() {
	a.mu.Lock()
	var all []*vconn
	for _, v := range a.routes {
		all = append(all, v)
	}
	a.mu.Unlock()
	for _, v := range all {
		v.cancel(context.Canceled)
		_ = v.Close()
	}
}

// route gives a datagram to the association it belongs to, or starts one.
func (a *acceptor) route(ctx context.Context, s packetSocket, from netip.AddrPort, b []byte) {
	ledger, book := a.endpoint.ledger, a.endpoint.addresses()
	a.mu.Lock()
	v := a.routes[from] // stays although its address is no candidate any more
	a.mu.Unlock()
	known := book.knows(from.Addr())
	switch {
	case v == nil && !known && !book.suspects(from.Addr()):
		ledger.count(ReasonWrongSource)
		return
	case len(b) > maxDatagram:
		ledger.count(ReasonOversize)
		return
	}
	if v == nil {
		if k, ok := parseHint(b); ok && known && a.hinted(from.Addr(), k) {
			return
		}
		if v = a.admit(ctx, s, from, b, known); v == nil {
			return
		}
	}
	// A message needs no other goroutine: one less to wake up for each heartbeat.
	if c := v.conn.Load(); c != nil && c.take(b) {
		return
	}
	if v.push(b) {
		ledger.count(ReasonQueueOverflow)
	}
}

// hinted takes in a hint from a candidate. A poke to who does not dial comes from
// another acceptor, which may have our own key.
func (a *acceptor) hinted(from netip.Addr, k hintKind) bool {
	switch {
	case a.endpoint.side.Initiates():
		a.endpoint.hinted(from, nil)
	case k == hintPoke:
		a.endpoint.doubt(from)
	default:
		return false
	}
	return true
}

// admit starts a handshake for a plausible ClientHello, from a candidate if known.
// Nothing is allocated for any other datagram.
func (a *acceptor) admit(ctx context.Context, s packetSocket, from netip.AddrPort, b []byte, known bool) *vconn {
	ledger := a.endpoint.ledger
	switch guard.CheckHello(b, uint16(suite.ID)) {
	case guard.NotHello:
		if !a.justClosed(from) {
			a.turnAway(ctx, s, from, b)
		}
		return nil
	case guard.HelloNoSuite:
		ledger.count(ReasonNoSharedSuite)
		return nil
	case guard.HelloNoEMS:
		ledger.count(ReasonNoMasterSecret)
		return nil
	case guard.HelloOK:
	}
	if a.endpoint.hellos.sent(guard.HelloRandom(b)) {
		ledger.count(ReasonReflected)
		return nil
	}
	stray := !known || !a.endpoint.side.Accepts()
	if stray {
		ledger.count(ReasonWrongSide)
	}
	if ctx.Err() != nil || stray && !a.strays.take(time.Now()) {
		return nil // stopping: only those already here are served
	}
	v := a.link(ctx, s, from, stray)
	if v == nil {
		ledger.count(ReasonHandshakeEvicted)
	}
	return v
}

// turnAway counts a datagram that starts nothing. A record of a connection that
// we do not know, most likely of one that a process before us had, is answered.
func (a *acceptor) turnAway(ctx context.Context, s packetSocket, from netip.AddrPort, b []byte) {
	e := a.endpoint
	if !guard.Protected(b) || !e.side.Accepts() {
		e.ledger.count(ReasonNotAHello)
		return
	}
	e.ledger.count(ReasonNoSession)
	if ctx.Err() == nil && a.answers.take(time.Now()) {
		e.sendHint(s, hintNoSession, from)
	}
}

// link makes the association and starts its handshake. It returns nil while too
// many that were evicted are still on their way out: then a hello is lost, like
// a datagram, and comes again.
func (a *acceptor) link(ctx context.Context, s packetSocket, from netip.AddrPort, stray bool) *vconn {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.pending) >= maxPending {
		if a.live >= maxHandshakes {
			return nil
		}
		a.evict()
	}
	ctx, cancel := context.WithCancelCause(ctx)
	v := &vconn{inbox: newInbox(), owner: a, socket: s, remote: from, stray: stray, cancel: cancel}
	a.routes[from] = v
	a.pending = append(a.pending, v)
	a.live++
	a.endpoint.tasks.Go(func() {
		defer cancel(nil)
		a.handshake(ctx, v)
	})
	return v
}

// evict ends the oldest handshake, sparing those whose source has shown that it
// receives what is sent to it. Dropping the newest instead would let a flood
// lock the real peer out. The caller holds mu.
func (a *acceptor) evict() {
	i := slices.IndexFunc(a.pending, func(v *vconn) bool { return !v.proven.Load() })
	v := a.pending[max(i, 0)]
	a.unlink(v)
	v.cancel(errEvicted)
	v.close()
}

// handshake serves one new source.
func (a *acceptor) handshake(ctx context.Context, v *vconn) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	c, err := a.endpoint.handshake(ctx, v, nil) // a refusal is counted and logged there
	a.mu.Lock()
	a.live--
	a.pending = slices.DeleteFunc(a.pending, func(w *vconn) bool { return v == w })
	v.established = err == nil
	a.mu.Unlock()
	if err == nil {
		a.endpoint.deliver(c)
	}
}

// met reports whether somebody is here who receives what is sent to the peer's
// address: a connection, or a handshake that has echoed our cookie.
func (a *acceptor) met() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, v := range a.routes {
		if v.established || v.proven.Load() {
			return true
		}
	}
	return false
}

// forget takes a closed association off the demux.
func (a *acceptor) forget(v *vconn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unlink(v)
}

// justClosed reports whether a connection from there ended a moment ago.
func (a *acceptor) justClosed(from netip.AddrPort) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(a.gone[:], func(s stale) bool {
		return s.remote == from && time.Since(s.since) < lingerClosed
	})
}

// unlink removes v from both lists; the caller holds mu.
func (a *acceptor) unlink(v *vconn) {
	if a.routes[v.remote] == v {
		delete(a.routes, v.remote)
		if v.established {
			a.gone[a.nextOld] = stale{v.remote, time.Now()}
			a.nextOld = (a.nextOld + 1) % len(a.gone)
		}
	}
	a.pending = slices.DeleteFunc(a.pending, func(w *vconn) bool { return v == w })
}
