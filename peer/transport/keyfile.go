package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Limits and modes of the PEM files.
const (
	maxPEMFile = 64 << 10
	maxChain   = 4
	keyMode    = 0o600
	certMode   = 0o644

	// forbiddenKeyBits: nobody but the owner writes the key, and others do not
	// read it. The group may: systemd hands credentials over like that.
	forbiddenKeyBits = 0o027
)

// LoadIdentity reads a key and its certificate, each a PEM file of at most
// 64 KiB. The key is PKCS #8 or SEC 1, on P-256, unencrypted, in a file that
// others cannot read. The certificate's Subject must have one serialNumber; CA
// certificates may follow it, the issuing one first, 4 in all.
//
// Whether the certificate has expired is not asked here: the clock may not be
// set yet. It is the peer that judges it.
func LoadIdentity(keyFile, certFile string) (*Identity, error) {
	key, err := loadKey(keyFile)
	if err != nil {
		return nil, fmt.Errorf("load identity key %s: %w", keyFile, err)
	}
	chain, err := loadChain(certFile)
	if err != nil {
		return nil, fmt.Errorf("load identity certificate %s: %w", certFile, err)
	}
	id, err := newIdentity(key, chain)
	if err != nil {
		return nil, fmt.Errorf("load identity from %s and %s: %w", keyFile, certFile, err)
	}
	return id, nil
}

func loadKey(path string) (*ecdsa.PrivateKey, error) {
	data, mode, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	if mode&forbiddenKeyBits != 0 {
		return nil, fmt.Errorf("mode %04o lets others at the key, want %04o (chmod 600)", mode, fs.FileMode(keyMode))
	}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return nil, errors.New("no PEM block PRIVATE KEY or EC PRIVATE KEY in it")
		}
		switch block.Type {
		case "PRIVATE KEY":
			return asP256(x509.ParsePKCS8PrivateKey(block.Bytes))
		case "EC PRIVATE KEY":
			key, err := x509.ParseECPrivateKey(block.Bytes)
			return asP256(key, err)
		case "ENCRYPTED PRIVATE KEY":
			return nil, errors.New("the key is encrypted, and nobody is there to enter a password")
		}
	}
}

func asP256(key any, err error) (*ecdsa.PrivateKey, error) {
	if err != nil {
		return nil, fmt.Errorf("parse key: %w", err)
	}
	k, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the key is a %T, want ECDSA on P-256", key)
	}
	if k.Curve != elliptic.P256() {
		return nil, fmt.Errorf("the key is on %s, want P-256", k.Curve.Params().Name)
	}
	return k, nil
}

func loadChain(path string) ([][]byte, error) {
	data, _, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	var chain [][]byte
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			chain = append(chain, block.Bytes)
		}
	}
	switch {
	case len(chain) == 0:
		return nil, errors.New("no PEM block CERTIFICATE in it")
	case len(chain) > maxChain:
		return nil, fmt.Errorf("%d certificates, at most %d are allowed", len(chain), maxChain)
	}
	return chain, nil
}

// readSmall reads a regular file of bounded size and returns its mode bits.
func readSmall(path string) ([]byte, fs.FileMode, error) {
	// Without blocking: a pipe would wait for a writer that never comes.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, plain(err)
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	if err != nil {
		return nil, 0, plain(err)
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.New("not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPEMFile+1))
	if err != nil {
		return nil, 0, plain(err)
	}
	if len(data) > maxPEMFile {
		return nil, 0, fmt.Errorf("larger than %d bytes", maxPEMFile)
	}
	return data, info.Mode().Perm(), nil
}

// plain takes the path out of an error that is wrapped with the path anyway.
func plain(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// Save writes the key (mode 0600) and the certificate (0644), each so that
// after a crash or a power cut either the old or the new file is there, whole.
// The key comes first; [LoadIdentity] notices a pair that does not belong
// together. Existing files are replaced: asking first is the caller's business.
func (id *Identity) Save(keyFile, certFile string) error {
	der, err := x509.MarshalPKCS8PrivateKey(id.cert.PrivateKey)
	if err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := writeDurable(keyFile, key, keyMode); err != nil {
		return fmt.Errorf("save identity key %s: %w", keyFile, err)
	}
	var certs []byte
	for _, c := range id.cert.Certificate {
		certs = append(certs, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c})...)
	}
	if err := writeDurable(certFile, certs, certMode); err != nil {
		return fmt.Errorf("save identity certificate %s: %w", certFile, err)
	}
	return nil
}

// writeDurable replaces path: temporary file, fsync, rename, fsync of the
// directory. Without the last one the rename itself can be lost.
//
//nolint:gosec // the path is the administrator's
func writeDurable(path string, data []byte, mode fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*.tmp") // created with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close() // already closed unless an earlier step failed
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the path is the administrator's
	if err != nil {
		return err
	}
	if err := d.Sync(); err != nil {
		_ = d.Close() // the failed sync is the error to report
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return d.Close()
}
