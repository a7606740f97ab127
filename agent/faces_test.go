package agent

import (
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"socketha/agent/status"
)

// get asks a running agent as any program on the machine would.
func (b *box) get(t *testing.T, path string) string {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", b.cfg.Local.Socket)
		},
		DisableKeepAlives: true,
	}}
	r, err := c.Get("http://socketha" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, r.Status, err)
	}
	return string(body)
}

func TestMetricsOfARunningAgent(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	pairUp(t, boxes)
	boxes[0].until(t, "ready", isReady)
	text := boxes[0].get(t, "/metrics")
	for _, line := range []string{`socketha_ready 1`, `socketha_link_flaps_total 0`, `socketha_journal_errors_total 0`} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

// The appliance's syslog hears of the verdict and of the alarm.
func TestSyslogHears(t *testing.T) {
	boxes := newBoxes(t, [2]string{"18.3.3", "15.0.2"})
	address := &net.UnixAddr{Name: filepath.Join(boxes[0].dir, "log"), Net: "unixgram"}
	log, err := net.ListenUnixgram("unixgram", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	boxes[0].cfg.Syslog.Address = "unix:" + address.Name
	boxes[0].cfg.Alarm = fast
	pairUp(t, boxes)
	boxes[0].until(t, "the alarm", func(d status.Document) bool { return d.Alarm.State == "raised" })
	buf := make([]byte, 4096)
	for _, id := range []string{"TRANSITION", "ALARM_OPENED"} { // in the order of their telling
		for {
			n, err := log.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(buf[:n]), " "+id+" [socketha@32473 ") {
				break
			}
		}
	}
}
