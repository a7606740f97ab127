package metrics

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"socketha/agent/status"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// documents returns the golden documents of agent/status by name: the situations
// that matter, as they are really rendered.
func documents(t *testing.T) map[string]status.Document {
	t.Helper()
	files, err := filepath.Glob("../status/testdata/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("only %d golden documents (%v)", len(files), err)
	}
	all := make(map[string]status.Document)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d status.Document
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = d
	}
	return all
}

// full fills in what no golden document has yet.
func full(d status.Document) status.Document {
	raise := status.NewTime(d.GeneratedAt.Add(1000))
	queued, dropped, carrier := uint64(3), uint64(2), true
	delivered := d.GeneratedAt
	rtt, tx, detect, age := 1.25, int64(1000), int64(3000), 0.731
	d.Alarm = &status.Alarm{State: "pending", Since: d.GeneratedAt, RaiseAt: &raise, Occurrences: 2}
	d.Impact = &status.Impact{OnFailover: []status.ImpactEntry{{ID: "a"}, {ID: "b"}}}
	d.Upstream = &status.UpstreamStatus{Configured: true, State: "connected", LastDeliveredAt: &delivered, Queued: &queued, Dropped: &dropped}
	d.Link.Carrier, d.Link.RTTMS, d.Link.TxIntervalMS, d.Link.DetectMS, d.Peer.AgeS = &carrier, &rtt, &tx, &detect, &age
	d.Link.Rejected = map[string]uint64{"pin_mismatch": 7, "record_forged": 1 << 60}
	return d
}

var testBuild = Build{Version: "1.2.3", Commit: "0123456789ab"}

func counters() *Counters {
	n := func(v uint64) *uint64 { return &v }
	return &Counters{
		LinkFlaps: n(4), SyslogSent: n(10), SyslogDropped: n(1), LocalEvicted: n(5), LocalRefused: n(6),
		JournalErrors: n(0), Reloads: n(1), ReloadErrors: n(2),
	}
}

func render(d status.Document, c *Counters) string {
	return string(Append(nil, &d, c, testBuild))
}

var goVersion = regexp.MustCompile(`go_version="[^"]*"`)

func TestGolden(t *testing.T) {
	docs := documents(t)
	for name, got := range map[string]string{
		"incompatible": render(full(docs["incompatible_18_15"]), counters()),
		"peer_unknown": render(docs["peer_unknown"], &Counters{}),
	} {
		got = goVersion.ReplaceAllString(got, `go_version="go1"`)
		file := filepath.Join("testdata", name+".prom")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got; write anew with -update):\n%s", name, diff)
		}
	}
}

// series is a line of the format: name, labels, value.
var series = regexp.MustCompile(`^([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (-?[0-9.]+)$`)

// parse checks the form of a text and returns the values by series.
func parse(t *testing.T, text string) map[string]string {
	t.Helper()
	values := make(map[string]string)
	var family string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			family = strings.Fields(name)[0]
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		m := series.FindStringSubmatch(line)
		if m == nil || m[1] != family {
			t.Fatalf("under the family %s stands %q", family, line)
		}
		if _, twice := values[m[1]+m[2]]; twice {
			t.Errorf("%s stands twice", m[1]+m[2])
		}
		values[m[1]+m[2]] = m[3]
	}
	return values
}

// TestStates: of what has states exactly one series is 1, in every situation.
func TestStates(t *testing.T) {
	sets := regexp.MustCompile(`^(.*[{,])state="[a-z_]+"\}$`)
	for name, d := range documents(t) {
		sum := make(map[string]int)
		for s, v := range parse(t, render(full(d), counters())) {
			if m := sets.FindStringSubmatch(s); m != nil {
				n := 0
				_, _ = fmt.Sscan(v, &n)
				sum[m[1]] += n
			}
		}
		if len(sum) != 9 {
			t.Errorf("%s has %d sets of states: %v", name, len(sum), sum)
		}
		for set, n := range sum {
			if n != 1 {
				t.Errorf("%s: %s has %d states that hold", name, set, n)
			}
		}
	}
}

func TestReasonsAndVerdict(t *testing.T) {
	for name, d := range documents(t) {
		values := parse(t, render(d, &Counters{}))
		if got, want := values["socketha_ready"] == "1", d.Readiness == "ready"; got != want {
			t.Errorf("%s: ready is %v, want %v", name, got, want)
		}
		stand := 0
		for _, code := range status.Codes() {
			if values[fmt.Sprintf(`socketha_reason{code="%s",severity="%s"}`, code, code.Severity())] == "1" {
				stand++
			}
		}
		if stand != len(d.Reasons) {
			t.Errorf("%s: %d reasons stand, want %d", name, stand, len(d.Reasons))
		}
	}
}

// TestUnknownIsAbsent: what is not known is not shown as 0.
func TestUnknownIsAbsent(t *testing.T) {
	text := render(documents(t)["nothing_known"], &Counters{})
	for _, name := range []string{"peer_age", "round_trip", "detection_time", "carrier", `version_major{socket="peer"}`, "alarm", "flaps", "syslog", "last_delivered"} {
		if strings.Contains(text, name) {
			t.Errorf("%s is told although it is not known:\n%s", name, text)
		}
	}
}

// TestPeerCannotMakeSeries: whatever the peer says, and whatever is refused, the
// series stay the same, but for a bounded number of reasons.
func TestPeerCannotMakeSeries(t *testing.T) {
	d := full(documents(t)["ready"])
	before := parse(t, render(d, counters()))
	hostile := "x\"} 1\nsocketha_ready 1\n\\\xff"
	d.Peer.Serial, d.Peer.Model, d.Peer.Version, d.Peer.AgentVersion, d.Peer.Protocol = &hostile, &hostile, &hostile, &hostile, &hostile
	d.Peer.ConfiguredRole, d.Peer.View.Readiness, d.Link.PeerAddress = &hostile, &hostile, &hostile
	d.Peer.HAState, d.Peer.Capabilities.Source = hostile, hostile
	d.Reasons = append(d.Reasons, status.Reason{Code: status.Code(hostile), Summary: hostile})
	after := parse(t, render(d, counters()))
	for s := range after {
		if _, ok := before[s]; !ok {
			t.Errorf("the peer made the series %s", s)
		}
	}
	for i := range 1000 {
		d.Link.Rejected[fmt.Sprintf("%03d%s", i, hostile)] = 1
	}
	many := parse(t, render(d, counters()))
	if grown := len(many) - len(before); grown > MaxReasons {
		t.Errorf("1000 reasons made %d series", grown)
	}
	if got, want := many[`socketha_link_rejected_total{reason="other"}`], "1152921504606847935"; got != want {
		t.Errorf("the rest sums up to %s, want %s", got, want)
	}
	if len(before) > 110 {
		t.Errorf("%d series; doc.go says about 100", len(before))
	}
}

// TestOwnLabels: the appliance's words are escaped and cut.
func TestOwnLabels(t *testing.T) {
	d := documents(t)["ready"]
	odd := "a\"b\\c\nd\xff" + strings.Repeat("é", 200)
	d.Self.Model = &odd
	text := render(d, &Counters{})
	parse(t, text)
	line := regexp.MustCompile(`(?m)^socketha_info.*`).FindString(text)
	if !strings.Contains(line, `model="a\"b\\c\nd`+"\uFFFD"+`éé`) || len(line) > 400 {
		t.Errorf("%s", line)
	}
}

func TestHandler(t *testing.T) {
	d := documents(t)["ready"]
	server := httptest.NewServer(Handler(Source{Document: func() status.Document { return d }, Build: testBuild}))
	defer server.Close()
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		req, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if got := res.Header.Get("Content-Type"); res.StatusCode != 200 || got != ContentType || res.ContentLength < 5000 {
			t.Errorf("%s: %s, %s, %d bytes", method, res.Status, got, res.ContentLength)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	var d status.Document
	c, buf := counters(), make([]byte, 0, 16<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], &d, c, testBuild)
	}
}
