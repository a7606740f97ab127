package web

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"socketha/agent/report/schema"
	"socketha/agent/status"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// siteView is what the page of a site shows.
type siteView struct {
	Tenant     string
	Site       *store.Site
	Standing   string
	Sockets    []socketView
	Missing    bool // only one Socket has ever reported
	Conditions []conditionView
	Witness    *socketView // whose report the rest is from; nil: none can be read
	LastKnown  bool        // the witness is not heard: what it said may be over
	Support    string
	Changes    []changeView
	Older      string // where the history goes on; "": nowhere
	Seen       []transitionView
}

func (v *siteView) about() string { return v.Site.ID }

// socketView is one Socket.
type socketView struct {
	store.Socket
	Presence  site.Presence
	Diagnosis site.Diagnosis
	Document  *status.Document // nil: the report kept cannot be read
	Lower     bool             // the one to upgrade
}

// Heard reports whether what it said holds now.
func (v *socketView) Heard() bool { return v.Presence == site.Heard }

type conditionView struct {
	Name, State, Detail string
}

type changeView struct {
	store.Change
	For string // how long it stood
}

type transitionView struct {
	store.Transition
	Said status.Transition
}

// historyRows are the rows of a history on one page.
const historyRows = 20

// loadSite reads what the page and the API tell of a site.
func (s *Server) loadSite(ctx context.Context, tenant, id string, now time.Time) (*siteView, error) {
	one, err := s.cfg.Store.Site(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	v := &siteView{Tenant: tenant, Site: one, Standing: standing(one), Missing: len(one.Sockets) < 2}
	reports := make([]site.Report, 0, len(one.Sockets))
	for i := range one.Sockets {
		reports = append(reports, one.Sockets[i].Report)
	}
	judged := site.Judge(now, s.cfg.Stories.Listening(), reports)
	for i := range one.Sockets {
		k := socketView{Socket: one.Sockets[i], Presence: site.Awaited}
		for _, j := range judged.Sockets {
			if j.Serial == k.Serial {
				k.Presence, k.Diagnosis = j.Presence, j.Diagnosis
			}
		}
		if event, err := schema.Parse(k.Body); err == nil {
			k.Document = &event.Report.Document
		}
		v.Sockets = append(v.Sockets, k)
	}
	v.witness()
	v.conditions()
	return v, nil
}

// witness chooses whose report tells of impact and remedy: one that is heard, that has
// a remedy, that is active; in this order.
func (v *siteView) witness() {
	best := -1
	for i := range v.Sockets {
		k := &v.Sockets[i]
		if k.Document == nil {
			continue
		}
		points := 0
		if k.Heard() {
			points += 4
		}
		if k.Document.Remedy != nil {
			points += 2
		}
		if k.HAState == "active" {
			points++
		}
		if points > best {
			best, v.Witness, v.LastKnown = points, k, !k.Heard()
		}
	}
	if v.Witness == nil {
		return
	}
	v.Support = status.SupportRequest(v.Witness.Document)
	if r := v.Witness.Document.Remedy; r != nil && r.UpgradeSerial != nil {
		for i := range v.Sockets {
			v.Sockets[i].Lower = v.Sockets[i].Serial == *r.UpgradeSerial
		}
	}
}

// conditions are the site's; the detail is the witness's where it says the same.
func (v *siteView) conditions() {
	var said status.Conditions
	if v.Witness != nil && !v.LastKnown {
		said = v.Witness.Document.Conditions
	}
	for _, c := range []struct {
		name, state string
		said        status.Condition
	}{
		{"Connected", v.Site.Connected, said.Connected},
		{"Keepalive", v.Site.Keepalive, said.Keepalive},
		{"Compatible Version", v.Site.CompatibleVersion, said.CompatibleVersion},
	} {
		one := conditionView{Name: c.name, State: c.state}
		if string(c.said.State) == c.state {
			one.Detail = c.said.Detail
		}
		v.Conditions = append(v.Conditions, one)
	}
}

// history reads the states of the site, and what its Sockets went through.
func (s *Server) history(ctx context.Context, v *siteView, before string) error {
	list, err := s.cfg.Store.Changes(ctx, v.Tenant, v.Site.ID, before, historyRows+1)
	if err != nil {
		return err
	}
	for i, c := range list {
		if i == historyRows {
			v.Older = list[i-1].ID
			break
		}
		row := changeView{Change: c}
		if i > 0 {
			row.For = age(list[i-1].At, c.At)
		}
		v.Changes = append(v.Changes, row)
	}
	seen, err := s.cfg.Store.Transitions(ctx, v.Tenant, v.Site.ID, time.Time{}, historyRows)
	if err != nil {
		return err
	}
	for _, t := range seen {
		row := transitionView{Transition: t}
		if json.Unmarshal(t.Body, &row.Said) == nil {
			v.Seen = append(v.Seen, row)
		}
	}
	return nil
}

// siteID is the site that a request names. Ids are Sockets' words: they are never a
// part of a path.
func siteID(c *call) (string, error) {
	id := c.URL.Query().Get("id")
	if id == "" || len(id) > maxParam {
		return "", errNotFound
	}
	return id, nil
}

func (s *Server) sitePage(c *call) error {
	id, err := siteID(c)
	if err != nil {
		return err
	}
	v, err := s.loadSite(c.Context(), c.tenant, id, c.now)
	if err != nil {
		return err
	}
	before := c.URL.Query().Get("before")
	if len(before) > 64 {
		return errNotFound
	}
	if err := s.history(c.Context(), v, before); err != nil {
		return err
	}
	return s.show(c, http.StatusOK, "site", v.Site.Name, v)
}

// supportRequest is the ticket as a file.
func (s *Server) supportRequest(c *call) error {
	id, err := siteID(c)
	if err != nil {
		return err
	}
	v, err := s.loadSite(c.Context(), c.tenant, id, c.now)
	if err != nil {
		return err
	}
	if v.Support == "" {
		return errNotFound
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="support-request.txt"`)
	_, _ = io.WriteString(c.w, v.Support)
	return nil
}
