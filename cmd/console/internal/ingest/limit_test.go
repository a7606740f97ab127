package ingest

import (
	"strconv"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)
	l := newLimiter(2*time.Second, 3)
	take := func(key string) bool {
		_, ok := l.allow(now, Identity{Serial: key})
		return ok
	}
	for n := range 5 {
		if got := take("a"); got != (n < 3) {
			t.Errorf("report %d: %t", n, got)
		}
	}
	wait, _ := l.allow(now, Identity{Serial: "a"})
	if now = now.Add(wait); wait != 2*time.Second || !take("a") || take("a") {
		t.Errorf("waited %v", wait)
	}
	if _, ok := l.allow(now, Identity{Tenant: "other", Serial: "a"}); !ok {
		t.Error("the same serial of another tenant pays")
	}
	now = now.Add(-time.Hour) // a clock that steps back gives nothing and takes nothing
	if take("a") {
		t.Error("a step back of the clock filled the bucket")
	}
	for n := range maxBuckets + 10 {
		take(strconv.Itoa(n))
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d serials are remembered", len(l.buckets))
	}
}
