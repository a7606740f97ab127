package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// Bounds of what reports may call a site, in bytes, and of how long ago they may say
// that something was.
const (
	maxSite = 256
	maxName = 256
	maxAge  = 10 * 365 * 24 * time.Hour
)

// write keeps a report that is above the last one of its Socket, and steps the site.
// It returns the last position taken.
func (h *Handler) write(ctx context.Context, id Identity, event *schema.Event, body []byte, now time.Time) (string, schema.Position, error) {
	var result string
	var last schema.Position
	received := now.UTC().Truncate(time.Millisecond)
	next := time.Duration(event.Report.NextReportInS) * time.Second
	view := site.Read(&event.Report.Document, received, next)
	view.Serial = id.Serial
	if len(view.SiteName) > maxName {
		view.SiteName = strings.ToValidUTF8(view.SiteName[:maxName], "")
	}
	transitions, err := transitionsOf(id.Serial, &event.Report, received)
	if err != nil {
		return "", last, err
	}
	if len(transitions) > 0 {
		view.LastTransition = transitions[0].Stated
	}
	err = h.cfg.Store.Update(ctx, id.Tenant, siteOf(event), id.Serial, func(tx *store.SiteTx) error {
		result, last = Accepted, event.Report.Position
		fresh := transitions
		if was := tx.Socket(id.Serial); was != nil {
			if event.Report.Cause == schema.CausePeriodic {
				fresh = newer(transitions, was.LastTransition)
			}
			taken := schema.Position{Epoch: was.Epoch, Seq: was.Seq}
			if !last.Above(taken) {
				if result = Known; last.Epoch < taken.Epoch {
					result = OldEpoch
				}
				last = taken
				return errNotTaken
			}
		}
		one := &store.Socket{Report: view, Epoch: last.Epoch, Seq: last.Seq, Body: body}
		if err := tx.PutSocket(one); err != nil {
			return err
		}
		if err := tx.AddTransitions(fresh); err != nil {
			return err
		}
		return h.cfg.Stories.Apply(ctx, tx, received)
	})
	if errors.Is(err, errNotTaken) {
		err = nil
	}
	return result, last, err
}

// errNotTaken undoes what was begun for a report that is not above the last one.
var errNotTaken = errors.New("not above the last one")

// newer returns those of the transitions, newest first, that were not known at the
// last report: a periodic report tells the same ones again and again.
func newer(list []store.Transition, known time.Time) []store.Transition {
	i := slices.IndexFunc(list, func(t store.Transition) bool { return !t.Stated.After(known) })
	if i < 0 {
		return list
	}
	return list[:i]
}

// siteOf returns the site that a report is about. A Socket whose site is not
// configured shares one with the peer it names, called after the lower serial.
func siteOf(event *schema.Event) string {
	if id := event.Report.Site.ID; id != nil && *id != "" {
		return *id
	}
	lower := event.Serial
	if p := event.Report.Peer.Serial; p != nil && *p != "" && *p < lower {
		lower = *p
	}
	return "sn:" + lower
}

// transitionsOf puts the times of transitions on the console's clock.
func transitionsOf(serial string, r *schema.Report, received time.Time) ([]store.Transition, error) {
	list := make([]store.Transition, 0, len(r.Transitions))
	for _, t := range r.Transitions {
		body, err := json.Marshal(t)
		if err != nil {
			return nil, fmt.Errorf("transition: %w", err)
		}
		age := max(0, r.GeneratedAt.Sub(t.Time.Time))
		list = append(list, store.Transition{Serial: serial, Stated: t.Time.Time, At: received.Add(-min(age, maxAge)), Body: body})
	}
	return list, nil
}
