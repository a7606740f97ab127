package e2e

import (
	"os/exec"
	"testing"

	"socketha/agent/status"
	"socketha/scripts/needs"
)

// A path that passes small datagrams and loses large ones is named as such, and
// the reason goes when the path is whole again.
func TestPathThatLosesLargeDatagramsIsNamed(t *testing.T) {
	nft := needs.Command(t, "nft", "nftables")
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	rules := func(b *box, text string) {
		t.Helper()
		cmd := exec.Command(nft, text)
		if err := b.ns.Do(cmd.Run); err != nil {
			t.Fatalf("nft %s: %v", text, err)
		}
	}
	for _, b := range pair {
		rules(b, "table inet hole { chain in { type filter hook input priority 0; meta length > 500 drop; }; }")
		b.start()
	}
	for _, b := range pair {
		b.until("the lossy path named", func(d status.Document) bool { return has(d, "HA_NOT_READY_MTU") })
	}
	for _, b := range pair {
		rules(b, "delete table inet hole")
	}
	for _, b := range pair {
		b.until("ready on a whole path", ready)
	}
}
