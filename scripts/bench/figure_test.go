package main

import (
	"strings"
	"testing"
	"time"
)

func TestSummary(t *testing.T) {
	for _, tc := range []struct {
		values           []float64
		median, p95, max float64
	}{
		{[]float64{7}, 7, 7, 7},
		{[]float64{4, 1, 3, 2}, 2.5, 3.85, 4},
		{[]float64{5, 1, 2, 3, 4}, 3, 4.8, 5},
		{[]float64{-1, 1}, 0, 0.9, 1},
	} {
		f := &figure{Values: tc.values}
		f.seal()
		if f.Median != tc.median || !near(f.P95, tc.p95) || f.Max != tc.max || f.N != len(tc.values) || f.Met != nil {
			t.Errorf("%v: %+v", tc.values, f)
		}
	}
}

func near(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }

func TestGoals(t *testing.T) {
	values := []float64{1, 2, 3, 4, 50}
	for _, tc := range []struct {
		goal   *goal
		values []float64
		want   string
	}{
		{&goal{Median: new(3.0)}, values, "met"},
		{&goal{Median: new(2.9)}, values, "MISSED"},
		{&goal{Median: new(3.0), Max: new(49.0)}, values, "MISSED"},
		{&goal{P95: new(41.0)}, values, "met"},
		{&goal{P95: new(40.0)}, values, "MISSED"},
		{&goal{Min: new(1.0)}, values, "met"},
		{&goal{Min: new(1.1)}, values, "MISSED"},
		{&goal{Max: new(0.0)}, []float64{0, 0}, "met"},
		{&goal{Max: new(0.0)}, nil, "NOT MEASURED"},
		{nil, values, ""},
	} {
		f := &figure{Values: tc.values, Goal: tc.goal}
		f.seal()
		if got := f.verdict(); got != tc.want {
			t.Errorf("%v of %v: %q, want %q", tc.goal, tc.values, got, tc.want)
		}
	}
}

// TestMissed: an experiment counts as missed when a goal was, when a goal has no
// figure, and when it ended early.
func TestMissed(t *testing.T) {
	good, unmeasured, bad := newResult("a"), newResult("b"), newResult("c")
	good.took("x", &goal{Max: new(2.0)}, time.Millisecond)
	unmeasured.figure("x", "ms", &goal{Max: new(2.0)})
	bad.took("x", &goal{Max: new(2.0)}, 3*time.Millisecond)
	for _, r := range []*result{good, unmeasured, bad} {
		r.seal(nil)
	}
	if good.missed() || !unmeasured.missed() || !bad.missed() {
		t.Errorf("missed: %v, %v, %v; want false, true, true", good.missed(), unmeasured.missed(), bad.missed())
	}
	good.seal(errTest)
	if !good.missed() || !strings.Contains(good.String(), "ENDED EARLY: it broke") {
		t.Errorf("a broken experiment passes:\n%s", good)
	}
}

type testError string

func (e testError) Error() string { return string(e) }

const errTest = testError("it broke")

func TestTable(t *testing.T) {
	r := newResult("a")
	for _, v := range []float64{1.26, 112.4, 0.125} {
		r.add("a → b", "ms", &goal{Median: new(60.0), Max: new(150.0)}, v)
	}
	r.figure("never", "MiB", &goal{Max: new(1.5)})
	r.add("plain", "/s", nil, 3000)
	r.seal(nil)
	want := `         n  median   p95   max  unit  goal
  a → b  3     1.3   101   112  ms    median ≤ 60, max ≤ 150  met
  never  0       -     -     -  MiB   max ≤ 1.5               NOT MEASURED
  plain  1    3000  3000  3000  /s
`
	if got := r.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestCatalog: everything listed can be chosen, run and explained.
func TestCatalog(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range catalog {
		if seen[e.name] || e.run == nil || e.title == "" || e.how == "" || e.quick.about == 0 || e.full.about < e.quick.about {
			t.Errorf("%s is not complete: %+v", e.name, e)
		}
		seen[e.name] = true
		if got, err := choose([]string{e.name}); err != nil || len(got) != 1 || got[0] != e {
			t.Errorf("choose %s: %v, %v", e.name, got, err)
		}
	}
	all, err := choose([]string{"all"})
	if err != nil || len(all) != len(catalog)-1 {
		t.Errorf("all are %d of %d: %v", len(all), len(catalog), err)
	}
	if _, err := choose([]string{"verdict", "nonsense"}); err == nil {
		t.Error("nonsense is an experiment")
	}
}
