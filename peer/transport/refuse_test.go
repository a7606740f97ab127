package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// authority is a CA for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var (
	longAgo   = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	farAhead  = time.Date(2090, 1, 1, 0, 0, 0, 0, time.UTC)
	lastYear  = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	thisYear  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	nextYears = time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
)

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key := newKey(t, elliptic.P256())
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, NotBefore: longAgo, NotAfter: farAhead,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	return &authority{cert: signed(t, template, template, key.Public(), key), key: key}
}

func signed(t testing.TB, template, parent *x509.Certificate, public, private any) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, private)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func (ca *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// leaf is what a test certificate says.
type leaf struct {
	serial, tenant string
	from, to       time.Time // thisYear to nextYears if zero
	key            *ecdsa.PrivateKey
	usage          []x509.ExtKeyUsage
	extra          []pkix.AttributeTypeAndValue
}

// issue makes an identity by the CA, or self-signed by a nil one. It checks
// nothing: that is for the code under test.
func (ca *authority) issue(t testing.TB, l leaf) *Identity {
	t.Helper()
	if l.key == nil {
		l.key = newKey(t, elliptic.P256())
	}
	if l.from.IsZero() {
		l.from = thisYear
	}
	if l.to.IsZero() {
		l.to = nextYears
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: l.from, NotAfter: l.to, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: l.usage, BasicConstraintsValid: true,
		Subject: pkix.Name{SerialNumber: l.serial, ExtraNames: l.extra},
	}
	if l.tenant != "" {
		template.Subject.Organization = []string{l.tenant}
	}
	parent, key := template, l.key
	if ca != nil {
		parent, key = ca.cert, ca.key
	}
	cert := signed(t, template, parent, l.key.Public(), key)
	return &Identity{
		cert: tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: l.key, Leaf: cert},
		leaf: cert, serial: l.serial, tenant: l.tenant, fingerprint: FingerprintOf(cert),
	}
}

// now is the clock of these tests: in the validity of the certificates above.
func now() time.Time { return time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC) }

// kind is one kind of peer, and what the victim, SN-A by the CA, makes of it.
type kind struct {
	name    string
	trust   Trust
	other   *Identity
	clock   func() time.Time // now if nil
	floor   time.Time
	reason  Reason // empty: accepted
	finding findingKind
}

func pins(ids ...*Identity) Trust {
	var t Trust
	for _, id := range ids {
		t.Pins = append(t.Pins, id.fingerprint)
	}
	return t
}

func (t Trust) serial(serial string) Trust {
	t.PeerSerial = serial
	return t
}

// goodKinds are believed.
func goodKinds(t *testing.T, ca *authority) []kind {
	peer := ca.issue(t, leaf{serial: "SN-B", tenant: "acme"})
	ours := identity(t, "SN-B")
	byCA := Trust{CA: ca.pool(), PeerSerial: "SN-B"}
	unset := func() time.Time { return time.Unix(0, 0).Add(time.Minute) }
	return []kind{
		{name: "pinned", trust: pins(peer), other: peer},
		{name: "second of two pins", trust: pins(ours, peer), other: peer},
		{name: "pinned, with its serial", trust: pins(peer).serial("SN-B"), other: peer},
		{name: "by CA", trust: byCA, other: peer},
		{name: "by CA, a certificate for clients", trust: byCA, other: ca.issue(t, leaf{
			serial: "SN-B", usage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})},
		{name: "by CA, without tenant", trust: byCA, other: ca.issue(t, leaf{serial: "SN-B"})},
		{name: "pinned, clock at 1970", trust: pins(peer), other: peer, clock: unset, floor: now()},
		{name: "by CA, clock at 1970", trust: byCA, other: peer, clock: unset, floor: now()},
		{name: "our own making, clock at 1970, no floor", trust: pins(ours), other: ours, clock: unset},
		{name: "our own making, clock at 2150", trust: pins(ours), other: ours, clock: func() time.Time {
			return time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)
		}},
	}
}

// badPins are refused although, or because, keys are pinned.
func badPins(t *testing.T, ca *authority, own *Identity) []kind {
	peer := ca.issue(t, leaf{serial: "SN-B", tenant: "acme"})
	ours := identity(t, "SN-B")
	both := pins(peer).serial("SN-B")
	both.CA = ca.pool()
	ownSerial := ca.issue(t, leaf{serial: "SN-A"})
	expired := ca.issue(t, leaf{serial: "SN-B", from: lastYear, to: thisYear})
	early := ca.issue(t, leaf{serial: "SN-B", from: nextYears, to: farAhead})
	cloned := ca.issue(t, leaf{serial: "SN-C", key: privateKey(own)})
	return []kind{
		{name: "key not pinned", trust: pins(ours), other: peer, reason: ReasonPinMismatch},
		{
			name: "replaced", trust: both, other: ca.issue(t, leaf{serial: "SN-B", tenant: "acme"}),
			reason: ReasonPinMismatch, finding: findingReplaced,
		},
		{name: "not pinned, by a strange CA", trust: both, other: newAuthority(t).issue(t, leaf{serial: "SN-B"}), reason: ReasonPinMismatch},
		{name: "not pinned, another serial", trust: both, other: ca.issue(t, leaf{serial: "SN-C"}), reason: ReasonPinMismatch},
		{name: "not pinned, expired", trust: both, other: expired, reason: ReasonPinMismatch},
		{name: "its serial changed", trust: pins(peer).serial("SN-Z"), other: peer, reason: ReasonSerialMismatch, finding: findingReplaced},
		{name: "pinned, with our serial", trust: pins(ownSerial), other: ownSerial, reason: ReasonOwnSerial, finding: findingConflict},
		{name: "pinned, expired", trust: pins(expired), other: expired, reason: ReasonExpired},
		{name: "pinned, not yet valid", trust: pins(early), other: early, reason: ReasonNotYetValid},
		{name: "our own key", trust: pins(peer), other: cloned, reason: ReasonOwnKey, finding: findingConflict},
		{name: "our own key and serial", trust: pins(peer), other: own, reason: ReasonOwnKey, finding: findingConflict},
	}
}

// badByCA are refused under a CA without pins.
func badByCA(t *testing.T, ca *authority, own *Identity) []kind {
	peer := ca.issue(t, leaf{serial: "SN-B", tenant: "acme"})
	byCA := Trust{CA: ca.pool(), PeerSerial: "SN-B"}
	stranger := newAuthority(t)
	late := leaf{serial: "SN-B", from: lastYear, to: thisYear}
	bad := func(name string, other *Identity, reason Reason) kind {
		return kind{name: name, trust: byCA, other: other, reason: reason}
	}
	twoSerials := leaf{extra: []pkix.AttributeTypeAndValue{
		{Type: oidSerialNumber, Value: "SN-X"}, {Type: oidSerialNumber, Value: "SN-B"},
	}}
	return []kind{
		bad("wrong CA", stranger.issue(t, leaf{serial: "SN-B"}), ReasonUntrustedCA),
		bad("self-signed under a CA", identity(t, "SN-B"), ReasonUntrustedCA),
		bad("wrong CA and expired", stranger.issue(t, late), ReasonUntrustedCA),
		bad("wrong serial", ca.issue(t, leaf{serial: "SN-C"}), ReasonSerialMismatch),
		bad("expired, by CA", ca.issue(t, late), ReasonExpired),
		bad("not yet valid, by CA", ca.issue(t, leaf{serial: "SN-B", from: nextYears, to: farAhead}), ReasonNotYetValid),
		bad("another tenant", ca.issue(t, leaf{serial: "SN-B", tenant: "globex"}), ReasonTenantMismatch),
		bad("no serial", ca.issue(t, leaf{tenant: "acme"}), ReasonBadCertificate),
		bad("two serials", ca.issue(t, twoSerials), ReasonBadCertificate),
		bad("key on P-384", ca.issue(t, leaf{serial: "SN-B", key: newKey(t, elliptic.P384())}), ReasonBadCertificate),
		{name: "our serial, by CA", trust: byCA, other: ca.issue(t, leaf{serial: "SN-A"}), reason: ReasonOwnSerial, finding: findingConflict},
		{
			name: "our key, by CA", trust: byCA.serial("SN-C"), other: ca.issue(t, leaf{serial: "SN-C", key: privateKey(own)}),
			reason: ReasonOwnKey, finding: findingConflict,
		},
		{name: "another Socket of the CA", trust: byCA.serial("SN-D"), other: peer, reason: ReasonSerialMismatch},
	}
}

func privateKey(id *Identity) *ecdsa.PrivateKey {
	key, _ := id.cert.PrivateKey.(*ecdsa.PrivateKey)
	return key
}

// TestKinds lets each kind of peer try, with the victim on either side. The
// victim must count what it refuses under its own reason and no other.
func TestKinds(t *testing.T) {
	ca := newAuthority(t)
	own := ca.issue(t, leaf{serial: "SN-A", tenant: "acme"})
	for _, k := range slices.Concat(goodKinds(t, ca), badPins(t, ca, own), badByCA(t, ca, own)) {
		for _, side := range []Side{SideInitiator, SideAcceptor} {
			t.Run(k.name+"/"+side.String(), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { k.run(t, own, side) })
			})
		}
	}
}

// run sets the victim, on the given side, against the other, who believes it.
func (k kind) run(t *testing.T, own *Identity, side Side) {
	clock := k.clock
	if clock == nil {
		clock = now
	}
	other := *k.other
	if other.fingerprint == own.fingerprint {
		other.fingerprint, other.serial = Fingerprint{9}, "SN-C" // a clone that does not look
	}
	m := newMemNet()
	v := newEndpoint(t, m, Config{
		Identity: own, Trust: k.trust, Local: addrA, Peer: addrB, Now: clock, TimeFloor: k.floor,
	})
	o := newEndpoint(t, m, Config{Identity: &other, Trust: pins(own), Local: addrB, Peer: addrA, Now: now})
	o.cfg.Identity.serial = "SN-unlike-any" // the victim is never refused for its serial
	v.side, o.side = side, SideInitiator
	if side == SideInitiator {
		o.side = SideAcceptor
	}
	stopO, stopV := run(t, o), run(t, v)
	if k.reason == "" {
		say(t, next(t, v), next(t, o), "welcome")
	} else {
		time.Sleep(10 * time.Second)
	}
	stopV()
	k.check(t, v.Stats(), o.Stats())
	stopO()
}

func (k kind) check(t *testing.T, victim, other Stats) {
	t.Helper()
	s := victim
	if k.reason == "" {
		if len(s.Rejected) != 0 || s.IdentityConflict != nil || s.PeerReplaced != nil {
			t.Errorf("accepted, but %+v", s)
		}
		return
	}
	if s.Established != 0 {
		t.Error("it was believed")
	}
	if n := s.Rejected[k.reason]; n == 0 || len(s.Rejected) != 1 {
		t.Errorf("rejected %v, want only %s", s.Rejected, k.reason)
	}
	if (s.IdentityConflict != nil) != (k.finding == findingConflict) {
		t.Errorf("identity conflict %+v", s.IdentityConflict)
	}
	if (s.PeerReplaced != nil) != (k.finding == findingReplaced) {
		t.Errorf("peer replaced %+v", s.PeerReplaced)
	}
	if other.Rejected[ReasonRefusedByPeer] == 0 {
		t.Errorf("the other end does not know that it was refused: %v", other.Rejected)
	}
}

// TestFindingOnce counts a finding that comes again, and announces it once.
func TestFindingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		a, b := ca.issue(t, leaf{serial: "SN-A"}), ca.issue(t, leaf{serial: "SN-B"})
		trust := pins(identity(t, "SN-B"))
		trust.CA = ca.pool()
		m := newMemNet()
		v := newEndpoint(t, m, Config{Identity: a, Trust: trust, Local: addrA, Peer: addrB, Now: now})
		o := newEndpoint(t, m, Config{Identity: b, Trust: pins(a), Local: addrB, Peer: addrA, Now: now})
		v.side, o.side = SideInitiator, SideAcceptor
		run(t, o)
		run(t, v)
		time.Sleep(time.Minute)
		f := v.Stats().PeerReplaced
		if f == nil || f.Count < 30 || f.Serial != "SN-B" || f.Fingerprint != b.fingerprint || f.Remote != addrB {
			t.Fatalf("finding %+v", f)
		}
		if n := v.Stats().Dials; n > 100 {
			t.Errorf("%d dials a minute at a peer that is refused", n)
		}
		<-v.Changed()
		time.Sleep(time.Minute)
		select {
		case <-v.Changed():
			t.Error("the same finding was announced again")
		default:
		}
	})
}
