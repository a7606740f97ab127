package story

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"socketha/cmd/console/internal/store"
)

// Bounds of what people write.
const (
	MaxNote = 4000 // bytes
	MaxMute = 30 * 24 * time.Hour
)

// ErrRefused marks an error whose text tells a person what is wrong with what was asked.
var ErrRefused = errors.New("refused")

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// Acknowledge says that somebody looks after a story, or no longer does.
func (s *Service) Acknowledge(ctx context.Context, tenant, id, actor string, on bool) error {
	action := "acknowledged"
	if !on {
		action = "unacknowledged"
	}
	return s.change(ctx, tenant, id, actor, action, "", func(one *store.Story, now time.Time) error {
		if one.Status == store.StoryClosed {
			return refused("the story is closed")
		}
		one.AckBy, one.AckAt = actor, now
		if !on {
			one.AckBy, one.AckAt = "", time.Time{}
		}
		return nil
	})
}

// Mute keeps back what would be sent of a story until a moment, at most MaxMute away.
// A zero until ends the mute.
func (s *Service) Mute(ctx context.Context, tenant, id, actor string, until time.Time) error {
	action, detail := "muted", "until "+until.UTC().Format(time.RFC3339)
	if until.IsZero() {
		action, detail = "unmuted", ""
	}
	return s.change(ctx, tenant, id, actor, action, detail, func(one *store.Story, now time.Time) error {
		switch {
		case one.Status == store.StoryClosed:
			return refused("the story is closed")
		case until.IsZero():
			one.MuteUntil, one.MutedBy = now, actor // the step that follows ends it
		case !until.After(now) || until.After(now.Add(MaxMute)):
			return refused("a mute ends in the future, at most %d days from now", int(MaxMute.Hours()/24))
		default:
			one.MuteUntil, one.MutedBy = until.UTC().Truncate(time.Millisecond), actor
		}
		return nil
	})
}

// Note adds what somebody wrote to the timeline.
func (s *Service) Note(ctx context.Context, tenant, id, actor, text string) error {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > MaxNote || !utf8.ValidString(text) {
		return refused("a note has 1 to %d bytes of text", MaxNote)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }) {
		return refused("a note holds no control characters")
	}
	return s.change(ctx, tenant, id, actor, "note", text, func(*store.Story, time.Time) error { return nil })
}

// change does to a story what somebody asked for, with its line in the timeline
// and in the audit, and steps the site.
func (s *Service) change(ctx context.Context, tenant, id, actor, kind, text string, fn func(*store.Story, time.Time) error) error {
	found, err := s.cfg.Store.Story(ctx, tenant, id)
	if err != nil {
		return err
	}
	now := s.cfg.Now().UTC().Truncate(time.Millisecond)
	return s.cfg.Store.Update(ctx, tenant, found.Site, "", func(tx *store.SiteTx) error {
		one, err := tx.Story(id)
		if err != nil {
			return err
		}
		if err := fn(one, now); err != nil {
			return err
		}
		if err := tx.PutStory(one); err != nil {
			return err
		}
		if err := tx.AddEntry(id, store.Entry{At: now, Kind: kind, Actor: actor, Text: text}); err != nil {
			return err
		}
		if err := tx.Audit(tenant, store.Audit{Actor: actor, Action: "story " + kind, Object: id, Detail: text}); err != nil {
			return err
		}
		return s.Apply(ctx, tx, now)
	})
}
