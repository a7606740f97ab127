package suite

import (
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
	"sync/atomic"

	"github.com/pion/dtls/v2"
	"github.com/pion/dtls/v2/pkg/crypto/clientcertificate"
	"github.com/pion/dtls/v2/pkg/crypto/prf"
	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"
	"golang.org/x/crypto/chacha20poly1305"
)

// ID is the IANA number of the suite (RFC 7905 section 4).
const ID dtls.CipherSuiteID = 0xCCA9

// Overhead is what sealing adds to a record's payload, in bytes: the tag only,
// as the nonce is implicit (RFC 7905 section 2).
const Overhead = chacha20poly1305.Overhead

const (
	headerSize = recordlayer.HeaderSize
	nonceSize  = chacha20poly1305.NonceSize
	aadSize    = 13 // sequence 8, type 1, version 2, length 2 (RFC 5246 section 6.2.3.3)
)

// Errors that pion only logs: a record that cannot be opened is dropped.
var (
	errNotReady = errors.New("suite: no keys yet")
	errShort    = errors.New("suite: record shorter than header and tag")
	errForged   = errors.New("suite: record does not authenticate")
	errRepeated = errors.New("suite: record has come before, or is too old")
	errEpoch    = errors.New("suite: record of another epoch than the first protected one")
	errWorn     = errors.New("suite: no sequence number is left")
)

// Of a record as it is sent.
const (
	epoch           = 1
	maxSequence     = 1<<48 - 1
	applicationData = 23
)

// Events are told to the owner of one association. Nil functions are skipped;
// the others are called from whoever seals or opens and must not block.
type Events struct {
	Keyed  func(*Suite) // Init has run: this instance is the one in use
	Sealed func()       // a record was protected
	Opened func()       // a record of the peer was authenticated
	Forged func()       // a protected record did not authenticate
}

// Suite is one association's instance. pion requires a fresh one for each
// handshake: sharing one would share its keys.
type Suite struct {
	events Events
	keys   atomic.Pointer[keys]
}

// New returns an instance without keys; pion calls Init when it has them.
func New(events Events) *Suite { return &Suite{events: events} }

// keys are set once.
type keys struct{ local, remote *direction }

// direction is one half of the association: its key, IV and scratch space, and
// which sequence numbers are used up. pion and [Suite.Seal] share it, so that no
// nonce is used twice, and pion and [Suite.Open], so that no record is read twice.
type direction struct {
	mu    sync.Mutex
	aead  cipher.AEAD
	iv    [nonceSize]byte
	nonce [nonceSize]byte
	aad   [aadSize]byte
	next  uint64 // to seal with
	seen  window // of those opened
}

func newDirection(key, iv []byte) (*direction, error) {
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	d := &direction{aead: aead}
	copy(d.iv[:], iv)
	return d, nil
}

// prepare fills nonce and additional data from a record header. RFC 7905
// section 2: the 64-bit sequence number, for DTLS the epoch and the 48-bit
// sequence number as they stand in the header, is padded on the left to the
// length of the IV and xored with it.
func (d *direction) prepare(header []byte, plaintextLen int) {
	sequence := header[3:11]
	d.nonce = d.iv
	for i, b := range sequence {
		d.nonce[nonceSize-8+i] ^= b
	}
	copy(d.aad[0:8], sequence)
	copy(d.aad[8:11], header[0:3]) // content type, version
	binary.BigEndian.PutUint16(d.aad[11:13], uint16(plaintextLen))
}

// Init derives the keys of RFC 5246 section 6.3: no MAC key, a 32-byte key and
// a 12-byte IV for each direction.
func (s *Suite) Init(masterSecret, clientRandom, serverRandom []byte, isClient bool) error {
	k, err := prf.GenerateEncryptionKeys(masterSecret, clientRandom, serverRandom,
		0, chacha20poly1305.KeySize, nonceSize, sha256.New)
	if err != nil {
		return fmt.Errorf("suite: derive keys: %w", err)
	}
	client, err := newDirection(k.ClientWriteKey, k.ClientWriteIV)
	if err != nil {
		return fmt.Errorf("suite: client write key: %w", err)
	}
	server, err := newDirection(k.ServerWriteKey, k.ServerWriteIV)
	if err != nil {
		return fmt.Errorf("suite: server write key: %w", err)
	}
	if isClient {
		s.keys.Store(&keys{local: client, remote: server})
	} else {
		s.keys.Store(&keys{local: server, remote: client})
	}
	if s.events.Keyed != nil {
		s.events.Keyed(s)
	}
	return nil
}

// IsInitialized reports whether Init has run.
func (s *Suite) IsInitialized() bool { return s.keys.Load() != nil }

// Encrypt seals raw, a header of 13 bytes and its payload, and returns the
// protected record. It may use raw's spare capacity. The sequence number in the
// header is replaced by the next one of ours: pion does not know of those that
// Seal has used.
func (s *Suite) Encrypt(_ *recordlayer.RecordLayer, raw []byte) ([]byte, error) {
	if len(raw) < headerSize {
		return nil, errShort
	}
	if binary.BigEndian.Uint16(raw[3:]) != epoch {
		return nil, errEpoch
	}
	return s.seal(raw)
}

// Seal appends a protected record with one message to dst, which should have room
// for headerSize and Overhead bytes more than the message, and returns it.
func (s *Suite) Seal(dst, message []byte) ([]byte, error) {
	dst = append(dst, applicationData, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 0, 0, 0)
	return s.seal(append(dst, message...))
}

// seal gives out the sequence number and protects.
func (s *Suite) seal(raw []byte) ([]byte, error) {
	k := s.keys.Load()
	if k == nil {
		return nil, errNotReady
	}
	payload := len(raw) - headerSize
	out := raw
	if cap(raw)-len(raw) < Overhead {
		out = make([]byte, len(raw), len(raw)+Overhead)
		copy(out, raw)
	}
	if err := k.local.seal(out, payload); err != nil {
		return nil, err
	}
	out = out[:len(raw)+Overhead]
	tell(s.events.Sealed)
	return out, nil
}

// seal protects a record in place; it has room for the tag.
func (d *direction) seal(raw []byte, payload int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.next > maxSequence {
		return errWorn
	}
	binary.BigEndian.PutUint64(raw[3:], epoch<<48|d.next)
	d.next++
	d.prepare(raw, payload)
	d.aead.Seal(raw[:headerSize], d.nonce[:], raw[headerSize:], d.aad[:])
	binary.BigEndian.PutUint16(raw[headerSize-2:], uint16(payload+Overhead))
	return nil
}

// Decrypt opens a protected record in place and returns its header and
// plaintext. Unlike pion's suites it lets no ChangeCipherSpec through: in a
// protected epoch that would be an unauthenticated record.
func (s *Suite) Decrypt(in []byte) ([]byte, error) {
	k := s.keys.Load()
	if k == nil {
		return nil, errNotReady
	}
	plain := len(in) - headerSize - Overhead
	if plain < 0 {
		return nil, s.forged(errShort)
	}
	switch err := k.remote.open(in, plain); {
	case errors.Is(err, errForged):
		return nil, s.forged(err)
	case err != nil:
		return nil, err
	}
	tell(s.events.Opened)
	return in[:headerSize+plain], nil
}

// Open opens a protected record of application data in place, past pion, and
// returns the message. One that has come before is an error that is not counted,
// as the network may double what it carries.
func (s *Suite) Open(in []byte) ([]byte, error) {
	out, err := s.Decrypt(in)
	if err != nil {
		return nil, err
	}
	return out[headerSize:], nil
}

// open authenticates a record and opens it in place.
func (d *direction) open(in []byte, plain int) error {
	sequence := binary.BigEndian.Uint64(in[3:]) & maxSequence
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.seen.fresh(sequence) {
		return errRepeated
	}
	d.prepare(in, plain)
	if _, err := d.aead.Open(in[headerSize:headerSize], d.nonce[:], in[headerSize:], d.aad[:]); err != nil {
		return errForged
	}
	d.seen.mark(sequence)
	return nil
}

func (s *Suite) forged(err error) error {
	tell(s.events.Forged)
	return err
}

func tell(event func()) {
	if event != nil {
		event()
	}
}

// String names the suite as IANA does.
func (s *Suite) String() string { return "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256" }

// ID returns the IANA number.
func (s *Suite) ID() dtls.CipherSuiteID { return ID }

// CertificateType returns the kind of certificate the suite asks for.
func (s *Suite) CertificateType() clientcertificate.Type { return clientcertificate.ECDSASign }

// HashFunc returns the hash of the PRF and of the handshake transcript.
func (s *Suite) HashFunc() func() hash.Hash { return sha256.New }

// AuthenticationType says that both ends show certificates.
func (s *Suite) AuthenticationType() dtls.CipherSuiteAuthenticationType {
	return dtls.CipherSuiteAuthenticationTypeCertificate
}

// KeyExchangeAlgorithm says that the key exchange is ephemeral.
func (s *Suite) KeyExchangeAlgorithm() dtls.CipherSuiteKeyExchangeAlgorithm {
	return dtls.CipherSuiteKeyExchangeAlgorithmEcdhe
}

// ECC says that elliptic curve extensions are sent.
func (s *Suite) ECC() bool { return true }

var _ dtls.CipherSuite = (*Suite)(nil)
