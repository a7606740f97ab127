package speaker

import (
	"log/slog"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/wire"
)

// receive takes in one message. What cannot be read is counted and dropped.
func (l *loop) receive(k *link, b []byte) {
	msg, err := wire.Unmarshal(b)
	if err != nil {
		l.count.BadMessages++
		if l.log.Enabled(l.ctx, slog.LevelDebug) {
			l.log.Debug("message refused", "error", shown(err.Error()), "bytes", len(b))
		}
		return
	}
	l.silentSince = l.now
	if msg.Kind == wire.KindHeartbeat {
		l.heartbeat(k, msg.Heartbeat)
		return
	}
	if !l.believes(k, k.discriminator) {
		l.count.Outdated++
		return
	}
	switch {
	case !msg.Protocol.Overlaps(l.sp.cfg.Protocol):
		l.disagree(msg.Protocol)
	case msg.Kind == wire.KindFacts:
		l.takeFacts(k, msg.Facts)
	case msg.Kind == wire.KindCapabilities:
		l.takePart(msg.Part)
	case msg.Kind == wire.KindRequest:
		l.x.asked(l.mine, msg.Request)
	default:
		l.count.UnknownMessages++
	}
}

// heartbeat asks the session about hb and believes it if the session does.
func (l *loop) heartbeat(k *link, hb *peer.Heartbeat) {
	if !l.believes(k, hb.MyDiscriminator) {
		l.count.Outdated++
		return
	}
	if !hb.Protocol.Overlaps(l.sp.cfg.Protocol) {
		l.disagree(hb.Protocol)
		return
	}
	l.prove(k, hb.MyDiscriminator)
	believed := l.step(session.Event{Kind: session.Received, Heartbeat: session.Heartbeat{
		MyDiscriminator:   hb.MyDiscriminator,
		YourDiscriminator: hb.YourDiscriminator,
		Sequence:          hb.Sequence,
		Timers:            hb.Timers,
		State:             hb.State,
		Flags:             hb.Flags,
	}})
	if l.log.Enabled(l.ctx, slog.LevelDebug) {
		l.log.Debug("heartbeat received", "sequence", hb.Sequence, "state", hb.State.String(), "flags", uint8(hb.Flags),
			"version", shown(hb.Version), "believed", believed)
	}
	if believed {
		l.believe(k, hb)
	}
}

// believe makes hb the newest word of the peer.
func (l *loop) believe(k *link, hb *peer.Heartbeat) {
	l.sp.lastReceived.Store(int64(l.now.Sub(l.sp.epoch)))
	if key, serial := k.conn.PeerKey(), k.conn.PeerSerial(); l.heard == nil || key != l.key || serial != l.serial {
		// Somebody else: what the one before told does not hold for this one.
		l.key, l.serial = key, serial
		l.x.forget()
		l.conflict = nil
		l.dirty = true
	}
	if l.heard == nil || !sameMeaning(l.heard, hb) || l.mismatch != nil {
		l.dirty = true
	}
	l.heard = hb
	l.mismatch = nil
	if l.x.compare(l.now, hb) {
		l.dirty = true
	}
}

// sameMeaning reports whether b says nothing that a did not, apart from what the
// session deals with.
func sameMeaning(a, b *peer.Heartbeat) bool {
	return meaning(a) == meaning(b)
}

func meaning(hb *peer.Heartbeat) peer.Heartbeat {
	m := *hb
	m.YourDiscriminator, m.Sequence, m.State, m.Timers = 0, 0, 0, peer.Timers{}
	m.Flags &^= peer.FlagPoll | peer.FlagFinal
	return m
}

// disagree notes a peer that shares no protocol version with us. Nothing else it
// says can be understood, so the session will lose it.
func (l *loop) disagree(theirs peer.ProtocolRange) {
	if l.mismatch != nil && *l.mismatch == theirs {
		return
	}
	l.mismatch = &theirs
	l.dirty = true
	ours := l.sp.cfg.Protocol
	l.log.Warn("no protocol version in common", "peer_min", theirs.Min, "peer_max", theirs.Max, "min", ours.Min, "max", ours.Max)
}
