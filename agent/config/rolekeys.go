package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Sources of the HA state.
const (
	RoleNone       = "none" // the HA states of the pair are not compared
	RoleAuto       = "auto" // the first that answers of those configured
	RoleKeepalived = "keepalived"
	RoleFRR        = "frr"
	RoleHook       = "hook"
	RoleVIP        = "vip"
)

// Role says who tells the HA state of this Socket. What is configured of a source
// that does not count is checked and otherwise ignored.
type Role struct {
	Source     string // one of the Role words
	Keepalived Keepalived
	FRR        FRR
	Hook       Hook

	// VirtualAddresses are those whose presence means active, at most
	// maxVirtualAddresses.
	VirtualAddresses []netip.Addr
}

// Keepalived is where a keepalived tells of its transitions.
type Keepalived struct {
	FIFO            string // notify_fifo, or vrrp_notify_fifo
	Instance, Group string // which of several counts; at most one of the two
	PIDFile         string // of its VRRP process; empty: where its packages put it
}

// FRR is how vrrpd of FRR is asked.
type FRR struct {
	Socket    string   // its vty socket
	Command   []string // or the command that prints "show vrrp json"
	Interface string   // which of several counts
	VRID      int      // likewise, 1 to 255; 0: all must agree
}

// Hook is the integrator's own word.
type Hook struct {
	File    string
	MaxAge  time.Duration // how long an untouched file is believed, 2 s to 1 h
	Command []string
}

const (
	maxVirtualAddresses = 32
	maxCommandWords     = 64
	maxWord             = 4095 // bytes, of a word of a command
)

const commandAccepts = `a list of 1 to 64 words in quotes, the first an absolute path: ["/usr/bin/ha-state", "-q"]`

// roleKeys are the rows of the source of the HA state.
var roleKeys = []key{
	{
		name: "role.source", doc: "who tells whether this Socket is active or standby",
		accepts: `"none", "auto", "keepalived", "frr", "hook" or "vip"`,
		set:     text(setRoleSource),
		get:     func(c *Config) string { return quoted(c.Role.Source) },
	},
	{
		name: "role.virtual_addresses", doc: "addresses of the site: this Socket is active while it has them",
		accepts: `a list of at most 32 different addresses in quotes, ["192.0.2.1"]`, unset: "addresses do not tell",
		set: setVirtualAddresses,
		get: func(c *Config) string { return list(c.Role.VirtualAddresses, netip.Addr.String) },
	},
	optionalPath("role.keepalived.fifo", "the notify_fifo of keepalived.conf", "keepalived does not tell",
		func(c *Config) *string { return &c.Role.Keepalived.FIFO }),
	nameKey("role.keepalived.instance", "the vrrp_instance that counts", "all must agree",
		func(c *Config) *string { return &c.Role.Keepalived.Instance }),
	nameKey("role.keepalived.group", "or the vrrp_sync_group that counts", "all must agree",
		func(c *Config) *string { return &c.Role.Keepalived.Group }),
	optionalPath("role.keepalived.pid_file", "pid file of keepalived's VRRP process", "/run/vrrp.pid or /run/keepalived/vrrp.pid",
		func(c *Config) *string { return &c.Role.Keepalived.PIDFile }),
	optionalPath("role.frr.socket", "vty socket of FRR's vrrpd, such as \"/run/frr/vrrpd.vty\"", "FRR does not tell",
		func(c *Config) *string { return &c.Role.FRR.Socket }),
	commandKey("role.frr.command", "or the command that prints: show vrrp json", "the socket is asked",
		func(c *Config) *[]string { return &c.Role.FRR.Command }),
	{
		name: "role.frr.interface", doc: "the interface that counts",
		accepts: "the name of a network interface in quotes", unset: "all must agree",
		set: text(func(c *Config, s string) error { return setInterface(&c.Role.FRR.Interface, s) }),
		get: func(c *Config) string { return quoted(c.Role.FRR.Interface) },
	},
	{
		name: "role.frr.vrid", doc: "the virtual router that counts",
		accepts: "a whole number from 1 to 255", unset: "all must agree",
		set: number(1, 255, func(c *Config, n int64) { c.Role.FRR.VRID = int(n) }),
		get: func(c *Config) string {
			if c.Role.FRR.VRID == 0 {
				return ""
			}
			return strconv.Itoa(c.Role.FRR.VRID)
		},
	},
	optionalPath("role.hook.file", "file that holds the word active, standby or unknown", "no file tells",
		func(c *Config) *string { return &c.Role.Hook.File }),
	{
		name: "role.hook.max_age", doc: "the file is believed for so long after it was touched",
		accepts: `"2s" to "1h"`,
		set: text(func(c *Config, s string) error {
			return setLength(&c.Role.Hook.MaxAge, s, 2*time.Second, time.Hour)
		}),
		get: func(c *Config) string { return quoted(duration(c.Role.Hook.MaxAge)) },
	},
	commandKey("role.hook.command", "or a command, run every 2 s: exit code 0 active, 3 standby", "no command tells",
		func(c *Config) *[]string { return &c.Role.Hook.Command }),
}

func optionalPath(name, doc, unset string, field func(*Config) *string) key {
	k := pathKey(name, doc, field)
	k.unset = unset
	return k
}

func nameKey(name, doc, unset string, field func(*Config) *string) key {
	return key{
		name: name, doc: doc, accepts: "1 to 255 printable characters in quotes, without spaces", unset: unset,
		set: text(func(c *Config, s string) error {
			bad := func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }
			if s == "" || len(s) > 255 || strings.ContainsFunc(s, bad) {
				return errors.New("not a name")
			}
			*field(c) = s
			return nil
		}),
		get: func(c *Config) string { return quoted(*field(c)) },
	}
}

func commandKey(name, doc, unset string, field func(*Config) *[]string) key {
	return key{
		name: name, doc: doc, accepts: commandAccepts, unset: unset,
		set: func(c *Config, v value) error { return setCommand(field(c), v) },
		get: func(c *Config) string { return list(*field(c), func(s string) string { return s }) },
	}
}

func setRoleSource(c *Config, s string) error {
	words := []string{RoleNone, RoleAuto, RoleKeepalived, RoleFRR, RoleHook, RoleVIP}
	if !slices.Contains(words, s) {
		return oneOf(s, words...)
	}
	c.Role.Source = s
	return nil
}

func setVirtualAddresses(c *Config, v value) error {
	var addrs []netip.Addr
	err := eachText(v, func(s string) error {
		var a netip.Addr
		if err := setAddress(&a, s); err != nil {
			return err
		}
		switch {
		case a.Zone() != "":
			return errors.New("an address of the site has no zone")
		case slices.Contains(addrs, a):
			return errors.New("listed twice")
		}
		addrs = append(addrs, a)
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(addrs) == 0 || len(addrs) > maxVirtualAddresses:
		return fmt.Errorf("%d addresses", len(addrs))
	}
	c.Role.VirtualAddresses = addrs
	return nil
}

func setCommand(field *[]string, v value) error {
	var words []string
	err := eachText(v, func(s string) error {
		if len(s) > maxWord || strings.ContainsRune(s, 0) {
			return errors.New("not a word of a command")
		}
		words = append(words, s)
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(words) == 0 || len(words) > maxCommandWords:
		return fmt.Errorf("%d words", len(words))
	}
	if err := setPath(new(string), words[0]); err != nil {
		return faults{{v.items[0], err}}
	}
	*field = words
	return nil
}

// eachText hands over the strings of a list, and gathers what is wrong with them.
func eachText(v value, take func(s string) error) error {
	if v.kind != unstable.Array {
		return errType
	}
	var wrong faults
	for _, item := range v.items {
		err := errType
		if item.kind == unstable.String {
			err = take(item.text)
		}
		if err != nil {
			wrong = append(wrong, fault{item, err})
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// list writes a TOML list of strings, or nothing for an empty one.
func list[T any](items []T, text func(T) string) string {
	if len(items) == 0 {
		return ""
	}
	out := make([]string, len(items))
	for i, item := range items {
		out[i] = quoted(text(item))
	}
	return "[" + strings.Join(out, ", ") + "]"
}
