package peer

import "testing"

// TestUpgradeResultWords holds the words of the command and the number that each has
// on the wire. What a later version may add is no result.
func TestUpgradeResultWords(t *testing.T) {
	for number, want := range []string{"none", "ok", "failed", "skipped", "none"} {
		if got := UpgradeResult(number).String(); got != want {
			t.Errorf("UpgradeResult(%d) = %q, want %q", number, got, want)
		}
	}
}
