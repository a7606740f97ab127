package link

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// maxBatch bounds the datagrams taken before the watcher gets its turn.
	maxBatch = 64

	// dumpTries is how often a list of addresses that changed while it was
	// being made is asked for again.
	dumpTries = 5

	// answerTime bounds the wait for an answer. The kernel answers while it
	// handles the request, so only a broken one lets it pass.
	answerTime = 5 * time.Second

	// skipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h.
	skipStats = 1 << 3

	// shortestWait keeps a rounded time limit from becoming none.
	shortestWait = time.Millisecond
)

// kernel is the feed from rtnetlink: one socket subscribed to links and
// addresses, so that their messages keep their order, and one for requests.
//
// It stands on netlink/nl, beneath LinkSubscribe and AddrSubscribe of the
// same library: those need four goroutines, end at the first ENOBUFS, and
// leak when their channel is not read to its end.
type kernel struct {
	events   *nl.NetlinkSocket
	requests *nl.NetlinkSocket
	handles  map[int]*nl.SocketHandle
	batch    []message
}

// openFeed subscribes in the network namespace of the calling thread. buffer
// is the size of the receive buffer in bytes.
func openFeed(buffer int) (feed, error) {
	events, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, fmt.Errorf("subscribing to netlink: %w", err)
	}
	// The forced size needs CAP_NET_ADMIN; without it net.core.rmem_max caps
	// the size, and what gets lost for that is read afresh.
	if events.SetReceiveBufferSize(buffer, true) != nil {
		if err := events.SetReceiveBufferSize(buffer, false); err != nil {
			events.Close()
			return nil, fmt.Errorf("sizing the netlink receive buffer: %w", err)
		}
	}
	requests, err := openRequests()
	if err != nil {
		events.Close()
		return nil, err
	}
	handle := &nl.SocketHandle{Socket: requests}
	return &kernel{
		events:   events,
		requests: requests,
		handles:  map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: handle},
	}, nil
}

func openRequests() (*nl.NetlinkSocket, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening netlink: %w", err)
	}
	limit := unix.NsecToTimeval(answerTime.Nanoseconds())
	if err := errors.Join(s.SetSendTimeout(&limit), s.SetReceiveTimeout(&limit)); err != nil {
		s.Close()
		return nil, fmt.Errorf("limiting netlink requests: %w", err)
	}
	// Lets the kernel pick the addresses of one interface (Linux 4.20); older
	// ones list all, and addrs picks.
	_ = unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	return s, nil
}

func (k *kernel) close() {
	k.events.Close()
	k.requests.Close()
}

func (k *kernel) wait(d time.Duration) ([]message, error) {
	limit := unix.NsecToTimeval(max(d, shortestWait).Nanoseconds())
	if err := k.events.SetReceiveTimeout(&limit); err != nil {
		return nil, fmt.Errorf("limiting the wait for netlink: %w", err)
	}
	k.batch = k.batch[:0]
	for range maxBatch {
		received, from, err := k.events.Receive()
		switch {
		case errors.Is(err, unix.EAGAIN):
			return k.batch, nil
		case errors.Is(err, unix.ENOBUFS):
			return k.batch, errMissed
		case err != nil:
			return k.batch, fmt.Errorf("receiving from netlink: %w", err)
		}
		if from.Pid == nl.PidKernel {
			k.collect(received)
		}
		if !k.more() {
			break
		}
	}
	return k.batch, nil
}

func (k *kernel) collect(received []syscall.NetlinkMessage) {
	for _, r := range received {
		if m, ok := translate(r.Header.Type, r.Data); ok {
			k.batch = append(k.batch, m)
		}
	}
}

// more reports whether another datagram can be had without waiting.
func (k *kernel) more() bool {
	fds := []unix.PollFd{{Fd: int32(k.events.GetFd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1
}

func (k *kernel) read(name string) (reading, error) {
	r, err := k.link(name)
	if err == nil {
		r.Addrs, err = k.addrs(r.Index)
	}
	if errors.Is(err, unix.ENODEV) { // there is none, or it went between the two requests
		return missing(name), nil
	}
	if err != nil {
		return reading{}, fmt.Errorf("reading interface %s: %w", name, err)
	}
	return r, nil
}

// link asks for one interface by name, or by alternative name.
func (k *kernel) link(name string) (reading, error) {
	req := k.request(unix.RTM_GETLINK, 0)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return reading{}, err
	}
	if len(answers) != 1 {
		return reading{}, fmt.Errorf("%d answers to a request for one interface", len(answers))
	}
	return parseLink(answers[0])
}

// addrs lists the addresses of one interface.
func (k *kernel) addrs(index int) ([]Addr, error) {
	answers, err := whole(func() ([][]byte, error) {
		req := k.request(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		header := nl.NewIfAddrmsg(unix.AF_UNSPEC)
		header.Index = uint32(index)
		req.AddData(header)
		return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	})
	if err != nil {
		return nil, err
	}
	var addrs []Addr
	for _, answer := range answers {
		if i, addr, err := parseAddr(answer); err == nil && i == index {
			addrs = append(addrs, addr)
		}
	}
	return sortAddrs(addrs), nil
}

// whole asks for a list until it did not change while it was being made.
func whole(dump func() ([][]byte, error)) (answers [][]byte, err error) {
	for range dumpTries {
		if answers, err = dump(); !errors.Is(err, nl.ErrDumpInterrupted) {
			break
		}
	}
	return answers, err
}

func (k *kernel) request(typ, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(typ, flags)
	req.Sockets = k.handles
	return req
}
