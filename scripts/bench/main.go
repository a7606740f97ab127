package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"socketha/scripts/bench/rig"
)

func init() {
	// Realtime priority is asked for by the first thread, for all to come.
	runtime.LockOSThread()
}

func main() {
	missed, err := run(os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	case missed:
		os.Exit(3)
	}
}

// options of the command line.
type options struct {
	binary   string
	json     string
	halink   string
	full     bool
	runs     int
	length   time.Duration
	interval time.Duration
	ipv6     bool
	env      []string
	pinARP   bool
	discover bool
	verbose  bool
	list     []string
}

func parse(args []string) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.StringVar(&o.binary, "socketha", "bin/socketha", "the `file` to measure")
	fs.StringVar(&o.json, "json", "", "write the report with every value to this `file` too")
	fs.StringVar(&o.halink, "halink", "../shared/bench/halink", "the `folder` of the comparison with other daemons")
	fs.BoolVar(&o.full, "full", false, "as many and as long as the goals ask for, instead of a quick look")
	fs.IntVar(&o.runs, "n", 0, "`runs`, instead of what the plan says")
	fs.DurationVar(&o.length, "d", 0, "`length` of a run where it has one, instead of what the plan says")
	fs.DurationVar(&o.interval, "interval", 0, "heartbeat `interval`, instead of the experiment's own")
	fs.Func("env", "`NAME=VALUE` in the environment of the agents, for trying a setting; may be repeated", func(v string) error {
		o.env = append(o.env, v)
		return nil
	})
	fs.BoolVar(&o.ipv6, "6", false, "IPv6 link-local addresses instead of IPv4")
	fs.BoolVar(&o.discover, "discover", false, "no addresses in the configuration: the agents find each other, over IPv6")
	fs.BoolVar(&o.pinARP, "pin-arp", false, "no address resolution on the cable, for telling its share apart")
	fs.BoolVar(&o.verbose, "v", false, "say what is being done")
	fs.Usage = func() { usage(fs.Output(), fs) }
	err := fs.Parse(args)
	o.list = fs.Args()
	if err == nil && len(o.list) == 0 {
		usage(os.Stdout, fs)
		return nil, flag.ErrHelp
	}
	return o, err
}

func usage(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, `Measures what issue and budgets promise, with two real agents in two network
namespaces joined by a veth cable, and puts each goal beside its figure.

Usage: go run ./scripts/bench [flags] EXPERIMENT...    (as root; after make build)
       go run ./scripts/bench [flags] all
       go run ./scripts/bench [flags] halink ARGUMENTS...

Experiments (quick and with -full):
`)
	for _, e := range catalog {
		fmt.Fprintf(w, "\n  %-11s %s  (%s, %s)\n              %s\n", e.name, e.title, e.quick, e.full,
			strings.ReplaceAll(e.how, "\n", "\n              "))
	}
	fmt.Fprint(w, `
  halink      compares with other daemons: copies the folder of halink.py, adds the
              entries of scripts/bench/halink (socketha, socketha-100ms) and runs it,
              for example: halink steady socketha bird-1s keepalived-bfd-1s -s 60 -j 3
                           halink detect socketha-100ms floor-c-udp-100ms -n 30
                           halink -h

Exit code: 0 all goals met, 3 some missed, 1 something failed.

Flags:
`)
	fs.SetOutput(w)
	fs.PrintDefaults()
}

func (p plan) String() string {
	var parts []string
	if p.runs > 0 {
		parts = append(parts, fmt.Sprintf("%d runs", p.runs))
	}
	if p.length > 0 {
		parts = append(parts, p.length.String())
	}
	return strings.Join(parts, " of ") + ", about " + p.about.String()
}

func run(args []string) (missed bool, err error) {
	o, err := parse(args)
	if err != nil {
		return false, err
	}
	if os.Geteuid() != 0 {
		return false, errors.New("network namespaces, raw sockets and nftables need root")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.list[0] == "halink" {
		return false, halink(ctx, o.binary, o.halink, o.list[1:])
	}
	chosen, err := choose(o.list)
	if err != nil {
		return false, err
	}
	realtime, err := rig.BeRealtime()
	if err != nil {
		return false, err
	}
	// Stamping must not wait for a processor of the runtime, nor for its collector.
	runtime.GOMAXPROCS(max(4, runtime.NumCPU()))
	debug.SetGCPercent(400)
	return measure(ctx, o, chosen, realtime)
}

func choose(names []string) ([]*experiment, error) {
	if slices.Equal(names, []string{"all"}) {
		return slices.DeleteFunc(slices.Clone(catalog), func(e *experiment) bool { return e.byHand }), nil
	}
	var chosen []*experiment
	for _, name := range names {
		i := slices.IndexFunc(catalog, func(e *experiment) bool { return e.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no experiment %q; -h lists them", name)
		}
		chosen = append(chosen, catalog[i])
	}
	return chosen, nil
}

// measure runs the experiments one after the other. A failed one does not keep
// the others from running.
func measure(ctx context.Context, o *options, chosen []*experiment, realtime bool) (missed bool, err error) {
	dir, err := os.MkdirTemp("", "socketha-bench-")
	if err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	// A copy, so that a build in between does not mix two binaries.
	file := filepath.Join(dir, "socketha")
	if err := copyFile(o.binary, file); err != nil {
		return false, fmt.Errorf("%w: run `make build` first", err)
	}
	r, err := newReport(file, realtime)
	if err != nil {
		return false, err
	}
	fmt.Printf("%s, sha256 %.12s…, %d bytes; Linux %s, %d CPUs, observer at %s priority\n",
		r.Binary.Version, r.Binary.SHA256, r.Binary.Bytes, r.Machine.Kernel, r.Machine.CPUs,
		map[bool]string{true: "realtime", false: "ordinary (stamps may be late)"}[realtime])
	for _, e := range chosen {
		if ctx.Err() != nil {
			break
		}
		result := perform(ctx, o, e, file)
		r.Experiments = append(r.Experiments, result)
		missed = missed || result.missed()
		fmt.Print(result)
		if o.json != "" { // after each, so that an interrupted run leaves what it has
			if err := r.write(o.json); err != nil {
				return missed, err
			}
		}
	}
	return missed, context.Cause(ctx)
}

func perform(ctx context.Context, o *options, e *experiment, file string) *result {
	l := &lab{
		result: newResult(e.name), plan: e.quick,
		binary: file, interval: o.interval, ipv6: o.ipv6, env: o.env, pinARP: o.pinARP, discover: o.discover, verbose: o.verbose,
	}
	if o.full {
		l.plan = e.full
	}
	if o.runs > 0 {
		l.runs = o.runs
	}
	if o.length > 0 {
		l.length = o.length
	}
	fmt.Printf("\n%s — %s (%s)\n", e.name, e.title, l.plan)
	l.seal(e.run(ctx, l))
	l.tell()
	return l.result
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o755)
}
