package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"socketha/agent/status"
)

const (
	limit     = 30 * time.Second      // the whole demo ends by then
	readTime  = 6 * time.Second       // for a person to read a verdict
	askAgain  = 20 * time.Millisecond // while an agent has not made its socket yet
	upgradeTo = "18.4.1"
)

// play runs the two agents and shows what they find.
func (p *pair) play(ctx context.Context, live bool) error {
	if !live {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("not finished within %v", limit))
		defer cancel()
	}
	say("Two Sockets on one HA link: %s.", p.stage.name)
	for _, s := range p.sockets {
		say("  %s  S/N %s  firmware %s", s.name, s.serial, s.version)
	}
	say("")
	begin := time.Now()
	if err := p.start(); err != nil {
		return err
	}
	err := p.story(ctx, begin, live)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		say("\nStopped.")
		return nil
	}
	for _, s := range p.sockets {
		say("\nThe end of the log of %s:\n%s", s.name, s.lastWords())
	}
	return err
}

func (p *pair) story(ctx context.Context, begin time.Time, live bool) error {
	chapter("The agents find each other and compare")
	verdict, err := p.both(ctx, begin, func(d status.Document) bool { return d.Compatibility == "incompatible" })
	if err != nil {
		return err
	}
	if err := p.show(ctx, p.sockets[0]); err != nil {
		return err
	}
	a, b := p.sockets[0], p.sockets[1]
	say("%s:  $ socketha impact", a.name)
	if err := p.print(ctx, "impact", "--config", a.config()); err != nil {
		return err
	}
	say("The same on the command line, needing no agent:  $ socketha compare %s %s", a.version, b.version)
	if err := p.print(ctx, "compare", a.version, b.version); err != nil {
		return err
	}
	if live {
		return p.live(ctx, begin)
	}
	if err := pause(ctx, readTime); err != nil {
		return err
	}
	chapter(fmt.Sprintf("%s is upgraded to %s; its agent is not restarted", b.name, upgradeTo))
	say("%s:  $ socketha upgrade begin %s", b.name, upgradeTo)
	if err := p.print(ctx, "upgrade", "begin", upgradeTo, "--config", b.config()); err != nil {
		return err
	}
	begin = time.Now()
	if err := b.install(upgradeTo); err != nil {
		return err
	}
	upgraded, err := p.both(ctx, begin, func(d status.Document) bool { return d.Readiness == "ready" })
	if err != nil {
		return err
	}
	if err := p.show(ctx, a); err != nil {
		return err
	}
	say("%s:  $ socketha history", a.name)
	if err := p.print(ctx, "history", "--config", a.config()); err != nil {
		return err
	}
	p.summary(verdict, upgraded)
	return nil
}

// both follows the two agents until both documents satisfy cond, telling every
// change, and returns how long that took.
func (p *pair) both(ctx context.Context, begin time.Time, cond func(status.Document) bool) (time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range p.sockets {
		group.Go(func() error { return s.follow(ctx, begin, cond) })
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return time.Since(begin), nil
}

// follow tells each change of one agent's status until cond holds.
func (s *socket) follow(ctx context.Context, begin time.Time, cond func(status.Document) bool) error {
	var told string
	for ctx.Err() == nil {
		for d, err := range s.client.Events(ctx) {
			if err != nil {
				break // not there yet: ask again
			}
			if text := oneLine(d); text != told {
				told = text
				say("  +%6.3f s  %-9s %s", time.Since(begin).Seconds(), s.name, text)
			}
			if cond(d) {
				return nil
			}
		}
		if err := pause(ctx, askAgain); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// oneLine is the verdict and the gravest reason.
func oneLine(d status.Document) string {
	text := d.ReadinessLabel()
	if len(d.Reasons) > 0 {
		text += ": " + strings.TrimPrefix(strings.TrimPrefix(string(d.Reasons[0].Code), "HA_NOT_READY_"), "HA_WARNING_")
	}
	if d.Remedy != nil && d.Remedy.UpgradeSerial != nil {
		text += fmt.Sprintf(" → upgrade %s to major %d", *d.Remedy.UpgradeSerial, d.Remedy.ToMajor)
	}
	return text
}

// live goes on until Ctrl-C, and says how to play.
func (p *pair) live(ctx context.Context, begin time.Time) error {
	chapter("Live until Ctrl-C")
	for _, s := range p.sockets {
		say("  %s: %s status --watch --config %s", s.name, p.binary, s.config())
		say("  upgrade it:  echo %s >%s/etc/socketha/version", upgradeTo, s.dir)
	}
	say("")
	_, err := p.both(ctx, begin, func(status.Document) bool { return false })
	return err
}

// show prints the status of one Socket as a person would see it.
func (p *pair) show(ctx context.Context, s *socket) error {
	say("\n%s:  $ socketha status", s.name)
	return p.print(ctx, "status", "--config", s.config())
}

// print runs a command with its output going straight to the viewer, so that it
// is coloured where that is a terminal. Exit codes from 3 up are verdicts.
func (p *pair) print(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, p.binary, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 3 {
		say("exit code %d\n", exit.ExitCode())
		return nil
	}
	say("")
	if err != nil {
		return fmt.Errorf("socketha %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (p *pair) summary(verdict, upgraded time.Duration) {
	chapter("What you saw")
	say("  link      %s, mutual DTLS 1.2, keys pinned by fingerprint", p.stage.name)
	say("  verdict   both agents: incompatible, upgrade %s — %.0f ms after their start", p.sockets[1].serial, verdict.Seconds()*1e3)
	say("  upgrade   both agents: Ready — %.0f ms after the version file changed", upgraded.Seconds()*1e3)
	say("")
	say("`make demo-live` keeps the pair running.")
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

func chapter(title string) {
	fmt.Printf("── %s %s\n", title, strings.Repeat("─", max(0, 74-len(title))))
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
