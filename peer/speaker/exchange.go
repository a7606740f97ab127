package speaker

import (
	"math/bits"
	"time"

	"socketha/peer"
	"socketha/peer/wire"
)

const (
	burst      = 8                      // messages beside heartbeats sent at a time
	burstPause = 10 * time.Millisecond  // between two of them
	askAfter   = 200 * time.Millisecond // nothing missing has come for so long
	firstAsk   = 250 * time.Millisecond // until it is asked for again, doubling
	lastAsk    = time.Minute            // up to here
)

// exchange keeps what is told beside the heartbeats: what we still have to send,
// and what we hold of the peer and still want.
type exchange struct {
	factsToSend bool
	partsToSend [wire.MaxParts / 64]uint64 // a bit for each
	sentSet     peer.Digest                // the set last sent,
	sentLife    uint32                     // to the peer with this discriminator
	sendAt      time.Time                  // not before

	facts       *peer.Facts // nil: none
	factsDigest peer.Digest
	set         []peer.Capability
	setDigest   peer.Digest // zero: none
	joiner      *wire.Joiner

	wantFacts peer.Digest // announced and not held; zero: nothing is missing
	wantSet   peer.Digest
	askAt     time.Time
	askWait   time.Duration
}

// up plans what the peer gets told when the session comes up. The capabilities go
// to each life of the peer once; should it miss them, it asks.
func (x *exchange) up(mine *local, life uint32) {
	x.factsToSend = mine.facts != peer.Digest{}
	if x.sentLife != life || x.sentSet != mine.capabilities {
		x.sendAllParts(mine)
		x.sentLife = life
	}
}

func (x *exchange) sendAllParts(mine *local) {
	x.sentSet = mine.capabilities
	clear(x.partsToSend[:])
	for part := range mine.parts {
		x.markPart(part)
	}
}

func (x *exchange) markPart(part int) { x.partsToSend[part/64] |= 1 << (part % 64) }

// nextPart returns the lowest part to be sent, -1 if there is none.
func (x *exchange) nextPart() int {
	for i, word := range x.partsToSend {
		if word != 0 {
			return i*64 + bits.TrailingZeros64(word)
		}
	}
	return -1
}

func (x *exchange) somethingToSend() bool { return x.factsToSend || x.nextPart() >= 0 }

// asked notes what the peer asks for. However often it asks, each piece waits once.
func (x *exchange) asked(mine *local, q *peer.Request) {
	if q.Facts && mine.facts != (peer.Digest{}) {
		x.factsToSend = true
	}
	if q.Capabilities != mine.capabilities || len(mine.parts) == 0 {
		return // it will see the digest of the present set in the next heartbeat
	}
	if len(q.Parts) == 0 {
		x.sendAllParts(mine)
	}
	for _, part := range q.Parts {
		if int(part) < len(mine.parts) {
			x.markPart(int(part))
		}
	}
}

// forget drops what is held of the peer.
func (x *exchange) forget() {
	x.facts, x.factsDigest = nil, peer.Digest{}
	x.set, x.setDigest, x.joiner = nil, peer.Digest{}, nil
	x.wantFacts, x.wantSet = peer.Digest{}, peer.Digest{}
}

// compare finds out what is missing of what hb announces. It reports whether what
// is held, or whether it is current, has changed.
func (x *exchange) compare(now time.Time, hb *peer.Heartbeat) (changed bool) {
	facts, set := hb.Facts, hb.Capabilities
	if facts == x.factsDigest {
		facts = peer.Digest{}
	}
	if set == x.setDigest {
		set = peer.Digest{}
	}
	if hb.Capabilities == (peer.Digest{}) && x.setDigest != (peer.Digest{}) {
		x.set, x.setDigest = nil, peer.Digest{}
		changed = true
	}
	if facts == x.wantFacts && set == x.wantSet {
		return changed
	}
	x.wantFacts, x.wantSet = facts, set
	switch {
	case set == peer.Digest{}:
		x.joiner = nil
	case x.joiner == nil || x.joiner.Digest() != set:
		x.joiner = wire.NewJoiner(set)
	}
	x.askAt, x.askWait = now.Add(askAfter), firstAsk // it is probably under way
	return true
}

func (x *exchange) wanting() bool {
	return x.wantFacts != peer.Digest{} || x.wantSet != peer.Digest{}
}

// takeFacts takes in the peer's facts, which must name the serial of the certificate
// of the connection they came by.
func (l *loop) takeFacts(k *link, f *peer.Facts) {
	if l.x.facts == nil || *l.x.facts != *f {
		l.dirty = true
		l.logFacts(f)
	}
	l.x.facts, l.x.factsDigest = f, wire.DigestFacts(f)
	var conflict *IdentityConflict
	if serial := k.conn.PeerSerial(); serial != f.Serial {
		conflict = &IdentityConflict{Certificate: serial, Facts: f.Serial}
	}
	l.setConflict(conflict)
	l.compare()
}

func (l *loop) setConflict(c *IdentityConflict) {
	if c == nil && l.conflict == nil || c != nil && l.conflict != nil && *c == *l.conflict {
		return
	}
	l.conflict = c
	l.dirty = true
	if c != nil {
		l.log.Warn("the peer's facts do not fit its certificate",
			"certificate_serial", shown(c.Certificate), "facts_serial", shown(c.Facts))
	}
}

// compare looks again what is missing after something has come.
func (l *loop) compare() {
	if l.heard != nil && l.x.compare(l.now, l.heard) {
		l.dirty = true
	}
}

// takePart takes in a part of the peer's capability set. Parts that come before
// the heartbeat that announces them are kept too.
func (l *loop) takePart(p *peer.CapabilityPart) {
	x := &l.x
	if p.Digest == x.setDigest {
		return // held already
	}
	if x.joiner == nil {
		x.joiner = wire.NewJoiner(p.Digest)
	}
	if p.Digest != x.joiner.Digest() {
		l.count.Outdated++
		return
	}
	complete, err := x.joiner.Add(p)
	if err != nil {
		l.count.BadMessages++
		l.log.Debug("part of the capabilities refused", "error", shown(err.Error()))
		return // asked for again, less and less often
	}
	x.askAt, x.askWait = l.now.Add(askAfter), firstAsk
	if !complete {
		return
	}
	x.set, _ = x.joiner.Set()
	x.setDigest, x.joiner = p.Digest, nil
	l.dirty = true
	l.log.Info("capabilities received", "count", len(x.set))
	l.compare()
}

// talk sends what is due of facts, parts and requests.
func (l *loop) talk() {
	if !due(l.exchangeDue(), l.now) {
		return
	}
	if l.x.somethingToSend() && !l.now.Before(l.x.sendAt) {
		l.sendSome()
	}
	if l.x.wanting() && due(l.x.askAt, l.now) {
		l.ask()
	}
}

// exchangeDue is when talk has something to do; zero: not before something else
// happens.
func (l *loop) exchangeDue() (at time.Time) {
	if l.s.View().State != peer.StateUp || len(l.links) == 0 {
		return at
	}
	if l.x.somethingToSend() {
		at = l.x.sendAt
		if at.IsZero() {
			at = l.now
		}
	}
	if l.x.wanting() {
		at = sooner(at, l.x.askAt)
	}
	return at
}

// sendSome sends a few of the messages that wait.
func (l *loop) sendSome() {
	k, x, protocol := l.usable()[0], &l.x, l.sp.cfg.Protocol
	left := burst
	if x.factsToSend {
		x.factsToSend = false
		left--
		l.count.FactsSent++
		l.sent(k.send(func(dst []byte) ([]byte, error) { return wire.AppendFacts(dst, protocol, &l.mine.Facts) }))
	}
	for ; left > 0; left-- {
		part := x.nextPart()
		if part < 0 {
			break
		}
		x.partsToSend[part/64] &^= 1 << (part % 64)
		l.count.PartsSent++
		l.sent(k.send(func(dst []byte) ([]byte, error) {
			return wire.AppendCapabilityPart(dst, protocol, &l.mine.parts[part])
		}))
	}
	x.sendAt = l.now.Add(burstPause)
}

// ask sends a request for what is missing.
func (l *loop) ask() {
	x := &l.x
	request := peer.Request{Facts: x.wantFacts != peer.Digest{}}
	if x.joiner != nil && x.wantSet != (peer.Digest{}) {
		request.Capabilities, request.Parts = x.joiner.Digest(), x.joiner.Missing()
	}
	l.count.RequestsSent++
	l.sent(l.usable()[0].send(func(dst []byte) ([]byte, error) {
		return wire.AppendRequest(dst, l.sp.cfg.Protocol, &request)
	}))
	x.askAt = l.now.Add(x.askWait)
	x.askWait = min(2*x.askWait, lastAsk)
}

// sent complains about what could not be encoded, which SetLocal should have
// refused.
func (l *loop) sent(err error) {
	if err != nil {
		l.log.Error("message not sent", "error", err)
	}
}
