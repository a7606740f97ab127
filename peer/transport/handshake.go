package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/pion/dtls/v2"
	"github.com/pion/logging"

	"socketha/peer/transport/internal/guard"
	"socketha/peer/transport/internal/suite"
)

// Causes for which we end a handshake ourselves.
var (
	errEvicted    = errors.New("evicted: too many handshakes at once")
	errSuperseded = errors.New("superseded by a newer handshake")
)

// handshake runs one DTLS handshake over raw, which it owns from now on: ours
// for attempt a, or the peer's if a is nil. A refused handshake is counted and
// logged here.
func (e *Endpoint) handshake(ctx context.Context, raw net.Conn, a *attempt) (*Conn, error) {
	side := guard.Server
	if a != nil {
		side = guard.Client
	}
	filter := guard.NewFilter(side, &e.ledger.records)
	c := &Conn{
		endpoint:  e,
		wire:      guard.NewConn(raw, filter, &e.ledger.hints),
		initiator: a != nil,
	}
	if e.bypass {
		c.wire.Bypass()
	}
	c.wire.Confirm(c.alive)
	c.begun = nanotime()
	c.heard.Store(c.begun)
	v := &verifier{endpoint: e, mute: c.wire.Mute}
	if isStray(raw) {
		v.pass = never
	}
	if a != nil {
		v.pass = a.pass
		c.wire.Outgoing(e.hellos.note)
		a.filter.Store(filter)
		c.wire.Aside(c.aside)
	} else if v, ok := raw.(*vconn); ok {
		v.conn.Store(c)
	}
	secured, err := start(ctx, c, e.dtlsConfig(v, c))
	if err != nil {
		_ = raw.Close() // the error to report is the handshake's
		return nil, e.refused(ctx, raw, v, c, err)
	}
	c.secured, c.who = secured, v.who
	c.begin()
	return c, nil
}

// start runs the constructor, which is where pion handshakes.
func start(ctx context.Context, c *Conn, cfg *dtls.Config) (*dtls.Conn, error) {
	if c.initiator {
		return dtls.ClientWithContext(ctx, c.wire, cfg)
	}
	return dtls.ServerWithContext(ctx, c.wire, cfg)
}

// dtlsConfig is made for one handshake: its callbacks know whose it is.
func (e *Endpoint) dtlsConfig(v *verifier, c *Conn) *dtls.Config {
	own := e.cfg.Identity.cert
	events := suite.Events{
		Keyed: func(s *suite.Suite) { c.keyed.Store(s) },
		Sealed: func() {
			if c.sealed.Add(1) == e.wearLimit {
				c.worn()
			}
		},
		Opened: c.opened,
		Forged: func() { e.ledger.count(ReasonForged) },
	}
	return &dtls.Config{
		Certificates: []tls.Certificate{own},
		// Without it pion shows no certificate to a server that names other CAs.
		GetClientCertificate: func(*dtls.CertificateRequestInfo) (*tls.Certificate, error) { return &own, nil },

		// Empty, not nil: nil would add pion's own suites (random nonces, CBC).
		CipherSuites:         []dtls.CipherSuiteID{},
		CustomCipherSuites:   func() []dtls.CipherSuite { return []dtls.CipherSuite{suite.New(events)} },
		SignatureSchemes:     []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		ExtendedMasterSecret: dtls.RequireExtendedMasterSecret,

		// Our own check replaces pion's, in both callbacks: the first is not
		// called for a peer without a certificate.
		ClientAuth:            dtls.RequireAnyClientCert,
		InsecureSkipVerify:    true,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error { return v.verify(raw) },
		VerifyConnection:      func(s *dtls.State) error { return v.confirm(s.PeerCertificates) },

		FlightInterval:         e.cfg.FlightInterval,
		MTU:                    mtu,
		ReplayProtectionWindow: guard.Window,
		LoggerFactory:          silent{},
	}
}

// aside takes messages and hints off the wire of a connection that we dialed.
func (c *Conn) aside(datagram []byte) bool {
	if c.take(datagram) {
		return true
	}
	k, ok := parseHint(datagram)
	if ok && k == hintNoSession {
		c.endpoint.hinted(addrPort(c.RemoteAddr()).Addr(), c)
	}
	return ok
}

// verifier judges the certificate of one handshake. pion calls it from one
// goroutine, which has ended or come to rest when the constructor returns. pass
// is asked once the peer is believed, before the last flight is sent; nil always
// agrees.
type verifier struct {
	endpoint *Endpoint
	pass     func() bool
	mute     func()

	who        peerIdentity
	verified   bool
	refusal    *refusal
	superseded bool
}

// verify is called when the peer has proven that it holds the key: pion checks
// the signature of ServerKeyExchange or CertificateVerify first. So whoever shows
// a certificate that it only overheard makes no finding (TestStolenCertificate).
func (v *verifier) verify(raw [][]byte) error {
	e := v.endpoint
	v.who, v.refusal = e.cfg.Trust.judge(e.cfg.Identity, raw, e.certificateTime())
	if v.refusal != nil {
		return v.refusal
	}
	v.verified = true
	if v.pass != nil && !v.pass() {
		v.superseded = true
		v.mute()
		return errSuperseded
	}
	return nil
}

// confirm is called at the end, with or without a certificate.
func (v *verifier) confirm(raw [][]byte) error {
	if v.verified && len(raw) > 0 {
		return nil
	}
	_, v.refusal = v.endpoint.cfg.Trust.judge(v.endpoint.cfg.Identity, nil, v.endpoint.certificateTime())
	return v.refusal
}

// refused finds the reason of a failed handshake, counts it, and returns the
// error. A handshake given up for a newer one, or because we stop, is none.
func (e *Endpoint) refused(ctx context.Context, raw net.Conn, v *verifier, c *Conn, err error) error {
	if v.superseded || errors.Is(context.Cause(ctx), errSuperseded) {
		return errSuperseded
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return context.Canceled
	}
	reason := ReasonHandshakeFailed
	switch _, _, alert := c.wire.Alert(); {
	case v.refusal != nil:
		reason, err = v.refusal.reason, v.refusal
	case errors.Is(context.Cause(ctx), errEvicted):
		reason, err = ReasonHandshakeEvicted, errEvicted
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		reason = ReasonHandshakeTimeout
	case alert:
		reason = ReasonRefusedByPeer
	case noClientCertificate(err):
		reason = ReasonNoCertificate
	case keyUnproven(err):
		reason = ReasonKeyUnproven
	}
	if reason == ReasonHandshakeTimeout && !isStray(raw) {
		e.ledger.outOfTime(c, provenSource(raw))
	}
	remote := addrPort(raw.RemoteAddr())
	e.ledger.reject(reason, remote, v.who, err)
	if v.refusal != nil {
		e.ledger.find(v.refusal.finding, Finding{
			Reason: reason, Serial: v.who.Serial, Fingerprint: v.who.Fingerprint, Remote: remote,
		})
	}
	return &rejection{reason: reason, err: err}
}

// rejection is the error of a handshake that was counted.
type rejection struct {
	reason Reason
	err    error
}

func (r *rejection) Error() string { return string(r.reason) + ": " + r.err.Error() }
func (r *rejection) Unwrap() error { return r.err }

// noClientCertificate recognizes an error that pion does not export. It is
// raised before VerifyConnection is asked.
func noClientCertificate(err error) bool {
	return strings.Contains(err.Error(), "server required client verification, but got none")
}

// keyUnproven recognizes another: a signature that the certificate's key did not
// make.
func keyUnproven(err error) bool {
	return strings.Contains(err.Error(), "expected and actual key signature do not match")
}

func addrPort(a net.Addr) netip.AddrPort {
	if u, ok := a.(*net.UDPAddr); ok {
		return u.AddrPort()
	}
	return netip.AddrPort{}
}

// silent keeps pion from writing to standard error: it logs what peers send.
type silent struct{}

func (silent) NewLogger(string) logging.LeveledLogger { return silent{} }

func (silent) Trace(string)          {}
func (silent) Tracef(string, ...any) {}
func (silent) Debug(string)          {}
func (silent) Debugf(string, ...any) {}
func (silent) Info(string)           {}
func (silent) Infof(string, ...any)  {}
func (silent) Warn(string)           {}
func (silent) Warnf(string, ...any)  {}
func (silent) Error(string)          {}
func (silent) Errorf(string, ...any) {}
