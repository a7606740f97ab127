package web

import (
	"time"

	"socketha/agent/status"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

// The API speaks the contract's words; a field that is not known is null.

type apiCondition struct {
	State string `json:"state"`
}

type apiConditions struct {
	Connected         apiCondition `json:"connected"`
	Keepalive         apiCondition `json:"keepalive"`
	CompatibleVersion apiCondition `json:"compatible_version"`
}

type apiReason struct {
	Code     string          `json:"code"`
	Severity status.Severity `json:"severity"`
	Since    time.Time       `json:"since"`
	Summary  string          `json:"summary"`
	Action   string          `json:"action"`
}

type apiSocket struct {
	Serial         string    `json:"serial"`
	Model          *string   `json:"model"`
	Version        *string   `json:"version"`
	ConfiguredRole *string   `json:"configured_role"`
	HAState        string    `json:"ha_state"`
	AgentVersion   *string   `json:"agent_version"`
	LastReportAt   time.Time `json:"last_report_at"`
	NextReportInS  int64     `json:"next_report_in_s"`
}

type apiSite struct {
	Tenant         string        `json:"tenant"`
	ID             string        `json:"id"`
	Name           string        `json:"name"`
	Readiness      string        `json:"readiness"` // ready, not_ready, unknown
	ReadinessSince time.Time     `json:"readiness_since"`
	Compatibility  string        `json:"compatibility"`
	Conditions     apiConditions `json:"conditions"`
	Reasons        []apiReason   `json:"reasons"`
	Story          *string       `json:"story"`
	ChangedAt      time.Time     `json:"changed_at"`
	Sockets        []apiSocket   `json:"sockets"`
}

type apiSocketDetail struct {
	apiSocket
	Presence   string           `json:"presence"`
	Diagnosis  *string          `json:"diagnosis"`
	ReportedAt time.Time        `json:"first_report_at"`
	Status     *status.Document `json:"status"` // as it reported it; null if that cannot be read
}

type apiChange struct {
	At      time.Time `json:"at"`
	From    *string   `json:"from"`
	To      string    `json:"to"`
	Reasons []string  `json:"reasons"`
}

type apiTransition struct {
	Serial string            `json:"serial"`
	At     time.Time         `json:"at"`
	Said   status.Transition `json:"transition"`
}

type apiSiteDetail struct {
	Site           apiSite           `json:"site"`
	Sockets        []apiSocketDetail `json:"sockets"`
	Witness        *string           `json:"witness"`    // serial of the Socket that remedy and impact are from
	LastKnown      bool              `json:"last_known"` // the witness is not heard now
	Remedy         *status.Remedy    `json:"remedy"`
	Impact         *status.Impact    `json:"impact"`
	SupportRequest *string           `json:"support_request"`
	History        []apiChange       `json:"history"`
	Transitions    []apiTransition   `json:"transitions"`
}

type apiStory struct {
	Tenant      string      `json:"tenant"`
	ID          string      `json:"id"`
	Site        string      `json:"site"`
	SiteName    string      `json:"site_name"`
	Status      string      `json:"status"`
	Criticality int         `json:"criticality"`
	Label       string      `json:"label"`
	Indication  string      `json:"indication"`
	FirstSignal time.Time   `json:"first_signal"`
	LastSignal  time.Time   `json:"last_signal"`
	OpenedAt    time.Time   `json:"opened_at"`
	ClosedAt    *time.Time  `json:"closed_at"`
	Occurrences int         `json:"occurrences"`
	Flapping    bool        `json:"flapping"`
	Reasons     []apiReason `json:"reasons"`
	AckBy       *string     `json:"acknowledged_by"`
	AckAt       *time.Time  `json:"acknowledged_at"`
	MuteUntil   *time.Time  `json:"mute_until"`
	MutedBy     *string     `json:"muted_by"`
	ChangedAt   time.Time   `json:"changed_at"`
}

type apiEntry struct {
	ID    string    `json:"id"`
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	Actor *string   `json:"actor"`
	Text  string    `json:"text"`
}

type apiStoryDetail struct {
	Story    apiStory   `json:"story"`
	Timeline []apiEntry `json:"timeline"`
}

// vendorSite is a site in the vendor's two-valued words.
type vendorSite struct {
	ID                string   `json:"id"`
	Name              string   `json:"name"`
	Readiness         string   `json:"readiness"` // ready, not_ready
	Connected         string   `json:"connected"` // ok, fail
	Keepalive         string   `json:"keepalive"`
	CompatibleVersion string   `json:"compatible_version"`
	Reasons           []string `json:"reasons"`
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orNullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func reasonsOf(all []site.Reason) []apiReason {
	list := make([]apiReason, 0, len(all))
	for _, r := range all {
		list = append(list, apiReason{r.Code, severity(r.Code), r.Since, r.Summary, r.Action})
	}
	return list
}

func socketOf(k *store.Socket) apiSocket {
	state := k.HAState
	if state != "active" && state != "standby" {
		state = "unknown"
	}
	return apiSocket{
		k.Serial, orNull(k.Model), orNull(k.Version), orNull(k.Role), state, orNull(k.AgentVersion), k.ReceivedAt, int64(k.Next / time.Second),
	}
}

func siteOf(one *store.Site) apiSite {
	out := apiSite{
		Tenant: one.Tenant, ID: one.ID, Name: one.Name, Readiness: string(one.State), ReadinessSince: one.Since,
		Compatibility: one.Compatibility, Reasons: reasonsOf(one.Reasons), Story: orNull(one.Story), ChangedAt: one.ChangedAt,
		Conditions: apiConditions{apiCondition{one.Connected}, apiCondition{one.Keepalive}, apiCondition{one.CompatibleVersion}},
		Sockets:    []apiSocket{},
	}
	for i := range one.Sockets {
		out.Sockets = append(out.Sockets, socketOf(&one.Sockets[i]))
	}
	return out
}

func detailOf(v *siteView) apiSiteDetail {
	out := apiSiteDetail{
		Site: siteOf(v.Site), Sockets: []apiSocketDetail{}, LastKnown: v.LastKnown, SupportRequest: orNull(v.Support),
		History: []apiChange{}, Transitions: []apiTransition{},
	}
	for i := range v.Sockets {
		k := &v.Sockets[i]
		out.Sockets = append(out.Sockets, apiSocketDetail{
			socketOf(&k.Socket), string(k.Presence), orNull(string(k.Diagnosis)), k.FirstAt, k.Document,
		})
	}
	if w := v.Witness; w != nil {
		out.Witness, out.Remedy, out.Impact = &w.Serial, w.Document.Remedy, w.Document.Impact
	}
	for _, c := range v.Changes {
		reasons := c.Reasons
		if reasons == nil {
			reasons = []string{}
		}
		out.History = append(out.History, apiChange{c.At, orNull(string(c.From)), string(c.To), reasons})
	}
	for _, t := range v.Seen {
		out.Transitions = append(out.Transitions, apiTransition{t.Serial, t.At, t.Said})
	}
	return out
}

func storyOf(s *store.Story) apiStory {
	return apiStory{
		Tenant: s.Tenant, ID: s.ID, Site: s.Site, SiteName: s.SiteName, Status: string(s.Status), Criticality: s.Criticality,
		Label: story.Label(s.Criticality), Indication: s.Indication, FirstSignal: s.FirstSignal, LastSignal: s.LastSignal,
		OpenedAt: s.OpenedAt, ClosedAt: orNullTime(s.ClosedAt), Occurrences: s.Occurrences, Flapping: s.Flapping,
		Reasons: reasonsOf(s.Reasons), AckBy: orNull(s.AckBy), AckAt: orNullTime(s.AckAt),
		MuteUntil: orNullTime(s.MuteUntil), MutedBy: orNull(s.MutedBy), ChangedAt: s.ChangedAt,
	}
}

func storyDetailOf(s *store.Story, timeline []store.Entry) apiStoryDetail {
	out := apiStoryDetail{storyOf(s), []apiEntry{}}
	for _, e := range timeline {
		out.Timeline = append(out.Timeline, apiEntry{e.ID, e.At, e.Kind, orNull(e.Actor), e.Text})
	}
	return out
}

// vendorOf says a site in two-valued words: what is not known is a failure, what is not
// evaluated is none.
func vendorOf(one *store.Site) vendorSite {
	two := func(state string) string {
		if state == string(status.StateOK) || state == string(status.StateNotEvaluated) {
			return "ok"
		}
		return "fail"
	}
	out := vendorSite{
		ID: one.ID, Name: one.Name, Readiness: string(site.NotReady), Connected: two(one.Connected), Keepalive: two(one.Keepalive),
		CompatibleVersion: two(one.CompatibleVersion), Reasons: []string{},
	}
	if one.State == site.Ready {
		out.Readiness = string(site.Ready)
	}
	for _, r := range one.Reasons {
		if severity(r.Code) == status.SeverityNotReady {
			out.Reasons = append(out.Reasons, r.Code)
		}
	}
	return out
}
