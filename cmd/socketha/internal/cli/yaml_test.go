package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

func TestYAMLOfADocument(t *testing.T) {
	d := document(t, "testdata/documents/long.json")
	var b bytes.Buffer
	if err := writeForm(&b, "yaml", d); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/tables/long.yaml", b.String())
}

func TestYAMLForms(t *testing.T) {
	for in, want := range map[string]string{
		`null`:                               "null\n",
		`{}`:                                 "{}\n",
		`[]`:                                 "[]\n",
		`{"b":{"x":1,"a":[]},"a":{}}`:        "b:\n  x: 1\n  a: []\na: {}\n",
		`[[1,[2,{}]],{"a":[{"b":1,"c":2}]}]`: "- - 1\n  - - 2\n    - {}\n- a:\n    - b: 1\n      c: 2\n",
		`{"-":[{"-":["-"]}]}`:                "\"-\":\n  - \"-\":\n      - \"-\"\n",
		`["word","two words","no","18.3","1e3","0x1f","a: b","# c","","~","2026-03-01","null","y"]`: "- word\n- \"two words\"\n- \"no\"\n- \"18.3\"\n- \"1e3\"\n- \"0x1f\"\n- \"a: b\"\n- \"# c\"\n- \"\"\n- \"~\"\n- \"2026-03-01\"\n- \"null\"\n- \"y\"\n",
		`["\u001b[2J\n\t\u202e\u009b\ue000\"\\é"]`:                                                  `- "\u001b[2J\n\u0009\u202e\u009b\ue000\"\\é"` + "\n",
	} {
		got, err := yamlOf([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", in, diff)
		}
	}
	for _, in := range []string{``, `{`, `[1`, `{"a"`, `{"a":`, `1 2`, `{1:2}`} {
		if got, err := yamlOf([]byte(in)); err == nil {
			t.Errorf("%s became %q", in, got)
		}
	}
}

// A full YAML reader finds in our YAML exactly what was in the JSON.
func TestYAMLIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyValue(3).Draw(t, "value")
		var b bytes.Buffer
		if err := writeForm(&b, "yaml", want); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("not printable: %q", b.String())
		}
		var got any
		if err := yaml.Unmarshal(b.Bytes(), &got); err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s\nby\n%s", diff, b.String())
		}
	})
}

// JSON that is made safe for a terminal is still the same JSON.
func TestJSONStaysTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := anyValue(3).Draw(t, "value")
		for _, form := range []string{"json", jsonLine} {
			var b bytes.Buffer
			if err := writeForm(&b, form, want); err != nil {
				t.Fatal(err)
			}
			if strings.ContainsFunc(b.String(), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
				t.Errorf("not printable: %q", b.String())
			}
			if form == jsonLine && strings.Count(b.String(), "\n") != 1 {
				t.Errorf("not one line: %q", b.String())
			}
			d := json.NewDecoder(&b)
			var got any
			if err := d.Decode(&got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, asFloats(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		}
	})
}

// anyValue makes values as encoding/json and yaml both have them: whole numbers
// as int, everything else alike.
func anyValue(depth int) *rapid.Generator[any] {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"yes", "No", "1_000", "0o7", "1:30", "-", "- a", "? b", "&a", "*a", "!t", "|", ">", "%", "@", "`", "<<", "=", ".inf", "\u0085", "\u2028",
	}))
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.IntRange(math.MinInt32, math.MaxInt32), func(n int) any { return n }),
		rapid.Map(rapid.Float64Range(-1e9, 1e9), func(f float64) any {
			if f == math.Trunc(f) {
				return int(f)
			}
			return f
		}),
		rapid.Map(text, func(s string) any { return s }),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...)
	}
	inner := anyValue(depth - 1)
	return rapid.OneOf(append(scalars,
		rapid.Map(rapid.SliceOfN(inner, 0, 4), func(list []any) any { return append([]any{}, list...) }),
		rapid.Map(rapid.MapOfN(text, inner, 0, 4), func(m map[string]any) any { return m }),
	)...)
}

func asFloats(v any) any {
	switch v := v.(type) {
	case float64:
		if v == math.Trunc(v) {
			return int(v)
		}
	case []any:
		for i := range v {
			v[i] = asFloats(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = asFloats(v[k])
		}
	}
	return v
}
