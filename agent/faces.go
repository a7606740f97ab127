package agent

import (
	"net/http"

	"socketha/agent/about"
	"socketha/agent/metrics"
	"socketha/agent/status"
	"socketha/agent/syslog"
)

// pages are the paths of the local interface beside those of its own.
func (a *Agent) pages() map[string]http.Handler {
	pages := about.New(a.observer).Handlers()
	pages["/metrics"] = metrics.Handler(metrics.Source{
		Document: func() status.Document { d, _ := a.observer.Current(); return d },
		Counters: a.counters,
		Build:    metrics.Build{Version: a.build.Version, Commit: a.build.Commit},
	})
	return pages
}

// counters are what the metrics show beside the document.
func (a *Agent) counters() metrics.Counters {
	flaps, failures := a.link.State().Flaps, a.observer.life.journal.Stats().Failures
	here := a.server.Stats()
	c := metrics.Counters{
		LinkFlaps: &flaps, JournalErrors: &failures,
		LocalEvicted: &here.Evicted, LocalRefused: &here.StreamsRefused,
	}
	if a.syslog != nil {
		s := a.syslog.Stats()
		c.SyslogSent, c.SyslogDropped = &s.Sent, &s.Dropped
	}
	if a.reloader != nil {
		done, refused := a.reloader.Counts()
		c.Reloads, c.ReloadErrors = &done, &refused
	}
	return c
}

// newSyslog makes the writer to the appliance's syslog; nil where none is
// configured.
func (a *Agent) newSyslog() (*syslog.Writer, error) {
	cfg := a.cfg.Syslog
	if cfg.Address == "" {
		return nil, nil //nolint:nilnil // none is a configuration, not a failure
	}
	return syslog.New(syslog.Config{Address: cfg.Address, Enterprise: cfg.Enterprise, Log: a.log})
}
