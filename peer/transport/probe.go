package transport

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"socketha/peer/transport/internal/guard"
)

// A Socket that holds our own key (a cloned appliance) computes the same side as
// we do: both dial, or both wait, and neither would ever see the other's key. So
// each Socket does a little of the other side's work, for nobody but that one:
//
//   - one that dials serves a few handshakes from candidates,
//   - one that waits dials back to another that waits, which its pokes tell,
//   - both do so with whoever shows our fingerprint in a beacon (SetTwins),
//
// and none of it ever makes a connection: either the key is our own, which is a
// finding, or the handshake is dropped without a word. What it costs to lie is
// one handshake every few seconds. The Socket's own hello that somebody sends back
// to it is told by its random, which the signatures of a handshake cover: else
// one could have us find ourselves.
const (
	strayBurst = 2 // handshakes served to those who should not call here
	strayEvery = time.Second

	// probeEvery bounds dials to see who is there; a twin that is said to be
	// somewhere is looked at as often.
	probeEvery = 5 * time.Second

	maxTwins = 2

	// twinStands is how long hearsay of a twin is followed up: beacons come every
	// 30 s at least.
	twinStands = 2 * time.Minute
)

// never lets no handshake pass.
func never() bool { return false }

// doubt asks for a look at who is at a candidate's address. It never blocks.
func (e *Endpoint) doubt(from netip.Addr) {
	e.ledger.peerHints.Add(1)
	select {
	case e.doubts <- from.Unmap().WithZone(""):
	default: // one waits already
	}
}

// SetTwins says where our own key is said to be, by hearsay: nobody there is ever
// connected to, but whoever proves to hold it is the finding IdentityConflict of
// [Stats]. At most two are taken, and looked at for two minutes unless it is said
// again. It never blocks.
func (e *Endpoint) SetTwins(twins []netip.AddrPort) {
	twins = cleanPeers(twins)
	if len(twins) > maxTwins {
		twins = twins[:maxTwins]
	}
	said := e.twinSaid.Swap(nanotime())
	news := e.rewrite(func(b *book) { b.twins = twins }) || nanotime()-said > int64(twinStands)
	if news && len(twins) > 0 {
		e.doubt(twins[0].Addr())
	}
}

// prober dials for no connection, one handshake at a time.
type prober struct {
	endpoint *Endpoint
	limit    bucket
	turn     int
}

func newProber(e *Endpoint) *prober {
	return &prober{endpoint: e, limit: bucket{burst: 1, every: probeEvery}}
}

// run probes whoever is doubted, and twins as long as there are any, until ctx is
// done.
func (p *prober) run(ctx context.Context) {
	timer := stopped()
	defer timer.Stop()
	for {
		if e := p.endpoint; len(e.addresses().twins) > 0 && nanotime()-e.twinSaid.Load() < int64(twinStands) {
			timer.Reset(jitter(2 * probeEvery))
		}
		select {
		case <-ctx.Done():
			return
		case from := <-p.endpoint.doubts:
			p.probe(ctx, p.at(from))
		case <-timer.C:
			p.probe(ctx, p.next())
		}
	}
}

// at returns who is known at an address, the zero address if nobody is.
func (p *prober) at(from netip.Addr) netip.AddrPort {
	b := p.endpoint.addresses()
	for _, addr := range b.within(slices.Concat(b.peers, b.twins)) {
		if addr.Addr().WithZone("") == from {
			return addr
		}
	}
	return netip.AddrPort{}
}

// next returns the twin whose turn it is.
func (p *prober) next() netip.AddrPort {
	b := p.endpoint.addresses()
	twins := b.within(b.twins)
	if len(twins) == 0 {
		return netip.AddrPort{}
	}
	p.turn++
	return twins[p.turn%len(twins)]
}

// probe begins a handshake that goes no further than the certificate.
func (p *prober) probe(ctx context.Context, addr netip.AddrPort) {
	if !addr.IsValid() || !p.limit.take(time.Now()) {
		return
	}
	e := p.endpoint
	ctx, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, errSuperseded)
	defer cancel()
	raw, err := e.net.Dial(ctx, e.addresses().local.Addr(), addr)
	if err != nil {
		return // whoever needs the socket says so
	}
	e.ledger.dials.Add(1)
	c, err := e.handshake(ctx, raw, &attempt{addr: addr, begun: time.Now(), pass: never})
	if err == nil {
		c.discard() // never: pass does not let it
	} else if r, ok := errors.AsType[*rejection](err); ok && r.reason == ReasonOwnKey {
		e.cfg.Log.Debug("a probe found our own key", "remote", addr.String())
	}
}

// hellos remembers the randoms of the last hellos that we sent.
type hellos struct {
	mu   sync.Mutex
	last [16][guard.RandomSize]byte
	next int
}

// note takes in a datagram of our own.
func (h *hellos) note(datagram []byte) {
	random := guard.HelloRandom(datagram)
	if random == [guard.RandomSize]byte{} {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if slices.Contains(h.last[:], random) {
		return // with the cookie, or once more
	}
	h.last[h.next] = random
	h.next = (h.next + 1) % len(h.last)
}

// sent reports whether a hello with this random was ours.
func (h *hellos) sent(random [guard.RandomSize]byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return random != [guard.RandomSize]byte{} && slices.Contains(h.last[:], random)
}
