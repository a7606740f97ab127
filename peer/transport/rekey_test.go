package transport

import (
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// TestRekey changes the keys every few milliseconds while both ends talk: no
// message is lost, and connections and goroutines do not grow.
func TestRekey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, b *Config) { a.RekeyAfter, b.RekeyAfter = 5*time.Millisecond, 5*time.Millisecond })
		stopB := run(t, p.acceptor)
		synctest.Wait()
		stopA := run(t, p.initiator)
		a, b := own(p.initiator, 2*time.Millisecond), own(p.acceptor, 2*time.Millisecond)
		time.Sleep(10 * time.Millisecond)
		const messages = 2000
		converse(t, a, b, messages, time.Millisecond, time.Sleep)
		s := p.initiator.Stats()
		if s.Rekeys < messages/6 || s.Rekeys > messages/3 || s.RekeysFailed != 0 || s.Rejected[ReasonConnEvicted] != 0 {
			t.Errorf("%d key changes in 2 s, stats %+v", s.Rekeys, s)
		}
		if n := p.acceptor.Stats().Rekeys; n != 0 {
			t.Errorf("the acceptor counts %d key changes", n)
		}
		for _, o := range []*owner{a, b} {
			if _, most := o.count(); most > maxOpen {
				t.Errorf("%d connections at once", most)
			}
			o.closeAll()
		}
		stopA()
		stopB()
	})
}

// TestRekeyHourly is the default: a little before every hour, and never late.
func TestRekeyHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, b *Config) { a.IdleTimeout, b.IdleTimeout = 3*time.Hour, 3*time.Hour })
		a, b, _ := p.connect()
		for range 5 {
			begun := time.Now()
			a2, b2 := next(t, p.initiator, 2*time.Hour), next(t, p.acceptor)
			if took := time.Since(begun); took < 45*time.Minute || took > 54*time.Minute {
				t.Errorf("new keys after %v", took)
			}
			say(t, a, b, "old")
			say(t, a2, b2, "new")
			_, _ = a.Close(), b.Close()
			a, b = a2, b2
		}
	})
}

// TestRekeyByRecords changes the keys by the number of records, in whichever
// direction they go, once for each connection.
func TestRekeyByRecords(t *testing.T) {
	for _, initiatorTalks := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, nil)
			p.initiator.wearLimit, p.acceptor.wearLimit = 100, 100
			a, b, _ := p.connect()
			from, to := b, a
			if initiatorTalks {
				from, to = a, b
			}
			for range 300 {
				say(t, from, to, "x")
			}
			synctest.Wait()
			if s := p.initiator.Stats(); s.Rekeys != 1 || s.Open != 2 {
				t.Errorf("%d key changes, %d open", s.Rekeys, s.Open)
			}
		})
	}
}

// TestRekeyFails leaves the connection in use alone, is counted, and is tried
// again until it succeeds.
func TestRekeyFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, _ *Config) { a.RekeyAfter = 10 * time.Second })
		a, b, _ := p.connect()
		p.net.mu.Lock()
		p.net.carry = func(_, _ netip.AddrPort, m []byte) []time.Duration {
			if m[0] == 22 { // no handshake gets through
				return nil
			}
			return []time.Duration{0}
		}
		p.net.mu.Unlock()
		for range 60 {
			time.Sleep(time.Second)
			say(t, a, b, "still here")
		}
		s := p.initiator.Stats()
		if s.RekeysFailed < 3 || s.RekeysFailed > 8 || s.Rekeys != 0 || s.Open != 1 || s.Dials > 10 {
			t.Errorf("stats %+v", s)
		}
		p.net.mu.Lock()
		p.net.carry = nil
		p.net.mu.Unlock()
		a2, b2 := next(t, p.initiator), next(t, p.acceptor)
		say(t, a2, b2, "new")
		say(t, a, b, "old")
	})
}

// TestRekeyOnLoopback does it over real sockets for two seconds.
func TestRekeyOnLoopback(t *testing.T) {
	initiator, acceptor := loopback(t, false)
	initiator.cfg.RekeyAfter = 100 * time.Millisecond
	goroutines, files := runtime.NumGoroutine(), descriptors(t)
	stopB, stopA := run(t, acceptor), run(t, initiator)
	a, b := own(initiator, 20*time.Millisecond), own(acceptor, 20*time.Millisecond)
	for s := initiator.Stats(); s.Open == 0 || acceptor.Stats().Open == 0; s = initiator.Stats() {
		pause(time.Millisecond)
	}
	pause(50 * time.Millisecond)
	converse(t, a, b, 400, 5*time.Millisecond, pause)
	s := initiator.Stats()
	if s.Rekeys < 10 || s.RekeysFailed != 0 || s.Rejected[ReasonConnEvicted] != 0 {
		t.Errorf("stats %+v", s)
	}
	t.Logf("%d key changes in 2 s", s.Rekeys)
	a.closeAll()
	b.closeAll()
	stopA()
	stopB()
	// Not before: keys go on being changed, and an owner who hears nothing any more
	// keeps the old connections, up to maxOpen.
	settles(t, "goroutines", goroutines, runtime.NumGoroutine)
	settles(t, "descriptors", files, func() int { return descriptors(t) })
}

// TestRekeyForLong changes the keys every two seconds for five minutes, with a
// heartbeat every 100 ms each way: none is lost, and what is held after the last
// minute is what was held after the first.
func TestRekeyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, func(a, b *Config) { a.RekeyAfter, b.RekeyAfter = 2*time.Second, 2*time.Second })
		stopB := run(t, p.acceptor)
		synctest.Wait()
		stopA := run(t, p.initiator)
		a, b := own(p.initiator, 200*time.Millisecond), own(p.acceptor, 200*time.Millisecond)
		time.Sleep(50 * time.Millisecond)
		var first, last holdings
		for minute := range 5 {
			converse(t, a, b, 600, 100*time.Millisecond, time.Sleep)
			for _, o := range []*owner{a, b} {
				o.mu.Lock()
				clear(o.heard)
				o.mu.Unlock()
			}
			last = foot()
			if minute == 0 {
				first = last
			}
		}
		s := p.initiator.Stats()
		if s.Rekeys < 5*60*10/18 || s.RekeysFailed != 0 || len(s.Rejected) != 0 || len(p.acceptor.Stats().Rejected) != 0 {
			t.Errorf("%d key changes, stats %+v and %+v", s.Rekeys, s, p.acceptor.Stats())
		}
		t.Logf("%d key changes; after the first minute %v, after the last %v", s.Rekeys, first, last)
		if last.heap > first.heap+256<<10 || last.goroutines > first.goroutines+20 { // a handshake may be under way
			t.Errorf("after the first minute %v, after the last %v", first, last)
		}
		a.closeAll()
		b.closeAll()
		stopA()
		stopB()
	})
}

// holdings is what this process holds.
type holdings struct {
	heap       uint64 // bytes
	goroutines int
}

func foot() holdings {
	runtime.GC()
	runtime.GC() // what pools gave up in the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return holdings{m.HeapAlloc, runtime.NumGoroutine()}
}
