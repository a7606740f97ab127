package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Trust says which peer is believed: one whose key is pinned, or, without pins,
// one that the CA vouches for under the serial expected.
type Trust struct {
	// Pins are the fingerprints of the peer's key; more than one only while its
	// key is being replaced. With pins the CA decides nothing any more, it only
	// tells a replaced peer from a stranger.
	Pins []Fingerprint

	// CA holds the roots that vouch for Sockets; nil for none.
	CA *x509.CertPool

	// PeerSerial is the serial expected. Required without pins; with pins it may
	// be empty, and then any serial but ours is accepted.
	PeerSerial string
}

func (t Trust) validate() error {
	switch {
	case len(t.Pins) == 0 && t.CA == nil:
		return errors.New("no peer is trusted: pin the peer's key, or give a CA and the peer's serial")
	case len(t.Pins) == 0 && t.PeerSerial == "":
		return errors.New("trust by CA needs the peer's serial, too: the CA vouches for every Socket of every site")
	case slices.ContainsFunc(t.Pins, Fingerprint.IsZero):
		return errors.New("a pin is empty")
	}
	return nil
}

// peerIdentity is who a certificate says the peer is.
type peerIdentity struct {
	Serial      string
	Fingerprint Fingerprint
	Expires     time.Time
}

// refusal is the answer to a certificate that is not believed. finding says
// that the status must know, beyond the counter.
type refusal struct {
	reason  Reason
	finding findingKind
	err     error
}

func (r *refusal) Error() string { return fmt.Sprintf("peer refused: %s: %v", r.reason, r.err) }
func (r *refusal) Unwrap() error { return r.err }

type findingKind uint8

const (
	findingNone findingKind = iota
	findingConflict
	findingReplaced
)

// judge decides whether the owner of a certificate chain is our peer. at is the
// time to judge by, already raised to the floor.
func (t Trust) judge(own *Identity, raw [][]byte, at time.Time) (peerIdentity, *refusal) {
	leaf, rest, ref := parseChain(raw)
	if ref != nil {
		return peerIdentity{}, ref
	}
	who := peerIdentity{Fingerprint: FingerprintOf(leaf), Expires: leaf.NotAfter}
	if who.Fingerprint == own.fingerprint {
		who.Serial = leaf.Subject.SerialNumber
		return who, refuse(ReasonOwnKey, findingConflict, "the key is our own")
	}
	serial, err := subjectSerial(leaf)
	if err != nil {
		return who, &refusal{reason: ReasonBadCertificate, err: err}
	}
	who.Serial = serial
	if ref := t.judgeKey(own, leaf, rest, who, at); ref != nil {
		return who, ref
	}
	return who, t.judgeSerial(own, who)
}

// parseChain reads the certificates and accepts only a P-256 leaf.
func parseChain(raw [][]byte) (*x509.Certificate, []*x509.Certificate, *refusal) {
	if len(raw) == 0 {
		return nil, nil, refuse(ReasonNoCertificate, findingNone, "no certificate was shown")
	}
	if len(raw) > maxChain {
		return nil, nil, refuse(ReasonBadCertificate, findingNone, "chain of %d certificates", len(raw))
	}
	chain := make([]*x509.Certificate, len(raw))
	for i, der := range raw {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, nil, &refusal{reason: ReasonBadCertificate, err: err}
		}
		chain[i] = cert
	}
	key, ok := chain[0].PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, nil, refuse(ReasonBadCertificate, findingNone, "the key is not on P-256")
	}
	return chain[0], chain[1:], nil
}

// judgeKey asks whether the key is pinned or, without pins, vouched for.
func (t Trust) judgeKey(own *Identity, leaf *x509.Certificate, rest []*x509.Certificate, who peerIdentity, at time.Time) *refusal {
	if len(t.Pins) == 0 {
		if ref := verifyChain(t.CA, leaf, rest, at); ref != nil {
			return ref
		}
		if tenant := subjectTenant(leaf); own.tenant != "" && tenant != "" && tenant != own.tenant {
			return refuse(ReasonTenantMismatch, findingNone, "tenant %s, ours is %s", show(tenant), show(own.tenant))
		}
		return nil
	}
	if slices.Contains(t.Pins, who.Fingerprint) {
		return checkTime(leaf, at)
	}
	finding := findingNone
	if t.validForSite(own, leaf, rest, who, at) {
		finding = findingReplaced
	}
	return refuse(ReasonPinMismatch, finding, "key %s of serial %s is not pinned", who.Fingerprint, show(who.Serial))
}

// validForSite reports whether a key that is not pinned has a certificate that
// the CA would let into this site: then the peer was replaced, and a person has
// to pin its key.
func (t Trust) validForSite(own *Identity, leaf *x509.Certificate, rest []*x509.Certificate, who peerIdentity, at time.Time) bool {
	unpinned := Trust{CA: t.CA, PeerSerial: t.PeerSerial}
	return t.CA != nil && unpinned.judgeKey(own, leaf, rest, who, at) == nil && unpinned.judgeSerial(own, who) == nil
}

// judgeSerial compares the serial of a key that is trusted.
func (t Trust) judgeSerial(own *Identity, who peerIdentity) *refusal {
	switch {
	case who.Serial == own.serial:
		return refuse(ReasonOwnSerial, findingConflict, "serial %s is our own", show(who.Serial))
	case t.PeerSerial != "" && who.Serial != t.PeerSerial:
		finding := findingNone
		if len(t.Pins) > 0 {
			finding = findingReplaced // a pinned key whose serial changed
		}
		return refuse(ReasonSerialMismatch, finding, "serial %s, expected %s", show(who.Serial), show(t.PeerSerial))
	}
	return nil
}

// verifyChain builds a chain to the CA. Any extended key usage will do: the
// certificate is the Socket's one identity, here and upstream.
func verifyChain(ca *x509.CertPool, leaf *x509.Certificate, rest []*x509.Certificate, at time.Time) *refusal {
	// A certificate out of time is only called that if the CA vouched for it.
	late := checkTime(leaf, at)
	switch {
	case at.After(leaf.NotAfter):
		at = leaf.NotAfter
	case at.Before(leaf.NotBefore):
		at = leaf.NotBefore
	}
	intermediates := x509.NewCertPool()
	for _, c := range rest {
		intermediates.AddCert(c)
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots:         ca,
		Intermediates: intermediates,
		CurrentTime:   at,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return &refusal{reason: ReasonUntrustedCA, err: err}
	}
	return late
}

func checkTime(leaf *x509.Certificate, at time.Time) *refusal {
	switch {
	case at.After(leaf.NotAfter):
		return refuse(ReasonExpired, findingNone, "valid until %s", leaf.NotAfter.Format(time.RFC3339))
	case at.Before(leaf.NotBefore):
		return refuse(ReasonNotYetValid, findingNone, "valid from %s", leaf.NotBefore.Format(time.RFC3339))
	}
	return nil
}

func refuse(reason Reason, finding findingKind, format string, args ...any) *refusal {
	return &refusal{reason: reason, finding: finding, err: fmt.Errorf(format, args...)}
}
