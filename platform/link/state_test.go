package link

import (
	"math"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var prefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestUsable(t *testing.T) {
	s := State{Name: "ha0", Addrs: []Addr{
		{Prefix: netip.MustParsePrefix("192.0.2.1/30")},
		{Prefix: netip.MustParsePrefix("fd00::1/64"), Tentative: true},
		{Prefix: netip.MustParsePrefix("fd00::2/64"), Tentative: true, DADFailed: true},
		{Prefix: netip.MustParsePrefix("fd00::3/64"), DADFailed: true},
		{Prefix: netip.MustParsePrefix("fe80::1/64")},
	}}
	want := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fe80::1%ha0")}
	if diff := cmp.Diff(want, s.Usable(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("usable addresses (-want +got):\n%s", diff)
	}
}

func TestFlapCounter(t *testing.T) {
	uncounted := func(r reading) reading {
		r.counted = false
		return r
	}
	adminDown := func(index int, changes, losses uint32) reading {
		r := noCarrier(index, changes, losses)
		r.AdminUp, r.Carrier = false, CarrierUnknown
		return r
	}
	for name, tc := range map[string]struct {
		steps []reading
		want  uint64
	}{
		"first reading":                       {[]reading{up(3, 8, 4)}, 0},
		"one loss":                            {[]reading{up(3, 8, 4), noCarrier(3, 9, 5)}, 1},
		"loss and return":                     {[]reading{up(3, 8, 4), noCarrier(3, 9, 5), up(3, 10, 5)}, 1},
		"losses between two reads, up":        {[]reading{up(3, 8, 4), up(3, 12, 6)}, 2},
		"losses between two reads, down":      {[]reading{noCarrier(3, 9, 5), noCarrier(3, 13, 7)}, 2},
		"the counter wraps":                   {[]reading{up(3, math.MaxUint32, math.MaxUint32), noCarrier(3, 0, 0)}, 1},
		"a kernel without counters":           {[]reading{uncounted(up(3, 0, 0)), uncounted(noCarrier(3, 0, 0)), uncounted(up(3, 0, 0))}, 1},
		"set down, carrier kept":              {[]reading{up(3, 8, 4), adminDown(3, 8, 4), up(3, 8, 4), adminDown(3, 8, 4)}, 2},
		"set down, the carrier follows":       {[]reading{up(3, 8, 4), adminDown(3, 8, 4), adminDown(3, 9, 5)}, 1},
		"set down, carrier kept, later loss":  {[]reading{up(3, 8, 4), adminDown(3, 8, 4), up(3, 8, 4), noCarrier(3, 9, 5)}, 2},
		"removed":                             {[]reading{up(3, 8, 4), missing("ha0")}, 1},
		"removed while down":                  {[]reading{noCarrier(3, 9, 5), missing("ha0")}, 0},
		"removed and added between two reads": {[]reading{up(3, 8, 4), noCarrier(4, 1, 1)}, 1},
		"replaced by one that is up":          {[]reading{up(3, 8, 4), up(4, 2, 1)}, 0},
		"added":                               {[]reading{missing("ha0"), up(4, 2, 1)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var c flapCounter
			var last reading
			for _, r := range tc.steps {
				c.observe(last, r)
				last = r
			}
			if c.n != tc.want {
				t.Errorf("%d flaps, want %d", c.n, tc.want)
			}
		})
	}
}

func TestOvertakes(t *testing.T) {
	uncounted := noCarrier(3, 0, 0)
	uncounted.counted = false
	for name, tc := range map[string]struct {
		message, current reading
		want             bool
	}{
		"new loss":              {noCarrier(3, 5, 3), up(3, 4, 2), true},
		"old loss":              {noCarrier(3, 5, 3), up(3, 6, 3), false},
		"known loss":            {noCarrier(3, 5, 3), noCarrier(3, 5, 3), false},
		"new loss after a wrap": {noCarrier(3, 1, 3), up(3, math.MaxUint32, 2), true},
		"no loss":               {up(3, 8, 3), up(3, 4, 2), false},
		"not counted":           {uncounted, up(3, 4, 2), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.message.overtakes(tc.current); got != tc.want {
				t.Errorf("overtakes = %t, want %t", got, tc.want)
			}
		})
	}
}

func TestNewChecksTheName(t *testing.T) {
	for _, name := range []string{"eth0", "ha", "br-lan.20", "0", "fifteen-bytes.0", "ümläut"} {
		if _, err := New(Config{Name: name}); err != nil {
			t.Errorf("New(%q): %v", name, err)
		}
	}
	for _, name := range []string{"", ".", "..", "a/b", "a b", "a:1", "a\n", "a\x00", strings.Repeat("x", 16)} {
		if _, err := New(Config{Name: name}); err == nil {
			t.Errorf("New(%q) accepted the name", name)
		}
	}
}

func TestStateBeforeRun(t *testing.T) {
	w, err := New(Config{Name: "ha0"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := w.State(), (State{Name: "ha0"}); !got.Equal(want) {
		t.Errorf("state = %+v, want nothing known", got)
	}
}
