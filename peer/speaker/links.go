package speaker

import (
	"slices"
	"time"

	"socketha/peer/session"
)

// adopt makes c the newest connection.
func (l *loop) adopt(c Conn) {
	k := newLink(c, l.now, &l.sp.tally, l.sp.wake, &l.group)
	l.links = append(l.links, k)
	l.dirty = true
	l.silentSince = l.now
	l.logLink("connection adopted", k)
	if len(l.links) > maxLinks {
		l.drop(l.oldestUseless())
	}
	l.step(session.Event{Kind: session.PathUp})
}

// oldestUseless is the connection to give up when there are too many: not the
// last proven one, and not the newest.
func (l *loop) oldestUseless() *link {
	if k := l.links[0]; k != l.authority() {
		return k
	}
	return l.links[1]
}

// authority is the youngest connection that has delivered a heartbeat; nil: none.
func (l *loop) authority() *link {
	for _, k := range slices.Backward(l.links) {
		if k.proven {
			return k
		}
	}
	return nil
}

// newest is the connection that wins; nil: there is none.
func (l *loop) newest() *link {
	if len(l.links) == 0 {
		return nil
	}
	return l.links[len(l.links)-1]
}

// usable returns the last proven connection and all younger ones, of which the
// peer may not know yet.
func (l *loop) usable() []*link {
	for i, k := range slices.Backward(l.links) {
		if k.proven {
			return l.links[i:]
		}
	}
	return l.links
}

// prove notes that k has delivered a heartbeat of the life d. The older ones then have
// two more intervals for what is still under way. What the same life goes on
// sending by an older one prolongs its time: where two connections reached the two
// sides in opposite order, each side sends by the one that the other finds old.
func (l *loop) prove(k *link, d uint32) {
	k.discriminator = d
	v := l.s.View()
	over := l.now.Add(2 * max(v.TxInterval, v.RxInterval))
	if !k.closeAt.IsZero() {
		k.closeAt = over
	}
	if k.proven {
		return
	}
	k.proven = true
	for _, older := range l.links {
		if older == k {
			return
		}
		older.closeAt = sooner(older.closeAt, over)
	}
}

// believes reports whether what k delivers for the life d of the peer counts.
func (l *loop) believes(k *link, d uint32) bool {
	a := l.authority()
	return a == nil || d == a.discriminator || !l.younger(a, k)
}

// younger reports whether a came after b.
func (l *loop) younger(a, b *link) bool {
	for _, k := range l.links {
		switch k {
		case a:
			return false
		case b:
			return true
		}
	}
	return false
}

// closeOld closes the connections whose time is over.
func (l *loop) closeOld() {
	for i := 0; i < len(l.links); i++ {
		if k := l.links[i]; due(k.closeAt, l.now) {
			l.drop(k)
			i--
		}
	}
}

// lose deals with a connection that has ended by itself.
func (l *loop) lose(k *link) {
	newest := l.newest()
	l.drop(k)
	if k != newest {
		return
	}
	l.redial()
	if next := l.newest(); next != nil {
		next.closeAt = time.Time{}
		l.step(session.Event{Kind: session.PathUp})
		return
	}
	l.step(session.Event{Kind: session.PathDown})
}

// drop forgets and closes k.
func (l *loop) drop(k *link) {
	l.links = slices.DeleteFunc(l.links, func(other *link) bool { return other == k })
	l.dirty = true
	l.logLink("connection closed", k)
	k.close(&l.group)
}

// checkStuck asks once for another connection when the newest cannot be written.
func (l *loop) checkStuck() {
	if k := l.newest(); k != nil && !k.redialed && k.stuck.Load() {
		k.redialed = true
		l.redial()
	}
}
