package syslog

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"socketha/agent/status"
	"socketha/scripts/needs"
)

// parsed is what rsyslog made of a message, by the template of the test.
type parsed struct {
	Time, Host, App, Proc, ID, Facility, Severity, Data, Text, Protocol string
}

const template = `template(name="parsed" type="list" option.jsonf="on") {
  property(outname="Time" name="timereported" dateFormat="rfc3339" format="jsonf")
  property(outname="Host" name="hostname" format="jsonf")
  property(outname="App" name="app-name" format="jsonf")
  property(outname="Proc" name="procid" format="jsonf")
  property(outname="ID" name="msgid" format="jsonf")
  property(outname="Facility" name="syslogfacility-text" format="jsonf")
  property(outname="Severity" name="syslogseverity-text" format="jsonf")
  property(outname="Data" name="structured-data" format="jsonf")
  property(outname="Text" name="msg" format="jsonf")
  property(outname="Protocol" name="protocol-version" format="jsonf")
}
`

// rsyslog runs a real rsyslogd with one input, and returns what it parsed, line
// by line: its output is a pipe, so that nothing has to be polled for.
func rsyslog(t *testing.T, input string) *json.Decoder {
	t.Helper()
	rsyslogd := needs.Command(t, "rsyslogd", "rsyslog")
	dir := t.TempDir()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, "rsyslog.conf")
	text := template + input + "\naction(type=\"omfile\" file=\"/dev/stdout\" template=\"parsed\")\n"
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), rsyslogd, "-n", "-f", conf, "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = write, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = read.Close() })
	return json.NewDecoder(read)
}

// TestRsyslog: a real receiver understands every part of a message, by UDP and by
// a unix socket.
func TestRsyslog(t *testing.T) {
	d := document(t, "incompatible_18_15")
	ready, notReady := "ready", "not_ready"
	m := Transition(&status.Transition{From: status.View{Readiness: &ready}, To: status.View{Readiness: &notReady}, Reasons: []string{"HA_X"}}, d, wall)
	m.Params = append(m.Params, Param{"odd", `a]"\é`})

	socket := filepath.Join(t.TempDir(), "log")
	port := freePort(t)
	for _, test := range []struct{ name, input, address string }{
		{"unix", fmt.Sprintf(`module(load="imuxsock" SysSock.Use="off") input(type="imuxsock" Socket=%q UseSpecialParser="off" IgnoreTimestamp="off")`, socket), "unix:" + socket},
		{"udp", fmt.Sprintf(`module(load="imudp") input(type="imudp" address="127.0.0.1" port="%d")`, port), fmt.Sprintf("udp:127.0.0.1:%d", port)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := rsyslog(t, test.input)
			var p parsed
			deliver(t, test.address, m, func() error { return got.Decode(&p) })
			want := parsed{
				Time: "2026-11-22T17:04:31.207Z", Host: "site17-a", App: "socketha", Proc: fmt.Sprint(os.Getpid()), ID: "TRANSITION",
				Facility: "daemon", Severity: "warning", Protocol: "1",
			}
			data, said := p.Data, p.Text
			p.Data, p.Text = "", ""
			if p != want {
				t.Errorf("got  %+v\nwant %+v", p, want)
			}
			if !strings.HasPrefix(data, `[socketha@32473 from="ready" to="not_ready"`) || !strings.HasSuffix(data, `odd="a\]\"\\é"]`) {
				t.Errorf("structured data %s", data)
			}
			if strings.TrimSpace(said) != m.Text {
				t.Errorf("text %q, want %q", said, m.Text)
			}
		})
	}
}

// deliver sends m again and again, because a datagram to a receiver that is still
// starting is lost, until it arrived.
func deliver(t *testing.T, address string, m Message, arrived func() error) {
	t.Helper()
	w, err := New(Config{Address: address, Host: "site17-a"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	go func() { done <- w.Run(ctx) }()
	there := make(chan error, 1)
	go func() { there <- arrived() }()
	for tick := ticks(t); ; {
		w.Send(m)
		select {
		case err := <-there:
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			return
		case <-tick:
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// ticks paces the repetitions; how fast does not matter to the result.
func ticks(t *testing.T) <-chan time.Time {
	t.Helper()
	ticker := time.NewTicker(100 * time.Millisecond)
	t.Cleanup(ticker.Stop)
	return ticker.C
}
