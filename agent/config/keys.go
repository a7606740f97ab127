package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

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
var keys = slices.Concat(siteKeys, roleKeys, alarmKeys, localKeys, webKeys, awayKeys, serviceKeys)

// siteKeys are the rows of the link, the pair and this Socket.
var siteKeys = []key{
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
		name: "link.key_change", doc: "the session gets new keys this often, with no heartbeat lost",
		accepts: `"2s" to "24h"`,
		set:     text(func(c *Config, s string) error { return setLength(&c.Link.KeyChange, s, 2*time.Second, 24*time.Hour) }),
		get:     func(c *Config) string { return quoted(duration(c.Link.KeyChange)) },
	},
	{
		name: "pair.role", doc: "the place of this Socket in its pair; the other one has the other",
		accepts: `"primary" or "secondary"`,
		set:     text(func(c *Config, s string) error { return setRole(&c.Pair.Role, s) }),
		get:     func(c *Config) string { return quoted(c.Pair.Role.String()) },
	},
	{
		name: "pair.models", doc: "models that form a pair although they differ",
		accepts: `a list of 2 to 32 different models in quotes, ["X1500", "X1500B"]`, unset: "both Sockets are of one model",
		set: setModels,
		get: func(c *Config) string { return list(c.Pair.Models, func(s string) string { return s }) },
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
	pathKey("state.directory", "folder of what has to survive a restart: last-known peer, history, alarm",
		func(c *Config) *string { return &c.State.Directory }),
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
	pathKey("appliance.upgrade_marker", "while this file is there an upgrade is declared; it may hold the version",
		func(c *Config) *string { return &c.Appliance.UpgradeMarker }),
	{
		name: "impact.catalog_file", doc: "feature catalog: which feature came with which version, CSV",
		accepts: pathAccepts, unset: "the catalog that is built in",
		set: text(func(c *Config, s string) error { return setPath(&c.Impact.CatalogFile, s) }),
		get: func(c *Config) string { return quoted(c.Impact.CatalogFile) },
	},
}

// localKeys are the rows of what this machine sees of the agent.
var localKeys = []key{
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
}

// awayKeys are the rows of what is told to others.
var awayKeys = []key{
	{
		name: "upstream.url", doc: "where reports go, such as \"https://ha.example.com/v1/reports\"",
		accepts: "an https URL in quotes, without user, query and fragment", unset: "no cloud: nothing is reported",
		set: text(func(c *Config, s string) error { return setURL(&c.Upstream.URL, s) }),
		get: func(c *Config) string { return quoted(c.Upstream.URL) },
	},
	{
		name: "upstream.ca", doc: "PEM file of the authority that vouches for the cloud's server",
		accepts: pathAccepts, unset: "no server is believed",
		set: text(func(c *Config, s string) error { return setPath(&c.Upstream.CA, s) }),
		get: func(c *Config) string { return quoted(c.Upstream.CA) },
	},
	pathKey("upstream.certificate", "client certificate, whose S/N and tenant the cloud knows this Socket by",
		func(c *Config) *string { return &c.Upstream.Certificate }),
	pathKey("upstream.key", "its private key",
		func(c *Config) *string { return &c.Upstream.Key }),
	{
		name: "upstream.cadence", doc: "a report is sent this often when nothing changes; the cloud may ask for another",
		accepts: `"30s" to "1h"`,
		set: text(func(c *Config, s string) error {
			return setLength(&c.Upstream.Cadence, s, 30*time.Second, time.Hour)
		}),
		get: func(c *Config) string { return quoted(duration(c.Upstream.Cadence)) },
	},
	{
		name: "syslog.address", doc: "where transitions and alarms are told in RFC 5424, such as \"unix:/dev/log\"",
		accepts: `"unix:/PATH" or "udp:HOST:PORT"`, unset: "syslog is told nothing",
		set: text(func(c *Config, s string) error { return setSyslog(&c.Syslog.Address, s) }),
		get: func(c *Config) string { return quoted(c.Syslog.Address) },
	},
	{
		name: "syslog.enterprise", doc: "private enterprise number of the vendor, names the structured data",
		accepts: "a whole number from 1 to 4294967295", unset: "32473, the number for documentation",
		set: number(1, math.MaxUint32, func(c *Config, n int64) { c.Syslog.Enterprise = uint32(n) }),
		get: func(c *Config) string {
			if c.Syslog.Enterprise == 0 {
				return ""
			}
			return strconv.FormatUint(uint64(c.Syslog.Enterprise), 10)
		},
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
