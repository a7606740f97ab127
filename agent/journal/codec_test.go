package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"socketha/peer"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	bootA = BootID{1, 2, 3}
	bootB = BootID{4, 5, 6}
	wall  = time.Date(2026, 4, 5, 6, 7, 8, 9_000_000, time.UTC)
)

func at(d time.Duration) Moment { return Moment{Wall: wall.Add(d), Boot: time.Hour + d, BootID: bootA} }

// sample has something in every field.
func sample() State {
	s := State{
		Epoch: 7,
		Peer: Peer{
			Facts: peer.Facts{Serial: "S-2", Model: "X1600", Site: "site-1", AgentVersion: "1.2.3", Catalog: peer.Digest{1}},
			Key:   [32]byte{31: 9}, Version: "15.0.2", Role: peer.RoleSecondary, HAState: peer.HAStandby,
			Upstream: peer.UpstreamConnected, Readiness: peer.NotReady, Compatibility: peer.Incompatible,
			Protocol: peer.ProtocolRange{Min: 1, Max: 2}, Capabilities: peer.Digest{7: 1}, Count: 2000,
			LastHeard: at(0),
		},
		Alarm:    Alarm{Saved: []byte(`{"State":1}`), At: at(time.Second)},
		Upgrade:  Declaration{Phase: EndedFailed, Target: "18.4.1", Begun: at(-time.Hour), Ended: at(0)},
		Failover: Declaration{Phase: Declared, Begun: at(0)},
	}
	s.Add(Transition{
		At: at(0), From: View{peer.Ready, peer.Compatible}, To: View{peer.NotReady, peer.Incompatible}, Lasted: time.Minute,
		Reasons: []string{"HA_NOT_READY_INCOMPATIBLE_MAJOR_SOCKET_VERSIONS"}, Local: "18.3.3", Peer: "15.0.2",
	})
	s.Add(Transition{At: Moment{Wall: wall, Boot: time.Second, BootID: bootB}, Local: "?<é>\u2028"})
	return s
}

func decoded(t *testing.T, b []byte) State {
	t.Helper()
	s, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRoundTrip(t *testing.T) {
	for name, s := range map[string]State{"sample": sample(), "zero": {}} {
		if diff := cmp.Diff(s, decoded(t, mustEncode(t, &s))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if zero := (State{}); len(mustEncode(t, &zero)) > 64 {
		t.Errorf("the zero state takes %d bytes", len(mustEncode(t, &zero)))
	}
}

// TestBoundedIsKept: whatever is updated, what is in memory is what comes back.
func TestBoundedIsKept(t *testing.T) {
	moment := rapid.Custom(func(t *rapid.T) Moment {
		m := Moment{Boot: time.Duration(rapid.Int64Range(0, 1<<60).Draw(t, "boot")), BootID: BootID{rapid.Byte().Draw(t, "id")}}
		if ms := rapid.Int64Range(-1<<50, 1<<50).Draw(t, "wall"); ms != 0 {
			m.Wall = time.UnixMilli(ms).Add(time.Microsecond)
		}
		return m
	})
	anything := rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "text")) })
	rapid.Check(t, func(t *rapid.T) {
		s := sample()
		s.Peer.Facts.Site, s.Peer.Version = anything.Draw(t, "site"), anything.Draw(t, "version")
		s.Peer.LastHeard, s.Upgrade.Begun, s.Upgrade.Target = moment.Draw(t, "heard"), moment.Draw(t, "begun"), anything.Draw(t, "target")
		for range rapid.IntRange(0, 3).Draw(t, "transitions") {
			s.Add(Transition{
				At: moment.Draw(t, "at"), Lasted: time.Duration(rapid.Int64().Draw(t, "lasted")),
				Reasons: rapid.SliceOfN(anything, 1, 2*MaxReasons).Draw(t, "reasons"), Local: anything.Draw(t, "local"),
			})
		}
		s.bound()
		b, err := encode(&s)
		if err != nil {
			t.Fatal(err)
		}
		back, err := decode(b)
		if diff := cmp.Diff(s, back); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
}

// full is a ring of transitions that say as much as real ones do.
func full(n int) *State {
	s := sample()
	s.Transitions = nil
	reasons := []string{"HA_NOT_READY_NO_KEEPALIVE", "HA_NOT_READY_PEER_STALE", "HA_NOT_READY_HA_LINK_DOWN", "HA_WARNING_FLAPPING"}
	for i := range n {
		s.Add(Transition{
			At: at(time.Duration(i) * 17 * time.Minute), From: View{peer.Ready, peer.Compatible}, To: View{peer.NotReady, peer.CompatibilityUnknown},
			Lasted: time.Duration(i) * time.Minute, Reasons: []string{reasons[i%4], reasons[(i+1)%4]}, Local: "25.0.22707", Peer: "25.0.22706",
		})
	}
	s.Alarm.Saved = bytes.Repeat([]byte("x"), 300)
	return &s
}

// worst takes as many bytes as the bounds allow.
func worst() *State {
	s := sample()
	for i := range 2 * MaxTransitions {
		tr := Transition{At: at(time.Duration(i) * time.Second), Local: fmt.Sprintf("%064d", i), Peer: fmt.Sprintf("%064d", -i)}
		for k := range MaxReasons {
			tr.Reasons = append(tr.Reasons, fmt.Sprintf("%0*d", MaxReason, i*100+k))
		}
		s.Add(tr)
	}
	s.Alarm.Saved = make([]byte, MaxAlarm)
	s.Peer.Facts.Site = strings.Repeat("s", 4096)
	return &s
}

func TestFileIsBounded(t *testing.T) {
	s := worst()
	s.bound()
	b := mustEncode(t, s)
	if size := len(seal(1, b)); size > MaxFile || size < MaxFile/2 {
		t.Errorf("%d bytes, want about %d", size, MaxFile)
	}
	back := decoded(t, b)
	n := len(back.Transitions)
	if n == 0 || n >= MaxTransitions {
		t.Fatalf("%d transitions are left", n)
	}
	if diff := cmp.Diff(s.Transitions[MaxTransitions-n:], back.Transitions); diff != "" {
		t.Error("not the newest:", diff)
	}
	s.Alarm.Saved = make([]byte, MaxAlarm+1)
	if !s.bound() || s.Alarm.Saved != nil {
		t.Error("an alarm too long is kept")
	}
}

// TestBytesPerDay holds the table of the package comment.
func TestBytesPerDay(t *testing.T) {
	const quiet, busy = 24 * 4, allowance + 24*60/5 + 24*4
	bounded := worst()
	bounded.bound()
	for _, c := range []struct {
		name  string
		state *State
		most  int
	}{
		{"few transitions", full(4), 1_600},
		{"all transitions", full(MaxTransitions), 25_000},
		{"the bound", bounded, MaxFile},
	} {
		size := len(seal(1, mustEncode(t, c.state)))
		t.Logf("%-16s %6d bytes a write, %8d on a quiet day, %9d at most", c.name, size, size*quiet, size*busy)
		if size > c.most {
			t.Errorf("%s: %d bytes, want at most %d", c.name, size, c.most)
		}
	}
}

// TestGolden keeps files readable that were written before.
func TestGolden(t *testing.T) {
	const name = "testdata/format1.state"
	s := sample()
	b := seal(3, mustEncode(t, &s))
	if *update {
		if err := os.WriteFile(name, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sequence, payload, err := unseal(golden)
	if err != nil || sequence != 3 {
		t.Fatalf("sequence %d, %v", sequence, err)
	}
	if diff := cmp.Diff(s, decoded(t, payload)); diff != "" {
		t.Error(diff)
	}
	if !bytes.Equal(b, golden) {
		t.Error("the format on flash has changed: that needs a new format, or a field of its own")
	}
}

// TestNewerAgent: what a newer agent adds is ignored, also where it says numbers
// that have no name yet; only what asks for a newer reader is refused.
func TestNewerAgent(t *testing.T) {
	s := sample()
	var tree map[string]any
	if err := json.Unmarshal(mustEncode(t, &s), &tree); err != nil {
		t.Fatal(err)
	}
	tree["new"] = map[string]any{"new": []any{1, "two", nil, 3.5, true}}
	peerTree, upgrade := tree["peer"].(map[string]any), tree["upgrade"].(map[string]any)
	peerTree["new"] = "new"
	peerTree["role"] = 70_000
	upgrade["phase"] = 201
	upgrade["target"] = 999
	upgrade["begun"] = append(upgrade["begun"].([]any), 4) // one more element
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	s.Peer.Role, s.Upgrade.Phase, s.Upgrade.Target = peer.RoleUnknown, Undeclared, ""
	if diff := cmp.Diff(s, decoded(t, b)); diff != "" {
		t.Error(diff)
	}
	record := seal(1, b)
	for _, c := range []struct {
		format, oldest byte
		ok             bool
	}{{format + 1, format, true}, {255, 1, true}, {format + 1, format + 1, false}} {
		record[4], record[5] = c.format, c.oldest
		reseal(record)
		if _, _, err := unseal(record); (err == nil) != c.ok {
			t.Errorf("format %d for %d: %v", c.format, c.oldest, err)
		}
	}
}

func reseal(record []byte) {
	sum := checksum(record)
	for i := range 4 {
		record[crcAt+i] = byte(sum >> (24 - 8*i))
	}
}

func TestSealed(t *testing.T) {
	for _, b := range [][]byte{nil, []byte("hajl"), bytes.Repeat([]byte{0}, 100), append([]byte("hajl"), bytes.Repeat([]byte{0xFF}, 100)...)} {
		if _, _, err := unseal(b); err == nil || errors.Is(err, errTrailing) {
			t.Errorf("%q: %v", b, err)
		}
	}
}

// FuzzRead reads any file: no panic, nothing without bounds, and what was read is
// written and read back the same.
func FuzzRead(f *testing.F) {
	s := sample()
	b, err := encode(&s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seal(1, b), true)
	f.Add(seal(1<<63, b)[:100], false)
	f.Add(append(seal(2, b), 0), true)
	f.Fuzz(func(t *testing.T, data []byte, fix bool) {
		if fix && len(data) >= headerSize { // past the checksum
			copy(data, seal(1, data[headerSize:]))
		}
		disk := newMemory()
		disk.names["state.a"] = &inode{data: data}
		found := (&store{disk: disk}).load()
		if found.exists == (len(found.damaged) > 0) && !errors.Is(found.damaged[0].Err, errTrailing) {
			t.Fatalf("found and damaged, or neither: %v", found.damaged)
		}
		if len(found.state.Transitions) > MaxTransitions || len(found.state.Alarm.Saved) > MaxAlarm {
			t.Fatal("no bounds")
		}
		b, err := encode(&found.state)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := encode(&again); err != nil || !bytes.Equal(b, twice) {
			t.Fatalf("%v: % x\n% x", err, b, twice)
		}
	})
}

// TestOddValues: what no agent writes becomes "not known", not something else.
func TestOddValues(t *testing.T) {
	s := decoded(t, []byte(`{"texts":["0102","x"],
		"peer":{"key":"0102","catalog":"zz","last_heard":[0,-5,1]},
		"upgrade":{"begun":[0,9223372036854775807,-1],"target":2},
		"transitions":[{"t":[0,0,3],"d":-1,"f":[9,9],"r":[0,7,2]}]}`))
	want := State{Upgrade: Declaration{Target: "x"}, Transitions: []Transition{{Reasons: []string{"", "", "x"}}}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Error(diff)
	}
}

// A field of its own: journals without it read as before.
func TestMarkedIsKept(t *testing.T) {
	want := State{Upgrade: Declaration{Phase: Declared, Marked: true}}
	data, err := encode(&want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(data)
	if err != nil || !got.Upgrade.Marked || got.Failover.Marked {
		t.Errorf("%+v, %v", got, err)
	}
}
