package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"socketha/agent/local/client"
	"socketha/scripts/nstest"
)

// Interface is the name of the HA interface in both namespaces.
const Interface = "ha0"

// askAlive is how often WaitAlive asks.
const askAlive = 5 * time.Millisecond

// Options of a pair. Zero values are the usual ones.
type Options struct {
	Binary    string        // socketha; required
	Interval  time.Duration // of the heartbeats; 1 s
	Multiple  int           // of the interval until the peer is lost; 3
	IPv6      bool          // link-local addresses instead of IPv4
	Env       []string      // of the agents, in addition
	PinARP    bool          // give both ends the other's link address, so that none is asked for
	KeyChange time.Duration // how often the session gets new keys; 1 h
	Discover  bool          // leave the addresses out of the configuration; implies IPv6
	Quiet     bool          // leave the local interface alone once the pair is Ready
}

// DetectTime is the configured time from the last heartbeat to the verdict.
func (o Options) DetectTime() time.Duration { return o.Interval * time.Duration(o.Multiple) }

// Pair is two boxes on one cable.
type Pair struct {
	Boxes [2]*Box

	opts   Options
	binary string
	dir    string
	stage  stage
	addrs  [2]string // with prefix length
	cables int       // made so far
	filter bool      // the nftables chain is there
}

const addressTemplate = `local_address = %q
peer_address = %q
`

const configTemplate = `[link]
interface = %q
%sinterval = %q
detect_multiplier = %d
key_change = %[7]q

[pair]
role = %[5]q

[identity]
key = "%[6]s/key.pem"
certificate = "%[6]s/certificate.pem"
pins_file = "%[6]s/pins"

[state]
directory = "%[6]s/state"

[appliance]
root = %[6]q

[local]
socket = "%[6]s/s.sock"

[log]
format = "json"
`

// New makes two Sockets with pinned keys on one cable. No agent runs yet.
func New(o Options) (p *Pair, err error) {
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.Multiple == 0 {
		o.Multiple = 3
	}
	if o.KeyChange == 0 {
		o.KeyChange = time.Hour
	}
	o.IPv6 = o.IPv6 || o.Discover
	p = &Pair{opts: o}
	defer func() {
		if err != nil {
			p.Close()
			p = nil
		}
	}()
	if p.binary, err = filepath.Abs(o.Binary); err != nil {
		return p, fmt.Errorf("find the binary: %w", err)
	}
	if p.dir, err = QuietFolder("socketha-rig-"); err != nil {
		return p, err
	}
	p.addrs = [2]string{"169.254.77.1", "169.254.77.2"}
	if o.IPv6 {
		p.addrs = [2]string{"fe80::77:1", "fe80::77:2"}
	}
	for i := range p.Boxes {
		if err := p.newBox(i); err != nil {
			return p, err
		}
	}
	if err := p.introduce(); err != nil {
		return p, err
	}
	return p, p.MakeCable()
}

// QuietFolder makes a folder in a place where other programs seldom make or remove
// files. The agent watches each folder on the way to its appliance's files, and in
// /tmp it would be woken up by everybody.
func QuietFolder(prefix string) (string, error) {
	const quiet = "/run"
	dir, err := os.MkdirTemp(quiet, prefix)
	if err != nil {
		dir, err = os.MkdirTemp("", prefix)
	}
	if err != nil {
		return "", fmt.Errorf("make a folder for the pair: %w", err)
	}
	return dir, nil
}

func (p *Pair) newBox(i int) error {
	b := &Box{
		Serial: fmt.Sprintf("SN-%d", i+1), Dir: filepath.Join(p.dir, string(rune('a'+i))),
		Log: newRecord[Line](), Status: newRecord[Event](), pair: p,
	}
	p.Boxes[i] = b
	if err := p.stage.try(func() { b.ns = nstest.New(&p.stage) }); err != nil {
		return err
	}
	b.inside = newThread(b.ns)
	var err error
	if b.pipe, err = newLogPipe(b.Log); err != nil {
		return err
	}
	b.client = client.New(filepath.Join(b.Dir, "s.sock"))
	role := [2]string{"primary", "secondary"}[i]
	addresses := ""
	if !p.opts.Discover {
		addresses = fmt.Sprintf(addressTemplate, p.addrs[i], p.addrs[1-i])
	}
	for name, text := range map[string]string{
		"etc/socketha/serial":  b.Serial,
		"etc/socketha/model":   "X1700B",
		"etc/socketha/site":    "site-4711",
		"etc/socketha/version": "25.0.22707",
		"socketha.toml": fmt.Sprintf(configTemplate, Interface, addresses,
			p.opts.Interval.String(), p.opts.Multiple, role, b.Dir, p.opts.KeyChange.String()),
	} {
		if err := b.file(name, text); err != nil {
			return err
		}
	}
	return nil
}

// introduce makes the identities and pins each to the other, then puts the box
// whose key makes it the initiator of the handshake first (contract section 4:
// the fingerprint that sorts lower).
func (p *Pair) introduce() error {
	var prints [2]string
	for i, b := range p.Boxes {
		if _, err := b.command("identity", "init"); err != nil {
			return err
		}
		var err error
		if prints[i], err = b.command("identity", "show", "--fingerprint"); err != nil {
			return err
		}
	}
	for i, b := range p.Boxes {
		if _, err := b.command("identity", "trust", prints[1-i]); err != nil {
			return err
		}
	}
	if prints[1] < prints[0] {
		p.Boxes[0], p.Boxes[1] = p.Boxes[1], p.Boxes[0]
		p.addrs[0], p.addrs[1] = p.addrs[1], p.addrs[0]
	}
	return nil
}

// Initiator and Acceptor are the two boxes by their side of the handshake.
func (p *Pair) Initiator() *Box { return p.Boxes[0] }

// Acceptor is described with [Pair.Initiator].
func (p *Pair) Acceptor() *Box { return p.Boxes[1] }

// Other is the peer of b.
func (p *Pair) Other(b *Box) *Box {
	if b == p.Boxes[0] {
		return p.Boxes[1]
	}
	return p.Boxes[0]
}

// Options are those the pair was made with.
func (p *Pair) Options() Options { return p.opts }

// Start runs both agents and waits until both say Ready.
func (p *Pair) Start(ctx context.Context) error {
	var marks [2]int
	for i, b := range p.Boxes {
		marks[i] = b.Status.Mark()
		if _, _, err := b.Start(); err != nil {
			return err
		}
	}
	for i, b := range p.Boxes {
		if _, err := b.Status.Wait(ctx, marks[i], b.Serial+" ready", Ready); err != nil {
			return errors.Join(err, p.LastWords())
		}
	}
	return nil
}

// WaitReady waits until the newest document of both boxes says Ready and none of
// older standing is in the way.
func (p *Pair) WaitReady(ctx context.Context) error {
	for _, b := range p.Boxes {
		mark := max(b.Status.Mark()-1, 0)
		for {
			if _, err := b.Status.Wait(ctx, mark, b.Serial+" ready", Ready); err != nil {
				return errors.Join(err, p.LastWords())
			}
			now := max(b.Status.Mark()-1, 0)
			if all := b.Status.Since(now); len(all) > 0 && Ready(all[len(all)-1]) {
				break
			}
			mark = now
		}
	}
	return nil
}

// WaitAlive waits until both boxes say Ready and have received a heartbeat since
// it was called. Unlike [Pair.WaitReady] it asks, every few milliseconds, and so
// cannot be satisfied with what was true before a fault.
func (p *Pair) WaitAlive(ctx context.Context) error {
	for _, b := range p.Boxes {
		base, err := b.client.Status(ctx)
		if err != nil {
			return err
		}
		for {
			d, err := b.client.Status(ctx)
			if err == nil && d.Readiness == "ready" && d.Link.Received > base.Link.Received {
				break
			}
			select {
			case <-ctx.Done():
				return errors.Join(fmt.Errorf("%s: readiness %s, %d heartbeats received: %w", b.Serial, d.Readiness,
					d.Link.Received-base.Link.Received, context.Cause(ctx)), p.LastWords())
			case <-time.After(askAlive):
			}
		}
	}
	return nil
}

// LastWords is an error that holds the ends of both logs, for when something
// went wrong.
func (p *Pair) LastWords() error {
	var text []byte
	for i, b := range p.Boxes {
		text = fmt.Appendf(text, "\nlog of the %s:", [2]string{"initiator", "acceptor"}[i])
		for _, l := range b.Log.Since(max(b.Log.Mark()-8, 0)) {
			stamp := l.Said
			if stamp.IsZero() {
				stamp = l.Seen
			}
			text = fmt.Appendf(text, "\n  %s %s", stamp.UTC().Format("15:04:05.000000"), l.Summary())
		}
	}
	return errors.New(string(text))
}

// Close ends the agents and removes everything the pair has made. A second call
// does nothing.
func (p *Pair) Close() {
	for _, b := range p.Boxes {
		if b != nil {
			b.close()
		}
	}
	p.stage.end()
	if p.dir != "" {
		_ = os.RemoveAll(p.dir)
	}
}
