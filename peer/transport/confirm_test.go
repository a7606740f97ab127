package transport

import (
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestConfirm tells the kernel that the peer is alive while authentic records come
// from it, and on no other ground: neither a handshake, which anyone can begin,
// nor forged records, nor what came long ago.
func TestConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		var mu sync.Mutex
		count := map[netip.Addr]int{}
		p.net.confirmed = func(from, _ netip.AddrPort, b []byte) {
			mu.Lock()
			defer mu.Unlock()
			count[from.Addr()]++
			if b[0] == 22 { // the last flight begins with a ChangeCipherSpec: the peer has proven itself then
				t.Errorf("confirmed with a plaintext handshake record: % x", b[:13])
			}
		}
		// taken returns how many there were since the last time.
		taken := func() (a, b int) {
			mu.Lock()
			defer mu.Unlock()
			a, b = count[addrA.Addr()], count[addrB.Addr()]
			clear(count)
			return a, b
		}
		a, b, stop := p.connect()
		defer stop()
		synctest.Wait()
		taken()
		say(t, a, b, "one")
		say(t, b, a, "two")
		if x, y := taken(); x != 1 || y != 1 {
			t.Errorf("%d and %d confirmed of one each", x, y)
		}
		time.Sleep(confirmWithin + time.Millisecond)
		p.net.inject(addrB, addrPort(a.LocalAddr()), forged(23, 1, 500, make([]byte, 64)))
		p.net.inject(addrPort(a.LocalAddr()), addrB, forged(23, 1, 500, make([]byte, 64)))
		synctest.Wait()
		say(t, a, b, "three")
		if x, _ := taken(); x != 0 {
			t.Error("confirmed although nothing authentic came for long")
		}
		say(t, b, a, "four")
		if _, y := taken(); y != 1 {
			t.Error("not confirmed although the peer has just spoken")
		}
	})
}
