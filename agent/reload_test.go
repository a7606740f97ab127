package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"socketha/agent/config"
	"socketha/agent/status"
	"socketha/peer"
)

// changed returns a copy of the box's configuration after a change.
func (b *box) changed(change func(*config.Config)) *config.Config {
	next := *b.cfg
	change(&next)
	return &next
}

// What can be taken over is, and the session outlives the new connection.
func TestReloadKeepsTheSession(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	pairUp(t, boxes)
	before := boxes[0].until(t, "ready", isReady)
	next := boxes[0].changed(func(c *config.Config) {
		c.Pair.Role = peer.RoleSecondary
		c.Alarm.RaiseAfter = 7 * time.Minute
	})
	if err := boxes[0].agent.Reload(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	d := boxes[0].until(t, "the new role", func(d status.Document) bool {
		return *d.Self.ConfiguredRole == "secondary" && d.Alarm.State == "pending"
	})
	if got := d.Alarm.RaiseAt.Sub(d.Alarm.Since.Time); got != 7*time.Minute || !has(d, status.CodeRoleConflict) {
		t.Errorf("raised after %v, reasons %v", got, d.Reasons)
	}
	d = boxes[0].until(t, "the new connection", func(d status.Document) bool {
		return *d.Link.PeerAddress != *before.Link.PeerAddress || *d.Link.LocalAddress != *before.Link.LocalAddress
	})
	if d.Link.Session != "up" || !d.Link.Since.Equal(before.Link.Since.Time) {
		t.Errorf("session %s since %v, before since %v", d.Link.Session, d.Link.Since, before.Link.Since)
	}
}

// A peer that is not believed any more is not talked to, one that is again is.
func TestReloadTakesOverPins(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	pairUp(t, boxes)
	boxes[0].until(t, "ready", isReady)
	boxes[0].write(t, "pins", boxes[0].id.Fingerprint().String()) // somebody else's
	if err := boxes[0].agent.Reload(t.Context(), boxes[0].cfg); err != nil {
		t.Fatal(err)
	}
	boxes[0].until(t, "nobody", func(d status.Document) bool { return d.Link.Session != "up" && !d.Peer.Fresh })
	boxes[0].trust(t, boxes[1])
	if err := boxes[0].agent.Reload(t.Context(), boxes[0].cfg); err != nil {
		t.Fatal(err)
	}
	boxes[0].until(t, "ready again", isReady)
}

// What cannot be taken over leaves everything as it was, and says what to do.
func TestReloadRefuses(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	pairUp(t, boxes)
	boxes[0].until(t, "ready", isReady)
	for want, change := range map[string]func(*config.Config){
		"link.interval, local.socket": func(c *config.Config) {
			c.Link.Interval, c.Local.Socket, c.Pair.Role = time.Second, "/elsewhere", peer.RoleSecondary
		},
		"feature catalog": func(c *config.Config) { c.Impact.CatalogFile, c.Pair.Role = "/none", peer.RoleSecondary },
		"nobody is trusted": func(c *config.Config) {
			c.Identity.PinsFile, c.Pair.Role = filepath.Join(boxes[0].dir, "none"), peer.RoleSecondary
		},
	} {
		err := boxes[0].agent.Reload(t.Context(), boxes[0].changed(change))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if d := boxes[0].until(t, "a status", func(status.Document) bool { return true }); *d.Self.ConfiguredRole != "primary" || !isReady(d) {
		t.Errorf("%s, %s", *d.Self.ConfiguredRole, d.Readiness)
	}
}

// SIGHUP reads the file again: a broken one is refused with its line.
func TestReloadReadsTheFile(t *testing.T) {
	b := newBoxes(t, [2]string{"18.3.3", "18.4.1"})[0]
	b.trust(t, b)
	file := filepath.Join(b.dir, "socketha.toml")
	if err := os.WriteFile(file, []byte(b.cfg.Render()), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	b.cfg = cfg
	b.start(t)
	if err := b.agent.reload(t.Context()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file, []byte("[pair]\nrole = 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := b.agent.reload(t.Context()); err == nil || !strings.Contains(err.Error(), "socketha.toml:2:8") {
		t.Errorf("a broken file: %v", err)
	}
	if text := b.agent.oneLine(); !strings.HasPrefix(text, "Not Ready, unknown: ") {
		t.Errorf("to the service manager we say %q", text)
	}
}
