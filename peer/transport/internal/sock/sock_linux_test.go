package sock

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestName encodes addresses and reads them back; a zone counts only where the
// socket is bound to no interface.
func TestName(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		bound    bool
	}{
		{"192.0.2.1:20481", "192.0.2.1:20481", false},
		{"[::ffff:192.0.2.1]:9", "192.0.2.1:9", true},
		{"[2001:db8::1]:65535", "[2001:db8::1]:65535", false},
		{"[fe80::1%7]:20481", "[fe80::1%7]:20481", false},
		{"[fe80::1%7]:20481", "[fe80::1]:20481", true},
		{"[fe80::1%lo]:20481", "[fe80::1%1]:20481", false},
	} {
		n, err := nameOf(netip.MustParseAddrPort(tt.in), tt.bound)
		if err != nil {
			t.Fatal(err)
		}
		if got := n.address(tt.bound).String(); got != tt.want {
			t.Errorf("%s (bound %t): %s, want %s", tt.in, tt.bound, got, tt.want)
		}
	}
	if _, err := nameOf(netip.MustParseAddrPort("[fe80::1%no-such-interface]:1"), false); err == nil {
		t.Error("an interface that does not exist: no error")
	}
}

// TestExchange sends and receives over both kinds of socket, without allocating,
// and by addresses as package net has them.
func TestExchange(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			server, err := Listen(t.Context(), "", netip.AddrPortFrom(netip.MustParseAddr(host), 0))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			client, err := Dial(t.Context(), "", netip.MustParseAddr(host), netip.MustParseAddrPort(server.LocalAddr().String()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = client.Close() }()
			receiver, err := NewReceiver(server, false)
			if err != nil {
				t.Fatal(err)
			}
			sender, err := NewSender(server, netip.MustParseAddrPort(client.LocalAddr().String()), false)
			if err != nil {
				t.Fatal(err)
			}
			b, message := make([]byte, 64), []byte("heartbeat")
			confirm := false
			if n := testing.AllocsPerRun(100, func() {
				confirm = !confirm
				if _, err := client.Send(message, confirm); err != nil {
					t.Fatal(err)
				}
				n, from, err := receiver.Receive(b)
				if err != nil || string(b[:n]) != "heartbeat" || from != netip.MustParseAddrPort(client.LocalAddr().String()) {
					t.Fatalf("%q from %v, %v", b[:n], from, err)
				}
				if _, err := sender.Send(message, confirm); err != nil {
					t.Fatal(err)
				}
				if n, err := client.Read(b); err != nil || string(b[:n]) != "heartbeat" {
					t.Fatalf("%q, %v", b[:n], err)
				}
			}); n > 4 { // two of them are the test's own: addresses as text
				t.Errorf("%v allocations for one each way", n)
			}
			if _, err := client.Write(nil); err != nil {
				t.Errorf("an empty datagram: %v", err)
			}
			if n, _, err := receiver.Receive(b); n != 0 || err != nil {
				t.Errorf("an empty datagram: %d bytes, %v", n, err)
			}
		})
	}
}

// TestReceiveEnds returns what package net would: guard and demux tell the ends
// from hints by it.
func TestReceiveEnds(t *testing.T) {
	host := netip.MustParseAddr("127.0.0.1")
	gone, err := Listen(t.Context(), "", netip.AddrPortFrom(host, 0))
	if err != nil {
		t.Fatal(err)
	}
	remote := netip.MustParseAddrPort(gone.LocalAddr().String())
	_ = gone.Close()
	c, err := Dial(t.Context(), "", host, remote)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 64)
	if _, err := c.Write([]byte("anybody there?")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(b); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("from nobody: %v", err)
	}
	_ = c.SetReadDeadline(time.Unix(1, 0))
	if _, err := c.Read(b); !isTimeout(err) {
		t.Errorf("past the deadline: %v", err)
	}
	_ = c.SetReadDeadline(time.Time{})
	ended := make(chan error, 1)
	go func() { _, err := c.Read(b); ended <- err }()
	_ = c.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("closed while reading: %v", err)
	}
	if _, err := c.Send(b, true); !errors.Is(err, net.ErrClosed) {
		t.Errorf("sent over a closed socket: %v", err)
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}
