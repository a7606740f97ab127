package transport

import (
	"context"
	"crypto/elliptic"
	"crypto/tls"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v2"

	"socketha/peer/transport/internal/suite"
)

// TestExpiry says until when either certificate is valid.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		soon := now().Add(20 * 24 * time.Hour)
		a, b := ca.issue(t, leaf{serial: "SN-A", to: soon}), ca.issue(t, leaf{serial: "SN-B"})
		m := newMemNet()
		ea := newEndpoint(t, m, Config{Identity: a, Trust: pins(b), Local: addrA, Peer: addrB, Now: now})
		eb := newEndpoint(t, m, Config{Identity: b, Trust: pins(a), Local: addrB, Peer: addrA, Now: now})
		if s := ea.Stats(); !s.OwnExpires.Equal(soon) || !s.PeerExpires.IsZero() {
			t.Errorf("before: ours %v, the peer's %v", s.OwnExpires, s.PeerExpires)
		}
		run(t, ea)
		run(t, eb)
		next(t, ea)
		next(t, eb)
		if s := ea.Stats(); !s.OwnExpires.Equal(soon) || !s.PeerExpires.Equal(nextYears) {
			t.Errorf("ours %v, the peer's %v", s.OwnExpires, s.PeerExpires)
		}
		if s := eb.Stats(); !s.OwnExpires.Equal(nextYears) || !s.PeerExpires.Equal(soon) {
			t.Errorf("ours %v, the peer's %v", s.OwnExpires, s.PeerExpires)
		}
	})
}

// TestStolenCertificate shows certificates without holding their keys: our own,
// the peer's, and one that the CA vouches for but nobody pinned. Anyone who
// listened once can do that, so it is no finding and no refusal of an identity;
// with the key each of them is (the last column).
func TestStolenCertificate(t *testing.T) {
	ca := newAuthority(t)
	own := ca.issue(t, leaf{serial: "SN-A", tenant: "acme"})
	peer := ca.issue(t, leaf{serial: "SN-B", tenant: "acme"})
	replaced := ca.issue(t, leaf{serial: "SN-B", tenant: "acme"})
	trust := pins(peer).serial("SN-B")
	trust.CA = ca.pool()
	for _, tt := range []struct {
		name    string
		shown   *Identity
		genuine func(Stats) bool
	}{
		{"our own", own, func(s Stats) bool { return s.IdentityConflict != nil && s.Rejected[ReasonOwnKey] > 0 }},
		{"the peer's", peer, func(s Stats) bool { return s.Established > 0 }},
		{"a new one for the site", replaced, func(s Stats) bool { return s.PeerReplaced != nil && s.Rejected[ReasonPinMismatch] > 0 }},
	} {
		for _, side := range []Side{SideInitiator, SideAcceptor} {
			for _, holdsKey := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%v/key=%t", tt.name, side, holdsKey), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						m := newMemNet()
						victim := newEndpoint(t, m, Config{Identity: own, Trust: trust, Local: addrA, Peer: addrB, Now: now})
						victim.side = side
						cert := tls.Certificate{Certificate: tt.shown.cert.Certificate, PrivateKey: newKey(t, elliptic.P256())}
						if holdsKey {
							cert.PrivateKey = tt.shown.cert.PrivateKey
						}
						stop := run(t, victim)
						synctest.Wait()
						impostor(t, m, victim, cert)
						synctest.Wait()
						s := victim.Stats()
						stop()
						switch {
						case holdsKey && !tt.genuine(s):
							t.Errorf("with the key: %+v", s)
						case !holdsKey && (s.IdentityConflict != nil || s.PeerReplaced != nil || s.Established != 0 ||
							s.Rejected[ReasonKeyUnproven] == 0 || len(s.Rejected) != 1):
							t.Errorf("without the key: %+v", s)
						}
					})
				})
			}
		}
	}
}

// impostor handshakes with the victim from the peer's address.
func impostor(t *testing.T, m *memNet, victim *Endpoint, cert tls.Certificate) {
	t.Helper()
	cfg := &dtls.Config{
		Certificates: []tls.Certificate{cert}, InsecureSkipVerify: true, ClientAuth: dtls.RequireAnyClientCert,
		CipherSuites:       []dtls.CipherSuiteID{},
		CustomCipherSuites: func() []dtls.CipherSuite { return []dtls.CipherSuite{suite.New(suite.Events{})} },
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	host := m.host(addrB.Addr())
	if victim.side == SideAcceptor {
		raw, err := host.Dial(ctx, addrB.Addr(), addrA)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := dtls.ClientWithContext(ctx, raw, cfg); err == nil {
			synctest.Wait() // the victim has finished, too
			_ = c.Close()
		}
		_ = raw.Close()
		return
	}
	other := newEndpoint(t, m, Config{Identity: identity(t, "SN-X"), Trust: pins(victim.cfg.Identity), Local: addrB, Peer: addrA, Now: now})
	other.side = SideAcceptor
	other.cfg.Identity.cert = cert
	stop := run(t, other)
	time.Sleep(2 * time.Second)
	stop()
}
