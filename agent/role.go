package agent

import (
	"log/slog"
	"path/filepath"

	"socketha/agent/config"
	"socketha/peer"
	"socketha/platform/role"
)

// newRole makes the watcher of the HA state, nil where none is configured. What
// keepalived told is kept beside the local socket, which a reboot empties too.
func newRole(cfg config.Role, socket string, log *slog.Logger) (*role.Watcher, error) {
	if cfg.Source == config.RoleNone {
		return nil, nil //nolint:nilnil // no source is a configuration, not a failure
	}
	k := role.Keepalived{
		FIFO: cfg.Keepalived.FIFO, Instance: cfg.Keepalived.Instance, Group: cfg.Keepalived.Group,
		Memory: filepath.Join(filepath.Dir(socket), "role"),
	}
	if file := cfg.Keepalived.PIDFile; file != "" {
		k.PIDFiles = []string{file}
	}
	return role.New(role.Config{
		Source:     role.Kind(cfg.Source),
		Keepalived: k,
		FRR:        role.FRR(cfg.FRR),
		Hook:       role.Hook(cfg.Hook),
		VIPs:       cfg.VirtualAddresses,
		Log:        log,
	})
}

// haState returns the HA state of this Socket, who tells it, and what was told; an
// empty source where none is configured.
func haState(w *role.Watcher) (state peer.HAState, source, detail string) {
	if w == nil {
		return peer.HAUnknown, "", ""
	}
	s := w.State()
	switch s.HA {
	case role.Active:
		state = peer.HAActive
	case role.Standby:
		state = peer.HAStandby
	case role.Unknown:
	}
	return state, s.Source, s.Detail
}
