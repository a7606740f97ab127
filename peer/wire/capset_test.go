package wire_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"socketha/peer"
	"socketha/peer/wire"
)

// numbered returns n capabilities, not sorted, with ids of the given length.
func numbered(n, idLength int, since string) []peer.Capability {
	set := make([]peer.Capability, n)
	for i := range set {
		set[i] = peer.Capability{ID: fmt.Sprintf("%0*d", idLength, n-i), Supported: i%3 > 0, Enabled: i%2 > 0, Since: since}
	}
	return set
}

func sorted(set []peer.Capability) []peer.Capability {
	return slices.SortedFunc(slices.Values(set), func(a, b peer.Capability) int { return strings.Compare(a.ID, b.ID) })
}

func mustSplit(tb testing.TB, set []peer.Capability) []peer.CapabilityPart {
	tb.Helper()
	parts, err := wire.SplitCapabilities(set)
	if err != nil {
		tb.Fatal(err)
	}
	return parts
}

// TestSplitFillsItsParts: every part fits a message even at the largest
// protocol versions, and one entry more would not.
func TestSplitFillsItsParts(t *testing.T) {
	wide := peer.ProtocolRange{Min: 255, Max: 255}
	for _, tt := range []struct {
		what  string
		set   []peer.Capability
		parts int
	}{
		{"none", nil, 1},
		{"one", numbered(1, 10, "18.0"), 1},
		{"sixty, as a firmware has", numbered(60, 20, "18.0"), 2},
		{"the shortest", numbered(130, 3, ""), 3}, // 64 entries a part at most
		{"the longest and most", numbered(wire.MaxCapabilities, 40, strings.Repeat("9", 64)), 250},
	} {
		parts := mustSplit(t, tt.set)
		if len(parts) != tt.parts || len(parts) > wire.MaxParts {
			t.Errorf("%s: %d parts, want %d", tt.what, len(parts), tt.parts)
		}
		var joined []peer.Capability
		for i, p := range parts {
			b, err := wire.AppendCapabilityPart(nil, wide, &p)
			if err != nil {
				t.Fatalf("%s, part %d: %v", tt.what, i, err)
			}
			if int(p.Part) != i || int(p.Parts) != len(parts) || p.Digest != wire.DigestCapabilities(tt.set) {
				t.Errorf("%s, part %d: %d of %d of %x", tt.what, i, p.Part, p.Parts, p.Digest)
			}
			if i > 0 {
				full := parts[i-1]
				full.Entries = append(slices.Clone(full.Entries), p.Entries[0])
				full.Part, full.Parts = 255, 256 // their heads at the largest, too
				if _, err := wire.AppendCapabilityPart(nil, wide, &full); err == nil {
					t.Errorf("%s, part %d: %d bytes, and room for one more in the one before", tt.what, i, len(b))
				}
			}
			joined = append(joined, p.Entries...)
		}
		if diff := cmp.Diff(sorted(tt.set), joined); diff != "" {
			t.Errorf("%s: -set +parts\n%s", tt.what, diff)
		}
	}
}

// TestSplitUsesTheLastByte: a part may be filled to exactly 1 KB.
func TestSplitUsesTheLastByte(t *testing.T) {
	for spare, want := range map[int]int{0: 1, 1: 2} {
		set := numbered(30, 20, strings.Repeat("9", 8)) // 33 bytes each
		set[0].Since += strings.Repeat("9", 5+spare)
		parts := mustSplit(t, set)
		if len(parts) != want {
			t.Errorf("%d bytes over 1 KB: %d parts, want %d", spare, len(parts), want)
		}
		if spare > 0 {
			continue
		}
		parts[0].Part, parts[0].Parts = 255, 256
		b, err := wire.AppendCapabilityPart(nil, peer.ProtocolRange{Min: 255, Max: 255}, &parts[0])
		if err != nil || len(b) != wire.MaxMessage {
			t.Errorf("%d bytes, %v; want %d", len(b), err, wire.MaxMessage)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for what, set := range map[string][]peer.Capability{
		"too many":       numbered(wire.MaxCapabilities+1, 10, ""),
		"empty id":       {{ID: ""}},
		"long id":        {{ID: strings.Repeat("i", 41)}},
		"twice":          {{ID: "a"}, {ID: "b"}, {ID: "a"}},
		"not UTF-8":      {{ID: "\xff"}},
		"since too long": {{ID: "a", Since: strings.Repeat("9", 65)}},
	} {
		if parts, err := wire.SplitCapabilities(set); err == nil || parts != nil {
			t.Errorf("%s: %d parts, %v", what, len(parts), err)
		}
	}
}

func TestSplitLeavesTheSetAlone(t *testing.T) {
	set := numbered(100, 10, "18.0")
	before := slices.Clone(set)
	parts := mustSplit(t, set)
	wire.DigestCapabilities(set)
	parts[0].Entries = append(parts[0].Entries, peer.Capability{ID: "intruder"})
	if !slices.Equal(set, before) || parts[1].Entries[0].ID == "intruder" {
		t.Error("the given set or the next part was changed")
	}
}

// first8 is the digest of v by its definition, by means of the library.
func first8(tb testing.TB, v any) peer.Digest {
	tb.Helper()
	sum := sha256.Sum256(mustEncode(tb, v))
	return peer.Digest(sum[:8])
}

// TestDigests computes both digests from the definition, by the library.
func TestDigests(t *testing.T) {
	set := numbered(300, 12, "18.0")
	entries := []any{}
	for _, c := range sorted(set) {
		entries = append(entries, []any{c.ID, c.Supported, c.Enabled, c.Since})
	}
	if got, want := wire.DigestCapabilities(set), first8(t, entries); got != want {
		t.Errorf("digest of the set %x, want %x", got, want)
	}
	if got, want := wire.DigestCapabilities(nil), first8(t, []any{}); got != want || got == (peer.Digest{}) {
		t.Errorf("digest of an empty set %x, want %x", got, want)
	}
	f := &peer.Facts{Serial: "S1-0042", Model: "X1500", Site: "HQ", AgentVersion: "0.1.0", Catalog: peer.Digest{1}}
	want := first8(t, map[int]any{0: f.Serial, 1: f.Model, 2: f.Site, 3: f.AgentVersion, 4: f.Catalog[:]})
	if got := wire.DigestFacts(f); got != want {
		t.Errorf("digest of the facts %x, want %x", got, want)
	}
}

func TestDigestTellsEveryChange(t *testing.T) {
	base := []peer.Capability{{ID: "a", Since: "1"}, {ID: "b", Supported: true, Enabled: true}}
	seen := map[peer.Digest]string{wire.DigestCapabilities(base): "base"}
	if wire.DigestCapabilities([]peer.Capability{base[1], base[0]}) != wire.DigestCapabilities(base) {
		t.Error("the order of the set matters")
	}
	for what, change := range map[string]func(c *peer.Capability){
		"id":        func(c *peer.Capability) { c.ID = "c" },
		"supported": func(c *peer.Capability) { c.Supported = !c.Supported },
		"enabled":   func(c *peer.Capability) { c.Enabled = !c.Enabled },
		"since":     func(c *peer.Capability) { c.Since += "0" },
		"id longer": func(c *peer.Capability) { c.ID, c.Since = c.ID+"1", "" },
	} {
		set := slices.Clone(base)
		change(&set[0])
		digest := wire.DigestCapabilities(set)
		if other, ok := seen[digest]; ok {
			t.Errorf("a change of %s reads as %s", what, other)
		}
		seen[digest] = what
	}
}

// TestJoinerCollects sends the parts over the wire in any order, some twice
// and some only when asked for.
func TestJoinerCollects(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		set := capabilities(120).Draw(t, "set")
		parts, err := wire.SplitCapabilities(set)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		j := wire.NewJoiner(wire.DigestCapabilities(set))
		for rounds := 0; ; rounds++ {
			wanted, more := j.Request()
			if !more {
				break
			}
			if rounds > 1000 {
				t.Fatal("the set is never complete")
			}
			for _, i := range answer(t, wanted, parts) {
				if random.IntN(3) == 0 {
					continue // lost
				}
				for range 1 + random.IntN(2) {
					if _, err := j.Add(&parts[i]); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		got, complete := j.Set()
		if diff := cmp.Diff(sorted(set), got, cmpEmpty); diff != "" || !complete {
			t.Fatalf("complete %t, -set +joined\n%s", complete, diff)
		}
		if again, err := j.Add(&parts[0]); err != nil || !again {
			t.Fatalf("a repetition afterwards: %t, %v", again, err)
		}
	})
}

// cmpEmpty takes an empty slice for a nil one.
var cmpEmpty = cmp.Transformer("empty", func(set []peer.Capability) []peer.Capability {
	return append([]peer.Capability{}, set...)
})

// answer is the other side: the parts that a request names, all if none, in
// descending order. The request crosses the wire first.
func answer(t *rapid.T, q peer.Request, parts []peer.CapabilityPart) (send []int) {
	b, err := wire.AppendRequest(nil, v1, &q)
	if err != nil {
		t.Fatal(err)
	}
	m, err := wire.Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range slices.Backward(parts) {
		if len(m.Request.Parts) == 0 || slices.Contains(m.Request.Parts, uint16(i)) {
			send = append(send, i)
		}
	}
	return send
}

func TestJoinerTellsWhatIsMissing(t *testing.T) {
	set := numbered(wire.MaxCapabilities, 40, strings.Repeat("9", 64))
	parts := mustSplit(t, set)
	j := wire.NewJoiner(parts[0].Digest)
	if q, more := j.Request(); !more || q.Capabilities != parts[0].Digest || len(q.Parts) != 0 {
		t.Errorf("before the first part: %+v, %t; want all", q, more)
	}
	if _, err := j.Add(&parts[2]); err != nil {
		t.Fatal(err)
	}
	missing := j.Missing()
	if len(missing) != wire.MaxRequestParts || !slices.Equal(missing[:3], []uint16{0, 1, 3}) {
		t.Errorf("after part 2: %v", missing)
	}
	for i := range parts[:len(parts)-1] {
		if complete, err := j.Add(&parts[i]); complete || err != nil {
			t.Fatalf("part %d: %t, %v", i, complete, err)
		}
	}
	if _, complete := j.Set(); complete || !slices.Equal(j.Missing(), []uint16{uint16(len(parts) - 1)}) {
		t.Errorf("one to go: %v, complete %t", j.Missing(), complete)
	}
	if complete, err := j.Add(&parts[len(parts)-1]); !complete || err != nil {
		t.Errorf("last part: %t, %v", complete, err)
	}
	if got, complete := j.Set(); !complete || !slices.Equal(got, sorted(set)) || len(j.Missing()) != 0 {
		t.Errorf("complete %t, %d entries, missing %v", complete, len(got), j.Missing())
	}
}

func TestJoinerRefuses(t *testing.T) {
	parts := mustSplit(t, numbered(100, 30, "18.0"))
	digest := parts[0].Digest
	alter := func(i int, change func(p *peer.CapabilityPart)) *peer.CapabilityPart {
		p := parts[i]
		p.Entries = slices.Clone(p.Entries)
		change(&p)
		return &p
	}
	last := len(parts) - 1
	for what, p := range map[string]*peer.CapabilityPart{
		"an entry changed": alter(last, func(p *peer.CapabilityPart) { p.Entries[0].Enabled = !p.Entries[0].Enabled }),
		"an entry missing": alter(last, func(p *peer.CapabilityPart) { p.Entries = p.Entries[1:] }),
		"parts overlap":    alter(last, func(p *peer.CapabilityPart) { p.Entries = parts[0].Entries }),
	} {
		j := wire.NewJoiner(digest)
		for i := range last {
			if complete, err := j.Add(&parts[i]); complete || err != nil {
				t.Fatalf("%s: part %d: %t, %v", what, i, complete, err)
			}
		}
		if complete, err := j.Add(p); complete || err == nil {
			t.Errorf("%s: %t, %v", what, complete, err)
		}
		if q, more := j.Request(); !more || len(q.Parts) != 0 {
			t.Errorf("%s: asks for %+v, %t; want all anew", what, q, more)
		}
		if err := addAll(j, parts); err != nil {
			t.Errorf("%s: not to be healed: %v", what, err)
		}
	}
}

// TestJoinerWantsOrderAcrossParts: a digest that is right does not make a set
// of entries that are there twice.
func TestJoinerWantsOrderAcrossParts(t *testing.T) {
	digest := first8(t, []any{[]any{"a", true, true, ""}, []any{"a", false, false, ""}})
	parts := []peer.CapabilityPart{
		{Digest: digest, Part: 0, Parts: 2, Entries: []peer.Capability{{ID: "a", Supported: true, Enabled: true}}},
		{Digest: digest, Part: 1, Parts: 2, Entries: []peer.Capability{{ID: "a"}}},
	}
	if err := addAll(wire.NewJoiner(digest), parts); err == nil {
		t.Error("a set with an id twice is taken")
	}
}

func TestJoinerIgnoresOthers(t *testing.T) {
	parts := mustSplit(t, numbered(100, 30, "18.0"))
	other := mustSplit(t, numbered(100, 30, "19.0"))
	j := wire.NewJoiner(parts[0].Digest)
	if j.Digest() != parts[0].Digest {
		t.Errorf("joins %x", j.Digest())
	}
	if _, err := j.Add(&parts[0]); err != nil {
		t.Fatal(err)
	}
	before := j.Missing()
	for what, p := range map[string]*peer.CapabilityPart{
		"of another set": &other[1],
		"of no parts":    {Digest: parts[0].Digest},
		"beyond":         {Digest: parts[0].Digest, Part: 9, Parts: 9},
		"out of order":   {Digest: parts[0].Digest, Parts: 4, Entries: []peer.Capability{{ID: "b"}, {ID: "a"}}},
	} {
		if complete, err := j.Add(p); complete || err == nil {
			t.Errorf("%s: %t, %v", what, complete, err)
		}
		if !slices.Equal(j.Missing(), before) {
			t.Errorf("%s: missing %v now, %v before", what, j.Missing(), before)
		}
	}
	if err := addAll(j, parts); err != nil {
		t.Error(err)
	}
}

// TestJoinerFollowsANewNumbering: the same set cut in another way, as by an
// agent that was upgraded in between.
func TestJoinerFollowsANewNumbering(t *testing.T) {
	parts := mustSplit(t, numbered(100, 30, "18.0"))
	digest, first := parts[0].Digest, parts[0].Entries
	var anew []peer.CapabilityPart
	for _, p := range parts {
		half := len(p.Entries) / 2
		anew = append(anew, peer.CapabilityPart{Digest: digest, Entries: p.Entries[:half]},
			peer.CapabilityPart{Digest: digest, Entries: p.Entries[half:]})
	}
	for i := range anew {
		anew[i].Part, anew[i].Parts = uint16(i), uint16(len(anew))
	}
	j := wire.NewJoiner(digest)
	if _, err := j.Add(&peer.CapabilityPart{Digest: digest, Part: 0, Parts: uint16(len(parts)), Entries: first}); err != nil {
		t.Fatal(err)
	}
	if err := addAll(j, anew); err != nil {
		t.Error(err)
	}
}

// TestJoinerIsBounded: 256 parts of 64 entries would be 16,384.
func TestJoinerIsBounded(t *testing.T) {
	digest := peer.Digest{1}
	j := wire.NewJoiner(digest)
	for i := range wire.MaxParts {
		p := peer.CapabilityPart{Digest: digest, Part: uint16(i), Parts: wire.MaxParts}
		for e := range 64 {
			p.Entries = append(p.Entries, peer.Capability{ID: fmt.Sprintf("%05d", i*64+e)})
		}
		if _, err := j.Add(&p); err != nil {
			if kept := i * 64; kept > wire.MaxCapabilities || kept < wire.MaxCapabilities-64 {
				t.Errorf("refused at %d entries: %v", kept, err)
			}
			return
		}
	}
	t.Error("takes any number of entries")
}

func addAll(j *wire.Joiner, parts []peer.CapabilityPart) error {
	for i := range parts {
		if _, err := j.Add(&parts[i]); err != nil {
			return err
		}
	}
	if _, complete := j.Set(); !complete {
		return errors.New("all parts taken, the set is not complete")
	}
	return nil
}
