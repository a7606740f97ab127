package role

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// DefaultSocket is where FRR's packages put vrrpd's vty socket.
	DefaultSocket = "/run/frr/vrrpd.vty"

	// DefaultMaxAge is how long an untouched hook file is believed.
	DefaultMaxAge = time.Minute

	minMaxAge = 2 * time.Second
	maxMaxAge = time.Hour
	maxVIPs   = 32
	maxPath   = 4095 // bytes, PATH_MAX of the kernel without the zero byte
	maxWords  = 64   // of a command
	maxName   = 255  // bytes of the name of an instance, group or interface
)

// DefaultPIDFiles returns where keepalived's packages put the pid file of the VRRP
// process: of 2.2 and of 2.3.
func DefaultPIDFiles() []string { return []string{"/run/vrrp.pid", "/run/keepalived/vrrp.pid"} }

// DefaultVtysh returns the command that asks vrrpd where its socket may not be used.
func DefaultVtysh() []string {
	return []string{"/usr/bin/vtysh", "-d", "vrrpd", "-c", "show vrrp json"}
}

// Config says which sources there are. A source is configured if its first
// field is set.
type Config struct {
	Source     Kind // empty means Auto
	Keepalived Keepalived
	FRR        FRR
	Hook       Hook
	VIPs       []netip.Addr // 1 to 32, without zones
	Log        *slog.Logger // nil discards
}

// Keepalived is a real keepalived with vrrp_notify_fifo, or notify_fifo.
type Keepalived struct {
	FIFO     string   // absolute path, as in keepalived.conf
	Instance string   // the vrrp_instance that counts; empty: all must agree
	Group    string   // or the vrrp_sync_group that counts
	PIDFiles []string // of the VRRP process, the first that exists; nil means DefaultPIDFiles
	Memory   string   // file to keep what was read, in a folder under /run; empty: none is kept
}

// FRR is vrrpd of FRR.
type FRR struct {
	Socket    string   // absolute path of its vty socket
	Command   []string // or the command that prints "show vrrp json"
	Interface string   // the interface that counts; empty: all must agree
	VRID      int      // the virtual router that counts, 1 to 255; 0: all must agree
}

// Hook is what the integrator writes.
type Hook struct {
	// File holds the word active, standby or unknown and is touched at least
	// every MaxAge (2 s to 1 h; 0 means DefaultMaxAge).
	File   string
	MaxAge time.Duration

	// Command is run every 2 s, without a shell, and must end within 2 s. With
	// exit code 0 its first word on stdout counts; if it prints nothing, exit code 0
	// means active and 3 standby. Any other end is no answer: 1 is what a broken
	// script gives.
	Command []string
}

// check returns cfg with its defaults, or what is wrong with it.
func check(cfg Config) (Config, error) {
	if cfg.Source == "" {
		cfg.Source = Auto
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Keepalived.PIDFiles == nil {
		cfg.Keepalived.PIDFiles = DefaultPIDFiles()
	}
	if cfg.Hook.MaxAge == 0 {
		cfg.Hook.MaxAge = DefaultMaxAge
	}
	return cfg, errors.Join(
		checkKeepalived(cfg.Keepalived),
		checkFRR(cfg.FRR),
		checkHook(cfg.Hook),
		checkVIPs(cfg.VIPs),
	)
}

func checkKeepalived(k Keepalived) error {
	errs := []error{
		checkPath("keepalived notify FIFO", k.FIFO),
		checkPath("keepalived memory", k.Memory),
		checkName("keepalived instance", k.Instance),
		checkName("keepalived group", k.Group),
	}
	for _, path := range k.PIDFiles {
		errs = append(errs, checkPath("keepalived pid file", path))
	}
	if k.Instance != "" && k.Group != "" {
		errs = append(errs, fmt.Errorf("keepalived instance %q and group %q: only one of the two can count", k.Instance, k.Group))
	}
	return errors.Join(errs...)
}

func checkFRR(f FRR) error {
	errs := []error{
		checkPath("FRR socket", f.Socket),
		checkCommand("FRR command", f.Command),
		checkName("FRR interface", f.Interface),
	}
	if len(f.Socket) > 107 {
		errs = append(errs, fmt.Errorf("FRR socket %q: has %d bytes, a unix socket has at most 107", f.Socket, len(f.Socket)))
	}
	if f.Socket != "" && len(f.Command) > 0 {
		errs = append(errs, errors.New("FRR socket and FRR command: only one of the two can be asked"))
	}
	if f.VRID < 0 || f.VRID > 255 {
		errs = append(errs, fmt.Errorf("FRR virtual router %d: accepted are 1 to 255, and 0 for all", f.VRID))
	}
	return errors.Join(errs...)
}

func checkHook(h Hook) error {
	errs := []error{checkPath("hook file", h.File), checkCommand("hook command", h.Command)}
	if h.File != "" && len(h.Command) > 0 {
		errs = append(errs, errors.New("hook file and hook command: only one of the two can be the hook"))
	}
	if h.MaxAge < minMaxAge || h.MaxAge > maxMaxAge {
		errs = append(errs, fmt.Errorf("hook file age %v: accepted are %v to %v", h.MaxAge, minMaxAge, maxMaxAge))
	}
	return errors.Join(errs...)
}

func checkVIPs(vips []netip.Addr) error {
	if len(vips) > maxVIPs {
		return fmt.Errorf("%d virtual addresses: accepted are at most %d", len(vips), maxVIPs)
	}
	for i, vip := range vips {
		switch {
		case !vip.IsValid(), vip.IsUnspecified(), vip.IsMulticast(), vip.Is4In6(), vip.Zone() != "":
			return fmt.Errorf("virtual address %s: must be a plain unicast address without a zone", vip)
		case slices.Contains(vips[:i], vip):
			return fmt.Errorf("virtual address %s: is there twice", vip)
		}
	}
	return nil
}

func checkPath(what, path string) error {
	switch {
	case path == "":
	case !filepath.IsAbs(path), strings.ContainsRune(path, 0):
		return fmt.Errorf("%s %q: must be an absolute path", what, path)
	case len(path) > maxPath:
		return fmt.Errorf("%s: has %d bytes, accepted are at most %d", what, len(path), maxPath)
	}
	return nil
}

func checkName(what, name string) error {
	if len(name) > maxName || strings.ContainsAny(name, "\n\x00") {
		return fmt.Errorf("%s %.64q: accepted are at most %d bytes in one line", what, name, maxName)
	}
	return nil
}

func checkCommand(what string, argv []string) error {
	if len(argv) == 0 {
		return nil
	}
	if len(argv) > maxWords {
		return fmt.Errorf("%s: has %d words, accepted are at most %d", what, len(argv), maxWords)
	}
	if argv[0] == "" {
		return fmt.Errorf("%s: its first word is empty", what)
	}
	for _, word := range argv[1:] {
		if len(word) > maxPath || strings.ContainsRune(word, 0) {
			return fmt.Errorf("%s: the word %.64q is too long or has a zero byte", what, word)
		}
	}
	return checkPath(what, argv[0])
}
