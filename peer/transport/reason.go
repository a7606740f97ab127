package transport

// Reason says why something from the link was refused. The words are stable:
// they are the keys of link.rejected in the status document.
type Reason string

// Reasons that concern who the peer is. Each is counted once per handshake.
const (
	ReasonNoCertificate  Reason = "no_certificate"  // it showed none
	ReasonKeyUnproven    Reason = "key_unproven"    // it showed a certificate without holding the key
	ReasonBadCertificate Reason = "bad_certificate" // unreadable, not P-256, or no one serialNumber
	ReasonOwnKey         Reason = "own_key"         // it holds our own key: a cloned appliance
	ReasonOwnSerial      Reason = "own_serial"      // trusted, but it carries our serial
	ReasonPinMismatch    Reason = "pin_mismatch"    // its key is not pinned
	ReasonUntrustedCA    Reason = "untrusted_ca"    // no chain to the CA
	ReasonSerialMismatch Reason = "serial_mismatch" // trusted, but not the serial expected
	ReasonTenantMismatch Reason = "tenant_mismatch" // vouched for by the CA, but of another tenant
	ReasonExpired        Reason = "expired"         // the certificate is over
	ReasonNotYetValid    Reason = "not_yet_valid"   // the certificate has not begun
)

// Reasons that concern the handshake.
const (
	ReasonNoSharedSuite    Reason = "no_shared_suite"    // hello without 0xCCA9
	ReasonNoMasterSecret   Reason = "no_master_secret"   // hello without extended master secret
	ReasonRefusedByPeer    Reason = "refused_by_peer"    // ended by the peer's alert
	ReasonHandshakeTimeout Reason = "handshake_timeout"  // not finished in time
	ReasonHandshakeEvicted Reason = "handshake_evicted"  // too many at once: the oldest gave way
	ReasonHandshakeFailed  Reason = "handshake_failed"   // anything else that went wrong in it
	ReasonWrongSource      Reason = "wrong_source"       // datagram not from the peer's address
	ReasonNotAHello        Reason = "not_a_hello"        // unknown source, and not a first ClientHello
	ReasonNoSession        Reason = "no_session"         // record of a connection that is not there: answered by a hint
	ReasonWrongSide        Reason = "wrong_side"         // hello to the initiator: both Sockets want to dial
	ReasonReflected        Reason = "reflected"          // a hello of our own, come back
	ReasonOversize         Reason = "oversize"           // datagram larger than any we would send
	ReasonQueueOverflow    Reason = "queue_overflow"     // datagrams not read in time, the oldest dropped
	ReasonForged           Reason = "record_forged"      // protected record that does not authenticate
	ReasonConnEvicted      Reason = "connection_evicted" // connection closed because newer ones came
)

// The reasons for which the record filter drops are added to these under the
// words of its own (record_version, record_plaintext_alert, …).
