package local

import (
	"encoding/json"
	"slices"
	"testing"

	"socketha/peer/compat"
)

// Whatever is sent, what is taken for a declaration is one, and says what a
// decoder of another make reads in it.
func FuzzDeclaration(f *testing.F) {
	for _, seed := range []string{
		`{"state":"begin","target":"18.4.1"}`, `{"state":"end","result":"ok"}`, `{"state":"begin"}`, `{"state":"end"}`,
		`{"state":"begin","state":"end"}`, `{"State":"end"}`, `{"state":"end","result":"ok"}{}`, `{"state":"begin","target":"\ud800"}`, `[]`, `{`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []*declaring{&upgradeDeclaring, &failoverDeclaring} {
			d, err := kind.read(body)
			if err != nil {
				continue
			}
			var again struct{ State, Target, Result string }
			if err := json.Unmarshal(body, &again); err != nil {
				t.Fatalf("%q is taken and no JSON: %v", body, err)
			}
			if again.Target != d.Target || again.Result != d.Result || (again.State == "end") != d.End {
				t.Errorf("%q is read as %+v", body, d)
			}
			if _, err := compat.Parse(d.Target); d.Target != "" && err != nil {
				t.Errorf("%q names the target %q", body, d.Target)
			}
			ended := slices.Contains(results, d.Result)
			if !d.End && ended || d.End && d.Target != "" || kind.resultNeeded && d.End && !ended {
				t.Errorf("%q is taken as %+v", body, d)
			}
		}
	})
}
