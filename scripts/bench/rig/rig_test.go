package rig

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v2/pkg/protocol/extension"
	"github.com/pion/dtls/v2/pkg/protocol/handshake"
	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"
	"golang.org/x/sys/unix"
)

func is(want int) func(int) bool { return func(v int) bool { return v == want } }

func TestRecordWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecord[int]()
		r.add(1)
		mark := r.Mark()
		go func() {
			time.Sleep(time.Second)
			r.add(2)
			r.add(1)
		}()
		if v, err := r.Wait(t.Context(), 0, "one", is(1)); v != 1 || err != nil {
			t.Errorf("what is there already: %v, %v", v, err)
		}
		begun := time.Now()
		if v, err := r.Wait(t.Context(), mark, "one again", is(1)); v != 1 || err != nil || time.Since(begun) != time.Second {
			t.Errorf("what comes: %v, %v after %v", v, err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Wait(ctx, mark, "three", is(3))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "three") {
			t.Errorf("what never comes: %v", err)
		}
	})
}

// TestRecordBound: a full record forgets the older half, and marks stay right.
func TestRecordBound(t *testing.T) {
	r := newRecord[int]()
	for i := range keep + 10 {
		r.add(i)
	}
	if len(r.entries) > keep {
		t.Errorf("%d entries are held", len(r.entries))
	}
	if r.Mark() != keep+10 {
		t.Errorf("mark %d, want %d", r.Mark(), keep+10)
	}
	if last := r.Since(keep + 9); len(last) != 1 || last[0] != keep+9 {
		t.Errorf("the newest entry is %v", last)
	}
	if all := r.Since(0); all[0] != keep/2 {
		t.Errorf("the oldest entry is %d, want %d", all[0], keep/2)
	}
}

func TestLines(t *testing.T) {
	now := time.Now()
	l := parseLine([]byte(`{"time":"2026-11-22T15:00:00.123456789Z","level":"INFO","msg":"session changed","from":"init","to":"up","reason":"none"}`), now)
	if !SessionUp(l) || SessionLost(l) || l.Said.Nanosecond() != 123456789 || l.Seen != now {
		t.Errorf("%+v", l)
	}
	lost := parseLine([]byte(`{"msg":"session changed","from":"up","to":"down","reason":"timeout","n":3}`), now)
	if !SessionLost(lost) || !SessionTimeout(lost) || SessionUp(lost) || !lost.Is("session changed", "n", "3") {
		t.Errorf("%+v", lost)
	}
	told := parseLine([]byte(`{"msg":"session changed","from":"up","to":"down","reason":"peer_down"}`), now)
	if !SessionLost(told) || SessionTimeout(told) {
		t.Errorf("%+v", told)
	}
	for _, raw := range []string{"", "goroutine 1 [select]:", "{broken"} {
		if l := parseLine([]byte(raw), now); l.Text != raw || !l.Said.IsZero() {
			t.Errorf("%q: %+v", raw, l)
		}
	}
}

func TestCountGoroutines(t *testing.T) {
	dump := `SIGQUIT: quit
goroutine 0 gp=0x1 m=0 mp=0x2 [idle]:
runtime.futex()

goroutine 1 [select]:
socketha/agent.(*Agent).Run(0x1)
main.main()
	/src/main.go:14 +0x1f

goroutine 7 [select, 2 minutes]:
socketha/peer/speaker.(*loop).wait(0x1)
created by golang.org/x/sync/errgroup.(*Group).Go in goroutine 1
	/src/errgroup.go:1

goroutine 8 [GC worker (idle)]:
runtime.gopark()
created by runtime.gcBgMarkStartWorkers in goroutine 1
	/src/mgc.go:1

goroutine 9 [IO wait]:
created by golang.org/x/sync/errgroup.(*Group).Go in goroutine 1`
	var lines []Line
	for text := range strings.SplitSeq(dump, "\n") {
		lines = append(lines, Line{Text: text})
	}
	got := countGoroutines(lines)
	if len(got) != 2 || got["main.main"] != 1 || got["golang.org/x/sync/errgroup.(*Group).Go"] != 2 {
		t.Errorf("%v", got)
	}
}

func TestIsHeartbeat(t *testing.T) {
	v4 := make([]byte, 60)
	v4[0], v4[9], v4[28] = 0x45, 17, applicationData
	v6 := make([]byte, 80)
	v6[0], v6[6], v6[48] = 0x60, 17, applicationData
	change := func(b []byte, at int, v byte) []byte {
		c := append([]byte(nil), b...)
		c[at] = v
		return c
	}
	for name, tc := range map[string]struct {
		packet []byte
		v6     bool
		want   bool
	}{
		"IPv4":              {v4, false, true},
		"IPv4 with options": {change(change(v4, 0, 0x46), 32, applicationData), false, true},
		"IPv6":              {v6, true, true},
		"ICMP":              {change(v4, 9, 1), false, false},
		"handshake":         {change(v4, 28, 22), false, false},
		"short":             {v4[:28], false, false},
		"empty":             {nil, false, false},
	} {
		if got := isHeartbeat(tc.packet, tc.v6); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestHello: the flood's hello is one that a server of ours would answer.
func TestHello(t *testing.T) {
	raw, err := clientHello()
	if err != nil {
		t.Fatal(err)
	}
	var record recordlayer.RecordLayer
	if err := record.Unmarshal(raw); err != nil {
		t.Fatal(err)
	}
	hello, ok := record.Content.(*handshake.Handshake).Message.(*handshake.MessageClientHello)
	if !ok || len(hello.CipherSuiteIDs) != 1 || hello.CipherSuiteIDs[0] != ourSuite {
		t.Fatalf("%+v", record.Content)
	}
	secret := false
	for _, e := range hello.Extensions {
		secret = secret || e.TypeValue() == extension.UseExtendedMasterSecretTypeValue
	}
	if !secret {
		t.Error("no extended master secret is offered")
	}
}

// TestVary: each frame differs where it should and stays a valid IPv4 packet.
func TestVary(t *testing.T) {
	frame := make([]byte, randomAt+64)
	ip := frame[ethernetHeader:]
	ip[0], ip[8], ip[9] = 0x45, 255, 17
	copy(ip[12:], []byte{169, 254, 77, 1})
	ports := map[uint16]bool{}
	for range 100 {
		vary(frame, FromPeer)
		ports[binary.BigEndian.Uint16(ip[ipHeader:])] = true
		if checksum(ip[:ipHeader]) != 0 {
			t.Fatal("the header's checksum is wrong")
		}
		if string(ip[12:16]) != string([]byte{169, 254, 77, 1}) {
			t.Fatal("the peer's address has changed")
		}
	}
	if len(ports) < 50 {
		t.Errorf("only %d ports in 100 frames", len(ports))
	}
	vary(frame, FromSpoofed)
	if ip[14] < 128 || checksum(ip[:ipHeader]) != 0 {
		t.Errorf("spoofed: %v", ip[:ipHeader])
	}
}

// TestPace: the rate is kept, and a stall is not made up for by a burst.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		stalled := false
		sent, err := pace(ctx, 3000, func() error {
			if !stalled && time.Since(start(ctx)) > 5*time.Second {
				stalled = true
				time.Sleep(time.Second)
			}
			return nil
		})
		if err != nil || sent < 26900 || sent > 27200 {
			t.Errorf("%d hellos in 10 s with a stall of 1 s, %v", sent, err)
		}
	})
}

// start is when a context with ten seconds to go was made.
func start(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return end.Add(-10 * time.Second)
}

func TestStage(t *testing.T) {
	var s stage
	var order []int
	s.Cleanup(func() { order = append(order, 1) })
	s.Cleanup(func() { order = append(order, 2) })
	err := s.try(func() { s.Fatalf("no %s", "luck") })
	if err == nil || err.Error() != "no luck" {
		t.Errorf("Fatalf: %v", err)
	}
	if err := s.try(func() {}); err != nil {
		t.Errorf("nothing failed: %v", err)
	}
	s.end()
	s.end()
	if len(order) != 2 || order[0] != 2 {
		t.Errorf("cleanups in the order %v", order)
	}
}

func TestLinkFlags(t *testing.T) {
	message := func(kind uint16, flags uint32) []byte {
		b := make([]byte, 32)
		binary.NativeEndian.PutUint32(b, 32)
		binary.NativeEndian.PutUint16(b[4:], kind)
		binary.NativeEndian.PutUint32(b[24:], flags)
		return b
	}
	up, down, lo := uint32(unix.IFF_UP|unix.IFF_LOWER_UP), uint32(unix.IFF_UP), uint32(unix.IFF_LOOPBACK)
	var all []byte
	all = append(all, message(unix.RTM_NEWLINK, up)...)
	all = append(all, message(unix.RTM_NEWADDR, up)...)
	all = append(all, message(unix.RTM_NEWLINK, lo)...)
	all = append(all, message(unix.RTM_NEWLINK, down)...)
	if got := linkFlags(all); !slices.Equal(got, []uint32{up, down}) {
		t.Errorf("%v", got)
	}
	for cut := range all {
		linkFlags(all[:cut]) // no panic
	}
	if got := linkFlags([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}); got != nil {
		t.Errorf("a message without length: %v", got)
	}
}
