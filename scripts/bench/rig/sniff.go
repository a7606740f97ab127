package rig

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// frames is how many of the latest a Sniffer holds.
const frames = 1024

// applicationData is the content type of a DTLS record that carries a message
// (RFC 6347 section 4.1, RFC 5246 section 6.2.1).
const applicationData = 23

// Sniffer stamps the heartbeats that a box receives. It is a packet socket for
// one protocol, which the kernel serves after the ingress hook: it sees what
// reaches the IP layer, not what [Pair.Drop] takes away. The stamps are the
// kernel's, of the moment the frame came in.
type Sniffer struct {
	fd     int
	closed atomic.Bool
	done   chan struct{}

	mu   sync.Mutex
	ring [frames]time.Time
	n    int
}

// Sniff begins to listen at the box's end of the cable that is there now.
func (b *Box) Sniff() (*Sniffer, error) {
	protocol := uint16(unix.ETH_P_IP)
	if b.pair.opts.IPv6 {
		protocol = unix.ETH_P_IPV6
	}
	l, err := b.end()
	if err != nil {
		return nil, err
	}
	s := &Sniffer{fd: -1, done: make(chan struct{})}
	if err := b.ns.Do(func() error { return s.open(protocol, l.Attrs().Index) }); err != nil {
		return nil, fmt.Errorf("listen to the frames of %s: %w", b.Serial, err)
	}
	go s.run(b.pair.opts.IPv6)
	return s, nil
}

// open makes the socket; SOCK_DGRAM leaves the link header out.
func (s *Sniffer) open(protocol uint16, index int) error {
	wire := protocol<<8 | protocol>>8 // network byte order, as packet(7) wants it
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(wire))
	if err != nil {
		return err
	}
	s.fd = fd
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	// So that run sees that it is to end.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: wire, Ifindex: index})
}

func (s *Sniffer) run(ipv6 bool) {
	defer close(s.done)
	defer func() { _ = unix.Close(s.fd) }()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	buf, control := make([]byte, 2048), make([]byte, 128)
	for !s.closed.Load() {
		n, oob, _, _, err := unix.Recvmsg(s.fd, buf, control, 0)
		if err != nil || !isHeartbeat(buf[:n], ipv6) {
			continue
		}
		if at, ok := stamp(control[:oob]); ok {
			s.mu.Lock()
			s.ring[s.n%frames] = at
			s.n++
			s.mu.Unlock()
		}
	}
}

// isHeartbeat reports whether an IP packet is UDP and begins with a record of
// application data. What else the agents tell each other that way is rare and
// over soon after the start.
func isHeartbeat(packet []byte, ipv6 bool) bool {
	header, protocol := 40, 6
	if !ipv6 {
		if len(packet) < 20 {
			return false
		}
		header, protocol = int(packet[0]&0x0f)*4, 9
	}
	const udpHeader = 8
	return len(packet) > header+udpHeader && packet[protocol] == unix.IPPROTO_UDP &&
		packet[header+udpHeader] == applicationData
}

// stamp reads the kernel's wall clock stamp.
func stamp(control []byte) (time.Time, bool) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, false
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SO_TIMESTAMPNS && len(m.Data) >= 16 {
			sec := binary.NativeEndian.Uint64(m.Data)
			nsec := binary.NativeEndian.Uint64(m.Data[8:])
			return time.Unix(int64(sec), int64(nsec)), true
		}
	}
	return time.Time{}, false
}

// LastBefore returns the latest frame of those held that came in before t.
func (s *Sniffer) LastBefore(t time.Time) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var last time.Time
	for i := range min(s.n, frames) {
		if at := s.ring[i]; Between(at, t) > 0 && at.After(last) {
			last = at
		}
	}
	return last, !last.IsZero()
}

// Close ends it.
func (s *Sniffer) Close() {
	s.closed.Store(true)
	<-s.done
}

// Between is to less from by the wall clock, which agents and kernel stamp with.
func Between(from, to time.Time) time.Duration { return to.Round(0).Sub(from.Round(0)) }

// Nap sleeps for d on a thread of ordinary priority, as a process would that
// does nothing else, and returns by how much it overslept. It is the noise of
// the machine.
func Nap(d time.Duration) (time.Duration, error) {
	type result struct {
		over time.Duration
		err  error
	}
	done := make(chan result, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its priority
		if err := ordinary(); err != nil {
			done <- result{err: err}
			return
		}
		begun := time.Now()
		ts := unix.NsecToTimespec(int64(d))
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &ts, nil)
		done <- result{time.Since(begun) - d, err}
	}()
	r := <-done
	return r.over, r.err
}
