package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// A key change is a connection made beside the one in use, by the initiator:
// pion cannot change the keys of one. The owner has both and closes the old one
// when the new one has proven itself.
const (
	defaultRekey = time.Hour
	minRekey     = time.Millisecond
	maxRekey     = 24 * time.Hour

	// rekeyRecords in either direction ask for new keys before the time: well
	// below the 2^20 at which they must have changed.
	rekeyRecords = 1 << 19

	// A key change that fails is tried again after so long. The old connection
	// stays in use: its keys are old, not broken.
	minRekeyRetry = time.Second
	maxRekeyRetry = time.Minute
)

// rekeying is what the dialer keeps about the key change; its loop owns it.
type rekeying struct {
	timer *time.Timer
	retry time.Duration
}

// early spreads the time of the key change from 75 to 90 %, so that it is never
// late.
func early(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d*3/20+1) //nolint:gosec // spread, not a secret
}

// scheduleRekey begins to count anew: there is a new connection.
func (d *dialer) scheduleRekey() {
	d.rekeying.retry = min(minRekeyRetry, d.endpoint.cfg.RekeyAfter)
	d.rekeying.timer.Reset(early(d.endpoint.cfg.RekeyAfter))
}

// rekey dials beside the connection in use. Without one there is nothing to
// renew: whoever wants one is asking for it already.
func (d *dialer) rekey(ctx context.Context) {
	if d.wanted() || !d.endpoint.dialed() {
		return
	}
	var addr netip.AddrPort
	if peers := d.candidates(); slices.Contains(peers, d.endpoint.preference()) {
		addr = peers[0]
	}
	if _, old := d.room(MaxPeers, time.Now()); old != nil || !addr.IsValid() {
		d.rekeyFailed()
		return
	}
	d.start(ctx, addr, forRekey)
}

// rekeyFailed counts it and tries again later.
func (d *dialer) rekeyFailed() {
	d.endpoint.ledger.rekeyFailed.Add(1)
	d.rekeying.timer.Reset(jitter(d.rekeying.retry))
	d.rekeying.retry = min(2*d.rekeying.retry, maxRekeyRetry)
}

// finishRekey takes in how an attempt ended that was begun for new keys. One
// that gave way to a newer connection has not failed.
func (d *dialer) finishRekey(r result) {
	switch {
	case r.err == nil:
		d.endpoint.ledger.rekeys.Add(1)
	case d.latest() > r.number, errors.Is(r.err, context.Canceled):
	default:
		d.rekeyFailed()
	}
}

// worn is told once when a key has protected, or opened, so many records.
func (c *Conn) worn() {
	if !c.initiator || !c.endpoint.newest(c) {
		return
	}
	token(c.endpoint.wear)
}

// dialed reports whether a connection is open that we dialed.
func (e *Endpoint) dialed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(e.open, func(c *Conn) bool { return c.initiator })
}
