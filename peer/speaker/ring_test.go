package speaker

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRing compares the ring with a slice: first in, first out, the oldest gives
// way, and no more buffers than can be in use at a time.
func TestRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 5).Draw(t, "size")
		r := newRing(size)
		var want []byte
		seen := map[*buffer]bool{}
		for n := range byte(rapid.IntRange(0, 100).Draw(t, "operations")) {
			if rapid.Bool().Draw(t, "put") {
				b := r.empty()
				seen[b] = true
				b.n, b.bytes[0] = 1, n
				want = append(want, n)
				if dropped := r.put(b); dropped != (len(want) > size) {
					t.Fatalf("dropped %v with %d in %d", dropped, len(want), size)
				}
				want = want[max(0, len(want)-size):]
				continue
			}
			b := r.take()
			if (b == nil) != (len(want) == 0) {
				t.Fatalf("took %v of %v", b, want)
			}
			if b != nil {
				if !slices.Equal(b.message(), want[:1]) {
					t.Fatalf("took %v, want %v", b.message(), want)
				}
				want = want[1:]
				r.give(b)
			}
		}
		if len(seen) > size+1 {
			t.Fatalf("%d buffers for %d places", len(seen), size)
		}
	})
}
