package fleet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CA signs the certificates of a fleet and of the console it reports to.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey

	// Every Socket of a made-up fleet has the same key: making 200,000 of them
	// would take longer than what is measured with them.
	client *ecdsa.PrivateKey
}

// NewCA returns a new CA, valid for a year around now.
func NewCA(now time.Time) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	tmpl := template(pkix.Name{CommonName: "made-up fleet"}, now)
	tmpl.IsCA, tmpl.BasicConstraintsValid, tmpl.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	return caOf(der, key)
}

func caOf(der []byte, key *ecdsa.PrivateKey) (*CA, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	client, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	return &CA{cert: cert, key: key, client: client}, nil
}

func template(name pkix.Name, now time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // never fails
	return &x509.Certificate{
		SerialNumber: serial, Subject: name,
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(365 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

// Pool returns the pool that holds this CA alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// Client returns the certificate of a Socket.
func (ca *CA) Client(tenant, serial string, now time.Time) (tls.Certificate, error) {
	tmpl := template(pkix.Name{Organization: []string{tenant}, SerialNumber: serial, CommonName: serial}, now)
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return ca.sign(tmpl, ca.client)
}

// Server returns the certificate of a console at these names or addresses.
func (ca *CA) Server(now time.Time, hosts ...string) (tls.Certificate, error) {
	tmpl := template(pkix.Name{CommonName: "console"}, now)
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, h)
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("fleet: %w", err)
	}
	return ca.sign(tmpl, key)
}

func (ca *CA) sign(tmpl *x509.Certificate, key *ecdsa.PrivateKey) (tls.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, tmpl, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("fleet: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Files of a folder with a CA.
const (
	CAFile        = "ca.pem"
	caKeyFile     = "ca.key"
	ServerFile    = "server.pem"
	ServerKeyFile = "server.key"
)

// OpenCA returns the CA kept in a folder. A folder without one gets one, and a
// certificate for a console at these hosts beside it.
func OpenCA(dir string, now time.Time, hosts ...string) (*CA, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, CAFile), filepath.Join(dir, caKeyFile))
	if err == nil {
		key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
		if !ok {
			return nil, errors.New("fleet: the CA's key is not ours")
		}
		return caOf(pair.Certificate[0], key)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	ca, err := NewCA(now)
	if err != nil {
		return nil, err
	}
	server, err := ca.Server(now, hosts...)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	own := tls.Certificate{Certificate: [][]byte{ca.cert.Raw}, PrivateKey: ca.key}
	return ca, errors.Join(save(dir, CAFile, caKeyFile, own), save(dir, ServerFile, ServerKeyFile, server))
}

func save(dir, certName, keyName string, cert tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	for name, block := range map[string]*pem.Block{
		certName: {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		keyName:  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
	}
	return nil
}
