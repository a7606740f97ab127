package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"

	"socketha/peer"
)

// A key is one row of the table that everything about keys is read from.
type key struct {
	name    string // dotted
	doc     string // what it is, one short line
	accepts string // ends "accepted: …" in a message
	unset   string // for a key without a default: what its absence means

	// set converts v into its field. The error says what is wrong with v; faults
	// say it of items of v.
	set func(c *Config, v value) error
	// get returns the value as TOML, or "" when there is none.
	get func(c *Config) string
}

// errType says that a value has another TOML type than the key takes; what it
// takes is in the row's accepts.
var errType = errors.New("the wrong type of value")

// keys lists every key, in the order config show and the sample have them.
var keys = []key{
	{
		name: "link.interface", doc: "the HA interface: the cable to the other Socket",
		accepts: `the name of a network interface in quotes, 1 to 15 bytes without "/", ":" or spaces, such as "eth1"`,
		set:     text(func(c *Config, s string) error { return setInterface(&c.Link.Interface, s) }),
		get:     func(c *Config) string { return quoted(c.Link.Interface) },
	},
	{
		name: "link.port", doc: "UDP port, the same on both Sockets",
		accepts: "a whole number from 1 to 65535",
		set:     number(1, 65535, func(c *Config, n int64) { c.Link.Port = uint16(n) }),
		get:     func(c *Config) string { return strconv.Itoa(int(c.Link.Port)) },
	},
	{
		name: "link.local_address", doc: "static address of this Socket on the link",
		accepts: addressAccepts, unset: "a link-local address is found by itself",
		set: text(func(c *Config, s string) error { return setAddress(&c.Link.Local, s) }),
		get: func(c *Config) string { return address(c.Link.Local) },
	},
	{
		name: "link.peer_address", doc: "static address of the other Socket on the link",
		accepts: addressAccepts, unset: "the other Socket is found by itself",
		set: text(func(c *Config, s string) error { return setAddress(&c.Link.Peer, s) }),
		get: func(c *Config) string { return address(c.Link.Peer) },
	},
	{
		name: "link.interval", doc: "a heartbeat is sent, and expected, this often",
		accepts: `"50ms" to "60s" in whole milliseconds`,
		set:     text(func(c *Config, s string) error { return setInterval(&c.Link.Interval, s) }),
		get:     func(c *Config) string { return quoted(duration(c.Link.Interval)) },
	},
	{
		name: "link.detect_multiplier", doc: "the peer is lost after this many intervals of silence",
		accepts: "a whole number from 2 to 50",
		set: number(peer.MinDetectMult, peer.MaxDetectMult, func(c *Config, n int64) {
			c.Link.DetectMultiplier = uint8(n)
		}),
		get: func(c *Config) string { return strconv.Itoa(int(c.Link.DetectMultiplier)) },
	},
	{
		name: "pair.role", doc: "the place of this Socket in its pair; the other one has the other",
		accepts: `"primary" or "secondary"`,
		set:     text(func(c *Config, s string) error { return setRole(&c.Pair.Role, s) }),
		get:     func(c *Config) string { return quoted(c.Pair.Role.String()) },
	},
	pathKey("identity.key", "private key of this Socket, made by: socketha identity init",
		func(c *Config) *string { return &c.Identity.Key }),
	pathKey("identity.certificate", "its certificate, whose Subject serialNumber is the S/N",
		func(c *Config) *string { return &c.Identity.Certificate }),
	pathKey("identity.pins_file", "fingerprints of the peers believed, written by: socketha identity trust",
		func(c *Config) *string { return &c.Identity.PinsFile }),
	{
		name: "identity.peer_fingerprints", doc: "fingerprints believed besides those in pins_file",
		accepts: `a list of at most 16 different fingerprints in quotes, ["sha256:<64 hex digits>"]`, unset: "only pins_file counts",
		set: setFingerprints,
		get: func(c *Config) string { return fingerprints(c.Identity.PeerFingerprints) },
	},
	{
		name: "identity.ca", doc: "PEM file of the authority whose certificates are believed",
		accepts: pathAccepts, unset: "no authority is believed, only pins",
		set: text(func(c *Config, s string) error { return setPath(&c.Identity.CA, s) }),
		get: func(c *Config) string { return quoted(c.Identity.CA) },
	},
	{
		name: "identity.peer_serial", doc: "S/N the certificate of the other Socket must show",
		accepts: "1 to 64 printable characters in quotes, without spaces at the ends", unset: "any S/N, as long as the key is pinned",
		set: text(func(c *Config, s string) error { return setSerial(&c.Identity.PeerSerial, s) }),
		get: func(c *Config) string { return quoted(c.Identity.PeerSerial) },
	},
	pathKey("appliance.root", "the paths below start here",
		func(c *Config) *string { return &c.Appliance.Root }),
	pathKey("appliance.serial_file", "file with the S/N",
		func(c *Config) *string { return &c.Appliance.SerialFile }),
	pathKey("appliance.model_file", "file with the model",
		func(c *Config) *string { return &c.Appliance.ModelFile }),
	pathKey("appliance.version_file", "file with the firmware version; a change is noticed while running",
		func(c *Config) *string { return &c.Appliance.VersionFile }),
	pathKey("appliance.site_file", "file with the id of the site",
		func(c *Config) *string { return &c.Appliance.SiteFile }),
	pathKey("appliance.capabilities_file", "file with the features of the firmware",
		func(c *Config) *string { return &c.Appliance.CapabilitiesFile }),
	{
		name: "local.socket", doc: "unix socket of the local interface, also given to: socketha status --socket",
		accepts: "an absolute path in quotes, at most 107 bytes",
		set: text(func(c *Config, s string) error {
			if len(s) > maxSocketPath {
				return fmt.Errorf("%d bytes are too long for a unix socket", len(s))
			}
			return setPath(&c.Local.Socket, s)
		}),
		get: func(c *Config) string { return quoted(c.Local.Socket) },
	},
	{
		name: "local.admin_group", doc: "group that may declare upgrades and failovers, as root may",
		accepts: `the name of a group in quotes, 1 to 32 of a-z, A-Z, 0-9, "_", "." and "-"`, unset: "only root may",
		set: text(func(c *Config, s string) error { return setGroup(&c.Local.AdminGroup, s) }),
		get: func(c *Config) string { return quoted(c.Local.AdminGroup) },
	},
	{
		name: "log.level", doc: "the least important line that is written",
		accepts: `"debug", "info", "warn" or "error"`,
		set:     text(func(c *Config, s string) error { return setLevel(&c.Log.Level, s) }),
		get:     func(c *Config) string { return quoted(strings.ToLower(c.Log.Level.String())) },
	},
	{
		name: "log.format", doc: "the form of a line",
		accepts: `"text" or "json"`,
		set:     text(func(c *Config, s string) error { return setFormat(&c.Log.Format, s) }),
		get:     func(c *Config) string { return quoted(string(c.Log.Format)) },
	},
}

const (
	pathAccepts    = `an absolute path in quotes, such as "/etc/socketha/ca.pem"`
	addressAccepts = `an IPv4 or IPv6 unicast address in quotes, such as "192.0.2.1" or "fe80::1%eth1"`
)

func pathKey(name, doc string, field func(*Config) *string) key {
	return key{
		name: name, doc: doc, accepts: pathAccepts,
		set: text(func(c *Config, s string) error { return setPath(field(c), s) }),
		get: func(c *Config) string { return quoted(*field(c)) },
	}
}

func text(set func(*Config, string) error) func(*Config, value) error {
	return func(c *Config, v value) error {
		if v.kind != unstable.String {
			return errType
		}
		return set(c, v.text)
	}
}

func number(low, high int64, set func(*Config, int64)) func(*Config, value) error {
	return func(c *Config, v value) error {
		if v.kind != unstable.Integer {
			return errType
		}
		// Base 0 reads TOML's 0x, 0o and 0b; its underscores are checked by the parser.
		n, err := strconv.ParseInt(strings.ReplaceAll(v.text, "_", ""), 0, 64)
		if err != nil || n < low || n > high {
			return errors.New("out of range")
		}
		set(c, n)
		return nil
	}
}

func setInterface(field *string, s string) error {
	// The rule of the kernel: dev_valid_name, with IFNAMSIZ 16.
	if s == "" || len(s) > 15 || s == "." || s == ".." || strings.ContainsAny(s, "/:") ||
		strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) {
		return errors.New("not the name of an interface")
	}
	*field = s
	return nil
}

func setAddress(field *netip.Addr, s string) error {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return errors.New("not an address")
	case a.Is4In6():
		return errors.New("an IPv4 address in IPv6 dress: write " + a.Unmap().String())
	case a.Zone() != "" && !a.IsLinkLocalUnicast():
		return errors.New("only a link-local address (fe80::/10) has a zone")
	case a.IsUnspecified(), a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return errors.New("not the address of one machine")
	}
	*field = a
	return nil
}

func setInterval(field *time.Duration, s string) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return errors.New(`not a length of time with its unit ("ms" or "s")`)
	case d < peer.MinInterval || d > peer.MaxInterval:
		return errors.New("out of range")
	case d%time.Millisecond != 0:
		return errors.New("not in whole milliseconds")
	}
	*field = d
	return nil
}

func setRole(field *peer.Role, s string) error {
	for _, r := range []peer.Role{peer.RolePrimary, peer.RoleSecondary} {
		if s == r.String() {
			*field = r
			return nil
		}
	}
	return oneOf(s, "primary", "secondary")
}

func setLevel(field *slog.Level, s string) error {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if s == strings.ToLower(l.String()) {
			*field = l
			return nil
		}
	}
	return oneOf(s, "debug", "info", "warn", "error")
}

func setFormat(field *LogFormat, s string) error {
	if f := LogFormat(s); f != LogText && f != LogJSON {
		return oneOf(s, string(LogText), string(LogJSON))
	}
	*field = LogFormat(s)
	return nil
}

func oneOf(s string, words ...string) error {
	if near := Nearest(s, words); near != "" {
		return fmt.Errorf("unknown word, did you mean %q?", near)
	}
	return errors.New("unknown word")
}

func setPath(field *string, s string) error {
	if !path.IsAbs(s) {
		return errors.New("not an absolute path")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("contains a control character")
	}
	*field = path.Clean(s)
	return nil
}

func setSerial(field *string, s string) error {
	if s == "" || len(s) > peer.MaxSerial || strings.TrimSpace(s) != s ||
		strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return errors.New("not an S/N")
	}
	*field = s
	return nil
}

func setGroup(field *string, s string) error {
	ok := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '.' || r == '-'
	}
	if s == "" || len(s) > 32 || s[0] == '-' || strings.ContainsFunc(s, func(r rune) bool { return !ok(r) }) {
		return errors.New("not the name of a group")
	}
	*field = s
	return nil
}

func setFingerprints(c *Config, v value) error {
	if v.kind != unstable.Array {
		return errType
	}
	var list []Fingerprint
	var wrong faults
	for _, item := range v.items {
		f, err := ParseFingerprint(item.text)
		if item.kind != unstable.String {
			err = errType
		}
		switch {
		case err != nil:
			wrong = append(wrong, fault{item, err})
		case slices.Contains(list, f):
			wrong = append(wrong, fault{item, errors.New("listed twice")})
		default:
			list = append(list, f)
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	if len(list) > MaxPins {
		return fmt.Errorf("%d fingerprints", len(list))
	}
	c.Identity.PeerFingerprints = list
	return nil
}

// faults are errors in single items of a list.
type faults []fault

type fault struct {
	value value
	err   error
}

func (fs faults) Error() string { return fs[0].err.Error() }
