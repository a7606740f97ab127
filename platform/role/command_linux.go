package role

import (
	"os/exec"

	"golang.org/x/sys/unix"
)

// ownGroup lets a command be killed together with what it started.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
}
