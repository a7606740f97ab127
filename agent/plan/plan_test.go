package plan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"socketha/agent/impact"
	"socketha/agent/status"
)

// pair is a document of two Sockets that are ready but for their versions. An
// empty version is one that is not known.
func pair(self, other string) *status.Document {
	d := &status.Document{Schema: 1}
	d.Self = status.SelfStatus{Serial: new("A1"), Model: new("X1500"), ConfiguredRole: new("primary"), HAState: "active"}
	d.Peer = status.PeerStatus{Known: true, Fresh: true, Serial: new("B2"), Model: new("X1500"), ConfiguredRole: new("secondary"), HAState: "standby"}
	if self != "" {
		d.Self.Version = &self
	}
	if other != "" {
		d.Peer.Version = &other
	}
	return d
}

func swapRoles(d *status.Document) {
	d.Self.ConfiguredRole, d.Peer.ConfiguredRole = d.Peer.ConfiguredRole, d.Self.ConfiguredRole
}

// line is a plan on one line: each step with the verdict after it.
func line(p *Plan) string {
	words := []string{string(p.Kind)}
	for _, s := range p.Steps {
		from := "?"
		if s.From != nil {
			from = *s.From
		}
		words = append(words, s.Socket+" "+from+">"+s.To+" "+s.After.Compatibility)
	}
	return strings.Join(words, " | ")
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		self, other, target string
		change              func(*status.Document)
		want                string
		from, until         int // steps between which it is incompatible; -1: never
	}{
		{"18.3.3", "18.3.3", "19.0", nil, "upgrade | self 18.3.3>19.0 incompatible | peer 18.3.3>19.0 compatible", 1, 2},
		{"18.3.3", "18.3.3", "19.0", swapRoles, "upgrade | peer 18.3.3>19.0 incompatible | self 18.3.3>19.0 compatible", 1, 2},
		{"18.3.3", "18.3.3", "19.0", func(d *status.Document) { d.Self.ConfiguredRole, d.Peer.ConfiguredRole = nil, nil }, "upgrade | self 18.3.3>19.0 incompatible | peer 18.3.3>19.0 compatible", 1, 2},
		{"18.3.3", "18.3.3", "19.0", func(d *status.Document) { d.Self.ConfiguredRole, d.Peer.ConfiguredRole = nil, new("primary") }, "upgrade | peer 18.3.3>19.0 incompatible | self 18.3.3>19.0 compatible", 1, 2},
		{"18.3.3", "18.3.3", "18.4.1", nil, "upgrade | self 18.3.3>18.4.1 compatible | peer 18.3.3>18.4.1 compatible", -1, 0},
		{"9.4", "9.4", "10.0", nil, "upgrade | self 9.4>10.0 incompatible | peer 9.4>10.0 compatible", 1, 2},
		{"19.0", "18.3.3", "19.0", nil, "upgrade | peer 18.3.3>19.0 compatible", 0, 1},
		{"19.1", "18.3.3", "19.0", nil, "upgrade | peer 18.3.3>19.0 compatible", 0, 1},
		{"18.3.3", "15.0.2", "18.4.1", nil, "upgrade | peer 15.0.2>18.4.1 compatible | self 18.3.3>18.4.1 compatible", 0, 1},
		{"18.3.3", "15.0.2", "19.0", nil, "upgrade | self 18.3.3>19.0 incompatible | peer 15.0.2>19.0 compatible", 0, 2},
		{"18.3.3", "15.0.2", "16.0", nil, "no_downgrade", 0, 0},
		{"18.3.3", "18.3.3", "17.9", nil, "no_downgrade", -1, 0},
		{"18.3.3", "18.3.3", "18.3.3", nil, "nothing_to_do", -1, 0},
		{"18.3.3", "18.3.3", "v18.3.3", nil, "nothing_to_do", -1, 0},
		{"18.4.1", "18.4.1", "18.3", nil, "nothing_to_do", -1, 0},
		{"18.4.1", "18.3.3", "18.4", nil, "upgrade | peer 18.3.3>18.4 compatible", -1, 0},
		{"18.3.3", "18.3.3", "19..0", nil, "unreadable", -1, 0},
		{"18.3.3", "18.3.3", "", nil, "unreadable", -1, 0},
		{"18.3.3", "", "19.0", nil, "upgrade | self 18.3.3>19.0 unknown | peer ?>19.0 compatible", -1, 0},
		{"18..1", "18.3.3", "19.0", swapRoles, "upgrade | peer 18.3.3>19.0 unknown | self 18..1>19.0 compatible", -1, 0},
	} {
		d := pair(c.self, c.other)
		if c.change != nil {
			c.change(d)
		}
		p := Make(d, c.target, Options{})
		if got := line(&p); got != c.want {
			t.Errorf("%s and %s to %s:\n%s, want\n%s", c.self, c.other, c.target, got, c.want)
		}
		expected := map[bool]string{true: "yes", false: "no"}[c.from >= 0]
		if strings.Contains(c.want, "unknown") {
			expected = "unknown"
		}
		in := Incompatible{Expected: expected, FromStep: max(c.from, 0), UntilStep: c.until, Text: p.Incompatible.Text}
		if p.Incompatible != in || in.Text == "" {
			t.Errorf("%s and %s to %s: incompatible %+v, want %+v", c.self, c.other, c.target, p.Incompatible, in)
		}
		if p.HoldS != 34*60 || p.Summary == "" {
			t.Errorf("%+v", p)
		}
		for _, s := range p.Steps {
			if s.After.VersionsReady != (s.After.Compatibility == "compatible") || s.After.Cost.Text == "" || s.After.Verdict == "" {
				t.Errorf("%+v", s.After)
			}
			if !slices.Equal(s.Commands, []string{"socketha upgrade begin " + c.target, "socketha upgrade end --result ok"}) {
				t.Errorf("%q", s.Commands)
			}
		}
	}
}

func TestBetter(t *testing.T) {
	for _, c := range []struct{ self, other, target, want string }{
		{"18.3.3", "18.3.3", "19.0", ""},
		{"18.3.3", "15.0.2", "18.4.1", "Step 1 alone, the upgrade of the peer (S/N B2), makes it compatible; this Socket (S/N A1) may stay as it is."},
		{"18.3.3", "15.0.2", "18.3.3", "The upgrade of the peer (S/N B2) alone makes it compatible; this Socket (S/N A1) stays as it is."},
		{"18.3.3", "15.0.2", "19.0", "Upgrading the peer (S/N B2) alone to major 18 makes it compatible in one step: socketha upgrade plan 18.3.3"},
		{"18.3.3", "15.0.2", "16.0", "Upgrading the peer (S/N B2) alone to major 18 makes it compatible in one step: socketha upgrade plan 18.3.3"},
		{"15.0.2", "18.3.3", "19.0", "Upgrading this Socket (S/N A1) alone to major 18 makes it compatible in one step: socketha upgrade plan 18.3.3"},
	} {
		p := Make(pair(c.self, c.other), c.target, Options{})
		got := strings.TrimPrefix(text(p.Better), "The pair is incompatible now. ")
		if got != c.want {
			t.Errorf("%s and %s to %s: %s", c.self, c.other, c.target, got)
		}
	}
}

func TestCost(t *testing.T) {
	catalog, err := impact.ParseCatalog([]byte("id,name,since\nold,Old,15.0\na,A,16.0\nb,B,18.0\nc,C,18.4\nd,D,19.0\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		self, other string
		catalog     *impact.Catalog
		want        string
		features    string
	}{
		{"18.3.3", "15.0.2", nil, "A failover to the peer (S/N B2), which runs 15.0.2, would stop the features that came with majors 16, 17, 18, where this site uses them.", ""},
		{"15.0.2", "18.3.3", nil, "A failover to this Socket (S/N A1), which runs 15.0.2, would stop the features that came with majors 16, 17, 18, where this site uses them.", ""},
		{"19.0", "18.3.3", nil, "A failover to the peer (S/N B2), which runs 18.3.3, would stop the features that came with major 19, where this site uses them.", ""},
		{"18.3.3", "18.3.3", nil, "By versions, a failover costs no feature: both run the same.", ""},
		{"18.4", "18.3.3", nil, "A failover to the peer (S/N B2), which runs 18.3.3, would stop features that are newer than that, if there are any. The major is the same.", ""},
		{"18.3.3", "15.0", catalog, "A failover to the peer (S/N B2), which runs 15.0, would stop those of 2 features of the catalog that this site uses: they came after it.", "a b"},
		{"18.4", "18.3.3", catalog, "A failover to the peer (S/N B2), which runs 18.3.3, would stop those of 1 feature of the catalog that this site uses: they came after it.", "c"},
		{"16.9", "16.0", catalog, "By the catalog, a failover costs no feature.", ""},
		{"18.3.3", "", catalog, "What a failover would cost is not known, since a version is not.", ""},
	} {
		got := Make(pair(c.self, c.other), "20", Options{Catalog: c.catalog}).Now.Cost
		var ids []string
		for _, f := range got.Features {
			ids = append(ids, f.ID)
		}
		if got.Text != c.want || strings.Join(ids, " ") != c.features {
			t.Errorf("%s and %s: %s %q", c.self, c.other, got.Text, ids)
		}
	}
}

func TestNotes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*status.Document)
		want   string
	}{
		"order":          {nil, "The documented order is the primary first. No order is required."},
		"roles conflict": {func(d *status.Document) { d.Peer.ConfiguredRole = new("primary") }, "the configured roles do not tell"},
		"lower first":    {func(d *status.Document) { d.Peer.Version = new("17.0"); d.Self.Version = new("19.0") }, "The lower Socket comes first"},
		"never heard":    {func(d *status.Document) { d.Peer = status.PeerStatus{} }, "never been heard"},
		"stale":          {func(d *status.Document) { d.Peer.Fresh = false }, "what it last ran"},
		"models":         {func(d *status.Document) { d.Peer.Model = new("X1700") }, "X1500 and X1700: check that 19.1 is meant for both"},
		"declared":       {func(d *status.Document) { d.Peer.Upgrade = &status.UpgradeStatus{State: "declared"} }, "already on the peer (S/N B2): end that one first"},
		"not ready": {func(d *status.Document) {
			d.Reasons = []status.Reason{{Code: status.CodeIncompatible, Severity: status.SeverityNotReady}, {Code: status.CodeLinkDown, Severity: status.SeverityNotReady}, {Code: status.CodeClockUnset, Severity: status.SeverityWarning}}
		}, "(HA_NOT_READY_HA_LINK_DOWN)"},
		"restart": {nil, "While a Socket restarts"},
	} {
		d := pair("18.3.3", "18.3.3")
		if c.change != nil {
			c.change(d)
		}
		p := Make(d, "19.1", Options{})
		if !strings.Contains(strings.Join(p.Notes, "\n"), c.want) {
			t.Errorf("%s: %q", name, p.Notes)
		}
	}
}

// Whoever is active is said to hand over, in the step that makes it.
func TestNotesOfSteps(t *testing.T) {
	for _, c := range []struct{ ours, theirs, first, second string }{
		{"active", "standby", "It is active now", "It may be active by then"},
		{"standby", "active", "", "It is active now"},
		{"unknown", "unknown", "", ""},
	} {
		d := pair("18.3.3", "18.3.3")
		d.Self.HAState, d.Peer.HAState = c.ours, c.theirs
		p := Make(d, "19.0", Options{})
		for i, want := range []string{c.first, c.second} {
			got := strings.Join(p.Steps[i].Notes, " ")
			if !strings.HasPrefix(got, want) || want == "" && got != "" {
				t.Errorf("%s and %s, step %d: %q", c.ours, c.theirs, i+1, got)
			}
		}
	}
}

// Every list is a list in JSON, and nothing a peer stated stays raw.
func TestPlanIsPrintable(t *testing.T) {
	for _, target := range []string{"19.0", "1", "\x1b[2J\u202e" + strings.Repeat("9", 100)} {
		d := pair("18.3.3", "18\x1b[2J\n")
		p := Make(d, target, Options{Hold: time.Minute})
		if p.HoldS != 60 {
			t.Errorf("held for %d s", p.HoldS)
		}
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, never := range []string{"\\u001b", "\u202e", `"steps":null`, `"notes":null`, `"majors":null`} {
			if strings.Contains(string(b), never) {
				t.Errorf("%s in %s", never, b)
			}
		}
	}
}
