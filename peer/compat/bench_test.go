package compat_test

import (
	"testing"

	"socketha/peer/compat"
)

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := compat.Parse("25.0.22707"); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
}

func BenchmarkJudge(b *testing.B) {
	for name, pair := range map[string][2]string{
		"compatible":   {"18.3.3", "18.4.1"},
		"incompatible": {"18.3.3", "15.0.2"},
		"unreadable":   {"18.3.3", "18..1"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compat.Judge(pair[0], pair[1])
			}
		})
	}
}

func BenchmarkShow(b *testing.B) {
	for name, raw := range map[string]string{"readable": "25.0.22707", "hostile": "\x1b[31m18\u202e\xff<b>"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compat.Show(raw)
			}
		})
	}
}

// TestReadableVersionsCostNothing guards the path that runs with every
// heartbeat.
func TestReadableVersionsCostNothing(t *testing.T) {
	allocs := testing.AllocsPerRun(100, func() {
		compat.Judge("18.3.3", "18.4.1")
		compat.Show("25.0.22707")
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}
