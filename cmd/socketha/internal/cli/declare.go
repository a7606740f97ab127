package cli

import (
	"context"
	"io"
	"strings"

	"socketha/agent/alarm"
	"socketha/agent/local/client"
	"socketha/peer/compat"
)

func runUpgradeBegin(ctx context.Context, c *call) (Exit, error) {
	d := client.Declaration{}
	words := "Declared: this Socket is being upgraded."
	if len(c.args) == 1 {
		d.Target = c.args[0]
		if _, err := compat.Parse(d.Target); err != nil {
			return ExitUsage, usagef("%q is no version: %v", d.Target, err)
		}
		words = "Declared: this Socket is being upgraded to " + d.Target + "."
	}
	return c.declare(ctx, Source.DeclareUpgrade, d, words+" An alarm that is not raised yet is held for up to "+age(c.alarm().UpgradeHold)+".",
		"Then say how it ended: socketha upgrade end --result ok (or failed, skipped)")
}

func runUpgradeEnd(ctx context.Context, c *call) (Exit, error) {
	result := c.flag("result")
	next := map[string]string{
		"ok":      "See whether the pair is ready: socketha status",
		"failed":  "The alarm stands from now on. See what to do: socketha status",
		"skipped": "The alarm stands from now on. See what to do: socketha status",
	}[result]
	return c.declare(ctx, Source.DeclareUpgrade, client.Declaration{End: true, Result: result},
		"Declared: the upgrade of this Socket has ended, "+result+".", next)
}

func runFailoverBegin(ctx context.Context, c *call) (Exit, error) {
	return c.declare(ctx, Source.DeclareFailover, client.Declaration{},
		"Declared: a failover is made by hand. An alarm that is not raised yet is held for up to "+age(c.alarm().FailoverHold)+".",
		"See what it costs first: socketha impact. When it is over: socketha failover end")
}

func runFailoverEnd(ctx context.Context, c *call) (Exit, error) {
	return c.declare(ctx, Source.DeclareFailover, client.Declaration{End: true},
		"Declared: the failover by hand is over.", "See whether the pair is ready: socketha status")
}

// alarm is how the agent is configured to raise its alarm, as far as this user can
// read that; the defaults otherwise.
func (c *call) alarm() alarm.Config {
	cfg, err := c.loadConfig()
	if err != nil {
		return alarm.DefaultConfig()
	}
	return cfg.Alarm
}

// declare tells the agent and then says that it knows, and what comes next.
func (c *call) declare(ctx context.Context, tell func(Source, context.Context, client.Declaration) error, d client.Declaration, done, next string) (Exit, error) {
	exit, err := c.reach(ctx, "Not declared", func(ctx context.Context, source Source) error { return tell(source, ctx, d) })
	if exit != ExitOK || err != nil {
		return exit, err
	}
	s := styleFor(c.Env)
	var b strings.Builder
	writeLead(&b, s, good, s.symbol(good)+" ", done)
	writeWrapped(&b, "  "+s.arrow()+" ", next, s.columns)
	_, err = io.WriteString(c.Stdout, b.String())
	return exitOf(err), err
}
