// Demo shows the main job of socketha on a real link: two agents with majors 18
// and 15 find that a failover would cost features, name the Socket to upgrade,
// and turn Ready after the upgrade. It needs Go and nothing else.
//
// With -live the pair stays up until Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

func init() {
	// A child asks to die with the thread that started it (isolate): the main
	// goroutine must stay on the one thread that lasts. Entering a namespace
	// (enter) needs the same.
	runtime.LockOSThread()
}

func main() {
	live := flag.Bool("live", false, "keep the pair running until Ctrl-C")
	binary := flag.String("socketha", "bin/socketha", "the `file` to run as agent and command")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "Usage: go run ./scripts/demo [-live] [-socketha FILE]")
		flag.PrintDefaults()
	}
	// The second selves of stage.go; not for people.
	probing := flag.Bool("probe", false, "")
	holding := flag.Bool("hold", false, "")
	entering := flag.String("enter", "", "")
	flag.Parse()

	var err error
	switch {
	case *probing:
		err = tryVeth()
	case *holding:
		err = hold()
	case *entering != "":
		err = enter(*entering, flag.Args())
	default:
		err = demo(*binary, *live)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode()) // a second self has said why
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo(binary string, live bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w: run `make build` first", err)
	}
	s, done, err := enterStage()
	if done || err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "socketha-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the two Sockets: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	p, err := newPair(ctx, s, binary, dir)
	if err != nil {
		return err
	}
	defer p.stop()
	return p.play(ctx, live)
}
