package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pelletier/go-toml/v2/unstable"

	"socketha/peer"
)

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

// setLength reads a length of time from shortest to longest.
func setLength(field *time.Duration, s string, shortest, longest time.Duration) error {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return errors.New(`not a length of time with its unit ("s", "m" or "h")`)
	case d < shortest || d > longest:
		return errors.New("out of range")
	case d%time.Millisecond != 0:
		return errors.New("not in whole milliseconds")
	}
	*field = d
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

func setURL(field *string, s string) error {
	u, err := url.Parse(s)
	bad := func(r rune) bool { return r <= ' ' || r > '~' }
	switch {
	case err != nil || strings.ContainsFunc(s, bad) || len(s) > maxURL:
		return errors.New("not a URL")
	case u.Scheme != "https":
		return errors.New("not https")
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("not a host and a path alone")
	}
	*field = s
	return nil
}

// maxURL bounds a URL, in bytes.
const maxURL = 2048

func setSyslog(field *string, s string) error {
	if path, ok := strings.CutPrefix(s, "unix:"); ok {
		var clean string
		if err := setPath(&clean, path); err != nil {
			return err
		}
		if len(clean) > maxSocketPath {
			return fmt.Errorf("%d bytes are too long for a unix socket", len(clean))
		}
		*field = "unix:" + clean
		return nil
	}
	hostport, ok := strings.CutPrefix(s, "udp:")
	if !ok {
		return errors.New("not an address")
	}
	host, port, err := net.SplitHostPort(hostport)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 || host == "" ||
		strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("not a host and a port")
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

// maxModels bounds the models of one pair.
const maxModels = 32

func setModels(c *Config, v value) error {
	var models []string
	err := eachText(v, func(s string) error {
		unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
		switch {
		case s == "" || len(s) > peer.MaxModel || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unprintable):
			return errors.New("not a model")
		case slices.Contains(models, s):
			return errors.New("listed twice")
		}
		models = append(models, s)
		return nil
	})
	switch {
	case err != nil:
		return err
	case len(models) < 2 || len(models) > maxModels:
		return fmt.Errorf("%d models", len(models))
	}
	c.Pair.Models = models
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
