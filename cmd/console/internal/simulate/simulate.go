package simulate

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/ingest"
)

// Config says what to simulate.
type Config struct {
	URL         string // of the console's front door: https://HOST:PORT
	CA          *fleet.CA
	Tenant      string
	Sites       int
	Connections int           // at once
	Cadence     time.Duration // that the Sockets announce
	Rounds      int           // reports of each Socket; 0: until the context ends, one a cadence
	Epoch       uint64        // of this start; 0: from the clock, so that a later run goes on above

	Progress func(Progress) // every second
}

// Progress is how far it has come.
type Progress struct {
	Elapsed               time.Duration
	Sent, Accepted, Other uint64 // reports; Other: refused or failed
	Round                 int
	P50, P95, Max         time.Duration // of a report, connecting included, in the last second
	LastError             string
}

// job is one report to send.
type job struct {
	pair   int
	socket int
	seq    uint64
	cause  schema.Cause
}

// Simulator sends the reports of a fleet.
type Simulator struct {
	cfg   Config
	host  string
	start time.Time

	sent, accepted, other atomic.Uint64
	round                 atomic.Int64
	lastError             atomic.Value

	mu    sync.Mutex
	times []time.Duration // since the last progress
}

// Run sends everything and returns what came of it.
func Run(ctx context.Context, cfg Config) (Progress, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return Progress{}, fmt.Errorf("simulate: %q is no https://HOST:PORT", cfg.URL)
	}
	s := &Simulator{cfg: cfg, host: u.Host, start: time.Now()}
	if s.cfg.Epoch == 0 {
		s.cfg.Epoch = uint64(s.start.Unix())
	}
	jobs := make(chan job)
	var workers sync.WaitGroup
	for range cfg.Connections {
		workers.Go(func() {
			for j := range jobs {
				s.send(ctx, j)
			}
		})
	}
	reporting, stop := context.WithCancel(context.WithoutCancel(ctx))
	var reporter sync.WaitGroup
	reporter.Go(func() { s.report(reporting) })
	s.feed(ctx, jobs)
	close(jobs)
	workers.Wait()
	stop()
	reporter.Wait()
	return s.progress(), nil
}

// feed makes the rounds: every Socket once, then again after a cadence.
func (s *Simulator) feed(ctx context.Context, jobs chan<- job) {
	for round := 0; s.cfg.Rounds == 0 || round < s.cfg.Rounds; round++ {
		s.round.Store(int64(round + 1))
		began := time.Now()
		for n := range s.cfg.Sites {
			if !s.site(ctx, jobs, n, round) {
				return
			}
			if s.cfg.Rounds == 0 && round > 0 { // spread over the cadence
				wait(ctx, time.Until(began.Add(s.cfg.Cadence*time.Duration(n+1)/time.Duration(s.cfg.Sites))))
			}
		}
		if s.cfg.Rounds == 0 && round == 0 {
			wait(ctx, time.Until(began.Add(s.cfg.Cadence)))
		}
	}
}

func (s *Simulator) site(ctx context.Context, jobs chan<- job, n, round int) bool {
	p := fleet.NewPair(s.cfg.Tenant, n)
	for i := range p.Serials {
		if round > 0 && !p.Reports(i) {
			continue
		}
		cause := schema.CausePeriodic
		if round == 0 {
			cause = schema.CauseStart
		}
		select {
		case jobs <- job{n, i, uint64(round + 1), cause}:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Simulator) send(ctx context.Context, j job) {
	if ctx.Err() != nil {
		return
	}
	began := time.Now()
	code, err := s.exchange(ctx, j)
	took := time.Since(began)
	s.sent.Add(1)
	if err == nil && code == http.StatusOK {
		s.accepted.Add(1)
	} else if ctx.Err() == nil {
		s.other.Add(1)
		s.lastError.Store(fmt.Sprint(cmp.Or(err, fmt.Errorf("status %d", code))))
	}
	s.mu.Lock()
	if len(s.times) < 100_000 {
		s.times = append(s.times, took)
	}
	s.mu.Unlock()
}

// exchange sends one report on a connection of its own.
func (s *Simulator) exchange(ctx context.Context, j job) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	pair := fleet.NewPair(s.cfg.Tenant, j.pair)
	now := time.Now()
	body, err := pair.Encode(j.socket, now, schema.Position{Epoch: s.cfg.Epoch, Seq: j.seq}, j.cause, s.cfg.Cadence)
	if err != nil {
		return 0, err
	}
	cert, err := s.cfg.CA.Client(pair.Tenant, pair.Serials[j.socket], now)
	if err != nil {
		return 0, err
	}
	host, _, _ := net.SplitHostPort(s.host)
	dialer := &tls.Dialer{Config: &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: host, RootCAs: s.cfg.CA.Pool(), Certificates: []tls.Certificate{cert},
	}}
	conn, err := dialer.DialContext(ctx, "tcp", s.host)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.host+ingest.Path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", schema.ContentType)
	req.Close = true
	if err := req.Write(conn); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, schema.MaxAnswer))
	return resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// report tells the progress every second.
func (s *Simulator) report(ctx context.Context) {
	if s.cfg.Progress == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.cfg.Progress(s.progress())
		}
	}
}

func (s *Simulator) progress() Progress {
	s.mu.Lock()
	times := s.times
	s.times = nil
	s.mu.Unlock()
	p := Progress{
		Elapsed: time.Since(s.start), Sent: s.sent.Load(), Accepted: s.accepted.Load(), Other: s.other.Load(),
		Round: int(s.round.Load()),
	}
	if text, ok := s.lastError.Load().(string); ok {
		p.LastError = text
	}
	if slices.Sort(times); len(times) > 0 {
		p.P50, p.P95, p.Max = times[len(times)/2], times[len(times)*95/100], times[len(times)-1]
	}
	return p
}
