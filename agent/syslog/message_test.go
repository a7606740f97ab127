package syslog

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"socketha/agent/alarm"
	"socketha/agent/status"
)

var testOrigin = origin{facility: FacilityDaemon, host: "site17-a", app: "socketha", proc: "812", sdid: "socketha@32473"}

// form is the grammar of RFC 5424 section 6, as far as our messages use it.
var form = regexp.MustCompile(`^<(\d{1,3})>1 (-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) [!-~]{1,255} [!-~]{1,48} [!-~]{1,128} [!-~]{1,32} ` +
	`(-|\[[!-<>-\\^-~]{1,32}( [a-z_]{1,32}="([^"\\\]]|\\["\\\]])*")*\])( [^\x00-\x1f]*)?$`)

func document(t *testing.T, name string) *status.Document {
	t.Helper()
	data, err := os.ReadFile("../status/testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var d status.Document
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

var wall = time.Date(2026, 11, 22, 18, 4, 31, 207e6, time.FixedZone("", 3600))

func TestMessages(t *testing.T) {
	ready, notReady := "ready", "not_ready"
	compatible, incompatible := "compatible", "incompatible"
	duration := 86400.5
	d := document(t, "incompatible_18_15")
	transition := &status.Transition{
		From: status.View{Readiness: &ready, Compatibility: &compatible}, To: status.View{Readiness: &notReady, Compatibility: &incompatible},
		Reasons: []string{"HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS"}, SelfVersion: d.Self.Version, PeerVersion: d.Peer.Version, DurationS: &duration,
	}
	back := &status.Transition{From: transition.To, To: transition.From}
	out := &alarm.Output{State: alarm.Raised, Occurrences: 2, Number: 4, Reasons: []alarm.Reason{{Code: "HA_NOT_READY_NO_KEEPALIVE"}, {Code: "HA_NOT_READY_PEER_STALE"}}}
	action := func(k alarm.ActionKind) Message {
		return AlarmAction(alarm.Action{Kind: k, Number: 4, Cause: "HA_NOT_READY_NO_KEEPALIVE"}, out, d, wall)
	}
	for _, test := range []struct {
		m     Message
		wants []string
	}{
		{Transition(transition, d, wall), []string{
			`<28>1 2026-11-22T17:04:31.207Z site17-a socketha 812 TRANSITION [socketha@32473 from="ready" to="not_ready"`,
			`reasons="HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS" self_version="18.3.3" peer_version="15.0.2" duration_s="86400.500"`,
			`site="site-17" self_serial="A1000001" peer_serial=`, `] The pair is Not Ready. `, `pgrade`,
		}},
		{Transition(back, document(t, "ready"), time.Time{}), []string{`<29>1 - site17-a`, `] The pair is Ready.`}},
		{action(alarm.Opened), []string{`<27>1 `, ` ALARM_OPENED [`, `alarm="4" state="raised" cause="HA_NOT_READY_NO_KEEPALIVE"`, `reasons="HA_NOT_READY_NO_KEEPALIVE,HA_NOT_READY_PEER_STALE"`, `] The HA alarm 4 is raised`}},
		{action(alarm.Reopened), []string{`<27>1 `, ` ALARM_REOPENED [`, `for the 2nd time`}},
		{action(alarm.Updated), []string{`<28>1 `, ` ALARM_UPDATED [`}},
		{action(alarm.Closed), []string{`<29>1 `, ` ALARM_CLOSED [`, `is over`}},
		{Message{ID: "X"}, []string{`<24>1 - site17-a socketha 812 X -`}},
	} {
		got := string(testOrigin.appendMessage(nil, &test.m))
		if !form.MatchString(got) {
			t.Errorf("not RFC 5424: %s", got)
		}
		for _, want := range test.wants {
			if !strings.Contains(got, want) {
				t.Errorf("missing %s in\n%s", want, got)
			}
		}
	}
}

// TestBounds: no input makes a message too long, malformed or two of one.
func TestBounds(t *testing.T) {
	odd := "]\"\\\n\x00\x1b[31m\u009b\u2028\xff" + "é"
	for _, n := range []int{1, 10, 100, 1000} {
		for params := range 12 {
			m := Message{Time: wall, ID: "X", Text: strings.Repeat(odd, n)}
			for range params {
				m.Params = append(m.Params, Param{"name", strings.Repeat(odd, n)})
			}
			got := testOrigin.appendMessage([]byte("before"), &m)[len("before"):]
			if len(got) > MaxMessage || !utf8.Valid(got) || !form.Match(got) {
				t.Fatalf("%d bytes: %q", len(got), got)
			}
			if strings.ContainsAny(string(got), "\x1b\x00\n\u009b\u2028") {
				t.Fatalf("control characters in %q", got)
			}
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("a", "b]\"\\", "c\n")
	f.Fuzz(func(t *testing.T, host, value, text string) {
		o := testOrigin
		o.host = header(host, 255)
		m := Message{ID: "X", Params: []Param{{"a", value}, {"b", value}}, Text: text}
		got := o.appendMessage(nil, &m)
		if len(got) > MaxMessage || !utf8.Valid(got) || !form.Match(got) {
			t.Errorf("%q", got)
		}
	})
}
