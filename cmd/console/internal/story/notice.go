package story

import (
	"encoding/json"
	"fmt"
	"time"

	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// Notice is the payload of a message in the outbox: the story as it was when the
// message was written. Its strings are data and need escaping where they are shown.
type Notice struct {
	Kind  string    `json:"kind"`  // opened, updated, reopened, closed
	Cause string    `json:"cause"` // code of a reason, or a word of agent/alarm, or unmuted
	At    time.Time `json:"at"`

	Tenant   string `json:"tenant"`
	Site     string `json:"site"`
	SiteName string `json:"site_name"`

	Story string `json:"story"` // its id
	Dedup string `json:"dedup"` // the key under which every message of this story belongs together

	Status      store.Status  `json:"status"`
	Criticality int           `json:"criticality"` // 1 to 9
	Label       string        `json:"label"`       // Low, Medium, High, Critical
	Indication  string        `json:"indication"`
	Reasons     []site.Reason `json:"reasons"`
	Occurrences int           `json:"occurrences"`
	Flapping    bool          `json:"flapping"`
	FirstSignal time.Time     `json:"first_signal"`
	LastSignal  time.Time     `json:"last_signal"`
	OpenedAt    time.Time     `json:"opened_at"`
	ClosedAt    *time.Time    `json:"closed_at"`
	AckBy       string        `json:"ack_by,omitempty"`

	Sockets []NoticeSocket `json:"sockets"`
}

// NoticeSocket is one Socket of the site.
type NoticeSocket struct {
	Serial     string    `json:"serial"`
	Version    string    `json:"version"`
	Role       string    `json:"role"`
	HAState    string    `json:"ha_state"`
	LastReport time.Time `json:"last_report"`
}

// enqueue writes a message for every sink.
func (st *step) enqueue(kind, cause string) error {
	if len(st.svc.cfg.Sinks) == 0 {
		return nil
	}
	payload, err := json.Marshal(st.notice(kind, cause))
	if err != nil {
		return fmt.Errorf("story: %w", err)
	}
	for _, sink := range st.svc.cfg.Sinks {
		err := st.Enqueue(store.Notification{Sink: sink, Story: st.story.ID, Kind: kind, Payload: payload})
		if err != nil {
			return err
		}
	}
	return nil
}

func (st *step) notice(kind, cause string) Notice {
	s := st.story
	n := Notice{
		Kind: kind, Cause: cause, At: st.now,
		Tenant: st.Tenant, Site: st.ID, SiteName: s.SiteName, Story: s.ID, Dedup: "ha-story/" + s.ID,
		Status: s.Status, Criticality: s.Criticality, Label: Label(s.Criticality), Indication: s.Indication,
		Reasons: s.Reasons, Occurrences: s.Occurrences, Flapping: s.Flapping,
		FirstSignal: s.FirstSignal, LastSignal: s.LastSignal, OpenedAt: s.OpenedAt, AckBy: s.AckBy,
	}
	if !s.ClosedAt.IsZero() {
		n.ClosedAt = &s.ClosedAt
	}
	for i := range st.Sockets {
		if one := &st.Sockets[i]; i < 2 {
			n.Sockets = append(n.Sockets, NoticeSocket{
				Serial: one.Serial, Version: one.Version, Role: one.Role, HAState: one.HAState, LastReport: one.ReceivedAt,
			})
		}
	}
	return n
}
