package pairing

import (
	"context"
	"time"

	"socketha/peer"
	"socketha/peer/transport"
	"socketha/peer/wire"
)

var protocol = peer.ProtocolRange{Min: peer.ProtocolMin, Max: peer.ProtocolMax}

// talk exchanges facts with an authenticated peer until the connection ends.
func (h *host) talk(ctx context.Context, c *transport.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	who := Peer{Key: transport.Fingerprint(c.PeerKey()), Serial: c.PeerSerial()}
	h.report(ctx, who)

	got := make(chan struct{}, 1)
	done := make(chan struct{})
	facts, err := wire.AppendFacts(nil, protocol, &h.cfg.Facts)
	if err != nil {
		h.cfg.Log.Warn("the facts of this Socket cannot be sent", "error", err)
	}
	go func() { defer close(done); introduce(ctx, c, facts, got) }()
	defer func() { cancel(); <-done; _ = c.Close() }()

	buffer := make([]byte, transport.MaxMessage)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		message, err := wire.Unmarshal(buffer[:n])
		if err == nil && message.Request != nil && message.Request.Facts {
			say(c, facts)
		}
		if err != nil || message.Facts == nil || message.Facts.Serial != who.Serial {
			continue // an agent's heartbeat, or facts of somebody else: nothing to show
		}
		select {
		case got <- struct{}{}:
		default:
		}
		who.Model = message.Facts.Model
		h.report(ctx, who)
	}
}

func (h *host) report(ctx context.Context, who Peer) {
	select {
	case h.heard <- who:
	case <-ctx.Done():
	}
}

// introduce sends our facts, and asks for the peer's, until they have come.
func introduce(ctx context.Context, c *transport.Conn, facts []byte, got <-chan struct{}) {
	question, _ := wire.AppendRequest(nil, protocol, &peer.Request{Facts: true}) // has nothing that could be too long
	repeat := time.NewTicker(repeatFacts)
	defer repeat.Stop()
	for {
		say(c, facts)
		say(c, question)
		select {
		case <-ctx.Done():
			return
		case <-got:
			return
		case <-repeat.C:
		}
	}
}

// say sends a message, which may be lost like any datagram: it is asked for
// again then.
func say(c *transport.Conn, message []byte) {
	if len(message) > 0 {
		_, _ = c.Write(message)
	}
}
