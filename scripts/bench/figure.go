package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A figure is one thing measured several times.
type figure struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit"`
	N      int       `json:"n"`
	Min    float64   `json:"min"`
	Median float64   `json:"median"`
	P95    float64   `json:"p95"`
	Max    float64   `json:"max"`
	Goal   *goal     `json:"goal"` // null where none is set
	Met    *bool     `json:"met"`  // null without a goal or a value
	Values []float64 `json:"values"`
}

// goal bounds a figure; nil means unbounded.
type goal struct {
	Min    *float64 `json:"min,omitempty"`
	Median *float64 `json:"median,omitempty"`
	P95    *float64 `json:"p95,omitempty"`
	Max    *float64 `json:"max,omitempty"`
}

// seal computes the summary from the values.
func (f *figure) seal() {
	f.N = len(f.Values)
	if f.N == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(f.Values))
	f.Min, f.Max = sorted[0], sorted[f.N-1]
	f.Median, f.P95 = quantile(sorted, 0.5), quantile(sorted, 0.95)
	if f.Goal != nil {
		met := f.Goal.met(f)
		f.Met = &met
	}
}

// quantile of sorted values, between the two nearest where it falls between:
// the median of an even number is the mean of the middle two.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

func (g *goal) met(f *figure) bool {
	return (g.Min == nil || f.Min >= *g.Min) &&
		(g.Median == nil || f.Median <= *g.Median) &&
		(g.P95 == nil || f.P95 <= *g.P95) &&
		(g.Max == nil || f.Max <= *g.Max)
}

func (g *goal) String() string {
	if g == nil {
		return ""
	}
	var parts []string
	for _, b := range []struct {
		word  string
		bound *float64
	}{{"min ≥", g.Min}, {"median ≤", g.Median}, {"p95 ≤", g.P95}, {"max ≤", g.Max}} {
		if b.bound != nil {
			parts = append(parts, b.word+" "+number(*b.bound))
		}
	}
	return strings.Join(parts, ", ")
}

// number is short and says as much as a measurement can.
func number(v float64) string {
	switch a := math.Abs(v); {
	case v == math.Trunc(v) && a < 1e7:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 1:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func (f *figure) verdict() string {
	switch {
	case f.Goal == nil:
		return ""
	case f.Met == nil:
		return "NOT MEASURED"
	case *f.Met:
		return "met"
	}
	return "MISSED"
}

func (f *figure) row() []string {
	cells := []string{f.Name, strconv.Itoa(f.N), "-", "-", "-", f.Unit, f.Goal.String(), f.verdict()}
	if f.N > 0 {
		cells[2], cells[3], cells[4] = number(f.Median), number(f.P95), number(f.Max)
	}
	return cells
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// table aligns rows; the first column and the last two to the left.
func table(rows [][]string) string {
	var width []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		var line strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", width[i]-len([]rune(c)))
			if i == 0 || i >= 5 {
				line.WriteString("  " + c + pad)
			} else {
				line.WriteString("  " + pad + c)
			}
		}
		fmt.Fprintln(&b, strings.TrimRight(line.String(), " "))
	}
	return b.String()
}
