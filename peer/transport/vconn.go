package transport

import (
	"context"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"socketha/peer/transport/internal/guard"
)

// vconn is the acceptor's side of one association: a net.Conn over the socket
// that all of them share.
type vconn struct {
	*inbox
	owner  *acceptor
	socket packetSocket
	remote netip.AddrPort
	out    atomic.Pointer[guard.Sender] // made when the source is proven: a flood gets none
	stray  bool                         // served only to see whether it has our own key
	cancel context.CancelCauseFunc      // ends the handshake

	conn atomic.Pointer[Conn] // set when the handshake begins

	established bool // guarded by the owner's mu

	// proven is set once the source has echoed the cookie: it receives what is
	// sent to its address (RFC 6347 section 4.2.1).
	proven atomic.Bool
}

// Read returns the next datagram from remote.
func (v *vconn) Read(b []byte) (int, error) { return v.read(b) }

// Write sends one datagram to remote.
func (v *vconn) Write(b []byte) (int, error) { return v.Send(b, false) }

// Send is Write, and with confirm says that the peer is alive (guard.Sender). A
// ServerHello means that pion has accepted the cookie.
func (v *vconn) Send(b []byte, confirm bool) (int, error) {
	select {
	case <-v.closed:
		return 0, net.ErrClosed
	default:
	}
	if isServerHello(b) {
		v.proven.Store(true)
	}
	if !v.proven.Load() {
		return v.socket.WriteToUDPAddrPort(b, v.remote)
	}
	out := v.out.Load()
	if out == nil {
		s, err := v.socket.Sender(v.remote)
		if err != nil {
			return 0, err
		}
		out = &s
		v.out.Store(out)
	}
	return (*out).Send(b, confirm)
}

// provenSource reports whether raw is the acceptor's, and its source proven.
func provenSource(raw net.Conn) bool {
	v, ok := raw.(*vconn)
	return ok && v.proven.Load()
}

// isStray reports whether raw is the acceptor's and serves one that should not
// have called here.
func isStray(raw net.Conn) bool {
	v, ok := raw.(*vconn)
	return ok && v.stray
}

// isServerHello looks at the first record of a datagram of our own.
func isServerHello(b []byte) bool {
	const header, handshake, serverHello = 13, 22, 2
	return len(b) > header && b[0] == handshake && b[header] == serverHello
}

// Close takes the association off the demux; the shared socket stays open.
func (v *vconn) Close() error {
	v.close()
	v.owner.forget(v)
	return nil
}

// LocalAddr returns the address of the shared socket.
func (v *vconn) LocalAddr() net.Addr { return v.socket.LocalAddr() }

// RemoteAddr returns the address and port of the peer.
func (v *vconn) RemoteAddr() net.Addr {
	remote := v.remote
	if linkLocal6(remote.Addr()) && remote.Addr().Zone() == "" {
		remote = netip.AddrPortFrom(remote.Addr().WithZone(v.owner.endpoint.cfg.Interface), remote.Port())
	}
	return net.UDPAddrFromAddrPort(remote)
}

// SetDeadline sets the read deadline; writing to UDP never waits.
func (v *vconn) SetDeadline(t time.Time) error { return v.SetReadDeadline(t) }

// SetReadDeadline honours a time in the past at once.
func (v *vconn) SetReadDeadline(t time.Time) error {
	v.limit.set(t)
	return nil
}

// SetWriteDeadline does nothing: writing to UDP never waits.
func (v *vconn) SetWriteDeadline(time.Time) error { return nil }
