package ingest

import (
	"sync"
	"time"
)

// maxBuckets bounds the serials whose rate is known. Beyond it full buckets are
// forgotten, which changes nothing for them.
const maxBuckets = 500_000

// limiter is a token bucket for each key. It is kept in memory: a console that
// restarts is generous for a moment.
type limiter struct {
	every time.Duration // a token
	burst float64

	mu      sync.Mutex
	buckets map[Identity]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(every time.Duration, burst int) *limiter {
	return &limiter{every: every, burst: float64(burst), buckets: make(map[Identity]bucket)}
}

// allow takes a token at now, or says how long to wait for one.
func (l *limiter) allow(now time.Time, key Identity) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, known := l.buckets[key]
	if !known {
		l.makeRoom(now)
		b = bucket{l.burst, now}
	}
	b.tokens, b.at = l.filled(b, now), now
	if b.tokens < 1 {
		l.buckets[key] = b
		return time.Duration((1 - b.tokens) * float64(l.every)), false
	}
	b.tokens--
	l.buckets[key] = b
	return 0, true
}

func (l *limiter) filled(b bucket, now time.Time) float64 {
	return min(l.burst, b.tokens+float64(max(0, now.Sub(b.at)))/float64(l.every))
}

func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for key, b := range l.buckets {
		if l.filled(b, now) >= l.burst {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets { // all of them busy: some lose their memory
		if len(l.buckets) < maxBuckets {
			break
		}
		delete(l.buckets, key)
	}
}
