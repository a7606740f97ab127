package rig

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Change of carrier as the kernel told everybody.
type Change struct {
	Seen    time.Time
	Carrier bool
}

// Monitor listens beside the agent to what the kernel tells of the HA interface.
// It is the control of what an agent needs to know: earlier than here nobody can.
type Monitor struct {
	Changes *Record[Change]

	fd     int
	closed atomic.Bool
	done   chan struct{}
}

// Monitor begins to listen in the box's namespace.
func (b *Box) Monitor() (*Monitor, error) {
	m := &Monitor{Changes: newRecord[Change](), fd: -1, done: make(chan struct{})}
	if err := b.ns.Do(m.open); err != nil {
		return nil, fmt.Errorf("listen to the kernel in the namespace of %s: %w", b.Serial, err)
	}
	go m.run()
	return m, nil
}

func (m *Monitor) open() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	m.fd = fd
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 100_000}); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_LINK})
}

func (m *Monitor) run() {
	defer close(m.done)
	defer func() { _ = unix.Close(m.fd) }()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	buf := make([]byte, 64<<10)
	for !m.closed.Load() {
		n, _, err := unix.Recvfrom(m.fd, buf, 0)
		seen := time.Now()
		if err != nil {
			continue
		}
		for _, flags := range linkFlags(buf[:n]) {
			m.Changes.add(Change{seen, flags&unix.IFF_LOWER_UP != 0})
		}
	}
}

// linkFlags are the interface flags in messages about an interface other than lo
// (rtnetlink(7)).
func linkFlags(b []byte) (all []uint32) {
	for len(b) >= unix.SizeofNlMsghdr {
		length, kind := int(binary.NativeEndian.Uint32(b)), binary.NativeEndian.Uint16(b[4:])
		if length < unix.SizeofNlMsghdr || length > len(b) {
			return all
		}
		if body := b[unix.SizeofNlMsghdr:length]; kind == unix.RTM_NEWLINK && len(body) >= unix.SizeofIfInfomsg {
			if flags := binary.NativeEndian.Uint32(body[8:]); flags&unix.IFF_LOOPBACK == 0 {
				all = append(all, flags)
			}
		}
		b = b[min((length+3)&^3, len(b)):]
	}
	return all
}

// Close ends it.
func (m *Monitor) Close() {
	m.closed.Store(true)
	<-m.done
}
