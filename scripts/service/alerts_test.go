package service

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"socketha/scripts/needs"
)

func TestAlertRules(t *testing.T) {
	promtool := needs.Command(t, "promtool", "prometheus")
	for _, args := range [][]string{{"check", "rules", "--lint-fatal", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// TestAlertsNameMetrics: a rule on a metric that does not exist never fires.
func TestAlertsNameMetrics(t *testing.T) {
	rules, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := os.ReadFile("../../agent/metrics/testdata/incompatible.prom") // a document with everything in it
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`\bsocketha_[a-z_]+`).FindAllString(string(rules), -1)
	if len(names) < 9 {
		t.Fatalf("only %d metrics in the rules", len(names))
	}
	for _, name := range names {
		if !regexp.MustCompile(`(?m)^` + name + `[{ ]`).Match(metrics) {
			t.Errorf("no metric is called %s", name)
		}
	}
	for _, code := range regexp.MustCompile(`code="(HA_[A-Z_]+)"`).FindAllSubmatch(rules, -1) {
		if !regexp.MustCompile(`code="` + string(code[1]) + `"`).Match(metrics) {
			t.Errorf("no reason has the code %s", code[1])
		}
	}
}
