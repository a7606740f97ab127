package report

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"socketha/agent/report/outbox"
	"socketha/peer"
)

// TestOutage72h: the console is away for three days, in which every site changes now and
// then. No agent grows, none hammers the door, and within ten minutes of its return every
// site is current, spread over the time.
func TestOutage72h(t *testing.T) {
	const (
		sites  = 12
		outage = 72 * time.Hour
	)
	within(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(5, 6))
		var rigs [sites]*rig
		for i := range rigs {
			chance := rand.New(rand.NewPCG(7, uint64(i)))
			rigs[i] = run(t, reply(204, ""), func(c *Config) { c.Random = chance.Float64 })
		}
		pass(10 * time.Minute)
		for i, g := range rigs {
			if s := g.Stats(); s.State != peer.UpstreamConnected {
				t.Fatalf("site %d before the outage: %+v", i, s)
			}
			g.server.got()
			g.server.setDown(true)
		}
		heap, goroutines := resources()
		for begin := time.Now(); time.Since(begin) < outage; {
			pass(20 * time.Minute)
			for range 2 {
				rigs[random.IntN(sites)].site.change()
			}
		}
		heapAfter, goroutinesAfter := resources()
		if grown := (heapAfter - heap) / sites; grown > 16<<10 {
			t.Errorf("each agent grew by %d bytes", grown)
		}
		if goroutinesAfter > goroutines {
			t.Errorf("%d goroutines, before the outage %d", goroutinesAfter, goroutines)
		}
		attempts := 0
		for _, g := range rigs {
			attempts += g.server.refused
		}
		// The mean wait is five minutes, once the limit of ten is reached.
		perHour := float64(attempts) / sites / outage.Hours()
		t.Logf("%.1f attempts an hour and site, %d bytes grown a site", perHour, (heapAfter-heap)/sites)
		if perHour > 14 {
			t.Errorf("%.1f attempts an hour and site", perHour)
		}
		comeBack(t, rigs[:])
	})
}

// comeBack ends the outage and checks that every site becomes current.
func comeBack(t *testing.T, rigs []*rig) {
	t.Helper()
	for i, g := range rigs {
		if s := g.Stats(); s.State != peer.UpstreamDisconnected || s.Queued != 1 {
			t.Errorf("site %d in the outage: %+v", i, s)
		}
		g.server.setDown(false)
	}
	back := time.Now()
	pass(outbox.MaxBackoff)
	var waits []time.Duration
	for i, g := range rigs {
		got := g.server.got()
		if len(got) == 0 {
			t.Errorf("site %d has not reported in %v", i, outbox.MaxBackoff)
			continue
		}
		_, newest := g.site.Current()
		if first := got[0]; *first.Report.Site.Name != newest || !first.Report.GeneratedAt.Equal(first.at.Truncate(time.Millisecond)) {
			t.Errorf("site %d: the first report after the outage has state %s, made %v before", i, *first.Report.Site.Name, first.at.Sub(first.Report.GeneratedAt.Time))
		}
		if s := g.Stats(); s.State != peer.UpstreamConnected || s.Dropped == 0 {
			t.Errorf("site %d: %+v", i, s)
		}
		waits = append(waits, got[0].at.Sub(back))
	}
	// Nobody comes in a crowd: of 12 sites over ten minutes one or two a minute, and never 7.
	slices.Sort(waits)
	for i := 7; i < len(waits); i++ {
		if waits[i]-waits[i-7] < time.Minute {
			t.Errorf("7 sites within %v", waits[i]-waits[i-7])
		}
	}
	t.Logf("current after %v (first), %v (median), %v (last)", waits[0], waits[len(waits)/2], waits[len(waits)-1])
}

// resources returns the bytes in use on the heap, and the goroutines.
func resources() (heap int64, goroutines int) {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), runtime.NumGoroutine()
}
