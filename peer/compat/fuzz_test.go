package compat_test

import (
	"errors"
	"testing"

	"socketha/peer/compat"
)

func FuzzParse(f *testing.F) {
	for _, tt := range readable {
		f.Add(tt.version)
	}
	for _, tt := range unreadable {
		if len(tt.version) < 1<<10 {
			f.Add(tt.version)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := compat.Parse(s)
		if (err == nil) != reads(s) {
			t.Fatalf("Parse(%q): %v; the grammar says %t", s, err, reads(s))
		}
		if fault := checkShown(s); fault != "" {
			t.Fatalf("Show(%q): %s", s, fault)
		}
		if err == nil {
			if v.String() != s || v.Major() < 0 || v.Major() > 999999 {
				t.Fatalf("Parse(%q) = %v with major %d", s, v, v.Major())
			}
			return
		}
		var fault *compat.ParseError
		if !errors.As(err, &fault) || fault.Offset < 0 || fault.Offset > min(len(s), 64) || len(err.Error()) > 100 {
			t.Fatalf("Parse(%q): %v", s, err)
		}
		if why := checkSummary(err.Error() + "."); why != "" {
			t.Fatalf("Parse(%q): %q: %s", s, err, why)
		}
	})
}

func FuzzJudge(f *testing.F) {
	for _, tt := range verdicts {
		f.Add(tt.local, tt.remote)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if fault := checkPair(a, b); fault != "" {
			t.Fatalf("%q and %q: %s", a, b, fault)
		}
	})
}
