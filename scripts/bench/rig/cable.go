package rig

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// firstIndex is the interface index of the first cable's first end. The other
// end gets a low one: with equal ones the kernel takes the two for one and may
// sit on a change of carrier for a second (net/core/link_watch.c).
const firstIndex = 1000

// MakeCable joins the two namespaces and gives both ends their addresses.
func (p *Pair) MakeCable() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = Interface
	attrs.Index = firstIndex + p.cables
	p.cables++
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: Interface, PeerNamespace: netlink.NsFd(p.Boxes[1].ns.FD())}
	if err := p.Boxes[0].ns.Netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("make the cable: %w", err)
	}
	for _, b := range p.Boxes {
		l, err := b.end()
		if err != nil {
			return err
		}
		if err := b.addAddress(l); err != nil {
			return err
		}
		if err := b.ns.Netlink.LinkSetUp(l); err != nil {
			return fmt.Errorf("switch the cable on: %w", err)
		}
	}
	if p.opts.PinARP {
		return p.pinNeighbours()
	}
	return nil
}

// pinNeighbours takes address resolution out of the picture: a lost question or
// answer of ARP, or of neighbour discovery, costs a second each.
func (p *Pair) pinNeighbours() error {
	for i, b := range p.Boxes {
		here, err := b.end()
		if err != nil {
			return err
		}
		there, err := p.Boxes[1-i].end()
		if err != nil {
			return err
		}
		if err := b.ns.Netlink.NeighSet(&netlink.Neigh{
			LinkIndex: here.Attrs().Index, State: netlink.NUD_PERMANENT,
			IP: net.ParseIP(p.addressOf(p.Boxes[1-i])), HardwareAddr: there.Attrs().HardwareAddr,
		}); err != nil {
			return fmt.Errorf("pin the link address of %s's peer: %w", b.Serial, err)
		}
	}
	return nil
}

// RemoveCable removes the interface from both boxes.
func (p *Pair) RemoveCable() error {
	l, err := p.Boxes[0].end()
	if err != nil {
		return err
	}
	if err := p.Boxes[0].ns.Netlink.LinkDel(l); err != nil {
		return fmt.Errorf("remove the cable: %w", err)
	}
	p.filter = false // gone with its interface
	return nil
}

// Cable is one end of the cable, looked up once so that using it takes one
// system call.
type Cable struct {
	box  *Box
	link netlink.Link
}

// Cable returns the box's end.
func (b *Box) Cable() (*Cable, error) {
	l, err := b.end()
	if err != nil {
		return nil, err
	}
	return &Cable{b, l}, nil
}

// Unplug takes the carrier of the other end, by switching this one off. It
// returns the times before and after.
func (c *Cable) Unplug() (before, after time.Time, err error) {
	before = time.Now()
	err = c.box.ns.Netlink.LinkSetDown(c.link)
	return before, time.Now(), err
}

// Plug is the reverse of Unplug. With IPv6 it also gives back the link-local
// address, which an interface loses when it is switched off.
func (c *Cable) Plug() (before, after time.Time, err error) {
	before = time.Now()
	err = c.box.ns.Netlink.LinkSetUp(c.link)
	if err == nil && c.box.pair.opts.IPv6 {
		err = c.box.addAddress(c.link)
	}
	return before, time.Now(), err
}

// addAddress gives the end its address, unless it has it. Where the agents find
// each other it has the one that the kernel makes and checks, in a second or two.
func (b *Box) addAddress(l netlink.Link) error {
	if b.pair.opts.Discover {
		return nil
	}
	prefix := b.pair.addressOf(b) + "/30"
	if b.pair.opts.IPv6 {
		prefix = b.pair.addressOf(b) + "/64"
	}
	addr, err := netlink.ParseAddr(prefix)
	if err != nil {
		return fmt.Errorf("address of %s: %w", b.Serial, err)
	}
	if b.pair.opts.IPv6 {
		addr.Flags = unix.IFA_F_NODAD // usable at once
	}
	if err := b.ns.Netlink.AddrReplace(l, addr); err != nil {
		return fmt.Errorf("address of %s: %w", b.Serial, err)
	}
	return nil
}

// addressOf is the configured address of a box, without prefix length.
func (p *Pair) addressOf(b *Box) string {
	if b == p.Boxes[0] {
		return p.addrs[0]
	}
	return p.addrs[1]
}

// Traffic are the counters of this end since the cable was made.
type Traffic struct{ TxPackets, RxPackets, TxBytes, RxBytes uint64 }

// Traffic reads the counters.
func (b *Box) Traffic() (Traffic, error) {
	l, err := b.end()
	if err != nil {
		return Traffic{}, err
	}
	s := l.Attrs().Statistics
	return Traffic{TxPackets: s.TxPackets, RxPackets: s.RxPackets, TxBytes: s.TxBytes, RxBytes: s.RxBytes}, nil
}

func (b *Box) end() (netlink.Link, error) {
	l, err := b.ns.Netlink.LinkByName(Interface)
	if err != nil {
		return nil, fmt.Errorf("find the cable's end at %s: %w", b.Serial, err)
	}
	return l, nil
}

// Drop has each frame dropped on its way in, at both ends, with that probability
// in percent: 100 is a silent cut, 0 heals. It returns the times before and
// after: the change took effect in between, not at once at both ends.
//
// nftables, since not every kernel has netem. The hook is ingress: a sender is
// not told, as it would be by a drop on its own side.
func (p *Pair) Drop(percent int) (before, after time.Time, err error) {
	if !p.filter {
		// The slow part once, ahead of time.
		if err := p.nft(fmt.Sprintf("add table netdev bench; add chain netdev bench in "+
			"{ type filter hook ingress device %q priority 0; }", Interface)); err != nil {
			return before, after, err
		}
		p.filter = true
	}
	rule := "flush chain netdev bench in"
	switch {
	case percent >= 100:
		rule += "; add rule netdev bench in counter drop"
	case percent > 0:
		rule += fmt.Sprintf("; add rule netdev bench in numgen random mod 100 < %d counter drop", percent)
	}
	before = time.Now()
	err = p.nft(rule)
	return before, time.Now(), err
}

// DropResolution has every question and answer about link addresses dropped at both
// ends, and nothing else: what a heartbeat that proves the peer reachable should
// make up for (MSG_CONFIRM, arp(7)).
func (p *Pair) DropResolution() error {
	if _, _, err := p.Drop(0); err != nil {
		return err
	}
	return p.nft("add rule netdev bench in meta protocol arp drop; " +
		"add rule netdev bench in icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } drop")
}

// nft runs a script in both namespaces at once.
func (p *Pair) nft(script string) error {
	var cmds [2]*exec.Cmd
	var out [2]bytes.Buffer
	for i, b := range p.Boxes {
		cmd := exec.Command("nft", script)
		cmd.Stdout, cmd.Stderr = &out[i], &out[i]
		if err := b.inside.do(cmd.Start); err != nil {
			return fmt.Errorf("nft: %w", err)
		}
		cmds[i] = cmd
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("nft %q: %w: %s", script, err, strings.TrimSpace(out[i].String()))
		}
	}
	return nil
}
