package report

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"socketha/agent/report/post"
	"socketha/agent/report/schema"
)

// MaxError bounds Stats.LastError, in bytes.
const MaxError = 256

// outcome is what became of an attempt.
type outcome uint8

const (
	failed    outcome = iota // to be tried again
	delivered                // acknowledged
	refused                  // not to be tried again as it is
	conflict                 // the server has later ones
)

// String returns the word the log uses.
func (o outcome) String() string {
	switch o {
	case delivered:
		return "delivered"
	case refused:
		return "refused"
	case conflict:
		return "conflict"
	case failed:
	}
	return "failed"
}

// verdict is what an answer means.
type verdict struct {
	outcome    outcome
	why        string          // not delivered; may hold anything
	last       schema.Position // of a conflict
	cadence    time.Duration   // wished, with delivered; 0: none
	retryAfter time.Duration
	malformed  uint64 // parts of the answer that did not read
}

// judge returns what reads the answer to the report at a position.
func judge(sent schema.Position) func(*post.Answer, error) verdict {
	return func(a *post.Answer, err error) verdict {
		if err != nil {
			return verdict{outcome: failed, why: err.Error()}
		}
		said, ignored, err := schema.ParseAnswer(a.Body)
		v := verdict{retryAfter: a.RetryAfter, last: said.Position, cadence: said.Cadence(), malformed: uint64(ignored)}
		switch {
		case a.Status >= 200 && a.Status <= 299:
			v.acknowledged(sent, a.Status, err)
			return v
		case a.Status >= 300 && a.Status <= 399:
			v.why = fmt.Sprintf("the server redirects (%s): redirects are not followed, configure the URL it means", code(a.Status))
			return v
		}
		v.why = "the server answered " + code(a.Status)
		if said.Error != "" {
			v.why += ": " + said.Error
		}
		switch {
		case a.Status == http.StatusConflict:
			v.outcome = conflict
			if err != nil {
				v.malformed++ // and no position is one that the outbox will not follow
			}
		case !worthRetry(a.Status):
			v.outcome = refused
		}
		return v
	}
}

// acknowledged judges a 2xx: what stands in it must not say otherwise.
func (v *verdict) acknowledged(sent schema.Position, status int, err error) {
	switch {
	case err != nil:
		v.malformed++
		v.why = fmt.Sprintf("the server answered %s, but with something else than an acknowledgement: is it the right URL?", code(status))
	case v.last.Above(sent):
		// A Socket that was reset counts from 1 again: the server has taken ours for
		// an old one of the life before, and dropped it.
		v.outcome = conflict
		v.why = fmt.Sprintf("the server answered %s, but knows a later report: epoch %d, seq %d", code(status), v.last.Epoch, v.last.Seq)
	case v.last != schema.Position{} && sent.Above(v.last):
		v.why = fmt.Sprintf("the server answered %s, but its last report is epoch %d, seq %d: it has not taken ours",
			code(status), v.last.Epoch, v.last.Seq)
	default:
		v.outcome = delivered
	}
}

// worthRetry reports whether the same report may be taken later.
func worthRetry(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

func code(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

// shown makes an error, which may quote the server, one line of printable ASCII of at
// most MaxError bytes, without what means something in HTML.
func shown(s string) string {
	var b strings.Builder
	for _, r := range s {
		piece := string(r)
		if r < ' ' || r > '~' || r == '\\' || strings.ContainsRune("<>&", r) {
			piece = escaped(r)
		}
		if b.Len()+len(piece) > MaxError {
			break
		}
		b.WriteString(piece)
	}
	return b.String()
}

func escaped(r rune) string {
	switch {
	case r == '\\':
		return `\\`
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	case r > 0xff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\x%02x`, r)
}
