package appliance

import (
	"errors"
	"testing"
	"time"
)

// TestSettler plays readings at given times and says when each is published.
func TestSettler(t *testing.T) {
	const ms = time.Millisecond
	bad := func(why string) reading { return reading{err: errors.New(why)} }
	good := func(text string) reading { return reading{text: text} }
	type look struct {
		at      time.Duration
		r       reading
		writing bool
		want    bool // published now
	}
	for name, tc := range map[string]struct {
		published reading
		looks     []look
	}{
		"unchanged":        {good("18"), []look{{0, good("18"), false, false}, {time.Hour, good("18"), false, false}}},
		"replaced":         {good("18"), []look{{0, good("19"), false, false}, {quiet - 1, good("19"), false, false}, {quiet, good("19"), false, true}}},
		"changed back":     {good("18"), []look{{0, good("19"), false, false}, {10 * ms, good("18"), false, false}, {quiet, good("19"), false, false}}},
		"still moving":     {good("18"), []look{{0, good("19"), false, false}, {40 * ms, good("20"), false, false}, {quiet, good("20"), false, false}, {40*ms + quiet, good("20"), false, true}}},
		"held open":        {good("18"), []look{{0, good("1"), true, false}, {quiet, good("1"), true, false}, {time.Second, good("19.1"), true, false}, {1010 * ms, good("19.1"), false, false}, {time.Second + quiet, good("19.1"), false, true}}},
		"held open long":   {good("18"), []look{{0, good("19"), true, false}, {settle, good("19"), true, true}}},
		"truncated":        {good("18"), []look{{0, bad("empty"), false, false}, {quiet, bad("empty"), false, false}, {settle - 1, bad("empty"), false, false}, {settle, bad("empty"), false, true}}},
		"written at last":  {good("18"), []look{{0, bad("empty"), false, false}, {settle - 1, good("19"), false, false}, {settle - 1 + quiet, good("19"), false, true}}},
		"becomes readable": {bad("missing"), []look{{0, good("19"), false, false}, {quiet, good("19"), false, true}}},
		"bad in two ways":  {bad("missing"), []look{{0, bad("empty"), false, false}, {quiet, bad("empty"), false, true}}},
		"same mishap":      {bad("missing"), []look{{0, bad("missing"), false, false}}},
		"never still": {good("18"), []look{
			{0, good("a"), true, false},
			{2 * time.Second, good("b"), true, false},
			{4 * time.Second, good("c"), true, false},
			{6 * time.Second, good("d"), true, false},
			{8 * time.Second, good("e"), true, false},
			{9 * time.Second, good("f"), true, false},
			{patience, good("g"), true, true},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Unix(0, 0)
			s := settler{published: tc.published}
			for _, l := range tc.looks {
				now := begin.Add(l.at)
				if got := s.observe(now, l.r, l.writing); got != l.want {
					t.Errorf("at %v: published = %t, want %t", l.at, got, l.want)
				}
				if s.pending && !s.due.After(now) {
					t.Errorf("at %v: due at %v, which is not in the future", l.at, s.due.Sub(begin))
				}
			}
		})
	}
}
