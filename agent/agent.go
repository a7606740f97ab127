package agent

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/agent/config"
	"socketha/agent/impact"
	"socketha/agent/local"
	"socketha/agent/syslog"
	"socketha/peer/session"
	"socketha/peer/speaker"
	"socketha/peer/transport"
	"socketha/platform/appliance"
	"socketha/platform/link"
	"socketha/platform/plainfile"
	"socketha/platform/role"
	"socketha/platform/service"
	"socketha/platform/unixsock"
)

// Build is what the binary knows of its own source.
type Build struct {
	Version    string    // of the agent, told to the peer
	Commit     string    // of its source; may be empty
	CommitTime time.Time // floor under the clock: no time before it can be right
}

// Agent is one Socket's side of the pair. Make it with New and run it once.
type Agent struct {
	cfg   *config.Config
	build Build
	log   *slog.Logger

	identity  *transport.Identity
	appliance *appliance.Watcher
	link      *link.Watcher
	role      *role.Watcher // nil: no source is configured
	speaker   *speaker.Speaker
	path      *path
	syslog    *syslog.Writer // nil: none is configured
	observer  *observer
	server    *local.Server

	keeper   *service.Keeper // nil: nobody is to be told
	reloader *service.Reloader

	trusting  atomic.Pointer[config.Identity] // whom to believe, as configured now
	reloading sync.Mutex                      // guards current
	current   *config.Config                  // as last taken over
}

// A task runs until ctx is cancelled, and then returns nil.
type task struct {
	name string
	run  func(ctx context.Context) error
}

// New puts the agent together. It takes the local socket, so that of two agents
// on one Socket the second fails here; Run gives it back. Errors say what the
// administrator has to do.
func New(cfg *config.Config, build Build, log *slog.Logger) (*Agent, error) {
	a := &Agent{cfg: cfg, build: build, log: log, current: cfg}
	a.trusting.Store(&cfg.Identity)
	var err error
	if a.identity, err = transport.LoadIdentity(cfg.Identity.Key, cfg.Identity.Certificate); err != nil {
		return nil, fmt.Errorf("this Socket has no identity (make one with \"socketha identity init\"): %w", err)
	}
	if a.link, err = link.New(link.Config{Name: cfg.Link.Interface, Log: log}); err != nil {
		return nil, err
	}
	a.appliance = appliance.NewWatcher(appliance.Paths(cfg.Appliance), log)
	for _, err := range a.appliance.Facts().Errs() {
		log.Warn("appliance file cannot be read", "error", err)
	}
	a.path = &path{
		open:    a.openLink,
		adopt:   func(c speaker.Conn) { a.speaker.Adopt(c) },
		log:     log,
		links:   make(chan link.State, 1),
		changed: make(chan struct{}, 1),
		anew:    make(chan struct{}, 1),
	}
	a.speaker, err = speaker.New(speaker.Config{
		Session: session.Config{Timers: cfg.Link.Timers(), Discriminator: discriminator()},
		Redial:  a.path.redial,
		Log:     log,
	})
	if err != nil {
		return nil, err
	}
	if a.role, err = newRole(cfg.Role, cfg.Local.Socket, log); err != nil {
		return nil, err
	}
	if a.syslog, err = a.newSyslog(); err != nil {
		return nil, err
	}
	if a.server, err = a.openServer(); err != nil {
		return nil, err
	}
	return a, nil
}

// Run runs all tasks until ctx is cancelled, and then returns nil; a task that
// fails ends the others and is the error.
func (a *Agent) Run(ctx context.Context) error {
	a.log.Info("agent starts", "version", a.build.Version, "interface", a.cfg.Link.Interface,
		"role", a.cfg.Pair.Role.String(), "serial", a.identity.Serial(), "fingerprint", a.identity.Fingerprint().String())
	group, ctx := errgroup.WithContext(ctx)
	for _, t := range a.tasks() {
		group.Go(func() error {
			if err := t.run(ctx); err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			return nil
		})
	}
	err := group.Wait()
	a.log.Info("agent stopped")
	return err
}

// tasks are all that runs.
func (a *Agent) tasks() []task {
	list := []task{
		{"HA interface", a.link.Run},
		{"appliance files", a.appliance.Run},
		{"HA link", a.path.Run},
		{"heartbeats", a.speaker.Run},
		{"state", a.observer.life.journal.Run},
		{"status", a.observer.Run},
		{"announcements", a.observer.teller.Run},
		{"local interface", a.server.Run},
	}
	if a.keeper != nil {
		list = append(list, task{"service manager", a.keeper.Run}, task{"reload", a.reloader.Run})
	}
	if a.role != nil {
		list = append(list, task{"HA state", a.role.Run})
	}
	if a.observer.upstream != nil {
		list = append(list, task{"upstream", a.observer.upstream.Run})
	}
	if a.syslog != nil {
		list = append(list, task{"syslog", a.syslog.Run})
	}
	return append(list, a.faceTasks()...)
}

// openLink makes the transport as the pins are now, and the discovery where no
// addresses are configured.
func (a *Agent) openLink() (*transport.Endpoint, *finder, error) {
	trust, err := a.trust()
	if err != nil {
		return nil, nil, err
	}
	var f *finder
	local := a.cfg.Link.LocalAddrPort()
	if !a.cfg.Link.Static() {
		if f, err = newFinder(a.cfg.Link, a.identity, trust, a.log); err != nil {
			return nil, nil, err
		}
		local = netip.AddrPortFrom(netip.Addr{}, a.cfg.Link.Port) // the address comes with the interface
	}
	endpoint, err := transport.New(transport.Config{
		Identity:       a.identity,
		Trust:          trust,
		Interface:      a.cfg.Link.Interface,
		Local:          local,
		Peer:           a.cfg.Link.PeerAddrPort(),
		FlightInterval: flightInterval(a.cfg.Link.Interval),
		RekeyAfter:     a.cfg.Link.KeyChange,
		TimeFloor:      a.build.CommitTime,
		Log:            a.log,
	})
	return endpoint, f, err
}

// flightInterval repeats lost handshake flights sooner where timers are fast.
func flightInterval(heartbeat time.Duration) time.Duration {
	if heartbeat <= 100*time.Millisecond {
		return 50 * time.Millisecond
	}
	return 0 // the transport's default
}

// trust reads whom to believe: the pins of the configuration and of the pins
// file, or the CA.
func (a *Agent) trust() (transport.Trust, error) {
	id := a.trusting.Load()
	pins, err := config.ReadPins(id.PinsFile)
	if err != nil {
		return transport.Trust{}, err
	}
	t := transport.Trust{PeerSerial: id.PeerSerial}
	for _, f := range id.PeerFingerprints {
		t.Pins = append(t.Pins, transport.Fingerprint(f))
	}
	for _, p := range pins {
		t.Pins = append(t.Pins, transport.Fingerprint(p.Fingerprint))
	}
	if id.CA != "" {
		if t.CA, err = readCA(id.CA); err != nil {
			return transport.Trust{}, err
		}
	}
	if len(t.Pins) == 0 && t.CA == nil {
		return transport.Trust{}, fmt.Errorf("nobody is trusted yet: pin the peer with \"socketha identity trust\" (%s has no pins)", id.PinsFile)
	}
	return t, nil
}

// believes reports whether the Socket with that key is still to be believed,
// which one whom an authority vouches for is.
func (a *Agent) believes(key [32]byte) bool {
	t, err := a.trust()
	return err == nil && (t.CA != nil || slices.Contains(t.Pins, transport.Fingerprint(key)))
}

// openCatalog reads the feature catalog. Without one the agent does all the rest of
// its work, so that a broken file costs no more than what it would have told.
func (a *Agent) openCatalog() *impact.Catalog {
	catalog, err := readCatalog(a.cfg.Impact.CatalogFile)
	if err != nil {
		a.log.Error("what an older peer supports is not known", "error", err)
	}
	return catalog
}

// readCatalog reads the feature catalog of that file, or the built-in one.
func readCatalog(name string) (*impact.Catalog, error) {
	if name == "" {
		return impact.Sample(), nil
	}
	data, err := plainfile.Read(name, impact.MaxCatalogSize)
	if err != nil {
		return nil, fmt.Errorf("feature catalog: %s: %w", name, err)
	}
	catalog, err := impact.ParseCatalog(data)
	if err != nil {
		return nil, fmt.Errorf("feature catalog: %s: %w", name, err)
	}
	return catalog, nil
}

// maxCA bounds the file of CA certificates, in bytes.
const maxCA = 1 << 20

func readCA(name string) (*x509.CertPool, error) {
	data, err := plainfile.Read(name, maxCA)
	if err != nil {
		return nil, fmt.Errorf("CA: %s: %w", name, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("CA: %s holds no PEM certificate", name)
	}
	return pool, nil
}

// openServer takes the unix socket, opens the state that only its holder may
// write, and puts the local interface on the socket.
func (a *Agent) openServer() (*local.Server, error) {
	var opts unixsock.Options
	if group := a.cfg.Local.AdminGroup; group != "" {
		opts.Group = group
	}
	caller, err := callers(a.cfg.Local.AdminGroup)
	if err != nil {
		return nil, fmt.Errorf("local interface: %w", err)
	}
	listener, err := unixsock.Listen(a.cfg.Local.Socket, opts)
	if err != nil {
		return nil, fmt.Errorf("local interface: %w", err)
	}
	if a.observer, err = newObserver(a, a.openCatalog()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if a.observer.upstream, err = a.newUpstream(); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	server, err := local.New(local.Config{
		Listener: listener, Source: a.observer, Declarer: a.observer, Caller: caller,
		Pages: a.pages(), Log: a.log,
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return server, nil
}

// discriminator names this life of the agent (RFC 5880 section 6.3).
func discriminator() uint32 {
	var b [4]byte
	for {
		_, _ = rand.Read(b[:]) // never fails (crypto/rand, since Go 1.24)
		if d := binary.BigEndian.Uint32(b[:]); d != 0 {
			return d
		}
	}
}
