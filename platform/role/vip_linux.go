package role

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// maxBatch bounds the datagrams taken before the addresses are looked at.
	maxBatch = 256

	// receiveBuffer holds some 100 messages while that happens; what does not fit is a
	// hint all the same.
	receiveBuffer = 256 << 10

	// dumpTries is how often a list that changed while it was being made is
	// asked for again.
	dumpTries = 5

	// answerTime bounds the wait for the kernel's answer.
	answerTime = 5 * time.Second

	// shortestWait keeps a rounded time limit from becoming none.
	shortestWait = time.Millisecond

	// skipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h.
	skipStats = 1 << 3
)

// kernel is the places from rtnetlink: one socket for hints, one for requests.
type kernel struct {
	hints    *nl.NetlinkSocket
	requests *nl.NetlinkSocket
	handles  map[int]*nl.SocketHandle
}

// openPlaces subscribes in the network namespace of the calling thread.
func openPlaces() (places, error) {
	hints, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR)
	if err != nil {
		return nil, fmt.Errorf("subscribing to netlink: %w", err)
	}
	_ = hints.SetReceiveBufferSize(receiveBuffer, false)
	requests, err := openRequests()
	if err != nil {
		hints.Close()
		return nil, err
	}
	handles := map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: requests}}
	return &kernel{hints: hints, requests: requests, handles: handles}, nil
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
	return s, nil
}

func (k *kernel) close() {
	k.hints.Close()
	k.requests.Close()
}

// wait takes what is there: the content does not matter, the addresses are
// looked at afresh.
func (k *kernel) wait(d time.Duration) error {
	limit := unix.NsecToTimeval(max(d, shortestWait).Nanoseconds())
	if err := k.hints.SetReceiveTimeout(&limit); err != nil {
		return fmt.Errorf("limiting the wait for netlink: %w", err)
	}
	for range maxBatch {
		_, _, err := k.hints.Receive()
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS): // ENOBUFS: some were lost, which is a hint too
			return nil
		case err != nil:
			return fmt.Errorf("receiving from netlink: %w", err)
		}
		if !k.more() {
			return nil
		}
	}
	return nil
}

// more reports whether another datagram can be had without waiting.
func (k *kernel) more() bool {
	fds := []unix.PollFd{{Fd: int32(k.hints.GetFd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1
}

func (k *kernel) read(vips []netip.Addr) (found []place, err error) {
	var answers [][]byte
	for range dumpTries {
		req := k.request(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		req.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
		if answers, err = req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR); !errors.Is(err, nl.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	for _, answer := range answers {
		index, p, ok := parseAddr(answer, vips)
		if !ok {
			continue
		}
		err := k.link(index, &p)
		if errors.Is(err, unix.ENODEV) {
			continue // it went between the two requests
		}
		if err != nil {
			return nil, fmt.Errorf("reading interface %d: %w", index, err)
		}
		found = append(found, p)
	}
	return found, nil
}

// link asks for one interface and adds it to the place.
func (k *kernel) link(index int, p *place) error {
	req := k.request(unix.RTM_GETLINK, 0)
	header := nl.NewIfInfomsg(unix.AF_UNSPEC)
	header.Index = int32(index)
	req.AddData(header)
	req.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return err
	}
	if len(answers) != 1 {
		return fmt.Errorf("%d answers to a request for one interface", len(answers))
	}
	return parseLink(answers[0], p)
}

func (k *kernel) request(typ, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(typ, flags)
	req.Sockets = k.handles
	return req
}
