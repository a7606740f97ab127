package agent

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"socketha/agent/alarm"
	"socketha/agent/config"
	"socketha/agent/impact"
	"socketha/peer"
)

// live are the keys that a running agent takes over. All others need a restart,
// which costs some ten milliseconds and, as the state is kept, no memory.
var live = []string{
	"identity.pins_file", "identity.peer_fingerprints", "identity.ca", "identity.peer_serial",
	"pair.role", "pair.models", "impact.catalog_file",
}

// settings are what the observer takes over.
type settings struct {
	role    peer.Role
	models  []string
	catalog *impact.Catalog
	knobs   alarm.Config
}

// Reload takes over another configuration, and reads pins and authority again even
// if it is the same. The session goes on. With the error, which says what to do,
// everything stays as it was.
func (a *Agent) Reload(ctx context.Context, next *config.Config) error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	var stuck []string
	for _, name := range config.Changed(a.current, next) {
		if !slices.Contains(live, name) && !strings.HasPrefix(name, "alarm.") {
			stuck = append(stuck, name)
		}
	}
	if len(stuck) > 0 {
		return fmt.Errorf("not taken over: a change of %s needs a restart of the agent", strings.Join(stuck, ", "))
	}
	before := a.trusting.Load()
	a.trusting.Store(&next.Identity)
	if _, err := a.trust(); err != nil && a.path.endpoint.Load() != nil {
		a.trusting.Store(before)
		return fmt.Errorf("not taken over: %w", err)
	}
	catalog, err := readCatalog(next.Impact.CatalogFile)
	if err != nil {
		a.trusting.Store(before)
		return fmt.Errorf("not taken over: %w", err)
	}
	to := settings{role: next.Pair.Role, models: next.Pair.Models, catalog: catalog, knobs: next.Alarm}
	select {
	case a.observer.settings <- to:
	case <-ctx.Done():
		a.trusting.Store(before)
		return fmt.Errorf("not taken over: %w", context.Cause(ctx))
	}
	a.path.reopen()
	a.current = next
	return nil
}

// take takes over new settings. It runs in the observer's goroutine.
func (o *observer) take(s settings) {
	o.fixed.role, o.fixed.models = s.role, s.models
	if s.catalog.Digest() != o.cost.catalog.Digest() {
		o.cost = cost{catalog: s.catalog}
	}
	cycle, err := alarm.Restore(s.knobs, o.life.cycle.Save())
	if err != nil { // cannot be: the configuration has checked the knobs
		o.log.Error("the knobs of the alarm are not taken over", "error", err)
		return
	}
	o.life.cycle = cycle
}
