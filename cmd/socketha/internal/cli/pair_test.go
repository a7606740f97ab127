package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/impact"
	"socketha/agent/local/client"
	"socketha/agent/plan"
	"socketha/agent/status"
)

// feature is an entry of an impact; an empty name or since is null.
func feature(id, name, since, source string) status.ImpactEntry {
	e := status.ImpactEntry{ID: id, Source: source}
	if name != "" {
		e.Name = &name
	}
	if since != "" {
		e.Since = &since
	}
	return e
}

// apart is an incompatible pair, 18.3.3 here and active, with what a failover
// would cost.
func apart(t testing.TB) *status.Document {
	t.Helper()
	d := document(t, "testdata/documents/incompatible_18_15.json")
	d.Impact = &status.Impact{
		OnFailover: []status.ImpactEntry{
			feature("dns-relay-lan", "DNS relay on LAN addresses", "16.0", "catalog"),
			feature("lan-firewall", "LAN firewall policy", "18.0", "advertised"),
			feature("odd", "", "", "unknown"),
			feature("x1700-wan4", "Fourth WAN port on X1700", "18.0", "advertised"),
		},
		Now:                []status.ImpactEntry{feature("gone", "A feature of the other one", "15.0", "advertised")},
		RestoredOnFailover: []status.ImpactEntry{feature("gone", "A feature of the other one", "15.0", "advertised")},
		Basis:              "ha_state",
	}
	return d
}

func later(d *status.Document, after time.Duration) status.Time {
	return status.NewTime(d.GeneratedAt.Add(after))
}

// pairDocuments are situations that the other documents do not have yet.
func pairDocuments(t testing.TB) map[string]*status.Document {
	t.Helper()
	ready := func() *status.Document { return document(t, "testdata/documents/ready.json") }
	raised := apart(t)
	raised.Alarm = &status.Alarm{State: "raised", Since: raised.ReadinessSince, Occurrences: 3, Flapping: true}
	pending := apart(t)
	at := later(pending, 59*time.Minute+58*time.Second)
	pending.Alarm = &status.Alarm{State: "pending", Since: pending.ReadinessSince, RaiseAt: &at, Occurrences: 1}
	fine := ready()
	fine.Impact = &status.Impact{Basis: "primary_assumed"}
	fine.Alarm = &status.Alarm{State: "clear", Since: fine.ReadinessSince}
	behind := ready()
	behind.Impact = &status.Impact{
		Now: []status.ImpactEntry{feature("a", "A", "18.4", "advertised"), feature("b", "B", "18.4", "catalog")}, Basis: "self_assumed",
		RestoredOnFailover: []status.ImpactEntry{feature("a", "A", "18.4", "advertised")},
	}
	tomorrow := later(behind, 26*time.Hour)
	behind.Alarm = &status.Alarm{State: "clearing", Since: behind.ReadinessSince, RaiseAt: &tomorrow, Occurrences: 1}
	stale := document(t, "testdata/documents/peer_lost.json")
	stale.Impact = apart(t).Impact
	hostile := apart(t)
	hostile.Impact.OnFailover = []status.ImpactEntry{feature("id\x1b[2J", "name\u202e\nmore", "1\r", "adver\ttised")}
	hostile.Alarm = &status.Alarm{State: "pend\x1bing", Since: hostile.ReadinessSince}
	long := apart(t)
	long.Impact.OnFailover = nil
	for i := range 30 {
		long.Impact.OnFailover = append(long.Impact.OnFailover,
			feature(strings.Repeat("i", 40), fmt.Sprint(strings.Repeat("name ", 25), i), strings.Repeat("9", 64), "advertised"))
	}
	return map[string]*status.Document{
		"raised": raised, "pending": pending, "fine": fine, "behind": behind, "stale": stale,
		"hostile": hostile, "long": long, "unknown": ready(), "never": document(t, "testdata/documents/peer_unknown.json"),
	}
}

func TestImpactTable(t *testing.T) {
	for name, d := range pairDocuments(t) {
		if name != "long" && name != "raised" {
			golden(t, "testdata/pair/impact_"+name+".txt", impactTable(d, style{unicode: true, columns: maxColumns}))
		}
	}
	golden(t, "testdata/pair/impact_colour.txt", impactTable(apart(t), style{colour: true, unicode: true, columns: maxColumns}))
}

// The status has impact and alarm in few lines.
func TestStatusTableOfImpactAndAlarm(t *testing.T) {
	for name, d := range pairDocuments(t) {
		if slices.Contains([]string{"raised", "pending", "fine", "behind"}, name) {
			golden(t, "testdata/pair/status_"+name+".txt", statusTable(d, style{unicode: true, columns: maxColumns}))
		}
	}
}

// transitions are a history to show.
func transitions() *status.History {
	view := func(r, c string) status.View { return status.View{Readiness: &r, Compatibility: &c} }
	at := func(s string) status.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			panic(err)
		}
		return status.NewTime(v)
	}
	return &status.History{Schema: 1, Transitions: []status.Transition{
		{
			Time: at("2026-03-02T04:05:06Z"), From: view("not_ready", "incompatible"), To: view("ready", "compatible"), Reasons: []string{},
			SelfVersion: new("18.3.3"), PeerVersion: new("18.3.3"), DurationS: new(93784.5),
		},
		{
			Time: at("2026-03-01T02:02:02Z"), From: view("ready", "compatible"), To: view("not_ready", "incompatible"),
			Reasons:     []string{"HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS", "HA_WARNING_CAPABILITY_GAP"},
			SelfVersion: new("18.3.3"), PeerVersion: new("15.0.2"),
		},
		{Time: at("2026-03-01T02:02:01Z"), To: view("not_ready", "unknown"), Reasons: []string{"HA_NOT_READY_PEER_UNKNOWN"}, SelfVersion: new("18.3.3")},
		{Time: at("1970-01-01T00:00:00Z"), Reasons: []string{"bad\x1b[2J"}, SelfVersion: new("1\u202e"), PeerVersion: new(strings.Repeat("9", 64))},
	}}
}

func TestHistoryTable(t *testing.T) {
	golden(t, "testdata/pair/history.txt", historyTable(transitions(), 20, style{unicode: true, columns: maxColumns}))
	golden(t, "testdata/pair/history_narrow.txt", historyTable(transitions(), 2, style{columns: minColumns}))
	golden(t, "testdata/pair/history_none.txt", historyTable(new(status.History), 2, style{columns: minColumns}))
}

func plans(t testing.TB) map[string]plan.Plan {
	t.Helper()
	ready, lost := document(t, "testdata/documents/ready.json"), document(t, "testdata/documents/peer_unknown.json")
	hostile := document(t, "testdata/documents/version_unreadable_hostile.json")
	declared := document(t, "testdata/documents/incompatible_upgrading.json")
	return map[string]plan.Plan{
		"two_steps": plan.Make(ready, "19.0", plan.Options{}),
		"catalog":   plan.Make(ready, "20.1", plan.Options{Catalog: impact.Sample()}),
		"lower":     plan.Make(apart(t), "18.3.3", plan.Options{Catalog: impact.Sample()}),
		"beyond":    plan.Make(declared, "19.0", plan.Options{}),
		"downgrade": plan.Make(apart(t), "16.0", plan.Options{}),
		"nothing":   plan.Make(ready, "18.3.3", plan.Options{}),
		"never":     plan.Make(lost, "19.0", plan.Options{}),
		"hostile":   plan.Make(hostile, "19.0", plan.Options{}),
	}
}

func TestPlanTable(t *testing.T) {
	d := document(t, "testdata/documents/ready.json")
	for name, p := range plans(t) {
		golden(t, "testdata/pair/plan_"+name+".txt", planTable(&p, d, style{unicode: true, columns: maxColumns}))
	}
}

// What is shown of a pair fits, steers no terminal and is the same in colours.
func TestPairTablesFit(t *testing.T) {
	check := func(name string, render func(style) string) {
		for _, columns := range []int{minColumns, maxColumns} {
			text := render(style{unicode: true, columns: columns})
			for line := range strings.SplitSeq(text, "\n") {
				if runes(line) > columns || line != strings.TrimRight(line, " ") {
					t.Errorf("%s in %d columns: %q", name, columns, line)
				}
			}
			if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("%s: %q reaches the terminal", name, text[i:min(i+8, len(text))])
			}
			painted := escape.ReplaceAllString(render(style{colour: true, unicode: true, columns: columns}), "")
			if squeeze(painted) != squeeze(text) {
				t.Errorf("%s: colours change the text:\n%s", name, cmp.Diff(text, painted))
			}
			ascii := render(style{columns: columns})
			if i := strings.IndexFunc(strings.ReplaceAll(ascii, "Zürich Büro", ""), func(r rune) bool { return r > unicode.MaxASCII }); i >= 0 {
				t.Errorf("%s: %q is not ASCII", name, ascii[i:min(i+8, len(ascii))])
			}
		}
	}
	for name, d := range pairDocuments(t) {
		check("impact "+name, func(s style) string { return impactTable(d, s) })
		check("status "+name, func(s style) string { return statusTable(d, s) })
	}
	for name, p := range plans(t) {
		check("plan "+name, func(s style) string { return planTable(&p, document(t, "testdata/documents/ready.json"), s) })
	}
	check("history", func(s style) string { return historyTable(transitions(), 3, s) })
}

// squeeze leaves out the spaces that a banner in colour has more.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

func TestImpactForPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		doc  *status.Document
		want string
	}{
		"unknown": {document(t, "testdata/documents/ready.json"), "null\n"},
		"known":   {apart(t), `"on_failover": [`},
	} {
		w := newWorld(t, "impact", "-o", "json")
		w.Dial = func(string) Source { return &fakeAgent{doc: *c.doc} }
		if exit := Main(t.Context(), w.Env); exit != ExitOK || !strings.Contains(w.out.String(), c.want) {
			t.Errorf("%s: exit code %d: %s%s", name, exit, w.out.String(), w.err.String())
		}
		var got *status.Impact
		if err := json.Unmarshal(w.out.Bytes(), &got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.doc.Impact, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestHistoryIsCut(t *testing.T) {
	raw, err := json.Marshal(transitions())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		exit Exit
		want int
	}{
		{"-o json", ExitOK, 4},
		{"-o json -n 2", ExitOK, 2},
		{"-o json -n 256", ExitOK, 4},
		{"-n 0", ExitUsage, 0},
		{"-n 257", ExitUsage, 0},
		{"-n many", ExitUsage, 0},
	} {
		w := newWorld(t, append([]string{"history"}, strings.Fields(c.args)...)...)
		w.Dial = func(string) Source { return &fakeAgent{history: string(raw)} }
		if exit := Main(t.Context(), w.Env); exit != c.exit {
			t.Errorf("%s: exit code %d: %s", c.args, exit, w.err.String())
		}
		var h status.History
		if c.exit != ExitOK {
			continue
		}
		if err := json.Unmarshal(w.out.Bytes(), &h); err != nil || len(h.Transitions) != c.want || h.Schema != 1 {
			t.Errorf("%s: %d transitions: %v", c.args, len(h.Transitions), err)
		}
	}
}

func TestDeclarations(t *testing.T) {
	for line, want := range map[string]string{
		"upgrade begin 18.4.1":         "upgrade {End:false Target:18.4.1 Result:}",
		"upgrade begin":                "upgrade {End:false Target: Result:}",
		"upgrade end --result ok":      "upgrade {End:true Target: Result:ok}",
		"upgrade end --result=failed":  "upgrade {End:true Target: Result:failed}",
		"upgrade end --result skipped": "upgrade {End:true Target: Result:skipped}",
		"failover begin":               "failover {End:false Target: Result:}",
		"failover end":                 "failover {End:true Target: Result:}",
	} {
		agent := new(fakeAgent)
		w := newWorld(t, strings.Fields(line)...)
		w.Dial = func(string) Source { return agent }
		exit := Main(t.Context(), w.Env)
		if exit != ExitOK || !slices.Equal(agent.declared, []string{want}) || !strings.HasPrefix(w.out.String(), "✓ Declared: ") || w.err.Len() > 0 {
			t.Errorf("%s: exit code %d, %q\n%s%s", line, exit, agent.declared, w.out.String(), w.err.String())
		}
	}
}

func TestDeclarationsCalledWrongly(t *testing.T) {
	for line, want := range map[string]string{
		"upgrade begin 18..1":          `"18..1" is no version: a number is expected at byte 3, not "."`,
		"upgrade begin 18 19":          `"19" is one argument too many`,
		"upgrade end":                  "--result is missing: ok, failed, skipped",
		"upgrade end ok":               "--result is missing: ok, failed, skipped",
		"upgrade end --result fialed":  `--result "fialed" is unknown, did you mean "failed"?`,
		"upgrade plan":                 "VERSION is missing",
		"upgrade plan x":               `"x" is no version: a number is expected at byte 0, not "x"`,
		"failover begin now":           `"now" is one argument too many`,
		"impact --sokcet x":            "unknown flag --sokcet, did you mean --socket?",
		"upgrade end --result ok -o x": "unknown flag -o",
	} {
		agent := new(fakeAgent)
		w := newWorld(t, strings.Fields(line)...)
		w.Dial = func(string) Source { return agent }
		exit := Main(t.Context(), w.Env)
		first, _, _ := strings.Cut(w.err.String(), "\n")
		if _, says, _ := strings.Cut(first, ": "); exit != ExitUsage || says != want || len(agent.declared) > 0 || w.out.Len() > 0 {
			t.Errorf("%s: exit code %d: %s", line, exit, w.err.String())
		}
	}
	for line, want := range map[string]string{
		"upgrade":        "upgrade what? One of: begin, end, plan",
		"upgrade beginn": `unknown command "upgrade beginn", did you mean "upgrade begin"?`,
		"failover stop":  `unknown command "failover stop", known are: begin, end`,
		"histroy":        `unknown command "histroy", did you mean "history"?`,
	} {
		w := newWorld(t, strings.Fields(line)...)
		if exit := Main(t.Context(), w.Env); exit != ExitUsage || !strings.Contains(w.err.String(), want) {
			t.Errorf("%s: exit code %d: %s", line, exit, w.err.String())
		}
	}
}

// asking are all commands that ask the agent, each with what it says without it.
var asking = map[string]string{
	"status": "Status unknown", "impact": "Impact unknown", "impact -o json": "Impact unknown", "history": "History unknown",
	"support-request": "No support request", "upgrade plan 19.0": "No plan", "upgrade begin 19.0": "Not declared",
	"upgrade end --result ok": "Not declared", "failover begin": "Not declared", "failover end": "Not declared",
}

// Without an agent nothing reaches standard output, and the exit code says why.
func TestWithoutAnAnswer(t *testing.T) {
	for line, lacking := range asking {
		for _, c := range []struct {
			err  error
			exit Exit
			says string
		}{
			{client.ErrNotRunning, ExitNotRunning, lacking + ": agent not running"},
			{fmt.Errorf("x: %w", client.ErrNoAnswer), ExitError, lacking + ": the agent does not answer within 2 s"},
			{errors.New("odd\x1b[2J"), ExitError, `odd\x1b[2J`},
		} {
			w := newWorld(t, strings.Fields(line)...)
			w.Dial = func(string) Source { return &fakeAgent{err: c.err} }
			exit := Main(t.Context(), w.Env)
			if exit != c.exit || w.out.Len() > 0 || !strings.Contains(w.err.String(), c.says) {
				t.Errorf("%s: exit code %d, want %d: %s%s", line, exit, c.exit, w.out.String(), w.err.String())
			}
		}
		if strings.HasPrefix(line, "status") {
			continue
		}
		for code, says := range map[int]string{403: "Only root\\x1b may.", 404: "is it older than this command?"} {
			w := newWorld(t, strings.Fields(line)...)
			w.Dial = func(string) Source {
				return &fakeAgent{err: &client.Error{Status: code, Message: "Only root\x1b may."}}
			}
			if exit := Main(t.Context(), w.Env); exit != ExitError || w.out.Len() > 0 || !strings.Contains(w.err.String(), says) {
				t.Errorf("%s: exit code %d: %s%s", line, exit, w.out.String(), w.err.String())
			}
		}
	}
}

// slowAgent answers nothing until the caller gives up.
type slowAgent struct{ fakeAgent }

func wait(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func (*slowAgent) Raw(ctx context.Context) ([]byte, error) { return nil, wait(ctx) }

func (*slowAgent) RawHistory(ctx context.Context) ([]byte, error) { return nil, wait(ctx) }

func (*slowAgent) SupportRequest(ctx context.Context) (string, error)            { return "", wait(ctx) }
func (*slowAgent) DeclareUpgrade(c context.Context, _ client.Declaration) error  { return wait(c) }
func (*slowAgent) DeclareFailover(c context.Context, _ client.Declaration) error { return wait(c) }

func TestEveryCallEndsInTime(t *testing.T) {
	for line := range asking {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, strings.Fields(line)...)
			w.Dial = func(string) Source { return new(slowAgent) }
			start := time.Now()
			if exit := Main(t.Context(), w.Env); exit != ExitError || time.Since(start) != answerTime {
				t.Errorf("%s: exit code %d after %v", line, exit, time.Since(start))
			}
		})
	}
}

func TestSupportRequestIsPrinted(t *testing.T) {
	d := apart(t)
	w := newWorld(t, "support-request")
	w.Dial = func(string) Source { return &fakeAgent{doc: *d} }
	if exit := Main(t.Context(), w.Env); exit != ExitOK || w.out.String() != status.SupportRequest(d) {
		t.Errorf("exit code %d: %s", exit, w.out.String())
	}
}
