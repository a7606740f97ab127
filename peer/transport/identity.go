package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"
	"unicode/utf8"

	"socketha/peer"
)

// MaxTenant bounds the tenant (O) of a certificate we make: the upper bound of
// RFC 5280 appendix A.1 for an organization name, in bytes.
const MaxTenant = 64

// The validity of a certificate we make ourselves. It begins with the epoch, so
// that an appliance whose clock was never set is not "too early", and has no
// defined end (RFC 5280 section 4.1.2.5): a pinned key ends by being unpinned.
var (
	selfSignedNotBefore = time.Unix(0, 0).UTC()
	selfSignedNotAfter  = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// Identity is a Socket's key and certificate. It is immutable.
type Identity struct {
	cert        tls.Certificate
	leaf        *x509.Certificate
	serial      string
	tenant      string
	fingerprint Fingerprint
}

// NewIdentity makes a P-256 key and a self-signed certificate for the Socket
// with the given serial, 1 to 64 bytes of UTF-8, and tenant, at most
// [MaxTenant] bytes and empty for none.
func NewIdentity(serial, tenant string) (*Identity, error) {
	if err := checkName("serial", serial, peer.MaxSerial); err != nil {
		return nil, err
	}
	if serial == "" {
		return nil, errors.New("new identity: the serial is empty")
	}
	if err := checkName("tenant", tenant, MaxTenant); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("new identity: make key: %w", err)
	}
	der, err := selfSign(key, serial, tenant)
	if err != nil {
		return nil, fmt.Errorf("new identity: sign certificate: %w", err)
	}
	return newIdentity(key, [][]byte{der})
}

func checkName(what, s string, limit int) error {
	switch {
	case len(s) > limit:
		return fmt.Errorf("new identity: %s of %d bytes, at most %d are allowed", what, len(s), limit)
	case !utf8.ValidString(s):
		return fmt.Errorf("new identity: %s %s is not UTF-8", what, show(s))
	}
	return nil
}

func selfSign(key *ecdsa.PrivateKey, serial, tenant string) ([]byte, error) {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	subject := pkix.Name{SerialNumber: serial, CommonName: serial}
	if tenant != "" {
		subject.Organization = []string{tenant}
	}
	template := &x509.Certificate{
		SerialNumber:          number.Add(number, big.NewInt(1)), // never 0
		Subject:               subject,
		NotBefore:             selfSignedNotBefore,
		NotAfter:              selfSignedNotAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	return x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
}

// newIdentity checks that key and chain belong together and say who they are.
func newIdentity(key *ecdsa.PrivateKey, chain [][]byte) (*Identity, error) {
	leaf, err := x509.ParseCertificate(chain[0])
	if err != nil {
		return nil, fmt.Errorf("parse certificate: %w", err)
	}
	if !key.PublicKey.Equal(leaf.PublicKey) {
		return nil, errors.New("the certificate is for another key")
	}
	serial, err := subjectSerial(leaf)
	if err != nil {
		return nil, err
	}
	return &Identity{
		cert:        tls.Certificate{Certificate: chain, PrivateKey: key, Leaf: leaf},
		leaf:        leaf,
		serial:      serial,
		tenant:      subjectTenant(leaf),
		fingerprint: FingerprintOf(leaf),
	}, nil
}

var oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}

// subjectSerial returns the one serialNumber (2.5.4.5) of the Subject. Two of
// them would let two readers see two different Sockets.
func subjectSerial(cert *x509.Certificate) (string, error) {
	found := 0
	for _, name := range cert.Subject.Names {
		if name.Type.Equal(oidSerialNumber) {
			found++
		}
	}
	serial := cert.Subject.SerialNumber
	switch {
	case found == 0 || serial == "":
		return "", errors.New("the certificate's subject has no serialNumber (2.5.4.5)")
	case found > 1:
		return "", errors.New("the certificate's subject has more than one serialNumber (2.5.4.5)")
	case len(serial) > peer.MaxSerial:
		return "", fmt.Errorf("the certificate's serialNumber has %d bytes, at most %d are allowed", len(serial), peer.MaxSerial)
	case !utf8.ValidString(serial):
		return "", fmt.Errorf("the certificate's serialNumber %s is not UTF-8", show(serial))
	}
	return serial, nil
}

// subjectTenant returns the O of the Subject, empty if it has none.
func subjectTenant(cert *x509.Certificate) string {
	if len(cert.Subject.Organization) == 0 {
		return ""
	}
	return cert.Subject.Organization[0]
}

// Serial returns the Socket's serial, as its certificate states it.
func (id *Identity) Serial() string { return id.serial }

// Tenant returns the O of the certificate, empty if it has none.
func (id *Identity) Tenant() string { return id.tenant }

// Fingerprint returns the fingerprint of the public key.
func (id *Identity) Fingerprint() Fingerprint { return id.fingerprint }

// Certificate returns the leaf certificate. It must not be changed.
func (id *Identity) Certificate() *x509.Certificate { return id.leaf }

// handshakeBytes are what one flight adds to the certificate chain, at most:
// ServerHello, ServerKeyExchange, CertificateRequest, ServerHelloDone and their
// headers, measured 306.
const handshakeBytes = 400

// FitsOneDatagram reports whether every handshake flight fits one datagram of
// the MTU used. If not the link still comes up, but a flight whose datagrams
// arrive in the wrong order costs a repetition. Our own certificates fit;
// a chain of several certificates may not.
func (id *Identity) FitsOneDatagram() bool {
	size := handshakeBytes
	for _, der := range id.cert.Certificate {
		size += len(der) + 3
	}
	return size < mtu
}
