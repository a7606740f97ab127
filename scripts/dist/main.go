package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// release is what is made, and of which source.
type release struct {
	version, commit string
	at              time.Time // of the commit
	out             string    // folder, absolute
	root            string    // of the source
	nfpm            []string  // command
	stage           string    // folder of the packages' scripts, while one is made
	docs            string    // folder of what is made for a person, while dist runs
	manual          []content // what is in it, as Debian's packages hold it
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("dist", flag.ContinueOnError)
	version := flags.String("version", "", "version of the release, as git describe has it")
	commit := flags.String("commit", "", "commit of the source")
	at := flags.String("commit-time", "", "its time, RFC 3339")
	out := flags.String("out", "dist", "folder to write into")
	only := flags.String("only", "", "architectures, separated by commas; all if empty")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	r, err := newRelease(*version, *commit, *at, *out)
	if err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(r.docs) }()
	start := time.Now()
	for i, t := range chosen {
		began := time.Now()
		fmt.Printf("[%d/%d] %-8s", i+1, len(chosen), t.name)
		size, err := r.make(ctx, t)
		if err != nil {
			fmt.Println()
			return fmt.Errorf("%s: %w", t.name, err)
		}
		fmt.Printf(" %6.2f MB, packages, SBOM  (%.0f s)\n", float64(size)/1e6, time.Since(began).Seconds())
	}
	if err := r.finish(); err != nil {
		return err
	}
	fmt.Printf("all in %s  (%.0f s)\n", *out, time.Since(start).Seconds())
	return nil
}

// plain is what may be part of a file name and of a package's version.
var plain = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$`)

func newRelease(version, commit, at, out string) (*release, error) {
	if !plain.MatchString(version) {
		return nil, fmt.Errorf("-version is %q, want letters, digits and . + ~ -", version)
	}
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return nil, fmt.Errorf("-commit-time: %w", err)
	}
	if out, err = filepath.Abs(out); err != nil {
		return nil, err
	}
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return nil, fmt.Errorf("where the source is: %w", err)
	}
	r := &release{version: version, commit: commit, at: when.UTC(), out: out, root: strings.TrimSpace(string(root))}
	r.nfpm = []string{filepath.Join(r.root, "scripts", "tool"), "nfpm"}
	return r, nil
}

// prepare clears away what an earlier run left: only files that dist makes.
func (r *release) prepare(ctx context.Context) error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(r.out, "socketha_*"))
	if err != nil {
		return err
	}
	for _, file := range append(old, filepath.Join(r.out, "SHA256SUMS")) {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	// The tool is built on its first use, which takes minutes: before the clock runs.
	cmd := exec.CommandContext(ctx, r.nfpm[0], append(r.nfpm[1:], "--version")...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("nfpm: %w", err)
	}
	return r.writeDocs(ctx)
}

// make makes all there is for one architecture and returns the binary's size.
func (r *release) make(ctx context.Context, t target) (int64, error) {
	binary := r.file("linux_" + t.name)
	if err := build(ctx, r.root, binary, t, r.ldflags()); err != nil {
		return 0, err
	}
	if err := r.writeSBOM(binary, t); err != nil {
		return 0, fmt.Errorf("SBOM: %w", err)
	}
	if err := r.pack(ctx, binary, t); err != nil {
		return 0, err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// file is the path of something that belongs to the release.
func (r *release) file(what string) string {
	return filepath.Join(r.out, "socketha_"+r.version+"_"+what)
}

func (r *release) ldflags() string {
	return "-s -w -buildid= -X main.version=" + r.version + " -X main.commit=" + r.commit +
		" -X main.commitTime=" + r.at.Format(time.RFC3339)
}

// build makes the static, stripped binary.
func build(ctx context.Context, root, out string, t target, ldflags string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags", ldflags, "-o", out, "./cmd/socketha")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	cmd.Env = append(cmd.Env, t.env...)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, text)
	}
	return nil
}
