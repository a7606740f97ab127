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

// Check returns what is wrong with the configuration, without looking at any file.
func (c *Config) Check() error {
	if c.Address == "" {
		if len(c.Hosts) > 0 || c.Certificate != "" || c.Key != "" || c.Passwords != "" {
			return errors.New("the rest of the listener's settings mean nothing without an address")
		}
		return nil
	}
	at, err := netip.ParseAddrPort(c.Address)
	if err != nil {
		return fmt.Errorf("address %q: want an IP address and a port, such as 127.0.0.1:8480 or [::1]:8480", c.Address)
	}
	if (c.Certificate == "") != (c.Key == "") {
		return errors.New("certificate and key belong together: one of them is missing")
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, "/ *@") || bareHost(h) != strings.ToLower(h) {
			return fmt.Errorf("host %q: want a plain name or address, without port and without *", h)
		}
	}
	if at.Addr().Unmap().IsLoopback() {
		return nil
	}
	switch {
	case c.Certificate == "":
		return fmt.Errorf("address %s is not a loopback one: it needs TLS (certificate and key)", c.Address)
	case c.Passwords == "":
		return fmt.Errorf("address %s is not a loopback one: it needs a password file", c.Address)
	case at.Addr().IsUnspecified() && len(c.Hosts) == 0:
		return fmt.Errorf("address %s stands for every address: it needs the hosts that browsers will ask for", c.Address)
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
