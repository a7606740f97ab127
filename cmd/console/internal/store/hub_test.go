package store_test

import (
	"path/filepath"
	"testing"

	"socketha/cmd/console/internal/store"
)

// TestSlowSubscriber: who falls behind holds nobody up, and is told to look again.
func TestSlowSubscriber(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "c.db"))
	events, cancel := s.Subscribe("acme")
	must(t, s.Write(t.Context(), func(tx *store.Tx) error {
		for n := range 1000 {
			tx.Publish(store.Event{Tenant: "acme", Kind: store.SiteChanged, Site: string(rune('a' + n))})
		}
		return nil
	}))
	resync, last := false, store.Event{}
	for len(events) > 0 {
		last = <-events
		resync = resync || last.Kind == store.Resync
	}
	if !resync || last.Site != string(rune('a'+999)) {
		t.Errorf("resync %t, last %+v", resync, last)
	}
	cancel()
	cancel()
	if _, open := <-events; open || s.Subscribers() != 0 {
		t.Error("a cancelled subscription goes on")
	}
}
