//go:build linux

package link

import (
	"slices"
	"testing"
	"time"

	"socketha/scripts/nstest"
)

// BenchmarkCarrierLoss measures from the moment before the far end of a pair
// is told to go down until a consumer of Changed knows of the lost carrier.
// The kernel's own work for that (closing the far end) is included.
func BenchmarkCarrierLoss(b *testing.B) {
	ns := nstest.New(b)
	ns.Veth(b, "ha0", "far0")
	ns.Up(b, "ha0", "far0")
	w := watchIn(b, ns, "ha0", nil)
	await(w, isUp)
	far := ns.Link(b, "far0")
	var took []time.Duration
	for b.Loop() {
		if err := ns.Netlink.LinkSetUp(far); err != nil {
			b.Fatal(err)
		}
		await(w, isUp)
		begin := time.Now()
		errs := make(chan error, 1)
		go func() { errs <- ns.Netlink.LinkSetDown(far) }()
		await(w, func(s State) bool { return s.Carrier == CarrierNo })
		took = append(took, time.Since(begin))
		if err := <-errs; err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(took)
	b.ReportMetric(milliseconds(took[len(took)/2]), "ms-median")
	b.ReportMetric(milliseconds(took[len(took)*99/100]), "ms-p99")
	b.ReportMetric(milliseconds(took[len(took)-1]), "ms-max")
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// BenchmarkRead is what one message about the interface costs.
func BenchmarkRead(b *testing.B) {
	ns := nstest.New(b)
	ns.Veth(b, "ha0", "far0")
	ns.Up(b, "ha0", "far0")
	ns.Addr(b, "ha0", "192.0.2.1/30", 0)
	var f feed
	err := ns.Do(func() (err error) {
		f, err = openFeed(receiveBuffer)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	defer f.close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.read("ha0"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTranslate(b *testing.B) {
	b.ReportAllocs()
	messages := recorded(b)
	for b.Loop() {
		for typ, data := range messages {
			translate(typ, data)
		}
	}
}
