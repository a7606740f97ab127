package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/status"
)

var update = flag.Bool("update", false, "write the golden files anew")

// documents are those of the status package, by name.
func documents(t testing.TB) map[string]status.Document {
	t.Helper()
	docs, err := readDocuments()
	if err != nil || len(docs) < 20 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return docs
}

var readDocuments = sync.OnceValues(func() (map[string]status.Document, error) {
	names, err := filepath.Glob("../../status/testdata/*.json")
	if err != nil {
		return nil, err
	}
	docs := map[string]status.Document{}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var d status.Document
		if err := json.Unmarshal(b, &d); err != nil {
			return nil, err
		}
		docs[strings.TrimSuffix(filepath.Base(name), ".json")] = d
	}
	return docs, nil
})

// sample is a report with everything in it.
func sample(t testing.TB) (serial string, r *Report) {
	t.Helper()
	d := documents(t)["incompatible_18_15"]
	remedy := *d.Remedy
	d.Remedy = &remedy // tests change it
	text := func(s string) *string { return &s }
	lasted := 12.5
	return *d.Self.Serial, &Report{
		Document: d, Position: Position{Epoch: 7, Seq: 42}, Cause: CauseChange, NextReportInS: 287,
		Transitions: []status.Transition{{
			Time:        d.GeneratedAt,
			From:        status.View{Readiness: text("ready"), Compatibility: text("compatible")},
			To:          status.View{Readiness: text("not_ready"), Compatibility: text("incompatible")},
			Reasons:     []string{string(status.CodeIncompatible)},
			SelfVersion: text("18.3.3"), PeerVersion: text("15.0.2"), DurationS: &lasted,
		}},
	}
}

// TestGolden fixes the envelope byte by byte: receivers of others lean on it.
func TestGolden(t *testing.T) {
	serial, r := sample(t)
	b, err := Encode(serial, r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		t.Fatal(err)
	}
	out.WriteByte('\n')
	const file = "testdata/report.json"
	if *update {
		if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	again, err := Encode(serial, r)
	if err != nil || !bytes.Equal(b, again) {
		t.Error("the same report gave other bytes")
	}
}

// TestEveryDocumentArrives: whatever the status package says comes back as it was.
func TestEveryDocumentArrives(t *testing.T) {
	for name, d := range documents(t) {
		_, r := sample(t)
		r.Document = d
		serial := "SKT-0001"
		if d.Self.Serial != nil {
			serial = *d.Self.Serial
		}
		b, err := Encode(serial, r)
		if err != nil {
			t.Fatal(err)
		}
		e, err := Parse(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.Serial != serial || e.ID() != ID(serial, r.Position) {
			t.Errorf("%s: serial %q, id %q", name, e.Serial, e.ID())
		}
		back, err := Encode(e.Serial, &e.Report)
		if err != nil || !bytes.Equal(b, back) {
			t.Errorf("%s: came back as another report, %v", name, err)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	serial, r := sample(t)
	for _, p := range []Position{{}, {1, 0}, {0, 1}, {MaxCounter + 1, 1}, {1, MaxCounter + 1}} {
		r.Position = p
		if _, err := Encode(serial, r); err == nil {
			t.Errorf("%+v was taken", p)
		}
	}
	_, r = sample(t)
	r.Remedy.Text = strings.Repeat("x", MaxReport)
	if _, err := Encode(serial, r); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
}

func TestNames(t *testing.T) {
	site := "Paris / 3 ü"
	for serial, want := range map[string]string{
		"A1":    "urn:socket:A1",
		"a b/ü": "urn:socket:a%20b%2F%C3%BC",
		"50%":   "urn:socket:50%25",
	} {
		got := Source(serial)
		if got != want {
			t.Errorf("Source(%q) = %q", serial, got)
		}
		if back, err := parseSource(got); err != nil || back != serial {
			t.Errorf("back from %q: %q, %v", got, back, err)
		}
	}
	if s := Subject(&site); s != "site/Paris / 3 ü" || Subject(nil) != "" || Subject(new(string)) != "" {
		t.Errorf("subject %q", s)
	}
	for _, source := range []string{"", "urn:socket", "URN:socket:A", "urn:socket:%41", "urn:socket:%zz", "urn:socket:a b"} {
		if serial, err := parseSource(source); err == nil {
			t.Errorf("source %q gave %q", source, serial)
		}
	}
}

func TestAbove(t *testing.T) {
	order := []Position{{1, 1}, {1, 2}, {2, 1}, {2, 2}, {3, 1}}
	for i, p := range order {
		for j, q := range order {
			if p.Above(q) != (i > j) {
				t.Errorf("%v above %v: %v", p, q, p.Above(q))
			}
		}
	}
}

// TestParseRefuses changes one thing in a good envelope, and expects the field named.
func TestParseRefuses(t *testing.T) {
	type object = map[string]any
	data := func(change func(object)) func(object) {
		return func(e object) { change(e["data"].(object)) }
	}
	in := func(name string, change func(object)) func(object) {
		return data(func(d object) { change(d[name].(object)) })
	}
	set := func(name string, v any) func(object) { return func(o object) { o[name] = v } }
	remove := func(name string) func(object) { return func(o object) { delete(o, name) } }
	many := func(n int, v any) []any {
		list := make([]any, n)
		for i := range list {
			list[i] = v
		}
		return list
	}
	reason := object{"code": "X", "severity": "warning", "since": "2026-01-01T00:00:00Z", "params": object{}}
	with := func(name string, v any) []any {
		r := object{}
		maps.Copy(r, reason)
		r[name] = v
		return []any{r}
	}
	for name, c := range map[string]struct {
		change func(object)
		field  string
	}{
		"another version":      {set("specversion", "0.3"), "specversion"},
		"another type":         {set("type", "ha.report.v2"), "type"},
		"no content type":      {remove("datacontenttype"), "datacontenttype"},
		"no source":            {remove("source"), "source"},
		"source of another":    {set("source", "urn:socket:OTHER"), "data.self.serial"},
		"serial too long":      {set("source", "urn:socket:"+strings.Repeat("A", 65)), "source"},
		"serial with escape":   {set("source", "urn:socket:%1B[31m"), "source"},
		"serial not UTF-8":     {set("source", "urn:socket:%FF"), "source"},
		"no serial":            {set("source", "urn:socket:"), "source"},
		"id of another":        {set("id", "OTHER/7/42"), "id"},
		"id of another report": {set("id", "A1000001/7/43"), "id"},
		"site of another":      {set("subject", "site/other"), "subject"},
		"no site":              {remove("subject"), "subject"},
		"a time that is none":  {set("time", "yesterday"), ""},
		"no data":              {remove("data"), "data"},
		"data of another kind": {set("data", "x"), "data"},
		"newer schema":         {data(set("schema", 2)), "data.schema"},
		"no schema":            {data(remove("schema")), "data.schema"},
		"no epoch":             {data(remove("epoch")), "data.epoch, data.seq"},
		"seq 0":                {data(set("seq", 0)), "data.epoch, data.seq"},
		"seq below 0":          {data(set("seq", -1)), "data.seq"},
		"epoch above all":      {data(set("epoch", uint64(1)<<53)), "data.epoch, data.seq"},
		"fraction":             {data(set("seq", 1.5)), "data.seq"},
		"no next report":       {data(remove("next_report_in_s")), "data.next_report_in_s"},
		"next report never":    {data(set("next_report_in_s", 1<<40)), "data.next_report_in_s"},
		"cause":                {data(set("cause", "bored")), "data.cause"},
		"readiness":            {data(set("readiness", "fine")), "data.readiness"},
		"no readiness":         {data(remove("readiness")), "data.readiness"},
		"no conditions":        {data(remove("conditions")), "data.conditions.connected.state"},
		"ha state":             {in("self", set("ha_state", "both")), "data.self.ha_state"},
		"role":                 {in("peer", set("configured_role", "third")), "data.peer.configured_role"},
		"negative age":         {in("peer", set("age_s", -1)), "data.peer.age_s"},
		"no peer":              {data(remove("peer")), "data.peer.ha_state"},
		"reasons without end":  {data(set("reasons", many(65, reason))), "data.reasons"},
		"severity":             {data(set("reasons", with("severity", "mild"))), "data.reasons.severity"},
		"reason without code":  {data(set("reasons", with("code", ""))), "data.reasons.code"},
		"nested params":        {data(set("reasons", with("params", object{"a": object{"b": 1}}))), "data.reasons.params"},
		"long param":           {data(set("reasons", with("params", object{"a": strings.Repeat("x", 257)}))), "data.reasons.params"},
		"control in a summary": {data(set("reasons", with("summary", "a\x1b[31m"))), "data.reasons.summary"},
		"control in a key":     {data(set("reasons", with("params", object{"a\n": 1}))), "data.reasons.params"},
		"right to left":        {in("site", set("name", "abc\u202etxt")), "data.site.name"},
		"long text":            {in("peer", set("model", strings.Repeat("m", 5000))), "data.peer.model"},
		"transitions":          {data(set("transitions", many(17, object{"time": "2026-01-01T00:00:00Z"}))), "data.transitions"},
		"impact without end":   {data(set("impact", object{"now": many(5001, object{})})), "data.impact.now"},
		"rejected without end": {in("link", func(l object) {
			m := object{}
			for i := range 65 {
				m[strings.Repeat("r", i+1)] = i
			}
			l["rejected"] = m
		}), "data.link.rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			serial, r := sample(t)
			b, err := Encode(serial, r)
			if err != nil {
				t.Fatal(err)
			}
			var e object
			if err := json.Unmarshal(b, &e); err != nil {
				t.Fatal(err)
			}
			c.change(e)
			if b, err = json.Marshal(e); err != nil {
				t.Fatal(err)
			}
			_, err = Parse(b)
			var f *FieldError
			if !errors.As(err, &f) || f.Field != c.field {
				t.Errorf("%v, want field %q", err, c.field)
			}
		})
	}
}

func TestParseRefusesWhatIsNoEnvelope(t *testing.T) {
	serial, r := sample(t)
	good, err := Encode(serial, r)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string]string{
		"empty":     "",
		"null":      "null",
		"a list":    "[]",
		"nothing":   "{}",
		"cut":       string(good[:len(good)-1]),
		"two":       string(good) + string(good),
		"deep":      strings.Repeat(`{"data":`, 20000),
		"not UTF-8": strings.Replace(string(good), `"where":"`, `"where":"`+"\xff", 1),
		"too large": strings.Repeat(" ", MaxReport+1),
	} {
		if _, err := Parse([]byte(b)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestParseTakesNewerAgents: names that are not known yet do not matter.
func TestParseTakesNewerAgents(t *testing.T) {
	serial, r := sample(t)
	b, err := Encode(serial, r)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte(`"schema":1`), []byte(`"schema":1,"mood":{"deep":[1,2,{"x":null}]}`), 1)
	b = bytes.Replace(b, []byte(`"specversion"`), []byte(`"traceparent":"00-x","specversion"`), 1)
	if _, err := Parse(b); err != nil {
		t.Error(err)
	}
}

func TestParseAnswer(t *testing.T) {
	for _, c := range []struct {
		in      string
		want    Answer
		ignored int
		wrong   bool
	}{
		{in: "", want: Answer{}},
		{in: " \n", want: Answer{}},
		{in: "{}", want: Answer{}},
		{in: `{"status":"ok"}`, want: Answer{}},
		{in: `{"epoch":0,"seq":0}`, want: Answer{}},
		{in: `{"epoch":7,"seq":42,"cadence_s":60}`, want: Answer{Position: Position{7, 42}, CadenceS: 60}},
		{in: `{"cadence_s":30}`, want: Answer{CadenceS: 30}},
		{in: `{"cadence_s":3600}`, want: Answer{CadenceS: 3600}},
		{in: `{"cadence_s":null,"error":null}`, want: Answer{}},
		{in: `{"cadence_s":29}`, ignored: 1},
		{in: `{"cadence_s":3601}`, ignored: 1},
		{in: `{"cadence_s":-60}`, ignored: 1},
		{in: `{"cadence_s":1e30}`, ignored: 1},
		{in: `{"cadence_s":60.5}`, ignored: 1},
		{in: `{"cadence_s":"60"}`, ignored: 1},
		{in: `{"cadence_s":[60],"error":{}}`, ignored: 2},
		{in: `{"error":"the site is not known"}`, want: Answer{Error: "the site is not known"}},
		{in: `{"epoch":7}`, wrong: true},
		{in: `{"seq":7}`, wrong: true},
		{in: `{"epoch":7,"seq":0}`, wrong: true},
		{in: `{"epoch":-7,"seq":1}`, wrong: true},
		{in: `{"epoch":"7","seq":1}`, wrong: true},
		{in: `{"epoch":9007199254740992,"seq":1}`, wrong: true},
		{in: `{"epoch":99999999999999999999999,"seq":1}`, wrong: true},
		{in: `null`, wrong: true},
		{in: `[]`, wrong: true},
		{in: `ok`, wrong: true},
		{in: `<html>`, wrong: true},
		{in: `{"epoch":7,"seq":42`, wrong: true},
		{in: `{}{}`, wrong: true},
		{in: `{"error":"` + strings.Repeat("x", MaxAnswer) + `"}`, wrong: true},
	} {
		got, ignored, err := ParseAnswer([]byte(c.in))
		if got != c.want || ignored != c.ignored || (err != nil) != c.wrong {
			t.Errorf("%.60q: %+v, ignored %d, %v", c.in, got, ignored, err)
		}
	}
	if a := (Answer{CadenceS: 90}); a.Cadence() != 90*time.Second {
		t.Errorf("cadence %v", a.Cadence())
	}
}

func FuzzParse(f *testing.F) {
	serial, r := sample(f)
	b, err := Encode(serial, r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"specversion":"1.0","type":"ha.report.v1","source":"urn:socket:A","data":{}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Parse(b)
		if err != nil {
			return
		}
		// What was taken is a report that an agent could have sent.
		out, err := Encode(e.Serial, &e.Report)
		if errors.Is(err, ErrTooLarge) { // escapes are longer
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(out); err != nil || again.ID() != e.ID() {
			t.Fatalf("does not read back: %v", err)
		}
	})
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte(`{"epoch":7,"seq":42,"cadence_s":60,"error":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ignored, err := ParseAnswer(b)
		switch {
		case err != nil && a != Answer{}:
			t.Fatalf("%+v with %v", a, err)
		case a.CadenceS != 0 && (a.Cadence() < MinCadence || a.Cadence() > MaxCadence):
			t.Fatalf("cadence %d", a.CadenceS)
		case a.Position != Position{} && !a.Valid():
			t.Fatalf("position %+v", a.Position)
		case ignored < 0 || ignored > 2 || len(a.Error) > 3*len(b):
			t.Fatalf("ignored %d", ignored)
		}
	})
}
