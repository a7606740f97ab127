package status

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// supportDocument reads a document: incompatible, 18.3.3 here and active, 15.0.2
// on the peer.
func supportDocument(t testing.TB, file string) *Document {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	d := new(Document)
	if err := json.Unmarshal(data, d); err != nil {
		t.Fatal(err)
	}
	return d
}

func entries(n int) []ImpactEntry {
	list := make([]ImpactEntry, n)
	for i := range list {
		list[i] = ImpactEntry{ID: fmt.Sprintf("feature-%03d", i), Name: new(fmt.Sprintf("Feature %d of this firmware", i)), Since: new("16.0"), Source: "catalog"}
	}
	return list
}

func withImpact(onFailover, now, restored int) func(*Document) {
	return func(d *Document) {
		d.Impact = &Impact{OnFailover: entries(onFailover), Now: entries(now), RestoredOnFailover: entries(restored), Basis: "ha_state"}
	}
}

// ready turns the document into that of a ready pair.
func makeReady(d *Document) {
	d.Readiness, d.Compatibility = "ready", "compatible"
	d.Conditions.CompatibleVersion.State = StateOK
	d.Peer.Version, d.Peer.Major = new("18.3.3"), new(18)
	d.Reasons, d.Remedy = []Reason{}, nil
}

func declared(target *string) *UpgradeStatus {
	at, _ := time.Parse(time.RFC3339, "2026-03-01T02:50:00Z")
	return &UpgradeStatus{State: "declared", Target: target, Since: NewTime(at)}
}

func loseThePeer(d *Document) {
	d.Peer.Fresh, d.Remedy, d.Compatibility = false, nil, "unknown"
	d.Conditions.CompatibleVersion.State = StateUnknown
	d.Reasons = []Reason{{
		Code: CodePeerStale, Severity: SeverityNotReady, Since: d.ReadinessSince,
		Summary: "The peer (S/N B2000002) is not heard now; its version 15.0.2 is what it last ran.",
		Action:  "Check that the peer has power and that its agent runs.",
	}}
}

var supportCases = []struct {
	name   string
	change func(*Document)
	first  string // how the text begins
}{
	{"ticket", withImpact(3, 0, 0), "Subject: Upgrade Socket S/N B2000002 from version 15.0.2 to major\n"},
	{"ticket_many_features", withImpact(45, 21, 20), "Subject: Upgrade Socket S/N B2000002"},
	{"ticket_without_impact", func(d *Document) { d.Self.Capabilities.Count, d.Peer.Capabilities.Count = nil, nil }, "Subject: "},
	{"ticket_for_this_socket", func(d *Document) {
		d.Self.Version, d.Peer.Version, d.Self.Major, d.Peer.Major = d.Peer.Version, d.Self.Version, new(15), new(18)
		d.Remedy.UpgradeSerial = d.Self.Serial
		withImpact(0, 0, 0)(d)
		d.Impact.Basis = "primary_assumed"
	}, "Subject: Upgrade Socket S/N A1000001"},
	{"ticket_no_serial", func(d *Document) { d.Peer.Serial, d.Remedy.UpgradeSerial, d.Peer.Model = nil, nil, nil }, "Subject: Upgrade Socket S/N not known"},
	{"upgrade_declared", func(d *Document) { d.Peer.Upgrade = declared(new("18.3.3")) }, "Nothing has to be requested now: an upgrade is declared."},
	{"upgrade_overdue", func(d *Document) {
		d.Self.Upgrade = declared(nil)
		d.Reasons = append(d.Reasons, Reason{
			Code: CodeUpgradeOverdue, Severity: SeverityWarning, Since: d.ReadinessSince,
			Summary: "A declared upgrade has not ended in time.", Action: "Look at the Socket being upgraded.",
		})
	}, "Nothing has to be requested now: an upgrade is declared."},
	{"ticket_after_a_failed_upgrade", func(d *Document) {
		d.Peer.Upgrade = declared(nil)
		d.Peer.Upgrade.State = "failed"
	}, "Subject: "},
	{"ticket_whatever_a_silent_peer_declared", func(d *Document) {
		d.Peer.Fresh, d.Peer.Upgrade = false, declared(nil)
	}, "Subject: "},
	{"ready", makeReady, "Nothing has to be requested: the pair is ready"},
	{"ready_with_a_warning", func(d *Document) {
		makeReady(d)
		d.Reasons = []Reason{{
			Code: CodeCapabilityGap, Severity: SeverityWarning, Since: d.ReadinessSince,
			Summary: "The Sockets run the same major version, but not the same features.", Action: "Bring both Sockets to the same version.",
		}}
	}, "Nothing has to be requested: the pair is ready"},
	{"not_ready_otherwise", func(d *Document) {
		makeReady(d)
		d.Readiness = "not_ready"
		d.Reasons = []Reason{{
			Code: CodeRoleConflict, Severity: SeverityNotReady, Since: d.ReadinessSince,
			Summary: "Both Sockets are configured as primary.", Action: "Change the configured role of one of them.",
		}}
	}, "No upgrade has to be requested: both Sockets run the same major"},
	{"peer_stale", loseThePeer, "It is not known whether anything has to be requested"},
	{"peer_stale_declared_in_the_past", func(d *Document) { loseThePeer(d); d.Peer.Upgrade = declared(nil) }, "It is not known"},
	{"peer_never_heard", func(d *Document) {
		loseThePeer(d)
		d.Peer = PeerStatus{HAState: "unknown"}
		d.Reasons[0].Code, d.Reasons[0].Summary = CodePeerUnknown, "The other Socket of the pair has never been heard."
	}, "It is not known"},
	{"hostile", func(d *Document) {
		withImpact(1, 0, 0)(d)
		d.Impact.OnFailover[0] = ImpactEntry{ID: "a\x1b[2J\nSubject: b", Name: new("name\u202e" + strings.Repeat("w", 200)), Source: "unknown\r\n"}
		d.Peer.Model = new("\u0661\x07\xff<b>")
		d.Peer.Serial = new(strings.Repeat("S", 64))
		d.Site.Name = new("Z\u00fcrich \U0001f600 & more")
	}, "Subject: "},
}

func TestSupportRequest(t *testing.T) {
	for _, c := range supportCases {
		t.Run(c.name, func(t *testing.T) {
			d := supportDocument(t, "testdata/support/base.json")
			c.change(d)
			got := SupportRequest(d)
			if !strings.HasPrefix(got, c.first) {
				t.Errorf("begins with %q", got[:min(len(got), 80)])
			}
			checkLetter(t, got)
			file := filepath.Join("testdata", "support", c.name+".txt")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// checkLetter checks what holds for every support request.
func checkLetter(t *testing.T, text string) {
	t.Helper()
	for line := range strings.SplitSeq(text, "\n") {
		if len(line) > letterColumns || strings.TrimRight(line, " ") != line {
			t.Errorf("%d wide: %q", len(line), line)
		}
	}
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }); i >= 0 {
		t.Errorf("%q in it", text[i:min(i+8, len(text))])
	}
	if !strings.HasSuffix(text, ".\n") || strings.Contains(text, "\n\n\n") {
		t.Errorf("bad end or gaps in:\n%s", text)
	}
	if n := strings.Count(text, "\nSubject: "); n > 0 {
		t.Errorf("%d more lines that look like a subject", n)
	}
}

// Every situation has a text, and only an incompatible pair that nobody upgrades
// asks for an upgrade.
func TestSupportRequestOfEverySituation(t *testing.T) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d documents: %v", len(files), err)
	}
	for _, file := range files {
		d := supportDocument(t, file)
		text := SupportRequest(d)
		checkLetter(t, text)
		asks := strings.HasPrefix(text, "Subject: ")
		if want := d.Remedy != nil && !strings.Contains(file, "upgrading"); asks != want {
			t.Errorf("%s: asks for an upgrade: %t, want %t", file, asks, want)
		}
	}
}

func TestImpactBasis(t *testing.T) {
	for _, c := range []struct{ basis, self, other, ours, theirs, want string }{
		{"ha_state", "active", "standby", "primary", "secondary", "This Socket (S/N A1000001) is active, as the HA states say."},
		{"ha_state", "standby", "active", "primary", "secondary", "The peer (S/N B2000002) is active, as the HA states say."},
		{"primary_assumed", "unknown", "unknown", "secondary", "primary", "The peer (S/N B2000002) is taken for the active one, as the configured primary: the HA states do not tell."},
		{"primary_assumed", "unknown", "unknown", "primary", "secondary", "This Socket (S/N A1000001) is taken for the active one, as the configured primary: the HA states do not tell."},
		{"other_assumed", "standby", "unknown", "primary", "secondary", "The peer (S/N B2000002) is taken for the active one, because this Socket is standby."},
		{"other_assumed", "unknown", "standby", "secondary", "primary", "This Socket (S/N A1000001) is taken for the active one, because the peer is standby."},
		{"self_assumed", "unknown", "unknown", "primary", "primary", "This Socket (S/N A1000001) is taken for the active one: nothing tells which of them is."},
		{"later", "active", "standby", "primary", "secondary", "Which Socket is active was told by: later."},
	} {
		d := supportDocument(t, "testdata/support/base.json")
		d.Impact = &Impact{Basis: c.basis}
		d.Self.HAState, d.Peer.HAState, d.Self.ConfiguredRole, d.Peer.ConfiguredRole = c.self, c.other, &c.ours, &c.theirs
		if got := d.ImpactBasis(); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}
