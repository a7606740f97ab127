package agent

import (
	"os"
	"path/filepath"

	"socketha/agent/config"
	"socketha/platform/service"
)

// Confine takes from the process what the agent does not need once it is made, if
// the configuration wants that. It cannot be undone, and holds for what the agent
// starts, too. It is called after New and before Run.
func (a *Agent) Confine() error {
	if a.cfg.Service.Sandbox == config.SandboxNone {
		return nil
	}
	// What is made later needs its folder there now; the journal's is its own to make.
	if err := os.MkdirAll(a.cfg.State.Directory, 0o750); err != nil {
		a.log.Warn("the state will not be kept", "error", err)
	}
	got, err := service.Confine(a.confinement())
	if err != nil {
		return err
	}
	a.log.Info("confined", "no_new_privileges", got.NoNewPrivileges, "capabilities_dropped", got.Capabilities,
		"landlock", got.Landlock, "missing", got.Missing)
	return nil
}

// confinement lists what the agent keeps. Folders, not files: what is replaced by a
// rename is another file afterwards.
func (a *Agent) confinement() service.Confinement {
	c := a.cfg
	out := service.Confinement{
		KeepNetRaw: service.BindNeedsCapability(),
		Read:       []string{"/proc", "/sys", "/etc", "/usr/share/zoneinfo", c.Appliance.Root},
		Write:      []string{c.State.Directory, filepath.Dir(c.Local.Socket), os.DevNull},
	}
	for _, name := range []string{
		c.File(), c.Identity.Key, c.Identity.Certificate, c.Identity.PinsFile, c.Identity.CA, c.Impact.CatalogFile,
		c.Upstream.CA, c.Upstream.Certificate, c.Upstream.Key, c.Web.Certificate, c.Web.Key, c.Web.Passwords,
		c.Role.Keepalived.FIFO, c.Role.Keepalived.PIDFile, c.Role.FRR.Socket, c.Role.Hook.File,
		c.Appliance.UpgradeMarker,
	} {
		if name != "" {
			out.Read = append(out.Read, filepath.Dir(name))
		}
	}
	if len(c.Role.Hook.Command)+len(c.Role.FRR.Command) > 0 {
		// A script needs its interpreter, and that its libraries.
		out.Run = append(out.Run, "/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec")
		for _, command := range [][]string{c.Role.Hook.Command, c.Role.FRR.Command} {
			if len(command) > 0 {
				out.Run = append(out.Run, filepath.Dir(command[0]))
			}
		}
	}
	return out
}
