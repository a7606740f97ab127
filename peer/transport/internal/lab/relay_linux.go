package lab

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Relay carries datagrams between clients and one server over loopback, and
// sends all of them with hop limit 255, whatever they came with.
type Relay struct {
	front  *net.UDPConn
	server netip.AddrPort

	mu    sync.Mutex
	backs map[netip.AddrPort]*net.UDPConn
	tasks sync.WaitGroup
}

// NewRelay listens on an address of the kernel's choice at host and forwards to
// server, which may not be there yet.
func NewRelay(t testing.TB, host netip.Addr, server netip.AddrPort) *Relay {
	t.Helper()
	r := &Relay{server: server, backs: map[netip.AddrPort]*net.UDPConn{}}
	lc := net.ListenConfig{Control: hopLimit255}
	pc, err := lc.ListenPacket(t.Context(), "udp4", netip.AddrPortFrom(host, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	r.front, _ = pc.(*net.UDPConn)
	r.tasks.Go(r.forward)
	t.Cleanup(r.close)
	return r
}

func hopLimit255(_, _ string, raw syscall.RawConn) error {
	var err error
	if cerr := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_TTL, 255)
	}); cerr != nil {
		return cerr
	}
	return err
}

// Addr returns where the relay listens.
func (r *Relay) Addr() netip.AddrPort {
	a, _ := r.front.LocalAddr().(*net.UDPAddr)
	return a.AddrPort()
}

// forward sends what comes from clients to the server.
func (r *Relay) forward() {
	b := make([]byte, 4096)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if back := r.back(from); back != nil {
			_, _ = back.Write(b[:n]) // lost, as datagrams may be
		}
	}
}

// back returns the socket that speaks to the server for a client.
func (r *Relay) back(client netip.AddrPort) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.backs[client]; c != nil {
		return c
	}
	d := net.Dialer{Control: hopLimit255, LocalAddr: &net.UDPAddr{IP: r.Addr().Addr().AsSlice()}}
	conn, err := d.DialContext(context.Background(), "udp4", r.server.String())
	if err != nil {
		return nil
	}
	c, _ := conn.(*net.UDPConn)
	r.backs[client] = c
	r.tasks.Go(func() {
		b := make([]byte, 4096)
		for {
			n, err := c.Read(b)
			if err == nil {
				_, _ = r.front.WriteToUDPAddrPort(b[:n], client)
			} else if !errors.Is(err, syscall.ECONNREFUSED) {
				return
			}
		}
	})
	return c
}

func (r *Relay) close() {
	_ = r.front.Close()
	r.mu.Lock()
	for _, c := range r.backs {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.tasks.Wait()
}
