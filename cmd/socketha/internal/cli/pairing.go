package cli

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"socketha/agent/config"
	"socketha/agent/pairing"
	"socketha/peer/transport"
	"socketha/platform/appliance"
)

// Meeting is a peer on the HA link whom nobody trusts yet; see package pairing.
type Meeting struct {
	Peer    pairing.Peer
	Spoiled <-chan error
	Close   func()
}

// How long the peer is waited for, and how long a person has to compare.
const (
	defaultWait = "2m"
	minWait     = time.Second
	maxWait     = time.Hour
	compareTime = 10 * time.Minute
)

// enoughDigits at the end of a fingerprint stand for all of it: nobody can make a
// key that has them, too (96 bits).
const enoughDigits = 24

// errNothingPinned ends every message of a pairing that did not come about.
var errNothingPinned = errors.New("nothing was pinned")

func runIdentityPair(ctx context.Context, c *call) (Exit, error) {
	cfg, err := c.loadConfig()
	if err != nil {
		return ExitError, err
	}
	wait, err := time.ParseDuration(c.flag("wait"))
	if err != nil || wait < minWait || wait > maxWait {
		return ExitUsage, usagef("--wait %q, accepted: 1s to 1h", c.flag("wait"))
	}
	wanted, err := wantedKey(c.flag("yes"))
	if err != nil {
		return ExitUsage, err
	}
	p := pairer{call: c, cfg: cfg, wait: wait, wanted: wanted, style: styleFor(c.Env)}
	if err := p.prepare(); err != nil {
		return ExitError, err
	}
	err = p.run(ctx)
	return exitOf(err), err
}

// wantedKey reads the fingerprint that --yes confirms beforehand; nil without it.
func wantedKey(text string) (*transport.Fingerprint, error) {
	if text == "" {
		return nil, nil
	}
	f, err := transport.ParseFingerprint(text)
	if err != nil {
		return nil, usagef("--yes %q: %v", text, err)
	}
	return &f, nil
}

// pairer is one pairing by hand.
type pairer struct {
	call   *call
	cfg    *config.Config
	wait   time.Duration
	wanted *transport.Fingerprint // confirmed beforehand, in scripts
	style  style

	identity *transport.Identity
	pins     config.Pins
	model    string
}

// prepare finds out whether this Socket can be paired at all.
func (p *pairer) prepare() (err error) {
	if p.cfg.Link.Interface == "" {
		return fmt.Errorf("the HA interface is not known: there is no %s, name another file with --config", p.call.DefaultConfig)
	}
	files := p.cfg.Identity
	p.identity, err = transport.LoadIdentity(files.Key, files.Certificate)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("this Socket has no identity yet, make it with: socketha identity init (%w)", err)
	}
	if err != nil {
		return err
	}
	if p.pins, err = config.ReadPins(files.PinsFile); err != nil {
		return err
	}
	if len(p.pins)+len(files.PeerFingerprints) > 0 && !p.call.on("replace") {
		return fmt.Errorf("this Socket trusts %s already (socketha identity show). "+
			"If its peer was exchanged: stop the agent, then socketha identity pair --replace", count(len(p.pins)+len(files.PeerFingerprints), "key"))
	}
	if files.CA != "" {
		return errors.New("this Socket trusts by authority (identity.ca): there is nothing to pair by hand")
	}
	a := p.cfg.Appliance
	p.model = appliance.Read(appliance.Paths{Root: a.Root, SerialFile: a.SerialFile, ModelFile: a.ModelFile}).Model
	return nil
}

// run meets the peer, has it confirmed and pins it. Whatever goes wrong before
// pins nothing.
func (p *pairer) run(ctx context.Context) error {
	p.say(fmt.Sprintf("Waiting at most %s for the other Socket on %s. Run this there, too: socketha identity pair", age(p.wait), p.cfg.Link.Interface))
	meeting, err := p.meet(ctx)
	if err != nil {
		return fmt.Errorf("%w; %w", err, errNothingPinned)
	}
	_, err = io.WriteString(p.call.Stdout, "\n"+p.table(&meeting.Peer)+"\n")
	if err == nil {
		err = p.confirm(ctx, meeting)
	}
	meeting.Close() // before the pin is written: an agent that waits for it then finds the port free
	if err != nil {
		return fmt.Errorf("%w; %w", err, errNothingPinned)
	}
	pin := config.Pin{Fingerprint: config.Fingerprint(meeting.Peer.Key), Comment: "S/N " + meeting.Peer.Serial}
	kept, told := addPin(p.pins, pin, p.call.on("replace"))
	if err := config.WritePins(p.cfg.Identity.PinsFile, kept); err != nil {
		return fmt.Errorf("write the pins: %w", err)
	}
	p.say(told)
	p.say("Confirm it on the other Socket as well. Then see how the pair is: socketha status --watch")
	return nil
}

func (p *pairer) say(words string) {
	var b strings.Builder
	for line := range strings.SplitSeq(words, "\n") {
		writeWrapped(&b, "", cell(line), p.style.columns)
	}
	_, _ = io.WriteString(p.call.Stdout, b.String())
}

func (p *pairer) meet(ctx context.Context) (*Meeting, error) {
	waiting, cancel := context.WithTimeout(ctx, p.wait)
	defer cancel()
	cfg := pairing.Config{Interface: p.cfg.Link.Interface, Port: p.cfg.Link.Port, Identity: p.identity}
	cfg.Facts.Model = p.model
	cfg.Facts.AgentVersion = p.call.Build.Version
	meeting, err := p.call.Meet(waiting, cfg)
	switch {
	case err == nil:
		return meeting, nil
	case ctx.Err() != nil:
		return nil, errors.New("interrupted")
	}
	return nil, explain(err)
}

// explain adds to an error of the meeting what a person can do about it.
func explain(err error) error {
	if several, ok := errors.AsType[*pairing.SeveralError](err); ok {
		var heard []string
		for _, key := range several.Keys {
			heard = append(heard, key.String())
		}
		return fmt.Errorf("%w. Unplug what does not belong there, wait two minutes and begin again. Heard were:\n  %s", err, strings.Join(heard, "\n  "))
	}
	if errors.Is(err, pairing.ErrOwn) {
		return fmt.Errorf("%w. Was it copied from this one? Give it an identity of its own: socketha identity init --force", err)
	}
	return err
}

// table shows both ends side by side.
func (p *pairer) table(peer *pairing.Peer) string {
	t := pairTable{style: p.style}
	t.row("", entry{"This Socket", strong}, entry{"The other Socket", strong})
	t.row("S/N", entry{text: p.identity.Serial()}, entry{text: peer.Serial})
	t.row("Model", entry{text: or(p.model, "not known")}, entry{text: or(peer.Model, "not known")})
	ours, theirs := groups(p.identity.Fingerprint()), groups(peer.Key)
	for i := range ours {
		label := ""
		if i == 0 {
			label = "Fingerprint"
		}
		t.row(label, entry{text: ours[i]}, entry{text: theirs[i]})
	}
	return t.String()
}

// groups writes the digits of a fingerprint so that people can compare them:
// four lines of four groups.
func groups(f transport.Fingerprint) []string {
	digits := hex.EncodeToString(f[:])
	var lines []string
	for ; digits != ""; digits = digits[16:] {
		lines = append(lines, digits[:4]+" "+digits[4:8]+" "+digits[8:12]+" "+digits[12:16])
	}
	return lines
}

// confirm returns nil if and only if the peer's key was confirmed.
func (p *pairer) confirm(ctx context.Context, meeting *Meeting) error {
	if p.wanted != nil {
		if *p.wanted != meeting.Peer.Key {
			return fmt.Errorf("the other Socket has the key %s, not the one confirmed by --yes", meeting.Peer.Key)
		}
		return spoiled(meeting)
	}
	p.say("Go to the other Socket: it must show the same two fingerprints, with the sides exchanged. If a single digit differs, somebody else is on the cable.")
	_, _ = io.WriteString(p.call.Stdout, "\nIs it so? Type yes, or the last 6 groups of the other Socket: ")
	answer := make(chan string, 1)
	go func() { // ends with the process if nobody answers
		line, _ := bufio.NewReader(io.LimitReader(p.call.Stdin, 256)).ReadString('\n')
		answer <- line
	}()
	limit := time.NewTimer(compareTime)
	defer limit.Stop()
	select {
	case line := <-answer:
		if !confirms(line, meeting.Peer.Key) {
			return errors.New("not confirmed")
		}
		return spoiled(meeting)
	case err := <-meeting.Spoiled:
		p.say("")
		return explain(err)
	case <-limit.C:
		p.say("")
		return fmt.Errorf("not confirmed within %s", age(compareTime))
	case <-ctx.Done():
		p.say("")
		return errors.New("interrupted")
	}
}

// spoiled returns what has come between in the meantime.
func spoiled(meeting *Meeting) error {
	select {
	case err := <-meeting.Spoiled:
		return explain(err)
	default:
		return nil
	}
}

// confirms reports whether an answer confirms a key: yes, or enough of its end.
func confirms(answer string, key transport.Fingerprint) bool {
	if strings.EqualFold(strings.TrimSpace(answer), "yes") {
		return true
	}
	digits := strings.ToLower(strings.Join(strings.Fields(answer), ""))
	digits = strings.TrimPrefix(digits, "sha256:")
	return len(digits) >= enoughDigits && strings.HasSuffix(hex.EncodeToString(key[:]), digits)
}
