package agent

import (
	"context"
	"errors"

	"socketha/agent/config"
	"socketha/platform/service"
)

// Supervise has Run tell the service manager how the agent is, and read the
// configuration again at each SIGHUP. A nil notifier tells nobody. It is called
// before Run.
func (a *Agent) Supervise(n *service.Notifier) {
	a.keeper = &service.Keeper{
		Notifier: n, Check: service.Healthz(a.cfg.Local.Socket), Status: a.oneLine, Log: a.log,
	}
	a.reloader = &service.Reloader{Notifier: n, Reload: a.reload, Status: a.oneLine, Log: a.log}
}

// reload takes over what the configuration file says now.
func (a *Agent) reload(ctx context.Context) error {
	if a.cfg.File() == "" {
		return errors.New("this agent was not configured by a file")
	}
	next, err := config.Load(a.cfg.File())
	if err != nil {
		return err
	}
	return a.Reload(ctx, next)
}

// oneLine is how we are, for systemctl status.
func (a *Agent) oneLine() string {
	d, _ := a.observer.Current()
	text := d.ReadinessLabel() + ", " + d.Compatibility
	if len(d.Reasons) > 0 {
		text += ": " + d.Reasons[0].Summary
	}
	return text
}
