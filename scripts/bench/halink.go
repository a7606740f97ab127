package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"socketha/scripts/bench/rig"
)

// pythons that may run halink.py: it needs the standard library of 3.11.
var pythons = []string{"python3.11", "/usr/bin/python3", "python3"}

// entries are halink's descriptions of our agent, beside this program.
const entries = "scripts/bench/halink"

// halink runs the comparison with other daemons in a copy that knows our agent.
func halink(ctx context.Context, binary, folder string, args []string) error {
	dir, err := rig.QuietFolder("socketha-halink-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { // some daemons are not root for long
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		return fmt.Errorf("copy halink (-halink says where it is): %w", err)
	}
	if err := os.Chmod(filepath.Join(dir, "entries"), 0o755); err != nil {
		return err
	}
	ours, err := fs.Glob(os.DirFS(entries), "*.toml")
	if err != nil || len(ours) == 0 {
		return fmt.Errorf("no entries in %s: run this from the root of the source (%w)", entries, err)
	}
	for _, name := range ours {
		if err := copyFile(filepath.Join(entries, name), filepath.Join(dir, "entries", name)); err != nil {
			return err
		}
	}
	bin := filepath.Join(dir, "bin")
	if err := binaries(bin, binary); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, python(), append([]string{filepath.Join(dir, "halink.py")}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "HALINK_BIN="+bin, "HALINK_RUN="+filepath.Join(dir, "run"))
	// A group of its own, so that its workers hear of an interruption too: each
	// removes the namespaces it made.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	return cmd.Run()
}

// binaries puts our agent beside what halink's build.sh has built.
func binaries(bin, ours string) error {
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return err
	}
	built := os.Getenv("HALINK_BIN")
	if built == "" {
		built = "/tmp/halink/bin"
	}
	floors, _ := os.ReadDir(built) // none is none
	for _, f := range floors {
		if err := os.Symlink(filepath.Join(built, f.Name()), filepath.Join(bin, f.Name())); err != nil {
			return err
		}
	}
	_ = os.Remove(filepath.Join(bin, "socketha"))
	if err := copyFile(ours, filepath.Join(bin, "socketha")); err != nil {
		return fmt.Errorf("%w: run `make build` first", err)
	}
	return nil
}

func python() string {
	for _, name := range pythons {
		out, err := exec.Command(name, "-c", "import tomllib, sys; print(sys.version_info >= (3, 11))").Output()
		if err == nil && strings.TrimSpace(string(out)) == "True" {
			return name
		}
	}
	return pythons[0] // its error says what is missing
}
