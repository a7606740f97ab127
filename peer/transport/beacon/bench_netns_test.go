//go:build linux

package beacon

import (
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
)

// BenchmarkNetnsFind is the time from the start of a Beacon until it knows a
// peer that is settled, and until the peer knows it, over a cable between two
// kernels' stacks that have not met (no neighbour entries).
func BenchmarkNetnsFind(b *testing.B) {
	here, there, _, _ := pairOn(b)
	addrHere, addrThere := linkLocalOf(b, here), linkLocalOf(b, there)
	var ours, theirs []time.Duration
	for b.Loop() {
		settled := newKernelNode(b, here, 1, wants(2)) // with its tokens for answers
		settled.Settled(true)
		stopSettled := run(b, settled)
		await(settled, func() bool { return settled.Stats().Sent > 0 })
		for _, ns := range []*netlink.Handle{here.Netlink, there.Netlink} {
			list, err := ns.NeighList(0, netlink.FAMILY_V6)
			if err != nil {
				b.Fatal(err)
			}
			for _, n := range list {
				_ = ns.NeighDel(&n) // multicast entries stay
			}
		}
		starting := newKernelNode(b, there, 2, wants(1))
		began := time.Now()
		stopStarting := run(b, starting)
		mustFind(b, settled, 2, addrThere)
		theirs = append(theirs, time.Since(began))
		mustFind(b, starting, 1, addrHere)
		ours = append(ours, time.Since(began))
		stopStarting()
		stopSettled()
	}
	report := func(name string, list []time.Duration) {
		slices.Sort(list)
		b.ReportMetric(float64(list[len(list)/2].Microseconds()), name+"-median-µs")
		b.ReportMetric(float64(list[len(list)*95/100].Microseconds()), name+"-p95-µs")
	}
	report("found", ours)
	report("seen", theirs)
}
