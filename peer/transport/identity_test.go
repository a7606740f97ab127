package transport

import (
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNewIdentity(t *testing.T) {
	id, err := NewIdentity("SN-1", "acme")
	if err != nil {
		t.Fatal(err)
	}
	cert := id.Certificate()
	if id.Serial() != "SN-1" || id.Tenant() != "acme" || cert.Subject.SerialNumber != "SN-1" {
		t.Errorf("serial %q, tenant %q, subject %v", id.Serial(), id.Tenant(), cert.Subject)
	}
	if cert.NotBefore.After(time.Unix(0, 0)) || cert.NotAfter.Year() != 9999 {
		t.Errorf("valid from %v to %v, want all the time since 1970", cert.NotBefore, cert.NotAfter)
	}
	if cert.IsCA || cert.KeyUsage != x509.KeyUsageDigitalSignature {
		t.Error("the certificate may do more than it should")
	}
	if err := cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature); err != nil {
		t.Errorf("not signed by its own key: %v", err)
	}
	other, err := NewIdentity("SN-1", "acme")
	if err != nil {
		t.Fatal(err)
	}
	if other.Fingerprint() == id.Fingerprint() {
		t.Error("two identities share a key")
	}
}

func TestNewIdentityRefuses(t *testing.T) {
	tests := map[string][2]string{
		"the serial is empty":                        {"", "acme"},
		"serial of 65 bytes, at most 64 are allowed": {strings.Repeat("x", 65), ""},
		"tenant of 65 bytes, at most 64 are allowed": {"SN-1", strings.Repeat("x", 65)},
		"serial \"\\xff\" is not UTF-8":              {"\xff", ""},
		"tenant \"\\xff\" is not UTF-8":              {"SN-1", "\xff"},
	}
	for want, in := range tests {
		_, err := NewIdentity(in[0], in[1])
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("NewIdentity(%q, %q): %v, want %q in it", in[0], in[1], err, want)
		}
	}
}

// files returns the paths of an identity's files in a directory of its own.
func files(t testing.TB) (key, cert string) {
	t.Helper()
	dir := t.TempDir()
	return filepath.Join(dir, "key.pem"), filepath.Join(dir, "cert.pem")
}

func TestSaveAndLoad(t *testing.T) {
	id := identity(t, "SN-1")
	key, cert := files(t)
	for range 2 { // a second time over the first
		if err := id.Save(key, cert); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]fs.FileMode{key: 0o600, cert: 0o644} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %04o, want %04o", path, info.Mode().Perm(), want)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(key))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 2 {
		t.Errorf("%d files left, want 2: %v", len(entries), entries)
	}
	back, err := LoadIdentity(key, cert)
	if err != nil {
		t.Fatal(err)
	}
	if back.Fingerprint() != id.Fingerprint() || back.Serial() != "SN-1" || back.Tenant() != "tenant" {
		t.Errorf("loaded %s %q %q", back.Fingerprint(), back.Serial(), back.Tenant())
	}
}

func TestSaveFails(t *testing.T) {
	id := identity(t, "SN-1")
	key, cert := files(t)
	if err := os.Mkdir(key, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := id.Save(key, cert); err == nil || !strings.Contains(err.Error(), key) {
		t.Errorf("saved over a directory: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(key))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// TestLoadRefuses names what is wrong with each file.
func TestLoadRefuses(t *testing.T) {
	id := identity(t, "SN-1")
	goodKey, goodCert := files(t)
	if err := id.Save(goodKey, goodCert); err != nil {
		t.Fatal(err)
	}
	write := func(name string, mode fs.FileMode, data []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	p384, err := x509.MarshalPKCS8PrivateKey(newKey(t, elliptic.P384()))
	if err != nil {
		t.Fatal(err)
	}
	other := identity(t, "SN-2")
	keyPEM, err := os.ReadFile(goodKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := func(l leaf) string {
		l.key = privateKey(id)
		return write("cert.pem", 0o644, block("CERTIFICATE", (*authority)(nil).issue(t, l).leaf.Raw))
	}
	tests := []struct{ name, key, cert, want string }{
		{"no key file", goodKey + ".no", goodCert, "no such file or directory"},
		{"no certificate file", goodKey, goodCert + ".no", "no such file or directory"},
		{"key for all to read", write("key.pem", 0o644, keyPEM), goodCert, "mode 0644 lets others at the key, want 0600"},
		{"key for the group to write", write("key.pem", 0o620, keyPEM), goodCert, "mode 0620"},
		{"a certificate as key", write("key.pem", 0o600, block("CERTIFICATE", id.leaf.Raw)), goodCert, "no PEM block PRIVATE KEY"},
		{"garbage as key", write("key.pem", 0o600, block("PRIVATE KEY", []byte("x"))), goodCert, "parse key"},
		{"encrypted key", write("key.pem", 0o600, block("ENCRYPTED PRIVATE KEY", []byte("x"))), goodCert, "encrypted"},
		{"P-384", write("key.pem", 0o600, block("PRIVATE KEY", p384)), goodCert, "the key is on P-384, want P-256"},
		{"huge key file", write("key.pem", 0o600, make([]byte, maxPEMFile+1)), goodCert, "larger than 65536 bytes"},
		{"directory as key", t.TempDir(), goodCert, "not a regular file"},
		{"key as certificate", goodKey, write("cert.pem", 0o644, keyPEM), "no PEM block CERTIFICATE"},
		{"garbage as certificate", goodKey, write("cert.pem", 0o644, block("CERTIFICATE", []byte("x"))), "parse certificate"},
		{"another's certificate", goodKey, write("cert.pem", 0o644, block("CERTIFICATE", other.leaf.Raw)), "the certificate is for another key"},
		{"long chain", goodKey, write("cert.pem", 0o644, []byte(strings.Repeat(string(block("CERTIFICATE", id.leaf.Raw)), 5))), "5 certificates, at most 4"},
		{"no serial", goodKey, cert(leaf{tenant: "acme"}), "no serialNumber (2.5.4.5)"},
		{"long serial", goodKey, cert(leaf{serial: strings.Repeat("x", 65)}), "65 bytes, at most 64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := LoadIdentity(tt.key, tt.cert)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q in it", err, tt.want)
			}
			if !strings.Contains(err.Error(), tt.key) && !strings.Contains(err.Error(), tt.cert) {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
	t.Run("missing file can be told", func(t *testing.T) {
		if _, err := LoadIdentity(goodKey+".no", goodCert); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not fs.ErrNotExist", err)
		}
	})
	t.Run("SEC 1 key, readable by the group", func(t *testing.T) {
		der, err := x509.MarshalECPrivateKey(privateKey(id))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := LoadIdentity(write("key.pem", 0o640, block("EC PRIVATE KEY", der)), goodCert); err != nil {
			t.Error(err)
		}
	})
}

func TestFingerprint(t *testing.T) {
	id := identity(t, "SN-1")
	text := id.Fingerprint().String()
	if !strings.HasPrefix(text, "sha256:") || len(text) != 71 || text != strings.ToLower(text) {
		t.Errorf("text form %q", text)
	}
	for _, in := range []string{text, "sha256:" + strings.ToUpper(text[7:])} {
		if got, err := ParseFingerprint(in); err != nil || got != id.Fingerprint() {
			t.Errorf("ParseFingerprint(%q) = %v, %v", in, got, err)
		}
	}
	bad := map[string]string{
		"":                                     `does not start with "sha256:"`,
		text[7:]:                               `does not start with "sha256:"`,
		"SHA256:" + text[7:]:                   `does not start with "sha256:"`,
		text + "0":                             "65 characters",
		text[:70]:                              "63 characters",
		" " + text:                             "does not start",
		"sha256:" + "zz" + text[9:]:            "invalid byte",
		"sha256:" + strings.Repeat("\x1b", 64): `\x1b`,
		"sha256:" + strings.Repeat("a", 10000): "10000 characters",
	}
	for in, want := range bad {
		_, err := ParseFingerprint(in)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseFingerprint(%.80q): %v, want %q in it", in, err, want)
		} else if strings.ContainsRune(err.Error(), '\x1b') || len(err.Error()) > 400 {
			t.Errorf("unfit to be shown: %q", err)
		}
	}
	var back Fingerprint
	raw, _ := id.Fingerprint().MarshalText()
	if err := back.UnmarshalText(raw); err != nil || back != id.Fingerprint() {
		t.Errorf("text round trip: %v, %v", back, err)
	}
	if back.UnmarshalText([]byte("x")) == nil || !(Fingerprint{}).IsZero() || back.IsZero() {
		t.Error("UnmarshalText or IsZero is wrong")
	}
}

func FuzzParseFingerprint(f *testing.F) {
	f.Add("sha256:" + strings.Repeat("0f", 32))
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParseFingerprint(s); err == nil && !strings.EqualFold(p.String(), s) {
			t.Errorf("%q reads as %s", s, p)
		}
	})
}
