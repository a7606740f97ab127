package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/agent/report"
	"socketha/agent/report/post"
	"socketha/agent/status"
	"socketha/peer"
	"socketha/platform/plainfile"
)

const (
	// maxSaved bounds the file of what a report remembers, in bytes.
	maxSaved = 4096

	// epochPatience is how long the first report waits for its epoch to be on
	// flash. Where there is none to write to, a 409 puts it right.
	epochPatience = 5 * time.Second
)

// upstream is the way to the cloud; a nil upstream is one that is not configured.
type upstream struct {
	reporter *report.Reporter
	life     *life
	saved    string        // file beside the local socket, gone with a reboot
	changed  chan struct{} // capacity 1: its state has news
	log      *slog.Logger
}

// newUpstream makes the reporter; nil where no cloud is configured.
func (a *Agent) newUpstream() (*upstream, error) {
	cfg := a.cfg.Upstream
	if cfg.URL == "" {
		return nil, nil //nolint:nilnil // none is a configuration, not a failure
	}
	target, err := post.ParseTarget(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	roots, err := readCA(cfg.CA)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	client, err := post.New(post.Config{
		Target:      target,
		Certificate: func() (*tls.Certificate, error) { return clientCertificate(cfg.Certificate, cfg.Key) },
		Roots:       roots,
		TimeFloor:   a.build.CommitTime,
		UserAgent:   "socketha/" + a.build.Version,
	})
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	u := &upstream{
		life: a.observer.life, log: a.log,
		saved:   filepath.Join(filepath.Dir(a.cfg.Local.Socket), "report"),
		changed: make(chan struct{}, 1),
	}
	saved, err := plainfile.Read(u.saved, maxSaved)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.log.Warn("what the last reports were is not known", "error", err)
	}
	u.reporter, err = report.New(report.Config{
		Serial: a.identity.Serial(), Source: a.observer, Sender: client,
		Epoch:      u.life.journal.State().Epoch,
		RaiseEpoch: u.life.journal.RaiseEpoch,
		Cadence:    cfg.Cadence,
		Saved:      saved,
		Log:        a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	return u, nil
}

// clientCertificate reads the certificate anew for each handshake, so that a
// renewed one needs no restart.
func clientCertificate(certificate, key string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}
	return &pair, nil
}

// Run reports until ctx is cancelled, and then returns nil.
func (u *upstream) Run(ctx context.Context) error {
	durable, cancel := context.WithTimeout(ctx, epochPatience)
	err := u.life.journal.Sync(durable)
	cancel()
	if err != nil && ctx.Err() == nil {
		u.log.Warn("the number of this start is not on flash; the cloud may ask for another", "error", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return u.reporter.Run(ctx) })
	group.Go(func() error { u.follow(ctx); return nil })
	return group.Wait()
}

// follow passes on what changes, and keeps it for an agent after this one.
func (u *upstream) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.reporter.Changed():
		}
		notify(u.changed)
		if err := keep(u.saved, u.reporter.Save()); err != nil {
			u.log.Debug("what was reported is not kept over a restart", "error", err)
		}
	}
}

// keep replaces a file that need not survive the machine.
func keep(name string, data []byte) error {
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	return nil
}

// input is how this Socket stands with its cloud.
func (u *upstream) input() *status.Upstream {
	if u == nil {
		return &status.Upstream{State: peer.UpstreamNotConfigured}
	}
	s := u.reporter.Stats()
	return &status.Upstream{State: s.State, Fault: s.LastError}
}

// live fills in what changes with every report.
func (u *upstream) live(l *status.Live, c *clock) {
	if u == nil {
		return
	}
	s := u.reporter.Stats()
	l.LastDelivered = c.instant(s.LastDelivered)
	l.Queued, l.Dropped = &s.Queued, &s.Dropped
}
