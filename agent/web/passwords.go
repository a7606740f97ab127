package web

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Bounds of the password file.
const (
	maxUsers    = 16
	minCost     = 10 // OWASP Password Storage Cheat Sheet: 10 or more for bcrypt
	maxCost     = 12 // seconds a check on a small board, above
	maxPassword = 72 // bytes, all that bcrypt reads
)

// Pace of checks that fail.
const (
	freeFailures = 3
	pause        = time.Second
)

// errBusy says that no password is checked now.
var errBusy = errors.New("too many wrong passwords: try again later")

// passwords checks who asks.
type passwords struct {
	hashes map[string][]byte // by user
	decoy  []byte            // checked for users that do not exist, so that they take as long

	key     [32]byte // of the digests of what was right
	compare func(hash, password []byte) error

	known sync.RWMutex
	right map[[32]byte]bool

	one      sync.Mutex // held for the length of a check: one at a time
	failures int
	notUntil time.Time
}

// readPasswords parses an htpasswd file.
func readPasswords(file []byte) (*passwords, error) {
	p := &passwords{hashes: map[string][]byte{}, right: map[[32]byte]bool{}, compare: bcrypt.CompareHashAndPassword}
	lines := bufio.NewScanner(bytes.NewReader(file))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		user, hash, ok := strings.Cut(line, ":")
		if !ok || user == "" {
			return nil, fmt.Errorf("line %d: want NAME:HASH, as htpasswd -nbB writes it", n)
		}
		cost, err := bcrypt.Cost([]byte(hash))
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: the hash is not one of bcrypt (htpasswd -nbB)", n)
		case cost < minCost || cost > maxCost:
			return nil, fmt.Errorf("line %d: bcrypt cost %d, want %d to %d (htpasswd -nbB -C %d)", n, cost, minCost, maxCost, minCost)
		case p.hashes[user] != nil:
			return nil, fmt.Errorf("line %d: the user stands there twice", n)
		case len(p.hashes) == maxUsers:
			return nil, fmt.Errorf("line %d: more than %d users", n, maxUsers)
		}
		p.hashes[user], p.decoy = []byte(hash), []byte(hash)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(p.hashes) == 0 {
		return nil, errors.New("it has no users")
	}
	_, err := rand.Read(p.key[:])
	return p, err
}

// check returns nil if the password is the user's. It is slow the first time.
func (p *passwords) check(user, password string, now func() time.Time) error {
	if len(password) > maxPassword {
		return bcrypt.ErrPasswordTooLong
	}
	digest := p.digest(user, password)
	if p.remembered(digest) {
		return nil
	}
	p.one.Lock()
	defer p.one.Unlock()
	if p.remembered(digest) { // by who was before us
		return nil
	}
	if now().Before(p.notUntil) {
		return errBusy
	}
	hash, exists := p.hashes[user]
	if !exists {
		hash = p.decoy
	}
	err := p.compare(hash, []byte(password))
	if err != nil || !exists {
		if p.failures++; p.failures >= freeFailures {
			p.notUntil = now().Add(pause)
		}
		return bcrypt.ErrMismatchedHashAndPassword
	}
	p.failures = 0
	p.known.Lock()
	defer p.known.Unlock()
	p.right[digest] = true // at most one a user: each has one password
	return nil
}

func (p *passwords) remembered(digest [32]byte) bool {
	p.known.RLock()
	defer p.known.RUnlock()
	return p.right[digest]
}

// digest stands for a pair of user and password in memory.
func (p *passwords) digest(user, password string) (sum [32]byte) {
	mac := hmac.New(sha256.New, p.key[:])
	mac.Write([]byte(user))
	mac.Write([]byte{0})
	mac.Write([]byte(password))
	mac.Sum(sum[:0])
	return sum
}
