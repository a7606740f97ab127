package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"socketha/cmd/console/internal/store"
)

// Cost of argon2id: the second choice of RFC 9106 section 4 asks for 64 MiB; OWASP's
// 19 MiB with two passes takes as long to guess and lets a small server log people in.
const (
	argonMemory = 19 << 10 // KiB
	argonPasses = 2
	argonKey    = 32 // bytes
	argonSalt   = 16 // bytes

	hashesAtOnce = 2 // more wait: a flood of logins costs 38 MiB and no more
)

// Bounds of a password, in bytes. NIST SP 800-63B section 5.1.1.2: length is what counts.
const (
	minPassword = 12
	maxPassword = 256
)

// accountsTenant is where accounts stand: no certificate has an empty tenant.
const accountsTenant = ""

// firstAccount is made at the first start.
const firstAccount = "admin"

func checkPassword(p string) error {
	if len(p) < minPassword || len(p) > maxPassword || !utf8.ValidString(p) {
		return fmt.Errorf("a password has %d to %d bytes", minPassword, maxPassword)
	}
	return nil
}

func checkName(name string) error {
	bad := func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r) || r == ':' || r == utf8.RuneError
	}
	if name == "" || len(name) > 64 || strings.ContainsFunc(name, bad) {
		return errors.New("a name has 1 to 64 bytes, and neither spaces nor colons")
	}
	return nil
}

// hash returns salt and digest of a password, with the cost in front.
func hash(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	return encodeHash(salt, digest(password, salt))
}

func digest(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, 1, argonKey)
}

const hashPrefix = "$argon2id$v=19$m=19456,t=2,p=1$"

func encodeHash(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return hashPrefix + b64.EncodeToString(salt) + "$" + b64.EncodeToString(key)
}

// nobody is what the password of a name that does not exist is compared with, so that
// both take the same time.
var nobody = encodeHash(make([]byte, argonSalt), make([]byte, argonKey))

// matches compares a password with a hash.
func matches(hashed, password string) bool {
	rest, ok := strings.CutPrefix(hashed, hashPrefix)
	s, k, ok2 := strings.Cut(rest, "$")
	salt, err1 := base64.RawStdEncoding.DecodeString(s)
	key, err2 := base64.RawStdEncoding.DecodeString(k)
	if !ok || !ok2 || err1 != nil || err2 != nil || len(salt) != argonSalt || len(key) != argonKey {
		return false
	}
	return subtle.ConstantTimeCompare(digest(password, salt), key) == 1
}

// random returns 256 bits as text.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// digestOf is what the store keeps of a secret of 256 bits.
func digestOf(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// PutAccount makes an account for local logins, or changes its password (unless that is
// "") and grants. Its logins end.
func PutAccount(ctx context.Context, db *store.Store, name, password string, g Grants, by string) error {
	if err := errors.Join(checkName(name), g.Check()); err != nil {
		return err
	}
	u := store.User{Tenant: accountsTenant, Name: name, Role: g.encode()}
	if password == "" {
		was, err := db.User(ctx, accountsTenant, name)
		if err != nil {
			return fmt.Errorf("a new account needs a password: %w", err)
		}
		u.Hash, u.Disabled = was.Hash, was.Disabled
	} else {
		if err := checkPassword(password); err != nil {
			return err
		}
		u.Hash = hash(password)
	}
	if err := db.PutUser(ctx, u); err != nil {
		return err
	}
	if err := db.EndSessions(ctx, accountsTenant, name); err != nil {
		return err
	}
	return db.AddAudit(ctx, accountsTenant, store.Audit{Actor: by, Action: "account put", Object: name, Detail: u.Role})
}

// firstStart makes the first account.
func (s *Server) firstStart(ctx context.Context) error {
	users, err := s.cfg.Store.Users(ctx, accountsTenant)
	if err != nil || len(users) > 0 {
		return err
	}
	password := s.cfg.Local.Password
	if password == "" {
		password = random()[:24]
	}
	err = PutAccount(ctx, s.cfg.Store, firstAccount, password, Grants{AllTenants: Operator}, "console")
	switch {
	case err != nil:
		return err
	case s.cfg.Local.Password != "":
		s.cfg.Log.InfoContext(ctx, "first start: the account was made with the password given", slog.String("name", firstAccount))
	default:
		s.cfg.Log.WarnContext(ctx, "first start: log in with this password and change it; it is not shown again",
			slog.String("name", firstAccount), slog.String("password", password))
	}
	return nil
}
