package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"socketha/agent/status"
)

// historyRows is how many transitions a table shows where nobody says.
const historyRows = 20

func runHistory(ctx context.Context, c *call) (Exit, error) {
	limit, err := c.historyLimit()
	if err != nil {
		return ExitUsage, err
	}
	var raw []byte
	exit, err := c.reach(ctx, "History unknown", func(ctx context.Context, source Source) (err error) {
		raw, err = source.RawHistory(ctx)
		return err
	})
	if exit != ExitOK || err != nil {
		return exit, err
	}
	if form := c.flag("o"); form != "table" {
		if raw, err = cutHistory(raw, limit); err == nil {
			err = writeForm(c.Stdout, form, json.RawMessage(raw))
		}
		return exitOf(err), err
	}
	var h status.History
	if err := json.Unmarshal(raw, &h); err != nil {
		return ExitError, fmt.Errorf("the answer of the agent: %w", err)
	}
	if limit == 0 {
		limit = historyRows
	}
	_, err = io.WriteString(c.Stdout, historyTable(&h, limit, styleFor(c.Env)))
	return exitOf(err), err
}

// historyLimit reads -n; 0 if it is not given.
func (c *call) historyLimit() (int, error) {
	word := c.flag("n")
	if word == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 || n > status.MaxTransitions {
		return 0, usagef("-n %q: accepted are 1 to %d", word, status.MaxTransitions)
	}
	return n, nil
}

// cutHistory leaves the newest transitions, 0 for all, each as the agent wrote it.
func cutHistory(raw []byte, limit int) ([]byte, error) {
	if limit == 0 {
		return raw, nil
	}
	var h struct {
		Schema      int               `json:"schema"`
		Transitions []json.RawMessage `json:"transitions"`
	}
	if err := json.Unmarshal(raw, &h); err != nil {
		return nil, fmt.Errorf("the answer of the agent: %w", err)
	}
	h.Transitions = h.Transitions[:min(limit, len(h.Transitions))]
	return json.Marshal(h)
}

// historyTable renders the newest transitions for people.
func historyTable(h *status.History, limit int, s style) string {
	if len(h.Transitions) == 0 {
		return "Nothing has changed since the agent keeps a history.\n"
	}
	var b strings.Builder
	for i, tr := range h.Transitions {
		if i == limit {
			break
		}
		mark := toneOfView(tr.To)
		b.WriteString(tr.Time.UTC().Format("2006-01-02 15:04:05 UTC") + "  " + s.paint(mark, s.symbol(mark)+" "+cell(viewWords(tr.To))) + "\n")
		writeTone(&b, s, faint, "  ", cell(was(&tr)))
		if tr.SelfVersion != nil || tr.PeerVersion != nil {
			writeWrapped(&b, "  ", "this Socket "+cell(or(text(tr.SelfVersion), "unknown"))+", peer "+cell(or(text(tr.PeerVersion), "unknown")), s.columns)
		}
		for _, code := range tr.Reasons {
			writeWrapped(&b, "  ", cell(code), s.columns)
		}
	}
	if more := len(h.Transitions) - limit; more > 0 {
		writeTone(&b, s, faint, "", fmt.Sprintf("and %s: socketha history -n %d", count(more, "earlier one"), len(h.Transitions)))
	}
	return b.String()
}

// was says what stood before, and for how long.
func was(tr *status.Transition) string {
	words := "was " + viewWords(tr.From)
	if tr.From.Readiness == nil && tr.From.Compatibility == nil {
		words = "the agent had just started"
	}
	if tr.DurationS != nil && tr.From.Readiness != nil {
		words += " for " + age(time.Duration(*tr.DurationS*float64(time.Second)))
	}
	return words
}

func viewWords(v status.View) string {
	readiness := map[string]string{"ready": "Ready", "not_ready": "Not Ready"}[text(v.Readiness)]
	return strings.Join([]string{or(readiness, "Unknown"), or(text(v.Compatibility), "unknown")}, ", ")
}

func toneOfView(v status.View) tone {
	switch {
	case text(v.Readiness) == "ready":
		return good
	case text(v.Readiness) == "not_ready" && text(v.Compatibility) != "unknown":
		return bad
	}
	return unsure
}

func or(word, instead string) string {
	if word == "" {
		return instead
	}
	return word
}
