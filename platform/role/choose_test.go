package role

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func weakly(r report) report { r.weak = true; return r }

// TestChoose is the table of doc.go: which of several sources is believed.
func TestChoose(t *testing.T) {
	active, standby, unknown := answer(Active, "a"), answer(Standby, "s"), answer(Unknown, "u")
	dead, gone, weak := silence("dead"), absence("gone"), weakly(answer(Standby, "no address"))
	for _, c := range []struct {
		name       string
		keepalived []report // one after the other
		frr        report
		vip        report
		want       string
	}{
		{"the first that answers", []report{standby}, active, active, "standby keepalived s"},
		{"an unknown is an answer", []report{unknown}, active, active, "unknown keepalived u"},
		{"not in use: the next", []report{gone}, active, weak, "active frr a"},
		{"not in use: absence counts", []report{gone}, gone, weak, "standby vip no address"},
		{"the address that stays", []report{dead}, gone, active, "active vip a"},
		{"dead, and no address", []report{dead}, gone, weak, "unknown keepalived dead"},
		{"dead, and another answers", []report{dead}, standby, weak, "standby frr s"},
		{"removed its FIFO when it stopped", []report{standby, gone}, gone, weak, "unknown keepalived gone"},
		{"and the address stays", []report{standby, gone}, gone, active, "active vip a"},
		{"came back", []report{standby, dead, standby}, gone, active, "standby keepalived s"},
		{"has not reported yet", nil, active, active, "unknown keepalived has not answered yet"},
		{"the next has not", []report{gone}, report{}, active, "unknown frr has not answered yet"},
		{"nothing is there", []report{gone}, gone, gone, "unknown auto keepalived: gone; frr: gone; vip: gone"},
		{"the last is dead", []report{gone}, gone, dead, "unknown vip dead"},
	} {
		voices := []voice{{kind: FromKeepalived}, {kind: FromFRR}, {kind: FromVIP}}
		for _, r := range c.keepalived {
			voices[0].hear(time.Time{}, r)
		}
		voices[1].hear(time.Time{}, c.frr)
		voices[2].hear(time.Time{}, c.vip)
		s := choose(voices)
		if got := s.HA.String() + " " + s.Source + " " + s.Detail; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	alone := []voice{{kind: FromVIP, last: gone}}
	if s := choose(alone); s.Source != "vip" || s.Detail != "gone" {
		t.Errorf("one alone = %+v", s)
	}
}

// Several instances change one after the other.
func TestAgreementHasTime(t *testing.T) {
	now := time.Now()
	split := agree([]vote{{"a", "MASTER", Active}, {"b", "BACKUP", Standby}})
	v := voice{}
	v.hear(now, split)
	if v.last.standing != answered || v.last.ha != Unknown {
		t.Fatalf("first = %+v, want it told at once", v.last)
	}
	v.hear(now, answer(Standby, "s"))
	v.hear(now, split)
	v.hear(now.Add(agreeWithin/2), split)
	if v.settle(now.Add(agreeWithin - 1)); v.last.ha != Standby {
		t.Fatalf("%+v, want standby for %v", v.last, agreeWithin)
	}
	if v.settle(now.Add(agreeWithin)); v.last.ha != Unknown {
		t.Fatalf("%+v, want unknown after %v", v.last, agreeWithin)
	}
	v.hear(now, answer(Standby, "s"))
	v.hear(now, split)
	v.hear(now, answer(Active, "a"))
	if v.settle(now.Add(time.Hour)); v.last.ha != Active {
		t.Fatalf("%+v, want active: they agreed", v.last)
	}
}

func TestAgreeNamesFew(t *testing.T) {
	votes := make([]vote, maxKnown)
	for i := range votes {
		votes[i] = vote{strings.Repeat("n", 64), "MASTER", Active}
	}
	if r := agree(votes); r.ha != Active || len(r.detail) > 512 || !strings.Contains(r.detail, "508 more") {
		t.Errorf("%+v", r)
	}
}

func TestJudgePlaces(t *testing.T) {
	one, two := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("2001:db8::1")
	on := func(addr netip.Addr) place { return place{addr: addr, ifname: "eth0", usable: true, lowerUp: true} }
	tentative, dead, held := on(one), on(one), on(one)
	tentative.usable, dead.lowerUp = false, false
	held.protoDown = true
	for _, c := range []struct {
		name  string
		found []place
		want  HA
		weak  bool
	}{
		{"all", []place{on(two), on(one)}, Active, false},
		{"some", []place{on(two)}, Unknown, false},
		{"none", nil, Standby, true},
		{"tentative", []place{on(two), tentative}, Unknown, false},
		{"no carrier", []place{on(two), dead}, Unknown, false},
		{"protodown", []place{on(two), held}, Unknown, false},
		{"protodown, and elsewhere", []place{on(two), held, on(one)}, Active, false},
		{"elsewhere, and protodown", []place{on(two), on(one), held}, Active, false},
	} {
		r := judgePlaces([]netip.Addr{one, two}, c.found)
		if r.ha != c.want || r.weak != c.weak || r.standing != answered {
			t.Errorf("%s: %+v, want %v, weak %t", c.name, r, c.want, c.weak)
		}
	}
	r := judgePlaces([]netip.Addr{one}, []place{held})
	if want := "203.0.113.1 is on eth0, which is protodown"; r.ha != Standby || r.detail != want {
		t.Errorf("%+v, want standby: %s", r, want)
	}
}

func TestJudgeCommand(t *testing.T) {
	exit := func(code int) error {
		if code == 0 {
			return nil
		}
		return errExit
	}
	for _, c := range []struct {
		out  string
		code int
		want string
	}{
		{"active\n", 0, "active"},
		{" standby and more\n", 0, "standby"},
		{"unknown", 0, "unknown"},
		{"", 0, "active"},
		{" \n", 3, "standby"},
		{"", 1, "silent"},
		{"", 127, "silent"},
		{"active", 3, "silent"},
		{"standby", 1, "silent"},
		{"Active", 0, "silent"},
		{"activex", 0, "silent"},
		{"master", 0, "silent"},
	} {
		r := judgeCommand([]byte(c.out), c.code, exit(c.code))
		got := r.ha.String()
		if r.standing == silent {
			got = "silent"
		}
		if got != c.want {
			t.Errorf("%q with exit code %d: %s (%s), want %s", c.out, c.code, got, r.detail, c.want)
		}
	}
}

// The age of a file is not the business of the wall clock once it was seen.
func TestFreshness(t *testing.T) {
	const limit = time.Minute
	start := time.Now()
	wall := start.Round(0)
	for _, c := range []struct {
		name    string
		written time.Time
		want    []time.Duration // the ages of looking at which it is fresh, up to and not including the next
		not     []time.Duration
	}{
		{"just written", wall, []time.Duration{0, limit - 1}, []time.Duration{limit, time.Hour}},
		{"written half a limit ago", wall.Add(-limit / 2), []time.Duration{0, limit/2 - 1}, []time.Duration{limit / 2}},
		{"old", wall.Add(-limit), nil, []time.Duration{0, limit}},
		{"of the future", wall.Add(time.Second), nil, []time.Duration{0, limit}},
	} {
		var f freshness
		for _, d := range c.want {
			if !f.observe(start.Add(d), c.written, limit) {
				t.Errorf("%s: not fresh after %v", c.name, d)
			}
		}
		for _, d := range c.not {
			if f.observe(start.Add(d), c.written, limit) {
				t.Errorf("%s: fresh after %v", c.name, d)
			}
		}
		// Touched under a wall clock that is years off, in either direction.
		for i, years := range []int{-10, 10} {
			now := start.Add(time.Hour * time.Duration(i+2))
			written := wall.AddDate(years, 0, 0)
			if !f.observe(now, written, limit) || !f.observe(now.Add(limit-1), written, limit) || f.observe(now.Add(limit), written, limit) {
				t.Errorf("%s: after a touch with the clock %d years off, want fresh for %v", c.name, years, limit)
			}
		}
	}
}

func TestNewRefuses(t *testing.T) {
	vip := netip.MustParseAddr("203.0.113.1")
	many := make([]netip.Addr, maxVIPs+1)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)})
	}
	for name, cfg := range map[string]Config{
		"nothing":            {},
		"not this one":       {Source: FromKeepalived, VIPs: []netip.Addr{vip}},
		"unknown source":     {Source: "vrrp", VIPs: []netip.Addr{vip}},
		"relative FIFO":      {Keepalived: Keepalived{FIFO: "fifo"}},
		"instance and group": {Keepalived: Keepalived{FIFO: "/f", Instance: "a", Group: "g"}},
		"name of two lines":  {Keepalived: Keepalived{FIFO: "/f", Instance: "a\nb"}},
		"relative memory":    {Keepalived: Keepalived{FIFO: "/f", Memory: "m"}},
		"relative pid file":  {Keepalived: Keepalived{FIFO: "/f", PIDFiles: []string{"p"}}},
		"two FRR":            {FRR: FRR{Socket: "/s", Command: []string{"/c"}}},
		"long socket":        {FRR: FRR{Socket: "/" + strings.Repeat("s", 107)}},
		"VRID":               {FRR: FRR{Socket: "/s", VRID: 256}},
		"relative command":   {Hook: Hook{Command: []string{"c"}}},
		"empty command":      {Hook: Hook{Command: []string{""}}},
		"two hooks":          {Hook: Hook{File: "/f", Command: []string{"/c"}}},
		"short age":          {Hook: Hook{File: "/f", MaxAge: time.Second}},
		"long age":           {Hook: Hook{File: "/f", MaxAge: 2 * time.Hour}},
		"many addresses":     {VIPs: many},
		"twice":              {VIPs: []netip.Addr{vip, vip}},
		"zone":               {VIPs: []netip.Addr{netip.MustParseAddr("fe80::1%eth0")}},
		"mapped":             {VIPs: []netip.Addr{netip.MustParseAddr("::ffff:203.0.113.1")}},
		"no address":         {VIPs: []netip.Addr{{}}},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestAutoTakesWhatIsConfigured(t *testing.T) {
	cfg := Config{
		Keepalived: Keepalived{FIFO: "/f"},
		FRR:        FRR{Command: DefaultVtysh()},
		Hook:       Hook{File: "/h"},
		VIPs:       []netip.Addr{netip.MustParseAddr("203.0.113.1")},
	}
	for source, want := range map[Kind]string{
		"": "keepalived frr hook vip", Auto: "keepalived frr hook vip", FromKeepalived: "keepalived", FromFRR: "frr", FromHook: "hook", FromVIP: "vip",
	} {
		cfg.Source = source
		w, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, v := range w.voices {
			got = append(got, string(v.kind))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", source, got, want)
		}
		if s := w.State(); s.HA != Unknown || s.Source == "" || s.Since.IsZero() || s.Detail == "" {
			t.Errorf("%q: before the first answer %+v", source, s)
		}
	}
}
