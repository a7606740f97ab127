package serve

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Config is what `console serve` reads: a TOML file, and flags over it.
type Config struct {
	Store  StoreConfig  `toml:"store"`
	Ingest IngestConfig `toml:"ingest"`
	Web    WebConfig    `toml:"web"`
}

// StoreConfig says where everything is kept.
type StoreConfig struct {
	DSN     string `toml:"dsn"`     // sqlite:PATH, or postgres://…
	Writers int    `toml:"writers"` // PostgreSQL: connections that write; 0: 4
	Readers int    `toml:"readers"` // connections that read; 0: 4
}

// IngestConfig is the front door for reports.
type IngestConfig struct {
	Listen         string `toml:"listen"`
	Cert           string `toml:"cert"`      // PEM file, chain included
	Key            string `toml:"key"`       // PEM file
	ClientCA       string `toml:"client_ca"` // PEM file: who signs the certificates of Sockets
	MaxConnections int    `toml:"max_connections"`
}

// WebConfig is the door for people and monitoring.
type WebConfig struct {
	Listen string `toml:"listen"`
	Cert   string `toml:"cert"` // with Key: HTTPS; without: behind a proxy that does it
	Key    string `toml:"key"`

	// PasswordFile holds the password of the first account, "admin"; none: one is
	// made up and written to the log, once.
	PasswordFile string `toml:"password_file"`
	// PlainHTTP says that browsers reach the pages without TLS, from elsewhere: a
	// cookie may then travel in the clear.
	PlainHTTP bool `toml:"plain_http"`
}

// DefaultConfig returns the defaults: everything that can have one.
func DefaultConfig() Config {
	return Config{
		Store:  StoreConfig{DSN: "sqlite:console.db"},
		Ingest: IngestConfig{Listen: ":8443", MaxConnections: 4096},
		Web:    WebConfig{Listen: "127.0.0.1:8080"},
	}
}

// Sample is a configuration with every key.
const Sample = `[store]
dsn = "sqlite:/var/lib/console/console.db"   # or "postgres://console@db/console"
writers = 4               # PostgreSQL: connections that write
readers = 4               # connections that read

[ingest]                  # where Sockets report to
listen = ":8443"
cert = "/etc/console/server.pem"
key = "/etc/console/server.key"
client_ca = "/etc/console/sockets-ca.pem"
max_connections = 4096

[web]                     # pages, API, /healthz, /readyz, /metrics
listen = "127.0.0.1:8080"
cert = ""                 # with a certificate: HTTPS; without one, put a proxy in front
key = ""
password_file = ""        # of the first account, "admin"; without one the log tells a made-up one
plain_http = false        # true: browsers elsewhere reach the pages without TLS
`

// LoadConfig reads a file over the defaults. Keys that are none are refused.
func LoadConfig(path string) (Config, error) {
	cfg := DefaultConfig()
	raw, err := os.ReadFile(path)
	if err != nil {
		return cfg, fmt.Errorf("configuration: %w", err)
	}
	return cfg, cfg.parse(path, string(raw))
}

func (c *Config) parse(path, text string) error {
	err := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields().Decode(c)
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		at := unknown.Errors[0]
		line, column := at.Position()
		return fmt.Errorf("%s:%d:%d: there is no key %s", path, line, column, strings.Join(at.Key(), "."))
	}
	if bad, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, column := bad.Position()
		return fmt.Errorf("%s:%d:%d: %w", path, line, column, bad)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Check says what is missing or out of bounds.
func (c *Config) Check() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	for name, address := range map[string]string{"ingest.listen": c.Ingest.Listen, "web.listen": c.Web.Listen} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			add("%s %q is no ADDRESS:PORT", name, address)
		}
	}
	for _, one := range [][2]string{{"ingest.cert", c.Ingest.Cert}, {"ingest.key", c.Ingest.Key}, {"ingest.client_ca", c.Ingest.ClientCA}} {
		if one[1] == "" {
			add("%s is missing: a PEM file", one[0])
		}
	}
	if (c.Web.Cert == "") != (c.Web.Key == "") {
		add("web.cert and web.key come together")
	}
	if c.Ingest.MaxConnections < 1 || c.Ingest.MaxConnections > 1<<20 {
		add("ingest.max_connections %d is outside 1 to %d", c.Ingest.MaxConnections, 1<<20)
	}
	return errors.Join(problems...)
}
