package cli

import (
	"context"
	"flag"
	"fmt"
	"strings"
)

const serveHelp = `Sockets report to the ingest listener with a client certificate (TLS 1.3): its O is
the tenant, its Subject serialNumber the serial. The web listener has the pages and
/healthz, /readyz and /metrics. Any number of consoles may serve one PostgreSQL.

  console serve --config /etc/console/console.toml
  console serve --store sqlite:/tmp/c.db --cert server.pem --key server.key \
      --client-ca ca.pem

A configuration file with every key; flags go before it:

`

const simulateHelp = `Makes a CA and a certificate for every Socket, and lets them report. Without --url it
also starts a console of its own, on a store in --dir, to look at:

  console simulate --sites 100                    a small fleet, until Ctrl-C
  console simulate --sites 10000 --rounds 2       load: two reports a Socket, then stop

To send to a console that runs elsewhere, start that one with the certificates that
this command keeps in --dir (server.pem, server.key, ca.pem):

  console simulate --sites 1000 --dir /tmp/fleet --url https://127.0.0.1:8443
`

const migrateHelp = `"console serve" does this by itself when it starts. Of several consoles that do it at
once one does the work, and the others wait for it.

  console migrate --store postgres://console@db/console
`

const backupHelp = `Everything as of one moment, except who is logged in: gzip, one JSON value a line. Either
engine can restore it, so this is also the way from SQLite to PostgreSQL. "-" is the
standard output.

  console backup --store sqlite:/var/lib/console/console.db console.backup
`

const restoreHelp = `The store must be empty, and no console may serve from it. All of the backup is
restored, or nothing. "-" is the standard input.

  console restore --store postgres://console@db/console console.backup
`

// overview is what "console help" prints.
func overview() string {
	var b strings.Builder
	b.WriteString("console takes in the reports of Sockets, tells which sites would not survive a\nfailover, and keeps the story of each.\n\n")
	for _, cmd := range commands() {
		fmt.Fprintf(&b, "  console %-22s %s\n", strings.TrimSpace(cmd.name+" "+cmd.args), cmd.short)
	}
	b.WriteString("\nTo see it work, with a made-up fleet:\n  console simulate --sites 100\nAll about one command:\n  console help serve\n")
	return b.String()
}

// help is all about one command.
func (c *call) help(cmd *command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: console %s\n\n%s.\n", cmd.usage(), capital(cmd.short))
	if cmd.long != "" {
		b.WriteString("\n" + cmd.long)
	}
	flags := ""
	c.set.VisitAll(func(f *flag.Flag) {
		name, usage := flag.UnquoteUsage(f)
		line := "  --" + strings.TrimSpace(f.Name+" "+name)
		flags += fmt.Sprintf("%-28s %s", line, usage)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			flags += " (" + f.DefValue + ")"
		}
		flags += "\n"
	})
	if flags != "" {
		b.WriteString("\nFlags:\n" + flags)
	}
	return b.String()
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func runHelp(_ context.Context, c *call) error {
	if len(c.args) == 0 {
		fmt.Fprint(c.Stdout, overview())
		return nil
	}
	cmd := find(c.args[0])
	if cmd == nil {
		return usagef("there is no command %q", c.args[0])
	}
	other := &call{Env: c.Env, set: flag.NewFlagSet(cmd.name, flag.ContinueOnError)}
	cmd.flags(other)
	fmt.Fprint(c.Stdout, other.help(cmd))
	return nil
}

func runVersion(_ context.Context, c *call) error {
	fmt.Fprintln(c.Stdout, c.Version)
	return c.none()
}
