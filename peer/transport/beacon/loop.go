package beacon

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"
)

// network opens sockets. The kernel's is used by default; tests bring others.
type network interface {
	// open opens a port that sends from local, or if that is invalid from an
	// address of the network's choice.
	open(local netip.Addr) (port, error)
}

// port is the pair of sockets, ear and mouth. Addresses have no zone.
type port interface {
	local() netip.Addr
	send(b []byte) error // to the group
	answer(b []byte, to netip.AddrPort) error
	receivers() []receiver
	close() // ends pending receives
}

// receiver waits for one datagram and copies as much of it as fits.
type receiver func(b []byte) (int, netip.AddrPort, error)

// errLost is the error for a datagram that was lost on our own machine, by a
// port that may be all right.
var errLost = errors.New("datagram lost")

// Rests before sockets are opened again. Duplicate address detection lasts one
// to two seconds (RFC 4862 section 5.4.2), and the first seconds of a boot
// matter, so for five seconds it is tried every 100 ms.
const (
	minRest   = 25 * time.Millisecond
	shortRest = 100 * time.Millisecond
	longRest  = time.Second
	eager     = 50 // rests
)

// loop is the goroutine of Run.
type loop struct {
	*Beacon
	pace    pace
	answers bucket
	told    bucket // candidates written to the log
	late    bool   // an answer was withheld since the last beacon to the group

	rests int // since a beacon was sent or somebody told us to rebind
	buf   []byte
}

func newLoop(b *Beacon) *loop {
	return &loop{
		Beacon:  b,
		pace:    pace{spread: b.spread},
		answers: bucket{rate: 10, burst: 5},
		told:    bucket{rate: 1.0 / 60, burst: MaxCandidates},
		buf:     make([]byte, 0, MaxMessage),
	}
}

func (l *loop) run(ctx context.Context) {
	for ctx.Err() == nil {
		local, _ := l.obey(time.Now(), netip.Addr{})
		p, err := l.net.open(local)
		if err == nil {
			l.pace.begin(time.Now())
			err = l.serve(ctx, p)
		}
		if err != nil {
			l.ledger.state(netip.Addr{}, err)
			l.rest(ctx)
		}
	}
}

// obey looks at the orders given since the last time: where to send from, and
// whether that takes new sockets while those in use send from current. An answer
// under way to the old ones would be lost with them.
func (l *loop) obey(now time.Time, current netip.Addr) (local netip.Addr, rebind bool) {
	l.mu.Lock()
	o := l.orders
	l.orders.rebind, l.orders.moved = false, false
	l.mu.Unlock()
	l.pace.settle(now, o.settled)
	rebind = o.rebind || o.moved && (o.local != current || !current.IsValid())
	if rebind {
		l.rests = 0
	}
	return o.local, rebind
}

// rest waits before sockets are tried again.
func (l *loop) rest(ctx context.Context) {
	d := longRest
	if l.rests < eager {
		d = min(minRest<<min(l.rests, 8), shortRest)
		l.rests++
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-l.wake:
			if _, rebind := l.obey(time.Now(), netip.Addr{}); rebind {
				return
			}
		}
	}
}

// datagram is what a receiver got.
type datagram struct {
	b    [MaxMessage + 1]byte
	n    int
	from netip.AddrPort
	err  error
}

// serve sends and receives until ctx is done or the port is to be replaced; then
// it returns nil. A port that fails is an error. It closes the port.
func (l *loop) serve(ctx context.Context, p port) error {
	in, done := make(chan datagram), make(chan struct{})
	var readers sync.WaitGroup
	for _, receive := range p.receivers() {
		readers.Go(func() { read(receive, in, done) })
	}
	defer func() {
		close(done)
		p.close()
		readers.Wait()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
			if _, rebind := l.obey(time.Now(), p.local()); rebind {
				return nil
			}
		case d := <-in:
			if d.err != nil {
				return d.err
			}
			l.hear(time.Now(), p, d)
		case <-timer.C:
		}
		next, err := l.tick(time.Now(), p)
		if err != nil {
			return err
		}
		timer.Reset(time.Until(next))
	}
}

// read receives until done is closed or an error ends it.
func read(receive receiver, in chan<- datagram, done <-chan struct{}) {
	for {
		var d datagram
		d.n, d.from, d.err = receive(d.b[:])
		select {
		case in <- d:
		case <-done:
			return
		}
		if d.err != nil {
			return
		}
	}
}

// tick does what is due and returns when to come again.
func (l *loop) tick(now time.Time, p port) (time.Time, error) {
	if !now.Before(l.pace.next) {
		if err := l.broadcast(now, p); err != nil {
			return time.Time{}, err
		}
	}
	l.mu.Lock()
	gone := l.table.expire(now)
	next := l.table.deadline()
	l.mu.Unlock()
	if gone {
		token(l.ledger.changed)
	}
	if next.IsZero() || l.pace.next.Before(next) {
		next = l.pace.next
	}
	return next, nil
}

// broadcast sends a beacon to the group.
func (l *loop) broadcast(now time.Time, p port) error {
	err := p.send(l.encode(l.pace.solicits()))
	switch {
	case errors.Is(err, errLost):
		l.ledger.add(func(s *Stats) { s.Unsent++ })
	case err != nil:
		l.ledger.add(func(s *Stats) { s.Unsent++ })
		return err
	default:
		l.ledger.add(func(s *Stats) { s.Sent++ })
		l.ledger.state(p.local(), nil)
		l.rests = 0
	}
	l.pace.sent(now)
	if l.late {
		l.late = false
		token(l.ledger.changed)
	}
	return nil
}

func (l *loop) encode(solicit bool) []byte {
	m := Message{Protocol: l.cfg.Protocol, Port: l.cfg.Port, Fingerprint: l.cfg.Fingerprint}
	if solicit {
		m.Flags |= FlagSolicit
	}
	l.buf = m.Append(l.buf[:0])
	return l.buf
}

// hear judges one datagram.
func (l *loop) hear(now time.Time, p port, d datagram) {
	from := d.from.Addr()
	if !linkLocal(from) {
		l.ledger.ignore(ReasonSource)
		return
	}
	m, err := Parse(d.b[:d.n])
	if err != nil {
		reason := ReasonMalformed
		if errors.Is(err, ErrVersion) {
			reason = ReasonVersion
		}
		l.ledger.ignore(reason)
		return
	}
	zoned := from.WithZone(l.cfg.Interface)
	switch {
	case m.Fingerprint == l.cfg.Fingerprint && from == p.local():
		l.ledger.reflected(now)
	case m.Fingerprint == l.cfg.Fingerprint:
		l.ledger.sight(now, ReasonOwnKey, m, netip.AddrPortFrom(zoned, m.Port))
	case !l.cfg.Wanted(m.Fingerprint):
		l.ledger.sight(now, ReasonUnwanted, m, netip.AddrPortFrom(zoned, m.Port))
	default:
		l.note(now, m, zoned)
		if m.Flags&FlagSolicit != 0 {
			l.answer(now, p, d.from)
		}
	}
}

// note takes a beacon of a wanted key into the table.
func (l *loop) note(now time.Time, m Message, from netip.Addr) {
	l.ledger.add(func(s *Stats) { s.Heard++ })
	l.mu.Lock()
	v := l.table.hear(now, m, from)
	l.mu.Unlock()
	switch v {
	case refused:
		l.ledger.ignore(ReasonNoPlace)
	case added:
		if l.told.take(now) {
			l.cfg.Log.Info("the peer may be here (unauthenticated)", "remote", netip.AddrPortFrom(from, m.Port).String())
		}
		token(l.ledger.changed)
	case known:
	}
}

// answer tells who asked where we are, by unicast; where too many ask, a beacon
// to the group soon tells all of them.
func (l *loop) answer(now time.Time, p port, to netip.AddrPort) {
	if !l.answers.take(now) {
		l.ledger.ignore(ReasonMuchAsked)
		l.late = true
		l.pace.catchUp()
		return
	}
	token(l.ledger.changed)
	// Whether the port is any good, the next beacon to the group will show.
	err := p.answer(l.encode(false), to)
	l.ledger.add(func(s *Stats) {
		if err != nil {
			s.Unsent++
		} else {
			s.Answered++
		}
	})
}
