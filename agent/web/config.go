package web

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Config says where to listen. The zero Config listens nowhere.
type Config struct {
	// Address is a literal IP address with a port. Names are not resolved.
	Address string

	// Hosts are further values of the Host header to answer, without port. Those
	// of the address itself, and localhost on loopback, are answered anyway.
	Hosts []string

	// Certificate and Key are files in PEM, Passwords is one of htpasswd with
	// bcrypt. All are required unless the address is a loopback one. They are read
	// when the listener starts.
	Certificate, Key, Passwords string
}

// maxHost is the length of a host name (RFC 1035 section 2.3.4), in bytes.
const maxHost = 253

// ParseAddress reads what [Config.Address] takes.
func ParseAddress(s string) (netip.AddrPort, error) {
	at, err := netip.ParseAddrPort(s)
	if err != nil {
		return at, errors.New("not an IP address and a port")
	}
	return at, nil
}

// CheckHost returns what is wrong with one of [Config.Hosts].
func CheckHost(h string) error {
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	if h == "" || len(h) > maxHost || strings.ContainsAny(h, "/*@") || strings.ContainsFunc(h, bad) || bareHost(h) != strings.ToLower(h) {
		return errors.New("not a plain name or address, without port and without *")
	}
	return nil
}

// Check returns what is wrong with the configuration, without looking at any file.
func (c *Config) Check() error {
	if c.Address == "" {
		if len(c.Hosts) > 0 || c.Certificate != "" || c.Key != "" || c.Passwords != "" {
			return errors.New("the rest of the listener's settings mean nothing without an address")
		}
		return nil
	}
	at, err := ParseAddress(c.Address)
	if err != nil {
		return fmt.Errorf("address %q: %w, such as 127.0.0.1:8480 or [::1]:8480", c.Address, err)
	}
	if (c.Certificate == "") != (c.Key == "") {
		return errors.New("certificate and key belong together: one of them is missing")
	}
	for _, h := range c.Hosts {
		if err := CheckHost(h); err != nil {
			return fmt.Errorf("host %q: %w", h, err)
		}
	}
	if at.Addr().Unmap().IsLoopback() {
		return nil
	}
	switch {
	case c.Certificate == "":
		return errors.New("not a loopback address: it needs TLS (certificate and key) beside it")
	case c.Passwords == "":
		return errors.New("not a loopback address: it needs a password file beside it")
	case at.Addr().IsUnspecified() && len(c.Hosts) == 0:
		return errors.New("stands for every address: it needs the hosts that browsers will ask for beside it")
	}
	return nil
}

// names returns the hosts to answer, in lower case.
func (c *Config) names() map[string]bool {
	names := map[string]bool{}
	for _, h := range c.Hosts {
		names[strings.ToLower(h)] = true
	}
	if at, err := netip.ParseAddrPort(c.Address); err == nil {
		addr := at.Addr().Unmap()
		if !addr.IsUnspecified() {
			names[addr.WithZone("").String()] = true
		}
		if addr.IsLoopback() {
			names["localhost"], names["127.0.0.1"], names["::1"] = true, true, true
		}
	}
	return names
}
