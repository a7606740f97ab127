package metrics

import (
	"os/exec"
	"strings"
	"testing"

	"socketha/scripts/needs"
)

// TestPromtool: Prometheus' own linter has nothing to say, in any situation.
func TestPromtool(t *testing.T) {
	promtool := needs.Command(t, "promtool", "prometheus")
	docs := documents(t)
	texts := map[string]string{"full": render(full(docs["ready"]), counters())}
	for _, name := range []string{"ready", "nothing_known", "version_unreadable_hostile", "split_brain", "ready_clock_unset"} {
		texts[name] = render(docs[name], &Counters{})
	}
	for name, text := range texts {
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
