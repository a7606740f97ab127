package e2e

import (
	"encoding/json"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"socketha/agent/impact"
	"socketha/agent/status"
	"socketha/peer/compat"
)

// grace is how long two active Sockets are a takeover, and late what may come on
// top of it until both have said so.
const (
	grace = 10 * time.Second
	late  = time.Second
)

// software is all failover software that the HA state is read from.
func software() map[string]func() vrrp {
	return map[string]func() vrrp{
		"keepalived": func() vrrp { return keepalived{of: map[*box]*process{}} },
		"FRR":        func() vrrp { return frr{of: map[*box]*process{}} },
	}
}

// used are features that the site has switched on, told by the newer firmware; one
// of them is not in the catalog.
var used = []string{
	"dhcp-relay", "fail-closed-routing", "dns-relay-lan", "same-site-hairpin",
	"multi-interface-capture", "lan-firewall", "x1700-wan4", ownFeature,
}

const ownFeature = "customer-build-1"

// lost are those of them with 15.0 < since: what a firmware of 15.0.2 cannot do.
var lost = []string{ownFeature, "dns-relay-lan", "lan-firewall", "multi-interface-capture", "same-site-hairpin", "x1700-wan4"}

// manifest is what a firmware of that version tells of itself.
func manifest(t *testing.T, version string) string {
	t.Helper()
	v, err := compat.Parse(version)
	if err != nil {
		t.Fatal(err)
	}
	type capability struct {
		ID        string `json:"id"`
		Supported bool   `json:"supported"`
		Enabled   bool   `json:"enabled"`
		Since     string `json:"since"`
	}
	var list []capability
	for f := range impact.Sample().All() {
		if f.Since.Compare(v) <= 0 {
			list = append(list, capability{f.ID, true, slices.Contains(used, f.ID), f.Since.String()})
		}
	}
	if own, _ := compat.Parse("18.3"); own.Compare(v) <= 0 {
		list = append(list, capability{ownFeature, true, true, "18.3"})
	}
	text, err := json.Marshal(map[string]any{"schema": 1, "capabilities": list})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// site is a pair with failover software on a LAN.
type site struct {
	told   bool // what the site uses, without which nobody knows what a failover costs
	pair   [2]*box
	vrrp   vrrp
	follow [2]*follower
}

// newSite starts everything and waits until the first Socket is active, the second
// one standby, and both agents say so.
func newSite(t *testing.T, o options, v vrrp) *site {
	t.Helper()
	more := o.more
	o.more = func(b *box) string {
		if more == nil {
			return v.role(b)
		}
		return v.role(b) + more(b)
	}
	o.interval, o.patient = "200ms", 5
	s := &site{pair: newPair(t, o), vrrp: v, told: o.manifests[0] != ""}
	lan(t, s.pair)
	for i, b := range s.pair {
		b.start()
		s.follow[i] = b.follow()
		v.start(b)
	}
	// The address may be there before the software is, and tell first.
	for i, f := range s.follow {
		f.await(0, "an HA state told by "+v.source(), func(d status.Document) bool {
			return word(d.Self.HAStateSource) == v.source() && d.Self.HAState == [2]string{"active", "standby"}[i]
		})
	}
	s.await(s.last(), "active", "standby")
	return s
}

// last is where the documents that are true now begin.
func (s *site) last() [2]int {
	m := s.marks()
	return [2]int{max(m[0]-1, 0), max(m[1]-1, 0)}
}

func (s *site) marks() [2]int { return [2]int{s.follow[0].mark(), s.follow[1].mark()} }

// await waits until both agents tell the same HA states of the two Sockets, and what
// a failover would cost, which comes with the capabilities.
func (s *site) await(from [2]int, first, second string) (docs [2]status.Document) {
	for i, f := range s.follow {
		states := [2]string{first, second}
		docs[i] = f.await(from[i], "HA states "+first+" and "+second, func(d status.Document) bool {
			return d.Peer.Fresh && d.Self.HAState == states[i] && d.Peer.HAState == states[1-i] && (d.Impact != nil || !s.told)
		})
	}
	return docs
}

func ids(list []status.ImpactEntry) []string {
	out := []string{}
	for _, e := range list {
		out = append(out, e.ID)
	}
	return out
}

func split(d status.Document) bool { return has(d, "HA_NOT_READY_SPLIT_BRAIN") }

// upgradeNamed returns the Socket that a document wants to be upgraded.
func upgradeNamed(d status.Document) string {
	if d.Remedy == nil || d.Remedy.UpgradeSerial == nil {
		return ""
	}
	return *d.Remedy.UpgradeSerial
}

// The active Socket runs 18.3.3, the standby 15.0.2. Before a failover both agents list
// what would stop, after it the same features as not working now, and after the way back
// again what would stop; and both name the same Socket to upgrade all along.
func TestWhatAFailoverCosts(t *testing.T) {
	for name, software := range software() {
		for peer, told := range map[string]bool{"peer that advertises": true, "older agent": false} {
			t.Run(name+", "+peer, func(t *testing.T) {
				t.Parallel()
				o := options{versions: [2]string{"18.3.3", "15.0.2"}, manifests: [2]string{manifest(t, "18.3.3")}}
				source := "catalog"
				if told {
					o.manifests[1], source = manifest(t, "15.0.2"), "advertised"
				}
				s := newSite(t, o, software())
				s.check(t, s.await(s.last(), "active", "standby"), source, func(i *status.Impact) [3][]status.ImpactEntry {
					return [3][]status.ImpactEntry{i.OnFailover, i.Now, i.RestoredOnFailover}
				})

				mark, killed := s.marks(), time.Now()
				s.vrrp.stop(s.pair[0])
				docs := s.await(mark, "unknown", "active")
				t.Logf("survivor active and both agents agree on the cost %v after the kill", took(killed, docs))
				s.check(t, docs, source, func(i *status.Impact) [3][]status.ImpactEntry {
					return [3][]status.ImpactEntry{i.Now, i.OnFailover, nil}
				})
				for _, d := range docs {
					if diff := cmp.Diff(ids(d.Impact.Now), ids(d.Impact.RestoredOnFailover)); diff != "" {
						t.Errorf("what comes back on the way back (-now +restored):\n%s", diff)
					}
				}

				mark = s.marks()
				s.vrrp.start(s.pair[0])
				s.check(t, s.await(mark, "active", "standby"), source, func(i *status.Impact) [3][]status.ImpactEntry {
					return [3][]status.ImpactEntry{i.OnFailover, i.Now, i.RestoredOnFailover}
				})
				for _, f := range s.follow {
					f.never(0, "split brain in a failover in good order", split)
				}

				// What the peer said last of its HA state counts no more when it is silent.
				mark = s.marks()
				s.pair[0].signal(syscall.SIGKILL)
				d := s.follow[1].await(mark[1], "the peer lost", func(d status.Document) bool { return !d.Peer.Fresh })
				if d.Impact == nil || d.Impact.Basis != "primary_assumed" {
					t.Errorf("the cost with a silent peer: %+v, want the primary assumed active", d.Impact)
				}
			})
		}
	}
}

// took is when the later of two documents was written.
func took(from time.Time, docs [2]status.Document) time.Duration {
	at := docs[0].GeneratedAt.Time
	if docs[1].GeneratedAt.After(at) {
		at = docs[1].GeneratedAt.Time
	}
	return at.Sub(from).Round(time.Millisecond)
}

// check compares the lists of both agents: the first is what was lost, the others are
// empty.
func (s *site) check(t *testing.T, docs [2]status.Document, source string, lists func(*status.Impact) [3][]status.ImpactEntry) {
	t.Helper()
	for i, d := range docs {
		all := lists(d.Impact)
		if diff := cmp.Diff(lost, ids(all[0])); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.pair[i].serial, diff)
		}
		var printed status.Impact
		if err := json.Unmarshal([]byte(s.pair[i].socketha("impact", "-o", "json")), &printed); err != nil {
			t.Errorf("socketha impact: %v", err)
		} else if diff := cmp.Diff(lost, ids(lists(&printed)[0])); diff != "" {
			t.Errorf("%s: socketha impact (-want +got):\n%s", s.pair[i].serial, diff)
		}
		if len(all[1]) != 0 || len(all[2]) != 0 {
			t.Errorf("%s: also %v and %v", s.pair[i].serial, ids(all[1]), ids(all[2]))
		}
		for _, e := range all[0] {
			want := source
			if e.ID == ownFeature && source == "catalog" {
				want = "unknown" // the catalog does not know it, and the peer says nothing
			}
			if e.Source != want {
				t.Errorf("%s: %s is %s, want %s", s.pair[i].serial, e.ID, e.Source, want)
			}
		}
		if d.Impact.Basis != "ha_state" || upgradeNamed(d) != s.pair[1].serial {
			t.Errorf("%s: basis %s, to be upgraded %s", s.pair[i].serial, d.Impact.Basis, upgradeNamed(d))
		}
	}
	if got := docs[0].Peer.Capabilities.Source; got != source {
		t.Errorf("the peer's capabilities are %s, want %s", got, source)
	}
	if diff := cmp.Diff(docs[0].Impact, docs[1].Impact); diff != "" {
		t.Errorf("the two agents differ:\n%s", diff)
	}
}

// After kill -9 the address stays, VRRP is silent, the other Socket takes over. Both
// agents name the split brain after the grace, and drop it once it is over.
func TestSplitBrainOfAKilledDaemon(t *testing.T) {
	for name, software := range software() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, options{versions: [2]string{"18.3.3", "18.4.1"}, manifests: [2]string{manifest(t, "18.3.3"), manifest(t, "18.3.3")}}, software())
			for _, f := range s.follow {
				f.await(0, "ready", ready)
				f.never(0, "split brain before anything happened", split)
			}
			mark, killed := s.marks(), time.Now()
			s.vrrp.kill(s.pair[0])
			s.pair[1].poll("the address on the other Socket", s.pair[1].hasVirtual)
			takeover := time.Now()
			told := s.follow[1].await(mark[1], "takeover", func(d status.Document) bool { return d.Self.HAState == "active" }).GeneratedAt
			t.Logf("takeover %v after kill -9, told %v later", takeover.Sub(killed).Round(time.Millisecond), told.Sub(takeover).Round(time.Millisecond))
			for i, f := range s.follow {
				d := f.await(mark[i], "split brain", split)
				after := d.GeneratedAt.Sub(takeover)
				t.Logf("%s names it %v after the takeover", s.pair[i].serial, after.Round(time.Millisecond))
				if after > grace+late {
					t.Errorf("%s names it %v after the takeover, want %v at most", s.pair[i].serial, after, grace+late)
				}
				if d.Self.HAState != "active" || d.Peer.HAState != "active" || d.Conditions.Keepalive.State != status.StateFail {
					t.Errorf("%s: HA states %s and %s, keepalive %s", s.pair[i].serial, d.Self.HAState, d.Peer.HAState, d.Conditions.Keepalive.State)
				}
				f.never(mark[i], "ready with a split brain", func(d status.Document) bool { return split(d) && ready(d) })
			}
			mark = s.marks()
			s.pair[0].dropVirtual()
			for i, f := range s.follow {
				f.await(mark[i], "the end of the split brain", func(d status.Document) bool { return !split(d) })
			}
		})
	}
}

// While a failover by hand is declared, two active Sockets are none; once the
// declaration has been forgotten for longer than it holds, they are.
func TestDeclaredFailoverIsNoSplitBrain(t *testing.T) {
	t.Parallel()
	const hold = 13 * time.Second
	s := newSite(t, options{
		versions: [2]string{"18.3.3", "18.4.1"},
		more:     func(*box) string { return "\n[alarm]\nfailover_hold = \"" + hold.String() + "\"\n" },
	}, keepalived{of: map[*box]*process{}})
	mark, declared := s.marks(), time.Now()
	s.pair[0].socketha("failover", "begin") // the other one learns it by the heartbeat
	s.vrrp.kill(s.pair[0])
	for i, f := range s.follow {
		d := f.await(mark[i], "both active, as declared", func(d status.Document) bool {
			return d.Self.HAState == "active" && d.Peer.HAState == "active"
		})
		if d.Conditions.Keepalive.State != status.StateOK {
			t.Errorf("%s: keepalive is %s in a declared failover", s.pair[i].serial, d.Conditions.Keepalive.State)
		}
	}
	for i, f := range s.follow {
		d := f.await(mark[i], "split brain when the declaration is over", split)
		if after := d.GeneratedAt.Sub(declared); after < hold {
			t.Errorf("%s names a split brain %v after the declaration, which holds %v", s.pair[i].serial, after, hold)
		}
	}
}
