package config

import (
	"errors"
	"fmt"
	"strings"

	"socketha/agent/web"
)

// maxHosts bounds the names that the own listener is asked for by.
const maxHosts = 16

// webKeys are the rows of the own listener, which is off by default.
var webKeys = []key{
	{
		name: "web.address", doc: "own web listener, for boards without a web server",
		accepts: `an IP address and a port in quotes, such as "127.0.0.1:8480" or "[::1]:8480"`, unset: "there is none",
		set: text(func(c *Config, s string) error {
			at, err := web.ParseAddress(s)
			if err == nil && at.Port() == 0 {
				err = errors.New("not a port to listen at")
			}
			if err == nil {
				c.Web.Address = s
			}
			return err
		}),
		get: func(c *Config) string { return quoted(c.Web.Address) },
	},
	{
		name: "web.hosts", doc: "further names that browsers ask for it by",
		accepts: `a list of 1 to 16 different names in quotes, without port, ["router.example.com"]`, unset: "only its address",
		set: setHosts,
		get: func(c *Config) string { return list(c.Web.Hosts, func(s string) string { return s }) },
	},
	webFile("web.certificate", "PEM file of its certificate", "no TLS", func(c *Config) *string { return &c.Web.Certificate }),
	webFile("web.key", "PEM file of its private key", "no TLS", func(c *Config) *string { return &c.Web.Key }),
	webFile("web.passwords_file", "its users, made by: htpasswd -nbB NAME PASSWORD", "no password is asked for",
		func(c *Config) *string { return &c.Web.Passwords }),
}

func webFile(name, doc, unset string, field func(*Config) *string) key {
	k := pathKey(name, doc, field)
	k.unset = unset
	return k
}

func setHosts(c *Config, v value) error {
	var hosts []string
	seen := make(map[string]bool)
	err := eachText(v, func(s string) error {
		if err := web.CheckHost(s); err != nil {
			return err
		}
		if seen[strings.ToLower(s)] {
			return errors.New("listed twice")
		}
		seen[strings.ToLower(s)] = true
		hosts = append(hosts, s)
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(hosts) == 0 || len(hosts) > maxHosts:
		return fmt.Errorf("%d names", len(hosts))
	}
	c.Web.Hosts = hosts
	return nil
}

// checkWeb finds what of the own listener cannot stand together. Nothing is said
// where a part of it could not be read: that was said already.
func (r *reader) checkWeb() {
	const address = "web.address"
	if r.broken {
		return
	}
	_, on := r.config.given[address]
	for _, k := range webKeys {
		v, ok := r.raw[k.name]
		_, given := r.config.given[k.name]
		switch {
		case given && !ok:
			return
		case given && !on:
			r.add(v.at, k.name, v.raw, "means nothing without "+address+" beside it")
		}
	}
	if !on {
		return
	}
	for _, pair := range [][2]string{{"web.certificate", "web.key"}, {"web.key", "web.certificate"}} {
		if v, ok := r.raw[pair[0]]; ok && r.config.given[pair[1]] == (Position{}) {
			r.add(v.at, pair[0], v.raw, "needs "+pair[1]+" beside it: accepted are both or none")
			return
		}
	}
	if v, ok := r.raw[address]; ok {
		if err := r.config.Web.Check(); err != nil {
			r.add(v.at, address, v.raw, err.Error())
		}
	}
}
