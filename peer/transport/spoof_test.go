package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// spoof is something that anyone on the link can send to an established session
// in the peer's name.
type spoof struct {
	name      string
	datagrams [][]byte
	every     time.Duration // between datagrams; 0 sends all at once
}

// forged builds one record.
func forged(contentType byte, epoch uint16, sequence uint64, body []byte) []byte {
	r := make([]byte, 13, 13+len(body))
	r[0], r[1], r[2] = contentType, 254, 253
	binary.BigEndian.PutUint64(r[3:], uint64(epoch)<<48|sequence)
	binary.BigEndian.PutUint16(r[11:], uint16(len(body)))
	return append(r, body...)
}

// forgedMessage builds a handshake message or a fragment of one.
func forgedMessage(kind byte, sequence uint16, length, offset int, body []byte) []byte {
	return append([]byte{
		kind, byte(length >> 16), byte(length >> 8), byte(length), byte(sequence >> 8), byte(sequence),
		byte(offset >> 16), byte(offset >> 8), byte(offset),
		byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body)),
	}, body...)
}

// many builds n records of one kind, each with a sequence number of its own.
func many(n int, build func(i int) []byte) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = build(i)
	}
	return out
}

// spoofs are the records of hardening.md that kill, deafen or stall a session of
// plain pion, and their neighbours. Plaintext sequence numbers start above those
// of the handshake and below the filter's limit.
func spoofs() []spoof {
	const ccs, alert, handshake, data = 20, 21, 22, 23
	one := func(name string, b []byte) spoof { return spoof{name: name, datagrams: [][]byte{b}} }
	verify := make([]byte, 12)
	return []spoof{
		one("fatal alert", forged(alert, 0, 100, []byte{2, 40})),
		one("close_notify", forged(alert, 0, 100, []byte{1, 0})),
		one("warning alert", forged(alert, 0, 100, []byte{1, 100})),
		one("malformed alert", forged(alert, 0, 100, []byte{2})),
		one("application data", forged(data, 0, 100, []byte("forged heartbeat"))),
		one("unknown type", forged(24, 0, 100, []byte{1, 0, 0})),
		one("malformed ChangeCipherSpec", forged(ccs, 0, 100, []byte{7, 7})),
		one("ChangeCipherSpec", forged(ccs, 0, 100, []byte{1})),
		one("protected ChangeCipherSpec, high sequence", forged(ccs, 1, 1<<47, []byte{1})),
		one("protected data, high sequence", forged(data, 1, 1<<47, make([]byte, 64))),
		one("future epoch", forged(data, 2, 5, make([]byte, 64))),
		one("other version", func() []byte {
			b := forged(alert, 0, 100, []byte{2, 40})
			b[1], b[2] = 3, 3
			return b
		}()),
		one("cut record", forged(handshake, 0, 100, make([]byte, 64))[:40]),
		{name: "handshake fragments", every: 50 * time.Millisecond, datagrams: many(100, func(i int) []byte {
			return forged(handshake, 0, uint64(100+i), forgedMessage(11, 9, 4000, 20*i, make([]byte, 20)))
		})},
		{name: "forged Finished", every: 20 * time.Millisecond, datagrams: many(250, func(i int) []byte {
			return forged(handshake, 0, uint64(100+i), forgedMessage(20, uint16(6+i), 12, 0, verify))
		})},
		{name: "ClientHello", every: 20 * time.Millisecond, datagrams: many(250, func(i int) []byte {
			return forged(handshake, 0, uint64(100+i), forgedMessage(1, 0, 60, 0, make([]byte, 60)))
		})},
		{name: "ten thousand tiny fragments", every: time.Millisecond, datagrams: many(100, func(i int) []byte {
			var b []byte
			for j := range 100 {
				b = append(b, forged(handshake, 0, uint64(100+100*i+j), forgedMessage(11, 9, 8000, j, []byte{1}))...)
			}
			return b
		})},
		{name: "alert beside a cut record", datagrams: [][]byte{
			append(forged(alert, 0, 100, []byte{2, 40}), forged(data, 1, 9, make([]byte, 64))[:30]...),
		}},
	}
}

// outcome is what a spoof did to a session in which both ends send a heartbeat
// every 100 ms for ten seconds.
type outcome struct {
	ended bool          // a Read returned an error
	lost  int           // heartbeats that never arrived
	late  time.Duration // of the slowest one, by the bubble's clock
}

func (o outcome) harmless() bool { return o == outcome{} }

func (o outcome) String() string {
	return fmt.Sprintf("ended %t, lost %d, late by %v", o.ended, o.lost, o.late)
}

// beat runs a session over both connections while attack runs beside it.
func beat(t *testing.T, a, b *Conn, attack func()) outcome {
	const beats, interval = 100, 100 * time.Millisecond
	var (
		mu   sync.Mutex
		out  outcome
		over bool
		wg   sync.WaitGroup
	)
	received := map[*Conn]int{}
	read := func(c *Conn) {
		buf := make([]byte, MaxMessage)
		for {
			n, err := c.Read(buf)
			mu.Lock()
			if err != nil {
				out.ended = out.ended || errors.Is(err, io.EOF) && !over
				mu.Unlock()
				return
			}
			if n != 8 {
				t.Errorf("a message of %d bytes that nobody sent", n)
			} else {
				sent := time.Unix(0, int64(binary.BigEndian.Uint64(buf)))
				out.late = max(out.late, time.Since(sent))
				received[c]++
			}
			mu.Unlock()
		}
	}
	wg.Go(func() { read(a) })
	wg.Go(func() { read(b) })
	go attack()
	for range beats {
		var msg [8]byte
		binary.BigEndian.PutUint64(msg[:], uint64(time.Now().UnixNano()))
		_, _ = a.Write(msg[:]) // a dead session is an outcome
		_, _ = b.Write(msg[:])
		time.Sleep(interval)
	}
	time.Sleep(10 * time.Second) // what is late may still come
	mu.Lock()
	out.lost = 2*beats - received[a] - received[b]
	over = true
	mu.Unlock()
	_ = a.Close()
	_ = b.Close()
	wg.Wait()
	return out
}

// attackPair sets up a session, sends the spoof to one side in the other's name
// and returns what came of it.
func attackPair(t *testing.T, s spoof, victimInitiates, filter bool) outcome {
	var out outcome
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, nil)
		p.initiator.bypass, p.acceptor.bypass = !filter, !filter
		a, b, stop := p.connect()
		from, to := addrPort(a.LocalAddr()), addrB
		if victimInitiates {
			from, to = to, from
		}
		out = beat(t, a, b, func() {
			for _, d := range s.datagrams {
				p.net.inject(from, to, d)
				time.Sleep(s.every)
			}
		})
		stop()
	})
	return out
}

// TestSpoofs sends every spoof at both sides: with the filter no session ends,
// no heartbeat is lost and none is late.
func TestSpoofs(t *testing.T) {
	for _, s := range spoofs() {
		for _, victimInitiates := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/initiator=%t", s.name, victimInitiates), func(t *testing.T) {
				if out := attackPair(t, s, victimInitiates, true); !out.harmless() {
					t.Error(out)
				}
			})
		}
	}
}

// TestSpoofsWithoutFilter shows what pion does alone, so that the filter is
// proven necessary: these must do harm, to the side named.
func TestSpoofsWithoutFilter(t *testing.T) {
	const initiator, acceptor = "initiator", "acceptor"
	want := map[string][]string{
		"fatal alert":                {initiator, acceptor},
		"close_notify":               {initiator, acceptor},
		"malformed alert":            {initiator, acceptor},
		"application data":           {initiator, acceptor},
		"unknown type":               {initiator, acceptor},
		"malformed ChangeCipherSpec": {initiator, acceptor},
		"handshake fragments":        {acceptor},
		"forged Finished":            {acceptor},
		"ClientHello":                {acceptor},
	}
	got := map[string][]string{}
	for _, s := range spoofs() {
		for _, victim := range []string{initiator, acceptor} {
			out := attackPair(t, s, victim == initiator, false)
			t.Logf("%-45s at the %s: %v", s.name, victim, out)
			if !out.harmless() {
				got[s.name] = append(got[s.name], victim)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		for _, victim := range want[name] {
			if !slices.Contains(got[name], victim) {
				t.Errorf("%q does no harm to the %s without the filter: is the filter still needed?", name, victim)
			}
		}
	}
}
