package ingest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"socketha/peer"
)

// maxTenant bounds the name of a tenant, in bytes (RFC 5280: 64 characters).
const maxTenant = 64

// Identity is who a verified client certificate says is speaking.
type Identity struct {
	Tenant string // O (2.5.4.10)
	Serial string // Subject serialNumber (2.5.4.5)
}

var (
	oidSerialNumber = asn1.ObjectIdentifier{2, 5, 4, 5}
	oidOrganization = asn1.ObjectIdentifier{2, 5, 4, 10}
)

// Identify returns who is at the other end of a request whose certificate TLS has
// verified.
func Identify(r *http.Request) (Identity, error) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.TLS.VerifiedChains[0]) == 0 {
		return Identity{}, errors.New("no verified client certificate")
	}
	return identityOf(r.TLS.VerifiedChains[0][0])
}

// identityOf wants exactly one of each attribute: of two, a CA may have checked the other.
func identityOf(cert *x509.Certificate) (Identity, error) {
	var id Identity
	for _, name := range cert.Subject.Names {
		value, _ := name.Value.(string)
		switch {
		case name.Type.Equal(oidOrganization):
			if id.Tenant != "" || !printable(value, maxTenant) {
				return Identity{}, errors.New("the certificate needs exactly one printable O, the tenant")
			}
			id.Tenant = value
		case name.Type.Equal(oidSerialNumber):
			if id.Serial != "" || !printable(value, peer.MaxSerial) {
				return Identity{}, errors.New("the certificate needs exactly one printable serialNumber")
			}
			id.Serial = value
		}
	}
	if id.Tenant == "" || id.Serial == "" {
		return Identity{}, errors.New("the certificate needs an O, the tenant, and a Subject serialNumber")
	}
	return id, nil
}

func printable(s string, most int) bool {
	return s != "" && len(s) <= most && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// TLS returns the server's side of TLS 1.3: a client certificate that one of the CAs
// has signed for client authentication is required.
func TLS(cert tls.Certificate, clients *x509.CertPool) *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{cert},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
		NextProtos:   []string{"http/1.1"},
	}
}
