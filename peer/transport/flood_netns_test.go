package transport

import (
	"context"
	"net/netip"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketha/peer/transport/internal/lab"
)

// The flood: so many datagrams a second for so long, from both kinds of source
// in turn.
const (
	floodRate = 3000
	floodTime = 3 * time.Second
)

// footprint is what a flood may cost: hardening.md, "Promises".
type footprint struct{ goroutines, bytes int }

func footprintNow() footprint {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{runtime.NumGoroutine(), int(m.Sys - m.HeapReleased)}
}

// TestFloodOnCable sends hellos to a victim in the peer's name, from a new port
// each, and from strangers' addresses, while the pair talks; in the middle the
// peer is restarted. No message is lost before that, the peer is back within 3 s,
// and memory and goroutines stay bounded. The acceptor's victim is its one
// socket. The initiator's is the one for hints, which gets forged hints, too.
func TestFloodOnCable(t *testing.T) {
	hello := firstHello(t, newPair(t, nil))
	for _, victimAccepts := range []bool{true, false} {
		t.Run(map[bool]string{true: "acceptor", false: "initiator"}[victimAccepts], func(t *testing.T) {
			initiator, acceptor, here, there := wired(t, "192.0.2.1/29", "192.0.2.2/29")
			acceptor.quiet = false
			victim, other, outside := acceptor, initiator, here
			if !victimAccepts {
				victim, other, outside = initiator, acceptor, there
			}
			run(t, victim)
			stopOther := run(t, other)
			v, o := own(victim, 100*time.Millisecond), own(other, 100*time.Millisecond)
			for victim.Stats().Open == 0 || other.Stats().Open == 0 {
				pause(time.Millisecond)
			}
			pause(200 * time.Millisecond) // pokes are over
			debug.FreeOSMemory()
			before := footprintNow()
			var most footprint
			var stop atomic.Bool
			var sent atomic.Int64
			var flood sync.WaitGroup
			forger := lab.NewForger(t, outside)
			flood.Go(func() {
				n := 0
				for !stop.Load() {
					sendFlood(forger, victim, other.cfg.Local.Addr(), hello, n)
					n += floodRate / 100
					sent.Store(int64(n))
					now := footprintNow()
					most.goroutines = max(most.goroutines, now.goroutines-before.goroutines)
					most.bytes = max(most.bytes, now.bytes-before.bytes)
					pause(10 * time.Millisecond)
				}
			})
			begun := time.Now()
			converse(t, v, o, int(floodTime/(10*time.Millisecond))/2, 10*time.Millisecond, pause)
			took := restart(t, other, o, stopOther)
			for time.Since(begun) < floodTime {
				pause(10 * time.Millisecond)
			}
			stop.Store(true)
			flood.Wait()
			if took > 3*time.Second {
				t.Errorf("the restarted peer was back after %v", took)
			}
			if most.goroutines > 100 || most.bytes > 10<<20 {
				t.Errorf("%d goroutines and %d KB more", most.goroutines, most.bytes>>10)
			}
			t.Logf("%d datagrams in %v: at most %d goroutines and %d KB more, back after %v; %v",
				sent.Load(), time.Since(begun).Round(time.Millisecond), most.goroutines, most.bytes>>10, took, victim.Stats().Rejected)
			v.closeAll()
		})
	}
}

// sendFlood sends a hundredth of a second's datagrams, every other in
// the peer's name. An initiator gets hints, too.
func sendFlood(f *lab.Forger, victim *Endpoint, peer netip.Addr, hello []byte, n int) {
	for i := range floodRate / 100 {
		payload, from := hello, peer
		if !victim.side.Accepts() && i%3 == 0 {
			payload = hintPoke.datagram()
		}
		if i%2 == 1 {
			from = netip.AddrFrom4([4]byte{192, 0, 2, byte(3 + i%4)})
		}
		f.Send(netip.AddrPortFrom(from, uint16(1024+(n+i)%60000)), victim.cfg.Local, 255, payload)
	}
}

// restart ends e without telling its peer, starts another in its place, and
// returns how long that took to connect.
func restart(t *testing.T, e *Endpoint, o *owner, stop func()) time.Duration {
	t.Helper()
	o.closeAll()
	stop()
	again := newEndpoint(t, nil, e.cfg)
	again.net, again.quiet = e.net, e.quiet
	begun := time.Now()
	run(t, again)
	next(t, again)
	return time.Since(begun)
}

// pause lets real time pass: these tests are about a rate.
func pause(d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	<-ctx.Done()
}
