package speaker_test

import (
	"context"
	"io"
	"net"
	"testing"

	"socketha/peer"
	"socketha/peer/session"
	"socketha/peer/speaker"
	"socketha/peer/wire"
)

// memConn is a connection that costs nothing: the benchmark is its other end.
type memConn struct {
	in, out chan []byte
	closed  chan struct{}
	buffers [4][wire.MaxMessage]byte // taken in turn: more than are ever under way
	next    int
}

func (c *memConn) Read(p []byte) (int, error) {
	select {
	case b := <-c.in:
		return copy(p, b), nil
	case <-c.closed:
		return 0, io.EOF
	}
}

func (c *memConn) Write(p []byte) (int, error) {
	b := c.buffers[c.next%len(c.buffers)][:len(p)]
	c.next++
	copy(b, p)
	select {
	case c.out <- b:
		return len(p), nil
	case <-c.closed:
		return 0, io.ErrClosedPipe
	}
}

func (c *memConn) Close() error         { close(c.closed); return nil }
func (c *memConn) PeerSerial() string   { return "SERIAL-B" }
func (c *memConn) PeerKey() [32]byte    { return [32]byte{'B'} }
func (c *memConn) LocalAddr() net.Addr  { return &net.UDPAddr{} }
func (c *memConn) RemoteAddr() net.Addr { return &net.UDPAddr{} }

// exchanger is a peer that says Poll and waits for the Final.
type exchanger struct {
	tb    testing.TB
	conn  *memConn
	hb    peer.Heartbeat
	bytes [wire.MaxMessage]byte
}

func newExchanger(tb testing.TB) *exchanger {
	sp, err := speaker.New(speaker.Config{Session: session.Config{Discriminator: 0xa1b2c3d4}})
	if err == nil {
		err = sp.SetLocal(localOf("SERIAL-A"))
	}
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = sp.Run(ctx) // nil
	}()
	e := &exchanger{tb: tb, conn: &memConn{in: make(chan []byte), out: make(chan []byte), closed: make(chan struct{})}}
	tb.Cleanup(func() {
		cancel()
		go func() {
			for range e.conn.out { // the planned stop
			}
		}()
		<-done
		close(e.conn.out)
	})
	sp.Adopt(e.conn)
	e.hb = peer.Heartbeat{
		Protocol: peer.ProtocolRange{Min: 1, Max: 1}, MyDiscriminator: 0xd4c3b2a1, YourDiscriminator: 0xa1b2c3d4,
		Timers: second, State: peer.StateInit, Version: "25.0.22707", Flags: peer.FlagPoll,
	}
	<-e.conn.out // its Down
	e.exchange()
	<-e.conn.out // its facts
	e.hb.State = peer.StateUp
	return e
}

// exchange sends a heartbeat and waits for the answer: encode, connection, decode,
// step, encode, connection, decode.
func (e *exchanger) exchange() {
	e.hb.Sequence++
	msg, err := wire.AppendHeartbeat(e.bytes[:0], &e.hb)
	if err != nil {
		e.tb.Fatal(err)
	}
	e.conn.in <- msg
	answer, err := wire.Unmarshal(<-e.conn.out)
	if err != nil || answer.Heartbeat == nil || !answer.Heartbeat.Flags.Has(peer.FlagFinal) {
		e.tb.Fatalf("%+v, %v", answer, err)
	}
}

// BenchmarkExchange is a heartbeat each way through a running speaker: encoding and
// decoding both, two goroutine changes to get in and two to get out, the step and
// the snapshot. The allocations are those of two decodings.
func BenchmarkExchange(b *testing.B) {
	e := newExchanger(b)
	b.ReportAllocs()
	for b.Loop() {
		e.exchange()
	}
}

// BenchmarkSnapshot is what a reader pays.
func BenchmarkSnapshot(b *testing.B) {
	sp, err := speaker.New(speaker.Config{Session: session.Config{Discriminator: 1}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = sp.Snapshot()
	}
}

// BenchmarkSetLocal is what the agent pays when its view changes, with two thousand
// capabilities that do not.
func BenchmarkSetLocal(b *testing.B) {
	sp, err := speaker.New(speaker.Config{Session: session.Config{Discriminator: 1}})
	if err != nil {
		b.Fatal(err)
	}
	l := localOf("SERIAL-A")
	l.Capabilities = capabilities(2000)
	b.ReportAllocs()
	for b.Loop() {
		l.Inputs[0]++
		if err := sp.SetLocal(l); err != nil {
			b.Fatal(err)
		}
	}
}

// TestExchangeAllocates at most ten times, of which the speaker itself does none.
func TestExchangeAllocates(t *testing.T) {
	e := newExchanger(t)
	msg, err := wire.AppendHeartbeat(nil, &e.hb)
	if err != nil {
		t.Fatal(err)
	}
	decoding := testing.AllocsPerRun(1000, func() { _, _ = wire.Unmarshal(msg) })
	got := testing.AllocsPerRun(1000, e.exchange)
	if got > 2*decoding || got > 10 {
		t.Errorf("%v allocations an exchange, %v of them for decoding", got, 2*decoding)
	}
}
