package transport

import (
	"net/netip"
	"slices"
)

// MaxPeers bounds the candidate addresses of the peer.
const MaxPeers = 8

// book is where the two ends of the link are, as far as it is known. It is
// immutable; the endpoint replaces it.
type book struct {
	local netip.AddrPort   // the address is invalid while we have none; the port is never 0
	peers []netip.AddrPort // at most MaxPeers
	twins []netip.AddrPort // at most maxTwins: where our own key is said to be
}

// knows reports whether an address is a candidate, from whatever port and zone:
// the interface is the socket's.
func (b *book) knows(from netip.Addr) bool { return lists(b.peers, from) }

// suspects reports whether our own key is said to be at an address.
func (b *book) suspects(from netip.Addr) bool { return lists(b.twins, from) }

func lists(all []netip.AddrPort, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range all {
		if p.Addr().WithZone("") == a {
			return true
		}
	}
	return false
}

// reachable returns the candidates that can be dialed from the local address.
func (b *book) reachable() []netip.AddrPort { return b.within(b.peers) }

// within returns those of the local address's family.
func (b *book) within(all []netip.AddrPort) []netip.AddrPort {
	if !b.local.Addr().IsValid() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(all), func(p netip.AddrPort) bool {
		return p.Addr().Is4() != b.local.Addr().Is4()
	})
}

// waiting says what is missing before anybody can be talked to.
func (b *book) waiting() string {
	switch {
	case !b.local.Addr().IsValid():
		return WaitingForLocal
	case len(b.reachable()) == 0:
		return WaitingForPeer
	}
	return ""
}

// What Stats.Waiting says; the words are stable.
const (
	WaitingForLocal = "local_address" // no address of our own
	WaitingForPeer  = "peer_address"  // no candidate of our family
)

// cleanPeers canonicalizes candidates: no doubles, nothing that is not one
// host's address, at most MaxPeers.
func cleanPeers(peers []netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, p := range peers {
		p = withPort(p)
		a := p.Addr()
		if len(out) == MaxPeers || !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || slices.Contains(out, p) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// SetPeers says where the peer may be, the likeliest first: candidates found by
// discovery, which nobody vouches for. They are dialed in turn, the one that
// was last connected first, at most two at once; handshakes are admitted from
// them alone. Connections that exist are left alone. At most [MaxPeers] are
// taken; without any nobody is dialed and nobody admitted. It does nothing if
// Config.Peer is set. It never blocks.
func (e *Endpoint) SetPeers(peers []netip.AddrPort) {
	if e.cfg.Peer.Addr().IsValid() {
		return
	}
	peers = cleanPeers(peers)
	if !e.rewrite(func(b *book) { b.peers = peers }) {
		return
	}
	token(e.found)
	token(e.poked)
	e.ledger.notify()
}

// SetLocal says which address is ours: one that has appeared (IPv6: after
// duplicate address detection) or changed. Port 0 keeps the port. An invalid
// address means that there is none; then nobody is talked to. If it changes
// anything it reports so, and is a [Endpoint.Rebind].
func (e *Endpoint) SetLocal(local netip.AddrPort) (changed bool) {
	port := local.Port()
	if port == 0 {
		port = e.addresses().local.Port()
	}
	local = netip.AddrPortFrom(local.Addr().Unmap(), port)
	had := false
	if !e.rewrite(func(b *book) { had, b.local = b.local.Addr().IsValid(), local }) {
		return false
	}
	if had {
		e.Rebind()
	} else { // nothing hangs on an old address: a dial begun this moment may go on
		token(e.rebind)
		token(e.found)
	}
	e.ledger.notify()
	return true
}

// rewrite changes the book and reports whether that made a difference.
func (e *Endpoint) rewrite(change func(*book)) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	old := e.addresses()
	b := *old
	change(&b)
	if b.local == old.local && slices.Equal(b.peers, old.peers) && slices.Equal(b.twins, old.twins) {
		return false
	}
	e.book.Store(&b)
	return true
}

// addresses returns the book as it is.
func (e *Endpoint) addresses() *book { return e.book.Load() }
