package role

import (
	"context"
	"errors"
	"io/fs"
	"time"
)

const (
	// askVtyEvery and askVtyshEvery are how often vrrpd is asked: a question costs 0.1 ms by
	// its socket and 50 ms by vtysh.
	askVtyEvery   = time.Second
	askVtyshEvery = 2 * time.Second

	showVRRP = "show vrrp json"
)

// newFRR makes the source that asks vrrpd.
func newFRR(cfg FRR) source {
	judge := func(out []byte, err error) report {
		if errors.Is(err, fs.ErrNotExist) {
			return absence("vrrpd does not run: %v", err)
		}
		if err != nil {
			return failure("vrrpd cannot be asked", err)
		}
		routers, err := parseVRRP(out)
		if err != nil {
			return silence("vrrpd answered something else: %v", err)
		}
		return judgeVRRP(routers, cfg.Interface, cfg.VRID)
	}
	if cfg.Socket == "" {
		return &poller{every: askVtyshEvery, hints: make(chan struct{}, 1), close: func() {}, ask: func(ctx context.Context) report {
			out, _, err := runCommand(ctx, cfg.Command, maxAnswer)
			return judge(out, err)
		}}
	}
	v := &vty{path: cfg.Socket}
	return &poller{every: askVtyEvery, hints: make(chan struct{}, 1), close: v.close, ask: func(ctx context.Context) report {
		return judge(v.query(ctx, showVRRP))
	}}
}
