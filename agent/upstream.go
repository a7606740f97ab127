package agent

import (
	"bytes"
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
	client   *post.Client
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
		client: client, life: a.observer.life, log: a.log,
		saved:   filepath.Join(filepath.Dir(a.cfg.Local.Socket), "report"),
		changed: make(chan struct{}, 1),
	}
	serial, err := clientSerial(cfg.Certificate, cfg.Key)
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	saved, away := u.read()
	u.reporter, err = report.New(report.Config{
		Serial: serial, Source: a.observer, Sender: client,
		Epoch:      u.life.journal.State().Epoch,
		RaiseEpoch: u.life.journal.RaiseEpoch,
		Cadence:    cfg.Cadence,
		Saved:      saved,
		Away:       away,
		Log:        a.log,
	})
	if err != nil {
		return nil, fmt.Errorf("upstream: %w", err)
	}
	return u, nil
}

// clientSerial is the S/N by which the cloud knows this Socket: that of the client
// certificate, which need not be the one of the link.
func clientSerial(certificate, key string) (string, error) {
	pair, err := clientCertificate(certificate, key)
	if err != nil {
		return "", err
	}
	serial := pair.Leaf.Subject.SerialNumber
	if serial == "" {
		return "", fmt.Errorf("client certificate: %s has no Subject serialNumber", certificate)
	}
	return serial, nil
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
	err = group.Wait()
	u.keep()
	u.client.Close()
	return err
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
		u.keep()
	}
}

// keep writes down, for an agent after this one, what the reporter knows and when
// that was: the boot and the time since it, on a line of their own.
func (u *upstream) keep() {
	data := fmt.Appendf(nil, "%x %d\n", u.life.bootID, sinceBoot())
	data = append(data, u.reporter.Save()...)
	err := os.WriteFile(u.saved+".new", data, 0o600)
	if err == nil {
		err = os.Rename(u.saved+".new", u.saved)
	}
	if err != nil {
		u.log.Debug("what was reported is not kept over a restart", "error", err)
	}
}

// read returns what an agent before this one kept, and how long ago; nothing if
// there is none of this boot.
func (u *upstream) read() (saved []byte, away time.Duration) {
	data, err := plainfile.Read(u.saved, maxSaved)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			u.log.Warn("what the last reports were is not known", "error", err)
		}
		return nil, 0
	}
	line, saved, _ := bytes.Cut(data, []byte("\n"))
	var boot string
	var at time.Duration
	if n, err := fmt.Sscanf(string(line), "%s %d", &boot, &at); n != 2 || err != nil {
		return nil, 0
	}
	if away = sinceBoot() - at; boot != fmt.Sprintf("%x", u.life.bootID) || away < 0 {
		return nil, 0
	}
	return saved, away
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
