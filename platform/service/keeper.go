package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// startEvery is the time between two attempts to see the agent answer at its start.
	startEvery = 100 * time.Millisecond
	// checkTimeout bounds one question; a third of the watchdog's time where
	// that is less.
	checkTimeout = 2 * time.Second
)

// Keeper is the task that tells the service manager when the agent is ready, and
// that it is alive for as long as it answers.
type Keeper struct {
	Notifier *Notifier
	Check    func(ctx context.Context) error // nil while the agent answers; see Healthz
	Status   func() string                   // one line for systemctl status; nil: none
	Log      *slog.Logger
}

// Run goes on until ctx is cancelled, says then that the agent stops, and returns nil.
func (k *Keeper) Run(ctx context.Context) error {
	defer func() { k.mind(k.Notifier.Stopping()) }()
	if !k.start(ctx) {
		return nil
	}
	k.mind(k.Notifier.Ready(k.status()))
	every := k.Notifier.Watchdog() / 3 // one answer may fail
	if every <= 0 {
		<-ctx.Done()
		return nil
	}
	k.feed(ctx, every)
	return nil
}

// start waits until the agent answers for the first time; false if ctx ended first.
func (k *Keeper) start(ctx context.Context) bool {
	tick := time.NewTicker(startEvery)
	defer tick.Stop()
	for {
		if k.check(ctx) == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func (k *Keeper) feed(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	said := false
	for {
		switch err := k.check(ctx); {
		case err == nil:
			said = false
			k.mind(k.Notifier.Feed())
			k.mind(k.Notifier.Status(k.status()))
		case ctx.Err() != nil:
		case !said:
			said = true
			k.Log.Error("the agent does not answer itself, the watchdog is not fed", "error", err)
			k.mind(k.Notifier.Status("not answering: " + err.Error()))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (k *Keeper) check(ctx context.Context) error {
	limit := checkTimeout
	if third := k.Notifier.Watchdog() / 3; third > 0 {
		limit = min(limit, third)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return k.Check(ctx)
}

func (k *Keeper) status() string {
	if k.Status == nil {
		return "running"
	}
	return k.Status()
}

// mind logs that the service manager cannot be told; it will draw its own
// conclusions.
func (k *Keeper) mind(err error) {
	if err != nil {
		k.Log.Warn("the service manager cannot be told", "error", err)
	}
}

// maxHealth bounds the answer to /healthz, in bytes.
const maxHealth = 4 << 10

// Healthz returns a check that asks the agent at its own unix socket, by a
// connection made anew each time, as a client's is.
func Healthz(socket string) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", socket)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		// A deadline alone would let a cancelled check hang until it is over.
		defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
		err = ask(conn)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: no answer to GET /healthz: %w", socket, errors.Join(ctx.Err(), err))
		}
		return err
	}
}

func ask(conn net.Conn) error {
	if _, err := io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return err
	}
	res, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxHealth)), nil)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /healthz: %s: %q", res.Status, body)
	}
	return nil
}
