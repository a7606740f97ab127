package impact_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"socketha/agent/impact"
	"socketha/peer"
	"socketha/peer/compat"
)

// TestTheExampleOfTheContract reads the sample by itself and picks what the
// contract says, without the catalog and without the grammar of versions.
func TestTheExampleOfTheContract(t *testing.T) {
	data, err := os.ReadFile("sample.csv")
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range records[1:] {
		major, minor, _ := strings.Cut(r[2], ".")
		n, err := strconv.Atoi(major)
		if err != nil {
			t.Fatal(err)
		}
		if n > 15 && n < 18 || n == 18 && minor == "0" {
			want = append(want, r[0])
		}
	}
	slices.Sort(want)
	if len(want) < 8 {
		t.Fatalf("the sample is not what it was: %v", want)
	}
	newer := impact.Socket{Known: true, Version: "18.0", HAState: peer.HAActive, Advertised: true, Capabilities: firmware("18.0")}
	for i := range newer.Capabilities {
		newer.Capabilities[i].Enabled = true
	}
	for _, advertises := range []bool{true, false} {
		older := impact.Socket{Known: true, Version: "15.0", HAState: peer.HAStandby, Advertised: advertises}
		if advertises {
			older.Capabilities = firmware("15.0")
		}
		before := impact.Compute(impact.Input{Self: newer, Peer: older, Catalog: impact.Sample()})
		if got := ids(before.OnFailover); !slices.Equal(got, want) || len(before.Now)+len(before.RestoredOnFailover) > 0 {
			t.Errorf("advertises %t: %v, want %v; %+v", advertises, got, want, before)
		}
		down := newer
		down.HAState, older.HAState = peer.HAStandby, peer.HAActive
		after := impact.Compute(impact.Input{Self: down, Peer: older, Catalog: impact.Sample()})
		if got := ids(after.Now); !slices.Equal(got, want) || len(after.OnFailover) > 0 || !slices.Equal(ids(after.RestoredOnFailover), want) {
			t.Errorf("advertises %t, after: %v, want %v; %+v", advertises, got, want, after)
		}
	}
}

func ids(list []impact.Entry) []string {
	out := make([]string, 0, len(list))
	for _, e := range list {
		out = append(out, e.ID)
	}
	return out
}

// TestNothingKnown: without knowledge there is no impact, and no list is nil.
func TestNothingKnown(t *testing.T) {
	full := impact.Socket{Known: true, Version: "18.0", Advertised: true, Capabilities: firmware("18.0")}
	older := impact.Socket{Known: true, Version: "15.0"}
	for name, in := range map[string]impact.Input{
		"zero":              {},
		"no peer":           {Self: full},
		"no self":           {Peer: full},
		"neither tells":     {Self: older, Peer: older},
		"peer is not known": {Self: full, Peer: impact.Socket{Advertised: true, Version: "18.0"}},
	} {
		in.Catalog = impact.Sample()
		got := impact.Compute(in)
		if got.Known || got.CapabilityGap || got.Now == nil || got.OnFailover == nil || got.RestoredOnFailover == nil ||
			len(got.Now)+len(got.OnFailover)+len(got.RestoredOnFailover) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := impact.Compute(impact.Input{Self: full, Peer: older}); !got.Known {
		t.Error("a pair of which one tells is not known")
	}
}

// TestCatalogDiffers: only two known digests can differ.
func TestCatalogDiffers(t *testing.T) {
	for _, tt := range []struct {
		a, b peer.Digest
		want bool
	}{
		{peer.Digest{}, peer.Digest{}, false},
		{peer.Digest{1}, peer.Digest{}, false},
		{peer.Digest{}, peer.Digest{1}, false},
		{peer.Digest{1}, peer.Digest{1}, false},
		{peer.Digest{1}, peer.Digest{2}, true},
	} {
		got := impact.Compute(impact.Input{Self: impact.Socket{Catalog: tt.a}, Peer: impact.Socket{Catalog: tt.b}})
		if got.CatalogDiffers != tt.want {
			t.Errorf("%v and %v: %t", tt.a, tt.b, got.CatalogDiffers)
		}
	}
}

// TestIDsGivenTwice: the entries are taken at their worst, in any order.
func TestIDsGivenTwice(t *testing.T) {
	twice := []peer.Capability{{ID: "x", Supported: true, Since: "17.0"}, {ID: "x", Enabled: true}, {ID: "a", Supported: true}}
	for range 2 {
		self := impact.Socket{Known: true, Version: "18.0", HAState: peer.HAActive, Advertised: true, Capabilities: twice}
		got := impact.Compute(impact.Input{Self: self, Peer: impact.Socket{Known: true, Advertised: true}})
		want := []impact.Entry{{ID: "x", Since: "17.0", Source: impact.SourceAdvertised}}
		if diff := cmp.Diff(want, got.Now); diff != "" {
			t.Error(diff)
		}
		slices.Reverse(twice)
	}
}

// drawSocket draws a Socket that may be anything.
func drawSocket(t *rapid.T, name string) impact.Socket {
	id := rapid.OneOf(
		rapid.SampledFrom([]string{"lan-firewall", "dhcp-relay", "dns-relay-lan", "fail-closed-routing", "aws-imdsv2"}),
		rapid.StringMatching(`[a-d]`), rapid.String(),
	)
	version := rapid.OneOf(
		rapid.SampledFrom([]string{"15.0", "16.0.1", "18.0", "18.3", "20.0.18221", "v21.1-rc1", "", "18..1", " 18", "9"}),
		rapid.String(),
	)
	return impact.Socket{
		Known:      rapid.IntRange(0, 9).Draw(t, name+" known") > 0,
		Version:    version.Draw(t, name+" version"),
		Role:       peer.Role(rapid.IntRange(0, 3).Draw(t, name+" role")),
		HAState:    peer.HAState(rapid.IntRange(0, 3).Draw(t, name+" state")),
		Advertised: rapid.IntRange(0, 3).Draw(t, name+" advertised") > 0,
		Capabilities: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) peer.Capability {
			return peer.Capability{
				ID: id.Draw(t, "id"), Supported: rapid.Bool().Draw(t, "supported"), Enabled: rapid.Bool().Draw(t, "enabled"),
				Since: version.Draw(t, "since"),
			}
		}), 0, 12).Draw(t, name+" capabilities"),
		Catalog: peer.Digest{byte(rapid.IntRange(0, 2).Draw(t, name+" catalog"))},
	}
}

func drawCatalog(t *rapid.T) *impact.Catalog {
	if rapid.IntRange(0, 3).Draw(t, "no catalog") == 0 {
		return nil
	}
	return impact.Sample()
}

// supports says by the words of the contract whether a Socket supports a feature.
func supports(s impact.Socket, c *impact.Catalog, id string) bool {
	if s.Advertised {
		said, all := false, true
		for _, one := range s.Capabilities {
			if one.ID == id {
				said, all = true, all && one.Supported
			}
		}
		return said && all
	}
	f, ok := c.Find(id)
	v, err := compat.Parse(s.Version)
	return ok && err == nil && f.Since.Compare(v) <= 0
}

// TestSetAlgebra: the three lists are what the contract's formulas give.
func TestSetAlgebra(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := impact.Input{Self: drawSocket(rt, "self"), Peer: drawSocket(rt, "peer"), Catalog: drawCatalog(rt)}
		got := impact.Compute(in)
		checkShape(rt, got)
		if !got.Known {
			return
		}
		now, then := in.Self, in.Peer
		if got.Active == compat.Peer {
			now, then = then, now
		}
		var lost, stops, back []string
		for id := range enabledIDs(in) {
			a, b := supports(now, in.Catalog, id), supports(then, in.Catalog, id)
			if !a {
				lost = append(lost, id)
			}
			if a && !b {
				stops = append(stops, id)
			}
			if b && !a {
				back = append(back, id)
			}
		}
		for _, l := range []struct {
			want []string
			got  []impact.Entry
		}{{lost, got.Now}, {stops, got.OnFailover}, {back, got.RestoredOnFailover}} {
			slices.Sort(l.want)
			if !slices.Equal(l.want, ids(l.got)) {
				rt.Fatalf("%v, want %v: %+v", ids(l.got), l.want, got)
			}
		}
	})
}

// enabledIDs is the union of what is enabled; a Socket that advertises nothing
// has nothing enabled.
func enabledIDs(in impact.Input) map[string]bool {
	set := map[string]bool{}
	for _, s := range []impact.Socket{in.Self, in.Peer} {
		for _, c := range s.Capabilities {
			if s.Advertised && c.Enabled {
				set[c.ID] = true
			}
		}
	}
	return set
}

// checkShape checks what holds for every impact.
func checkShape(t reporter, got impact.Impact) {
	t.Helper()
	for name, list := range map[string][]impact.Entry{"now": got.Now, "on failover": got.OnFailover, "restored": got.RestoredOnFailover} {
		if list == nil || !slices.IsSorted(ids(list)) || len(slices.Compact(ids(list))) != len(list) {
			t.Fatalf("%s: %v", name, list)
		}
	}
	for _, e := range got.RestoredOnFailover {
		if !slices.Contains(ids(got.Now), e.ID) {
			t.Fatalf("%s would come back, but works now", e.ID)
		}
	}
	for _, e := range got.OnFailover {
		if slices.Contains(ids(got.Now), e.ID) {
			t.Fatalf("%s would stop, but does not work now", e.ID)
		}
	}
	if got.Active != compat.Local && got.Active != compat.Peer {
		t.Fatalf("active: %v", got.Active)
	}
}

type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// TestBothSocketsSeeTheSame: the views of both Sockets have the same lists and the
// same basis, and they mean the same Socket, unless nothing tells who is active.
func TestBothSocketsSeeTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := impact.Input{Self: drawSocket(rt, "self"), Peer: drawSocket(rt, "peer"), Catalog: drawCatalog(rt)}
		here := impact.Compute(in)
		in.Self, in.Peer = in.Peer, in.Self
		there := impact.Compute(in)
		if here.Basis != there.Basis || here.Known != there.Known || here.CapabilityGap != there.CapabilityGap ||
			here.CatalogDiffers != there.CatalogDiffers || here.SelfSource != there.PeerSource {
			rt.Fatalf("%+v\n%+v", here, there)
		}
		if here.Basis == impact.SelfAssumed {
			return
		}
		if here.Active == there.Active {
			rt.Fatalf("both say %v is active", here.Active)
		}
		for _, l := range [][2][]impact.Entry{
			{here.Now, there.Now}, {here.OnFailover, there.OnFailover}, {here.RestoredOnFailover, there.RestoredOnFailover},
		} {
			if diff := cmp.Diff(l[0], l[1]); diff != "" {
				rt.Fatalf("%s", diff)
			}
		}
	})
}

// TestFailoverAndBack: after a failover what would have stopped stands under now,
// what would have come back is gone from there, and the way back is the reverse.
func TestFailoverAndBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := impact.Input{Self: drawSocket(rt, "self"), Peer: drawSocket(rt, "peer"), Catalog: drawCatalog(rt)}
		in.Self.HAState, in.Peer.HAState = peer.HAActive, peer.HAStandby
		before := impact.Compute(in)
		in.Self.HAState, in.Peer.HAState = peer.HAStandby, peer.HAActive
		after := impact.Compute(in)
		if before.Basis != impact.HAStateTold || before.Active != compat.Local || after.Active != compat.Peer {
			rt.Fatalf("%v, %v by %v", before.Active, after.Active, before.Basis)
		}
		want := ids(before.OnFailover)
		for _, id := range ids(before.Now) {
			if !slices.Contains(ids(before.RestoredOnFailover), id) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		if !slices.Equal(want, ids(after.Now)) ||
			!slices.Equal(ids(before.OnFailover), ids(after.RestoredOnFailover)) ||
			!slices.Equal(ids(before.RestoredOnFailover), ids(after.OnFailover)) {
			rt.Fatalf("before %+v\nafter %+v", before, after)
		}
	})
}

// TestOrderDoesNotMatter, nor is the input touched.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := impact.Input{Self: drawSocket(rt, "self"), Peer: drawSocket(rt, "peer"), Catalog: drawCatalog(rt)}
		in.Self.Capabilities = uniqueIDs(in.Self.Capabilities)
		given := slices.Clone(in.Self.Capabilities)
		one := impact.Compute(in)
		if diff := cmp.Diff(given, in.Self.Capabilities); diff != "" {
			rt.Fatalf("the input was changed: %s", diff)
		}
		in.Self.Capabilities = rapid.Permutation(in.Self.Capabilities).Draw(rt, "order")
		if diff := cmp.Diff(one, impact.Compute(in)); diff != "" {
			rt.Fatalf("%s", diff)
		}
	})
}

func uniqueIDs(list []peer.Capability) []peer.Capability {
	var out []peer.Capability
	for _, c := range list {
		if !slices.ContainsFunc(out, func(o peer.Capability) bool { return o.ID == c.ID }) {
			out = append(out, c)
		}
	}
	return out
}

// TestGap: a gap needs equal majors and something that is known to differ.
func TestGap(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		in := impact.Input{Self: drawSocket(rt, "self"), Peer: drawSocket(rt, "peer"), Catalog: drawCatalog(rt)}
		got := impact.Compute(in)
		a, errA := compat.Parse(in.Self.Version)
		b, errB := compat.Parse(in.Peer.Version)
		known := false
		for _, e := range slices.Concat(got.OnFailover, got.RestoredOnFailover) {
			known = known || e.Source != impact.SourceUnknown
		}
		gap := errA == nil && errB == nil && a.Major() == b.Major() && len(got.OnFailover)+len(got.RestoredOnFailover) > 0
		if got.CapabilityGap != gap || got.GapKnown != (gap && known) {
			rt.Fatalf("%t and %t, want %t and %t: %+v", got.CapabilityGap, got.GapKnown, gap, gap && known, got)
		}
	})
}

// large returns a set of n features, of which the Socket lacks each k-th.
func large(n, k int) []peer.Capability {
	list := make([]peer.Capability, n)
	for i := range list {
		list[i] = peer.Capability{ID: fmt.Sprintf("feature-%04d", i), Supported: i%k > 0, Enabled: i%2 == 0, Since: "18.0"}
	}
	return list
}

func largeInput() impact.Input {
	return impact.Input{
		Self:    impact.Socket{Known: true, Version: "18.0", Role: peer.RolePrimary, Advertised: true, Capabilities: large(2000, 3)},
		Peer:    impact.Socket{Known: true, Version: "18.1", Role: peer.RoleSecondary, Advertised: true, Capabilities: large(2000, 5)},
		Catalog: impact.Sample(),
	}
}

// TestTwoThousandCapabilities: of those enabled (even) the active one lacks each
// third, the standby each fifth.
func TestTwoThousandCapabilities(t *testing.T) {
	got := impact.Compute(largeInput())
	now, stops, back := 0, 0, 0
	for i := 0; i < 2000; i += 2 {
		a, b := i%3 > 0, i%5 > 0
		switch {
		case !a && b:
			now, back = now+1, back+1
		case !a:
			now++
		case !b:
			stops++
		}
	}
	if len(got.Now) != now || len(got.OnFailover) != stops || len(got.RestoredOnFailover) != back || !got.CapabilityGap {
		t.Errorf("%d, %d, %d, want %d, %d, %d", len(got.Now), len(got.OnFailover), len(got.RestoredOnFailover), now, stops, back)
	}
	checkShape(t, got)
}

func BenchmarkComputeSample(b *testing.B) {
	self := impact.Socket{Known: true, Version: "18.0", HAState: peer.HAActive, Advertised: true, Capabilities: firmware("18.0")}
	for i := range self.Capabilities {
		self.Capabilities[i].Enabled = true
	}
	in := impact.Input{Self: self, Peer: impact.Socket{Known: true, Version: "15.0"}, Catalog: impact.Sample()}
	b.ReportAllocs()
	for b.Loop() {
		impact.Compute(in)
	}
}

func BenchmarkCompute2000(b *testing.B) {
	in := largeInput()
	b.ReportAllocs()
	for b.Loop() {
		impact.Compute(in)
	}
}

// FuzzCompute: anything at all has an impact, the same on both Sockets.
func FuzzCompute(f *testing.F) {
	f.Add("18.0", "15.0", "dhcp-relay", uint16(0b_0110_0110_1010_1001), uint8(9))
	f.Add("18..1", "", "\xff", uint16(0xffff), uint8(0))
	f.Fuzz(func(t *testing.T, ours, theirs, id string, bits uint16, more uint8) {
		socket := func(version string, bits uint16) impact.Socket {
			return impact.Socket{
				Known: bits&1 > 0, Version: version, Role: peer.Role(bits >> 1 & 3), HAState: peer.HAState(bits >> 3 & 3), Advertised: bits&32 > 0,
				Capabilities: []peer.Capability{
					{ID: id, Supported: bits&64 > 0, Enabled: bits&128 > 0, Since: theirs},
					{ID: "lan-firewall", Supported: more&1 > 0, Enabled: more&2 > 0},
					{ID: id + ours, Supported: more&4 > 0, Enabled: more&8 > 0},
				},
			}
		}
		in := impact.Input{Self: socket(ours, bits), Peer: socket(theirs, bits>>8), Catalog: impact.Sample()}
		here := impact.Compute(in)
		checkShape(t, here)
		in.Self, in.Peer = in.Peer, in.Self
		there := impact.Compute(in)
		if here.Basis != impact.SelfAssumed {
			here.Active, here.SelfSource, here.PeerSource = there.Active, there.SelfSource, there.PeerSource
			if diff := cmp.Diff(here, there); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
