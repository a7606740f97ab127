package speaker_test

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// pipe joins two connections and mistreats what goes through, the same way for
// the same seed. It lives in the virtual time of testing/synctest.
type pipe struct {
	mu       sync.Mutex
	rng      *rand.Rand
	loss     float64 // lost, 0 to 1
	double   float64 // delivered twice
	delayMin time.Duration
	delayMax time.Duration // a wide span reorders
	quiet    bool          // closing one end does not tell the other
	ends     [2]*end
}

// newPipe returns a pipe with a delay of 1 ms between two Sockets.
func newPipe(seed uint64) *pipe {
	p := &pipe{rng: rand.New(rand.NewPCG(seed, 2)), delayMin: time.Millisecond, delayMax: time.Millisecond}
	for i := range p.ends {
		p.ends[i] = &end{pipe: p, id: i, in: make(chan []byte, 256), closed: make(chan struct{})}
	}
	p.ends[0].serial, p.ends[0].key = "SERIAL-B", [32]byte{'B'}
	p.ends[1].serial, p.ends[1].key = "SERIAL-A", [32]byte{'A'}
	return p
}

// set changes how the pipe treats messages from now on.
func (p *pipe) set(change func(p *pipe)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *pipe) cut()  { p.set(func(p *pipe) { p.loss = 1 }) }
func (p *pipe) mend() { p.set(func(p *pipe) { p.loss = 0 }) }

// fates returns the delays of the copies of one message that arrive.
func (p *pipe) fates() (delays []time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	copies := 1
	if p.rng.Float64() < p.double {
		copies = 2
	}
	for range copies {
		if p.rng.Float64() < p.loss {
			continue
		}
		d := p.delayMin
		if span := p.delayMax - p.delayMin; span > 0 {
			d += time.Duration(p.rng.Int64N(int64(span)))
		}
		delays = append(delays, d)
	}
	return delays
}

// end is one side's connection, as speaker.Conn.
type end struct {
	pipe   *pipe
	id     int
	serial string // of the peer
	key    [32]byte
	in     chan []byte
	once   sync.Once
	closed chan struct{}
}

func (e *end) Read(p []byte) (int, error) {
	select {
	case b := <-e.in:
		if len(b) > len(p) {
			return 0, io.ErrShortBuffer
		}
		return copy(p, b), nil
	case <-e.closed:
		return 0, io.EOF
	}
}

func (e *end) Write(p []byte) (int, error) {
	select {
	case <-e.closed:
		return 0, io.ErrClosedPipe
	default:
	}
	for _, d := range e.pipe.fates() {
		b := append([]byte(nil), p...)
		time.AfterFunc(d, func() { e.pipe.ends[1-e.id].deliver(b) })
	}
	return len(p), nil
}

// deliver puts a message where Read finds it, as if the other side had sent it.
func (e *end) deliver(b []byte) {
	select {
	case e.in <- b:
	default: // the socket buffer is full
	}
}

func (e *end) Close() error {
	e.once.Do(func() {
		close(e.closed)
		e.pipe.mu.Lock()
		tell := !e.pipe.quiet && e.pipe.loss < 1
		e.pipe.mu.Unlock()
		if other := e.pipe.ends[1-e.id]; tell {
			time.AfterFunc(e.pipe.delayMax, func() { _ = other.Close() })
		}
	})
	return nil
}

func (e *end) isClosed() bool {
	select {
	case <-e.closed:
		return true
	default:
		return false
	}
}

func (e *end) PeerSerial() string { return e.serial }
func (e *end) PeerKey() [32]byte  { return e.key }

func (e *end) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(192, 0, 2, byte(1+e.id)), Port: 20481}
}

func (e *end) RemoteAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(192, 0, 2, byte(2-e.id)), Port: 20481}
}

// wrapped lets a test replace single methods of a connection.
type wrapped struct {
	*end
	write func(p []byte) (int, error)
	read  func(p []byte) (int, error)
}

func (w *wrapped) Write(p []byte) (int, error) {
	if w.write != nil {
		return w.write(p)
	}
	return w.end.Write(p)
}

func (w *wrapped) Read(p []byte) (int, error) {
	if w.read != nil {
		return w.read(p)
	}
	return w.end.Read(p)
}

func TestPipe(t *testing.T) {
	p := newPipe(1)
	p.loss, p.double = 0.25, 0.5
	arrived := 0
	for range 10_000 {
		arrived += len(p.fates())
	}
	if arrived < 11_000 || arrived > 11_500 {
		t.Errorf("%d of 10,000 arrived, want about 11,250", arrived)
	}
}
