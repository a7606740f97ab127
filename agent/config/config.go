package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"time"

	"socketha/agent/alarm"
	"socketha/agent/web"
	"socketha/peer"
	"socketha/platform/plainfile"
)

// DefaultFile is where the configuration is looked for when no file is named.
const DefaultFile = "/etc/socketha/socketha.toml"

// DefaultSocket is the address of the local interface (contract section 5).
const DefaultSocket = "/run/socketha/socketha.sock"

// MaxFile bounds the configuration file, in bytes.
const MaxFile = 64 << 10

// maxSocketPath is sun_path of unix(7) without its closing zero byte.
const maxSocketPath = 107

// Config is a configuration that passed every check.
type Config struct {
	Link      Link
	Pair      Pair
	Identity  Identity
	State     State
	Appliance Appliance
	Impact    Impact
	Role      Role
	Alarm     alarm.Config
	Local     Local
	Web       web.Config // what of it stands together was checked, but no file
	Upstream  Upstream
	Syslog    Syslog
	Service   Service
	Log       Log

	file  string
	given map[string]Position // keys the file sets, and where
}

// Link is the cable between the two Sockets.
type Link struct {
	Interface string // name, 1 to 15 bytes
	Port      uint16 // UDP, 1 to 65535

	// Local and Peer are static addresses, both of one family or both the zero
	// Addr. A link-local address always has the interface as its zone.
	Local, Peer netip.Addr

	Interval         time.Duration // peer.MinInterval to peer.MaxInterval, whole milliseconds
	DetectMultiplier uint8         // peer.MinDetectMult to peer.MaxDetectMult

	KeyChange time.Duration // how often a session gets new keys, 2 s to 24 h
}

// Static reports whether the addresses are configured rather than discovered.
func (l Link) Static() bool { return l.Local.IsValid() }

// LocalAddrPort and PeerAddrPort are the static ends of the link; the zero
// AddrPort where addresses are discovered.
func (l Link) LocalAddrPort() netip.AddrPort { return l.addrPort(l.Local) }

// PeerAddrPort is described with [Link.LocalAddrPort].
func (l Link) PeerAddrPort() netip.AddrPort { return l.addrPort(l.Peer) }

func (l Link) addrPort(a netip.Addr) netip.AddrPort {
	if !a.IsValid() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, l.Port)
}

// Timers are the session timers this Socket wishes for: one interval for both
// directions, as RFC 5880 section 4.1 names them.
func (l Link) Timers() peer.Timers {
	return peer.Timers{DesiredTx: l.Interval, RequiredRx: l.Interval, DetectMult: l.DetectMultiplier}
}

// Pair is the place of this Socket in its pair.
type Pair struct {
	Role peer.Role // RolePrimary or RoleSecondary

	// Models form a pair although they differ, at most maxModels. Equal models
	// always do.
	Models []string
}

// Identity says which key this Socket shows and which it believes.
type Identity struct {
	Key         string // path of the private key, PEM
	Certificate string // path of its certificate, PEM

	// PinsFile may not exist yet; see [ReadPins]. PeerFingerprints are
	// believed besides the pins in that file.
	PinsFile         string
	PeerFingerprints []Fingerprint

	CA         string // path of PEM certificates, or empty
	PeerSerial string // expected S/N of the peer, or empty; always set with CA
}

// State is where what has to survive a restart is kept.
type State struct {
	Directory string // absolute path; made if it is missing
}

// Impact says what a failover is judged by.
type Impact struct {
	CatalogFile string // feature catalog; empty: the one that is built in
}

// Appliance says where the machine tells about itself. Paths are absolute and
// taken below Root.
type Appliance struct {
	Root             string
	SerialFile       string
	ModelFile        string
	VersionFile      string
	SiteFile         string
	CapabilitiesFile string
	UpgradeMarker    string // while it exists, a firmware upgrade is declared
}

// Local is the interface to this machine's own programs.
type Local struct {
	Socket     string // path, at most 107 bytes
	AdminGroup string // group that may change things besides root; empty: none
}

// Upstream is the cloud that reports go to.
type Upstream struct {
	URL         string // https; empty: none
	CA          string // path of PEM certificates; always set with URL
	Certificate string // paths of the client certificate and its key, PEM
	Key         string
	Cadence     time.Duration // between reports when nothing changes, 30 s to 1 h
}

// Syslog is the appliance's own syslog, which is told of transitions and alarms.
type Syslog struct {
	Address    string // "unix:/PATH" or "udp:HOST:PORT"; empty: nothing is told
	Enterprise uint32 // private enterprise number in the structured data; 0: the one for documentation
}

// Log says how the agent tells what it does, on standard error.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// LogFormat is the form of a log line.
type LogFormat string

// Log formats.
const (
	LogText LogFormat = "text" // key=value
	LogJSON LogFormat = "json"
)

// Default returns the configuration of an empty file: complete but for the
// interface and the role, which nobody can guess.
func Default() *Config {
	return &Config{
		Link: Link{Port: 20481, Interval: time.Second, DetectMultiplier: 3, KeyChange: time.Hour},
		Identity: Identity{
			Key:         "/var/lib/socketha/key.pem",
			Certificate: "/var/lib/socketha/certificate.pem",
			PinsFile:    "/var/lib/socketha/pins",
		},
		State: State{Directory: "/var/lib/socketha/state"},
		Appliance: Appliance{
			Root:             "/",
			SerialFile:       "/etc/socketha/serial",
			ModelFile:        "/etc/socketha/model",
			VersionFile:      "/etc/socketha/version",
			SiteFile:         "/etc/socketha/site",
			CapabilitiesFile: "/etc/socketha/capabilities",
			UpgradeMarker:    "/run/socketha/upgrading",
		},
		Role:  Role{Source: RoleNone, Hook: Hook{MaxAge: time.Minute}},
		Alarm: alarm.DefaultConfig(),
		Local: Local{Socket: DefaultSocket},
		Upstream: Upstream{
			Certificate: "/var/lib/socketha/certificate.pem", Key: "/var/lib/socketha/key.pem",
			Cadence: 5 * time.Minute,
		},
		Service: Service{Sandbox: SandboxNone},
		Log:     Log{Level: slog.LevelInfo, Format: LogText},
	}
}

// Load reads and checks the file at path. The error is a [Problems] when the
// file could be read.
func Load(path string) (*Config, error) {
	data, err := plainfile.Read(path, MaxFile)
	if err != nil {
		return nil, readError("config", path, err)
	}
	return Parse(path, data)
}

// readError names the file once, whoever reports the error.
func readError(what, path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	return fmt.Errorf("%s: %s: %w", what, path, err)
}

// Parse checks data, which came from the file of that name. The error is a
// [Problems] that lists everything wrong, in the order of the file.
func Parse(file string, data []byte) (*Config, error) {
	c := Default()
	c.file = file
	c.given = make(map[string]Position)
	r := reader{file: file, config: c}
	r.read(data)
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	return c, nil
}

// File is the name of the file c came from, empty for [Default].
func (c *Config) File() string { return c.file }

// IsDefault reports whether the file leaves out the key of that dotted name.
func (c *Config) IsDefault(key string) bool {
	_, ok := c.given[key]
	return !ok
}
