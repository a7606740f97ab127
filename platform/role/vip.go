package role

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"
)

const (
	// settle is the wait after a hint, so that a burst of messages is read once.
	settle = 50 * time.Millisecond

	// relookEvery is how long a read is believed when no message comes.
	relookEvery = 30 * time.Second

	// resubscribeMin and resubscribeMax bound the wait before a failed
	// subscription is made again.
	resubscribeMin = time.Second
	resubscribeMax = 30 * time.Second
)

// place is a virtual address as an interface holds it.
type place struct {
	addr      netip.Addr
	ifname    string
	usable    bool // neither tentative nor failed
	lowerUp   bool // administratively up, with a carrier
	protoDown bool
}

// carries reports whether traffic to the address gets here.
func (p place) carries() bool { return p.usable && p.lowerUp && !p.protoDown }

// why says what keeps it from that.
func (p place) why() string {
	switch {
	case p.protoDown:
		return "protodown"
	case !p.lowerUp:
		return "without a carrier"
	}
	return "not usable: tentative or a duplicate"
}

// places is what the source needs from the operating system. All of it is used from
// one goroutine but for close, which may come from another at any time and ends
// a wait.
type places interface {
	// read looks where the addresses are now.
	read(vips []netip.Addr) ([]place, error)

	// wait returns after interfaces or addresses may have changed, or after d.
	wait(d time.Duration) error

	close()
}

// vip is the source that looks for virtual addresses.
type vip struct {
	vips []netip.Addr
	log  *slog.Logger
	open func() (places, error)
}

func newVIP(vips []netip.Addr, log *slog.Logger) *vip {
	return &vip{vips: slices.Clone(vips), log: log, open: openPlaces}
}

func (v *vip) run(ctx context.Context, say func(report)) {
	wait := resubscribeMin
	for {
		lived, err := v.watch(ctx, say)
		if ctx.Err() != nil {
			return
		}
		say(silence("the addresses of the interfaces cannot be read: %v", err))
		if lived {
			wait = resubscribeMin
		}
		v.log.Warn("looking for virtual addresses failed, trying again", "error", err, "wait", wait)
		sleep(ctx, wait)
		wait = min(2*wait, resubscribeMax)
	}
}

// watch lives as long as one subscription. lived says that it worked at all.
func (v *vip) watch(ctx context.Context, say func(report)) (lived bool, err error) {
	p, err := v.open()
	if err != nil {
		return false, err
	}
	defer closeWith(ctx, p.close)()
	for ctx.Err() == nil {
		found, err := p.read(v.vips)
		if err != nil {
			return lived, err
		}
		lived = true
		say(judgePlaces(v.vips, found))
		if err := p.wait(relookEvery); err != nil {
			return lived, err
		}
		sleep(ctx, settle)
	}
	return lived, nil
}

// judgePlaces says what the places mean. All addresses must agree. It is pure.
func judgePlaces(vips []netip.Addr, found []place) report {
	votes := make([]vote, 0, len(vips))
	for _, addr := range vips {
		votes = append(votes, judgePlace(addr, found))
	}
	r := agree(votes)
	r.weak = r.ha == Standby
	return r
}

func judgePlace(addr netip.Addr, found []place) vote {
	v := vote{name: addr.String(), word: "on no interface", ha: Standby}
	for _, p := range found {
		if p.addr != addr {
			continue
		}
		if p.carries() {
			return vote{v.name, "on " + shown(p.ifname), Active}
		}
		v.word = "on " + shown(p.ifname) + ", which is " + p.why()
	}
	return v
}
