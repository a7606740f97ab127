package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"socketha/agent/status"
)

// A confined agent does all its work: the link, again when its interface was made
// anew, files that are replaced, a hook, and what it keeps. It can do no more.
func TestConfinedAgents(t *testing.T) {
	boxes := newPair(t, options{versions: [2]string{"18.3.3", "15.0.2"}, discover: true, more: func(b *box) string {
		b.file("hook", "#!/bin/sh\ncat "+b.dir+"/ha-state\n")
		b.file("ha-state", map[string]string{"SN-1": "active", "SN-2": "standby"}[b.serial])
		if err := os.Chmod(filepath.Join(b.dir, "hook"), 0o700); err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("[service]\nsandbox = \"landlock\"\n[role]\nsource = \"hook\"\n[role.hook]\ncommand = [%q]\n", b.dir+"/hook")
	}})
	for _, b := range boxes {
		b.start()
	}
	for _, b := range boxes {
		b.until("incompatible, and its own HA state", func(d status.Document) bool { return d.Remedy != nil && d.Self.HAState != "unknown" })
		if text := b.logged(); !strings.Contains(text, "no_new_privileges=true capabilities_dropped=true") {
			t.Errorf("not confined:\n%s", text)
		}
	}
	boxes[1].socketha("upgrade", "begin", "18.4.1")
	boxes[1].file("etc/socketha/version", "18.4.1")
	for _, b := range boxes {
		b.until("ready", func(d status.Document) bool { return d.Readiness == "ready" })
	}
	boxes[0].ns.Delete(t, haInterface)
	boxes[0].until("no interface", func(d status.Document) bool { return has(d, "HA_NOT_READY_HA_LINK_DOWN") })
	cable(t, boxes, [2]string{"169.254.77.1", "169.254.77.2"})
	for _, b := range boxes {
		b.until("ready again", func(d status.Document) bool { return d.Readiness == "ready" })
	}
	if out := boxes[1].socketha("history"); !strings.Contains(out, "Not Ready, incompatible") {
		t.Errorf("history:\n%s", out)
	}
}
