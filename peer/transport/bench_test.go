package transport

import "testing"

// BenchmarkExchange is one message each way over loopback, the transport alone.
func BenchmarkExchange(b *testing.B) {
	initiator, acceptor := loopback(b, false)
	run(b, acceptor)
	run(b, initiator)
	x, y := next(b, initiator), next(b, acceptor)
	message, in := make([]byte, 84), make([]byte, MaxMessage)
	b.ReportAllocs()
	for b.Loop() {
		bounce(b, x, y, message, in)
	}
}

// TestExchangeAllocates nothing: an appliance that collects no garbage wakes up
// for nothing else than heartbeats.
func TestExchangeAllocates(t *testing.T) {
	initiator, acceptor := loopback(t, false)
	run(t, acceptor)
	run(t, initiator)
	a, b := next(t, initiator), next(t, acceptor)
	message, in := make([]byte, 84), make([]byte, MaxMessage)
	for range 2 * inboxSize { // buffers grow to what comes
		bounce(t, a, b, message, in)
	}
	if n := testing.AllocsPerRun(200, func() { bounce(t, a, b, message, in) }); n >= 1 {
		t.Errorf("%v allocations for one message each way", n)
	}
}

func bounce(t testing.TB, a, b *Conn, message, in []byte) {
	for range 2 {
		if _, err := a.Write(message); err != nil {
			t.Fatal(err)
		}
		if n, err := b.Read(in); err != nil || n != len(message) {
			t.Fatalf("%d bytes, %v", n, err)
		}
		a, b = b, a
	}
}
