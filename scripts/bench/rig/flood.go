package rig

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/pion/dtls/v2/pkg/crypto/elliptic"
	"github.com/pion/dtls/v2/pkg/protocol"
	"github.com/pion/dtls/v2/pkg/protocol/extension"
	"github.com/pion/dtls/v2/pkg/protocol/handshake"
	"github.com/pion/dtls/v2/pkg/protocol/recordlayer"
	"golang.org/x/sys/unix"
)

// Port of the HA link.
const Port = 20481

// ourSuite is TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, without which a
// hello is refused at once.
const ourSuite = 0xCCA9

// Source is where a flood seems to come from.
type Source string

// Sources.
const (
	FromPeer    Source = "peer"    // the peer's address, any port
	FromSpoofed Source = "spoofed" // addresses that nobody has
)

const (
	ethernetHeader = 14
	ipHeader       = 20
	udpHeader      = 8
	headers        = ethernetHeader + ipHeader + udpHeader
	recordHeader   = 13
	randomAt       = headers + recordHeader + 12 + 2 // record, handshake header, version
	maxLate        = 20                              // ms of hellos sent later than due
)

// Flood sends ClientHellos to the box from the other end of its cable, rate a
// second, until ctx ends; each from a port of its own and with a random of its
// own. It returns how many went out. IPv4 only; nothing leaves the namespace.
func (p *Pair) Flood(ctx context.Context, victim *Box, from Source, rate int) (sent int, err error) {
	if p.opts.IPv6 {
		return 0, errors.New("flood: IPv4 only")
	}
	attacker := p.Other(victim)
	frame, err := p.helloFrame(attacker, victim)
	if err != nil {
		return 0, fmt.Errorf("flood: %w", err)
	}
	l, err := attacker.end()
	if err != nil {
		return 0, err
	}
	err = <-attacker.ns.Go(func() error {
		if err := ordinary(); err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0) // sends only
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		to := &unix.SockaddrLinklayer{Ifindex: l.Attrs().Index}
		sent, err = pace(ctx, rate, func() error {
			vary(frame, from)
			return unix.Sendto(fd, frame, 0, to)
		})
		return err
	})
	return sent, err
}

// pace calls send rate times a second until ctx ends, every millisecond as often
// as is due. What it is late with after a stall of more than some milliseconds is
// left out, so that a flood is never a burst.
func pace(ctx context.Context, rate int, send func() error) (sent int, err error) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begun, due := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return sent, nil
		case <-tick.C:
		}
		now := int(time.Since(begun) * time.Duration(rate) / time.Second)
		due = max(due, now-rate*maxLate/1000)
		for ; due < now; due++ {
			switch err := send(); {
			case errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ENETDOWN):
				continue // a full queue; the cable is being pulled
			case err != nil:
				return sent, fmt.Errorf("send a hello: %w", err)
			}
			sent++
		}
	}
}

// helloFrame is a whole Ethernet frame with a plausible first ClientHello.
func (p *Pair) helloFrame(from, to *Box) ([]byte, error) {
	hello, err := clientHello()
	if err != nil {
		return nil, err
	}
	src, err := from.end()
	if err != nil {
		return nil, err
	}
	dst, err := to.end()
	if err != nil {
		return nil, err
	}
	f := make([]byte, headers, headers+len(hello))
	copy(f[0:], dst.Attrs().HardwareAddr)
	copy(f[6:], src.Attrs().HardwareAddr)
	binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IP)
	ip := f[ethernetHeader:]
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], uint16(ipHeader+udpHeader+len(hello)))
	ip[8], ip[9] = 255, unix.IPPROTO_UDP // only hop limit 255 is let in
	copy(ip[12:], netip.MustParseAddr(p.addressOf(from)).AsSlice())
	copy(ip[16:], netip.MustParseAddr(p.addressOf(to)).AsSlice())
	udp := ip[ipHeader:]
	binary.BigEndian.PutUint16(udp[2:], Port)
	binary.BigEndian.PutUint16(udp[4:], uint16(udpHeader+len(hello)))
	// The UDP checksum stays 0: none (RFC 768).
	return append(f, hello...), nil
}

// vary makes the frame another one.
func vary(frame []byte, from Source) {
	_, _ = rand.Read(frame[randomAt : randomAt+32]) // never fails
	ip := frame[ethernetHeader:]
	if from == FromSpoofed {
		// 169.254.128.0/17, off the cable's /30.
		ip[14], ip[15] = 128|frame[randomAt+2], frame[randomAt+3]
	}
	binary.BigEndian.PutUint16(ip[ipHeader:], 1024|binary.BigEndian.Uint16(frame[randomAt:]))
	ip[10], ip[11] = 0, 0
	binary.BigEndian.PutUint16(ip[10:], checksum(ip[:ipHeader]))
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

// clientHello is the first flight of a client that could be ours.
func clientHello() ([]byte, error) {
	hello := &handshake.MessageClientHello{
		Version:            protocol.Version1_2,
		CipherSuiteIDs:     []uint16{ourSuite},
		CompressionMethods: []*protocol.CompressionMethod{{}},
		Extensions: []extension.Extension{
			&extension.SupportedEllipticCurves{EllipticCurves: []elliptic.Curve{elliptic.P256}},
			&extension.SupportedPointFormats{PointFormats: []elliptic.CurvePointFormat{elliptic.CurvePointFormatUncompressed}},
			&extension.UseExtendedMasterSecret{Supported: true},
		},
	}
	record := &recordlayer.RecordLayer{
		Header:  recordlayer.Header{Version: protocol.Version1_2},
		Content: &handshake.Handshake{Message: hello},
	}
	return record.Marshal()
}
