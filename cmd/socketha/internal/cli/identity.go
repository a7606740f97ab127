package cli

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"socketha/agent/config"
	"socketha/peer/transport"
	"socketha/platform/appliance"
	"socketha/platform/plainfile"
)

func runIdentityInit(_ context.Context, c *call) (Exit, error) {
	cfg, err := c.loadConfig()
	if err != nil {
		return ExitError, err
	}
	serial := c.flag("serial")
	if serial == "" {
		if serial, err = applianceSerial(cfg.Appliance); err != nil {
			return ExitError, err
		}
	}
	if err := refuseToReplace(cfg.Identity, c.on("force")); err != nil {
		return ExitError, err
	}
	id, err := transport.NewIdentity(serial, c.flag("tenant"))
	if err != nil {
		return ExitError, err
	}
	for _, file := range []string{cfg.Identity.Key, cfg.Identity.Certificate} {
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return ExitError, fmt.Errorf("make the directory of the identity: %w", err)
		}
	}
	if err := id.Save(cfg.Identity.Key, cfg.Identity.Certificate); err != nil {
		return ExitError, err
	}
	_, err = fmt.Fprintf(c.Stdout, "Made the identity of S/N %s.\n\n  Key          %s\n  Certificate  %s\n  Fingerprint  %s\n\n"+
		"On the other Socket run:\n\n  socketha identity trust %s\n",
		cell(id.Serial()), cell(cfg.Identity.Key), cell(cfg.Identity.Certificate), id.Fingerprint(), id.Fingerprint())
	return exitOf(err), err
}

// applianceSerial reads the S/N where the appliance states it.
func applianceSerial(a config.Appliance) (string, error) {
	facts := appliance.Read(appliance.Paths{Root: a.Root, SerialFile: a.SerialFile})
	if err := facts.Err(appliance.Serial); err != nil {
		return "", fmt.Errorf("the S/N of this Socket is not known, it may be given with --serial: %w", err)
	}
	return facts.Serial, nil
}

// refuseToReplace keeps an identity that is there, even half of one, unless
// force says otherwise.
func refuseToReplace(files config.Identity, force bool) error {
	var there []string
	for _, file := range []string{files.Key, files.Certificate} {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			there = append(there, file)
		}
	}
	if len(there) == 0 || force {
		return nil
	}
	lost := "whatever trusts it will refuse this Socket"
	if id, err := transport.LoadIdentity(files.Key, files.Certificate); err == nil {
		lost = fmt.Sprintf("the key %s of S/N %s would be lost, and the peer that trusts it would refuse this Socket until it trusts the new one",
			id.Fingerprint(), id.Serial())
	}
	return fmt.Errorf("an identity is there already (%s): %s. --force replaces it", strings.Join(there, ", "), lost)
}

// identityView is the JSON of identity show.
type identityView struct {
	Serial      string    `json:"serial"`
	Tenant      *string   `json:"tenant"`
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
	Key         string    `json:"key"`
	Certificate string    `json:"certificate"`
	Pins        []pinView `json:"pins"`
	CA          *string   `json:"ca"`
	PeerSerial  *string   `json:"peer_serial"`
}

type pinView struct {
	Fingerprint string  `json:"fingerprint"`
	Comment     *string `json:"comment"`
	From        string  `json:"from"` // the file that pins it
}

func runIdentityShow(_ context.Context, c *call) (Exit, error) {
	cfg, err := c.loadConfig()
	if err != nil {
		return ExitError, err
	}
	id, err := transport.LoadIdentity(cfg.Identity.Key, cfg.Identity.Certificate)
	if errors.Is(err, fs.ErrNotExist) {
		return ExitError, fmt.Errorf("this Socket has no identity yet, make it with: socketha identity init (%w)", err)
	}
	if err != nil {
		return ExitError, err
	}
	if c.on("fingerprint") {
		_, err := fmt.Fprintln(c.Stdout, id.Fingerprint())
		return exitOf(err), err
	}
	v, err := viewIdentity(id, cfg)
	if err != nil {
		return ExitError, err
	}
	if form := c.flag("o"); form != "table" {
		err = writeForm(c.Stdout, form, v)
	} else {
		_, err = io.WriteString(c.Stdout, identityTable(v, styleFor(c.Env)))
	}
	return exitOf(err), err
}

func viewIdentity(id *transport.Identity, cfg *config.Config) (*identityView, error) {
	pins, err := config.ReadPins(cfg.Identity.PinsFile)
	if err != nil {
		return nil, err
	}
	v := &identityView{
		Serial: id.Serial(), Tenant: orNull(id.Tenant()), Fingerprint: id.Fingerprint().String(),
		NotBefore: id.Certificate().NotBefore, NotAfter: id.Certificate().NotAfter,
		Key: cfg.Identity.Key, Certificate: cfg.Identity.Certificate, Pins: []pinView{},
		CA: orNull(cfg.Identity.CA), PeerSerial: orNull(cfg.Identity.PeerSerial),
	}
	for _, p := range pins {
		v.Pins = append(v.Pins, pinView{p.Fingerprint.String(), orNull(p.Comment), cfg.Identity.PinsFile})
	}
	for _, f := range cfg.Identity.PeerFingerprints {
		v.Pins = append(v.Pins, pinView{f.String(), nil, cfg.File()})
	}
	return v, nil
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// unending is the year from which a certificate counts as without an end
// (RFC 5280 section 4.1.2.5).
const unending = 9999

func identityTable(v *identityView, s style) string {
	var b strings.Builder
	line := func(label, words string) { writeLead(&b, s, faint, fill("  "+label, 15), cell(words)) }
	b.WriteString(s.paint(strong, "This Socket") + "\n")
	line("S/N", v.Serial)
	if v.Tenant != nil {
		line("Tenant", *v.Tenant)
	}
	// Never broken: it is there to be copied.
	fingerprint := func(f string) { b.WriteString(s.paint(faint, fill("  Fingerprint", 15)) + cell(f) + "\n") }
	fingerprint(v.Fingerprint)
	until := v.NotAfter.Format(time.DateOnly)
	if v.NotAfter.Year() >= unending {
		until = "no end"
	}
	line("Valid", v.NotBefore.Format(time.DateOnly)+" to "+until)
	line("Key", v.Key)
	line("Certificate", v.Certificate)
	b.WriteString("\n" + s.paint(strong, "Trusted peers") + "\n")
	for _, p := range v.Pins {
		fingerprint(p.Fingerprint)
		if p.Comment != nil {
			line("", *p.Comment)
		}
		line("", "pinned in "+p.From)
	}
	if v.CA != nil {
		line("Authority", *v.CA)
	}
	if v.PeerSerial != nil {
		line("Its S/N", *v.PeerSerial)
	}
	if len(v.Pins) == 0 && v.CA == nil {
		writeWrapped(&b, "  ", "None yet. Get the peer's fingerprint there (socketha identity show), then run here: socketha identity trust FINGERPRINT", s.columns)
	}
	return b.String()
}

func runIdentityTrust(_ context.Context, c *call) (Exit, error) {
	cfg, err := c.loadConfig()
	if err != nil {
		return ExitError, err
	}
	pin, err := pinOf(c.args[0])
	if err != nil {
		return ExitError, err
	}
	if comment := c.flag("comment"); comment != "" {
		pin.Comment = comment
	}
	id, err := transport.LoadIdentity(cfg.Identity.Key, cfg.Identity.Certificate)
	switch {
	case err == nil && config.Fingerprint(id.Fingerprint()) == pin.Fingerprint:
		return ExitError, errors.New("that is this Socket's own key: trust the other Socket's, as \"socketha identity show\" prints it there")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return ExitError, fmt.Errorf("whether that key is this Socket's own cannot be told: %w", err)
	}
	pins, err := config.ReadPins(cfg.Identity.PinsFile)
	if err != nil {
		return ExitError, err
	}
	kept, told := addPin(pins, pin, c.on("replace"))
	if err := config.WritePins(cfg.Identity.PinsFile, kept); err != nil {
		return ExitError, fmt.Errorf("write the pins: %w", err)
	}
	_, err = fmt.Fprintf(c.Stdout, "%s\n%s has %s.\nAn agent that waits for its first pin takes it up at once, any other at its next start.\n",
		printable(told), printable(cfg.Identity.PinsFile), count(len(kept), "pin"))
	return exitOf(err), err
}

// addPin returns pins with pin, or pin alone, and what that changed.
func addPin(pins config.Pins, pin config.Pin, replace bool) (config.Pins, string) {
	had := pins.Index(pin.Fingerprint)
	told := "Trusted: " + pin.Fingerprint.String()
	if had >= 0 {
		told = "Trusted already: " + pin.Fingerprint.String()
		if pin.Comment == "" {
			pin.Comment = pins[had].Comment
		}
	}
	var kept config.Pins
	for i, p := range pins {
		switch {
		case i == had:
		case replace:
			told += "\nForgotten: " + p.Fingerprint.String()
		default:
			kept = append(kept, p)
			told += "\nStill trusted: " + p.Fingerprint.String() + " (--replace forgets it)"
		}
	}
	return append(kept, pin), told
}

// pinOf reads what the user gave: a fingerprint, or a file with a certificate.
func pinOf(arg string) (config.Pin, error) {
	if strings.HasPrefix(strings.ToLower(arg), "sha256:") {
		f, err := config.ParseFingerprint(arg)
		if err != nil {
			return config.Pin{}, usagef("%q: %v", arg, err)
		}
		return config.Pin{Fingerprint: f}, nil
	}
	data, err := plainfile.Read(arg, config.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return config.Pin{}, usagef("%q is no fingerprint (sha256:...) and no file", arg)
	}
	if err != nil {
		return config.Pin{}, fmt.Errorf("%s: %w", arg, err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return config.Pin{}, fmt.Errorf("certificate in %s: %w", arg, err)
		}
		return config.Pin{Fingerprint: config.Fingerprint(transport.FingerprintOf(cert)), Comment: "S/N " + cert.Subject.SerialNumber}, nil
	}
	return config.Pin{}, fmt.Errorf("%s holds no certificate in PEM", arg)
}
