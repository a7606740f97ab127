package web

import (
	"net/netip"
	"sync"
	"time"
)

// limiter is a bucket of tries for each key. It is bounded: when full it forgets the
// ones that are full again anyway, or else everything.
type limiter struct {
	every time.Duration // a try comes back
	burst int
	most  int // keys

	mu   sync.Mutex
	full map[string]time.Time // when the bucket is full again
}

func newLimiter(every time.Duration, burst int) *limiter {
	return &limiter{every: every, burst: burst, most: 10_000, full: make(map[string]time.Time)}
}

// take takes a try, or says how long to wait for one.
func (l *limiter) take(now time.Time, key string) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := l.full[key]
	if at.Before(now) {
		at = now
	}
	at = at.Add(l.every)
	if wait = at.Sub(now) - time.Duration(l.burst)*l.every; wait > 0 {
		return wait
	}
	if len(l.full) >= l.most {
		for k, t := range l.full {
			if !t.After(now) {
				delete(l.full, k)
			}
		}
		if len(l.full) >= l.most {
			clear(l.full)
		}
	}
	l.full[key] = at
	return 0
}

// forget gives a key all of its tries back.
func (l *limiter) forget(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.full, key)
}

// from is who a request counts for: an IPv4 address, or the network of an IPv6 one, since
// whoever has one has 2^64.
func from(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return "?"
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.Is6() {
		if p, err := ip.Prefix(64); err == nil {
			return p.String()
		}
	}
	return ip.String()
}
