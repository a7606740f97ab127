package status

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"socketha/peer"
)

// contractFields is the status document of the contract, section 5, field by
// field in its order. A leading dot marks a member of the object before it.
const contractFields = `schema generated_at agent .version .started_at .uptime_s
	readiness readiness_since compatibility
	conditions .connected ..state ..since ..detail .keepalive ..state ..since ..detail
		.compatible_version ..state ..since ..detail
	reasons .code .severity .since .summary .action .params
	site .id .name
	self .serial .model .version .major .configured_role .ha_state .ha_state_source
		.capabilities ..digest ..count .upgrade ..state ..target ..since
	peer .known .serial .model .version .major .configured_role .ha_state .age_s .last_seen_at .fresh
		.agent_version .protocol .capabilities ..digest ..count ..source .upgrade ..state ..target ..since
		.view ..readiness ..compatibility
	remedy .upgrade_serial .from_version .to_major .where .text
	impact .now ..id ..name ..since ..source .on_failover ..id ..name ..since ..source
		.restored_on_failover ..id ..name ..since ..source .basis
	alarm .state .since .raise_at .occurrences .flapping
	link .interface .oper_state .carrier .session .local_address .peer_address .since
		.tx_interval_ms .detect_ms .rtt_ms .sent .received .lost .rejected
	upstream .configured .state .last_delivered_at .queued .dropped`

// keys lists the keys of a JSON document in their order, with a dot for each
// level of depth.
func keys(t *testing.T, b []byte) []string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(b)))
	var list []string
	var value func(depth int)
	value = func(depth int) {
		token, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		delim, ok := token.(json.Delim)
		if !ok {
			return
		}
		for dec.More() {
			if delim == '{' {
				key, err := dec.Token()
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, strings.Repeat(".", depth)+key.(string))
			}
			if delim == '{' {
				value(depth + 1)
			} else {
				value(depth)
			}
		}
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
	}
	value(0)
	return list
}

// whole returns a document in which nothing is null.
func whole() Document {
	d := documentOf(readyWith(t0, versions("18.0", "15.0"), clouds(peer.UpstreamConnected, peer.UpstreamConnected)))
	entry := []ImpactEntry{{ID: "x"}}
	d.Impact = &Impact{Now: entry, OnFailover: entry, RestoredOnFailover: entry}
	d.Alarm = &Alarm{}
	d.Self.Upgrade, d.Peer.Upgrade = &UpgradeStatus{}, &UpgradeStatus{}
	d.Reasons[0].Params = map[string]any{}
	return d
}

func TestFieldOrder(t *testing.T) {
	b, err := json.Marshal(whole())
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(contractFields)
	got := keys(t, b)
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("field %d is %s, want %s", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d fields, want %d", len(got), len(want))
	}
}

// TestFieldsAreAlwaysThere: even the document of a Socket that knows nothing has
// every field, and lists where there are lists.
func TestFieldsAreAlwaysThere(t *testing.T) {
	var want []string
	null, level := false, 0
	for field := range strings.FieldsSeq(contractFields) {
		depth := strings.Count(field, ".")
		if null && depth > level {
			continue // a member of what is null
		}
		want, level = append(want, field), depth
		null = slices.Contains([]string{"reasons", "remedy", "impact", "alarm", "upstream", ".upgrade"}, field)
	}
	d := documentOf(Input{Now: t0})
	d.Reasons = []Reason{}
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if got := keys(t, b); !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
	good, err := json.Marshal(documentOf(readyWith(t0)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(good), `"reasons":[]`) || !strings.Contains(string(good), `"rejected":{}`) {
		t.Errorf("no reasons or nothing rejected is not an empty list: %s", good)
	}
}

func TestTime(t *testing.T) {
	cases := map[time.Time]string{
		time.Date(2026, 3, 1, 4, 0, 0, 1_999_999, time.FixedZone("", 3600)): `"2026-03-01T03:00:00.001Z"`,
		time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC):                         `"2026-03-01T03:00:00.000Z"`,
		time.Date(12026, 3, 1, 3, 0, 0, 0, time.UTC):                        `"9999-12-31T23:59:59.999Z"`,
		time.Date(-5, 3, 1, 3, 0, 0, 0, time.UTC):                           `"0000-01-01T00:00:00.000Z"`,
	}
	for in, want := range cases {
		got, err := json.Marshal(NewTime(in))
		if err != nil || string(got) != want {
			t.Errorf("%v is written %s (%v), want %s", in, got, err, want)
		}
		var back Time
		if err := json.Unmarshal(got, &back); err != nil || !back.Equal(NewTime(in).Time) {
			t.Errorf("%s reads as %v (%v)", got, back, err)
		}
	}
	var bad Time
	if err := json.Unmarshal([]byte(`"yesterday"`), &bad); err == nil {
		t.Error("yesterday is a time")
	}
}

func TestSteadyBoot(t *testing.T) {
	wall := bootTime.Add(time.Duration(t0))
	first := SteadyBoot(time.Time{}, t0, wall)
	if !first.Equal(bootTime) {
		t.Fatalf("boot %v, want %v", first, bootTime)
	}
	if got := SteadyBoot(first, t0, wall.Add(900*time.Millisecond)); got != first {
		t.Errorf("a wobble moved it to %v", got)
	}
	for _, step := range []time.Duration{2 * time.Second, -2 * time.Second, 10 * 365 * 24 * time.Hour, -10 * 365 * 24 * time.Hour} {
		if got := SteadyBoot(first, t0, wall.Add(step)); !got.Equal(bootTime.Add(step)) {
			t.Errorf("a step of %v led to %v", step, got)
		}
	}
}

// TestMeaning: ages, counters and the clock change no meaning, everything else
// does.
func TestMeaning(t *testing.T) {
	var e Evaluator
	first := e.Evaluate(readyWith(second(0)))
	same := e.Evaluate(readyWith(second(5), func(in *Input) { in.Peer.LastHeard = second(5) }))
	if first.Meaning() != same.Meaning() {
		t.Error("a heartbeat changed the meaning")
	}
	if n := len(first.Meaning()); n != 32 {
		t.Errorf("meaning is %d characters long", n)
	}
	changes := map[string]func(*Input){
		"version":  versions("18.3.4", "18.3.3"),
		"role":     states(peer.HAStandby, peer.HAActive),
		"view":     peerSees(peer.NotReady, peer.Compatible),
		"lost":     lost(second(5)),
		"link":     noCarrier,
		"address":  func(in *Input) { in.Link.Local = in.Link.Peer },
		"interval": func(in *Input) { in.Link.TxInterval = 100 * time.Millisecond },
		"upgrade":  func(in *Input) { in.Peer.Upgrade.Declared = true },
		"clock":    func(in *Input) { in.ClockUnset = true },
		"cloud":    clouds(peer.UpstreamConnected, peer.UpstreamNotConfigured),
		"start":    func(in *Input) { in.AgentStart++; in.AgentStart += Instant(time.Second) },
	}
	for name, change := range changes {
		other := e
		if other.Evaluate(readyWith(second(6), change)).Meaning() == first.Meaning() {
			t.Errorf("%s did not change the meaning", name)
		}
	}
	e.Evaluate(readyWith(second(7), lost(second(5))))
	if back := e.Evaluate(readyWith(second(8))); back.Meaning() == first.Meaning() {
		t.Error("a pair that was lost and is back means the same as one that never was")
	}
}

func TestOutcome(t *testing.T) {
	reason := func(codes ...Code) []Reason {
		var list []Reason
		for _, c := range codes {
			list = append(list, Reason{Code: c, Severity: c.Severity()})
		}
		return list
	}
	cases := []struct {
		readiness string
		keepalive ConditionState
		reasons   []Reason
		want      Outcome
	}{
		{"ready", StateOK, nil, OutcomeReady},
		{"ready", StateOK, reason(CodeClockUnset), OutcomeReady},
		{"not_ready", StateUnknown, nil, OutcomeUnknown},
		{"not_ready", StateUnknown, reason(CodePeerUnknown), OutcomeUnknown},
		{"not_ready", StateUnknown, reason(CodePeerStale, CodeVersionUnreadable), OutcomeUnknown},
		{"not_ready", StateFail, reason(CodePeerStale), OutcomeNotReady},
		{"not_ready", StateUnknown, reason(CodePeerUnknown, CodeLinkDown), OutcomeNotReady},
		{"not_ready", StateUnknown, reason(CodePeerUnknown, CodeClockUnset), OutcomeNotReady},
		{"not_ready", StateOK, reason(CodeRoleConflict), OutcomeNotReady},
		{"not_ready", StateUnknown, reason("HA_NOT_READY_OF_A_LATER_AGENT"), OutcomeNotReady},
		{"", "", nil, OutcomeUnknown},
	}
	for _, c := range cases {
		d := Document{Readiness: c.readiness, Reasons: c.reasons}
		d.Conditions.Keepalive.State = c.keepalive
		if got := d.Outcome(); got != c.want {
			t.Errorf("%s, keepalive %s, %v: %d, want %d", c.readiness, c.keepalive, codesOf(d), got, c.want)
		}
		if label := d.ReadinessLabel(); (label == "Ready") != (c.want == OutcomeReady) {
			t.Errorf("%s is shown as %s", c.readiness, label)
		}
	}
}

func TestLabels(t *testing.T) {
	want := map[ConditionState]string{
		StateOK: "OK", StateFail: "Not Ready", StateUnknown: "Unknown", StateNotEvaluated: "Not evaluated", "later": "Unknown",
	}
	for state, label := range want {
		if got := state.Label(); got != label {
			t.Errorf("%s is shown as %s, want %s", state, got, label)
		}
	}
}

// contractCodes are the reason codes of contract section 1.
const contractCodes = `HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS HA_NOT_READY_NO_KEEPALIVE
	HA_NOT_READY_SOCKET_DISCONNECTED HA_NOT_READY_PEER_UNKNOWN HA_NOT_READY_PEER_STALE
	HA_NOT_READY_VERSION_UNREADABLE HA_NOT_READY_MODEL_MISMATCH HA_NOT_READY_PEER_REPLACED
	HA_NOT_READY_IDENTITY_CONFLICT HA_NOT_READY_SPLIT_BRAIN HA_NOT_READY_NO_ACTIVE HA_NOT_READY_ROLE_CONFLICT
	HA_NOT_READY_HA_LINK_DOWN HA_NOT_READY_MTU HA_NOT_READY_PROTOCOL_MISMATCH HA_WARNING_CAPABILITY_GAP
	HA_WARNING_VIEWS_DIFFER HA_WARNING_CATALOG_DIFFERS HA_WARNING_CLOCK_UNSET HA_WARNING_UPGRADE_OVERDUE
	HA_WARNING_FLAPPING HA_WARNING_CERTIFICATE_EXPIRES`

func TestCodes(t *testing.T) {
	want := strings.Fields(contractCodes)
	got := Codes()
	if len(got) != len(want) {
		t.Fatalf("%d codes, want %d", len(got), len(want))
	}
	for _, name := range want {
		c := Code(name)
		if !slices.Contains(got, c) {
			t.Errorf("%s is missing", name)
		}
		if warning := strings.HasPrefix(name, "HA_WARNING_"); warning != (c.Severity() == SeverityWarning) {
			t.Errorf("%s has severity %s", name, c.Severity())
		}
	}
}

// TestTexts: every code has words, a default among them, and every situation of
// the golden files fills in every name in them.
func TestTexts(t *testing.T) {
	seen := make(map[[2]string]bool)
	for _, text := range texts {
		key := [2]string{string(text.code), text.variant}
		if seen[key] {
			t.Errorf("%v has two texts", key)
		}
		seen[key] = true
		for _, words := range []string{text.summary, text.action} {
			if !strings.HasSuffix(words, ".") || strings.Contains(words, "  ") {
				t.Errorf("%v: %q is no sentence", key, words)
			}
		}
		if got := lookup(text.code, text.variant); got != text {
			t.Errorf("%v is looked up as %v", key, got)
		}
	}
	for _, c := range codes {
		if !seen[[2]string{string(c), ""}] {
			t.Errorf("%s has no default text", c)
		}
		if lookup(c, "no such variant").code != c {
			t.Errorf("%s has no fallback", c)
		}
	}
	unfilled := regexp.MustCompile(`\{[A-Za-z_]+\}`)
	for _, g := range golden {
		var e Evaluator
		for _, in := range g.inputs {
			for _, r := range e.Evaluate(in).reasons {
				if unfilled.MatchString(r.summary) || unfilled.MatchString(r.action) {
					t.Errorf("%s: %s: %q %q", g.name, r.code, r.summary, r.action)
				}
			}
		}
	}
}

func TestExpand(t *testing.T) {
	value := func(name string) (string, bool) { return "<{peer}>", name == "peer" }
	cases := map[string]string{
		"":                      "",
		"no name":               "no name",
		"{peer}":                "<{peer}>",
		"a {peer} b {peer}.":    "a <{peer}> b <{peer}>.",
		"{other} {peer":         "{other} {peer",
		"{ {peer} }":            "{ <{peer}> }",
		"}{peer}{":              "}<{peer}>{",
		"{{peer}}":              "{<{peer}>}",
		"unknown {later} stays": "unknown {later} stays",
	}
	for words, want := range cases {
		if got := expand(words, value); got != want {
			t.Errorf("%q becomes %q, want %q", words, got, want)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	var e Evaluator
	in := readyWith(t0, versions("18.3.3", "15.0.2"))
	b.ReportAllocs()
	for b.Loop() {
		e.Evaluate(in)
	}
}

func BenchmarkDocument(b *testing.B) {
	var e Evaluator
	ev := e.Evaluate(readyWith(t0, versions("18.3.3", "15.0.2")))
	live := liveAt(t0)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(ev.Document(live)); err != nil {
			b.Fatal(err)
		}
	}
}
