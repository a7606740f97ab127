package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

// Path is where reports are posted.
const Path = "/v1/reports"

// Defaults of Config.
const (
	DefaultMaxBody = 256 << 10       // bytes
	DefaultEvery   = 2 * time.Second // a report of one Socket, in the long run
	DefaultBurst   = 20              // reports of one Socket at once
)

// Config says what the handler works with.
type Config struct {
	Store   *store.Store
	Stories *story.Service

	MaxBody int64         // bytes of a report; 0: DefaultMaxBody
	Every   time.Duration // between the reports of a Socket in the long run; 0: DefaultEvery
	Burst   int           // reports of a Socket at once; 0: DefaultBurst

	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: none
	Counted func(result string, took time.Duration)
}

// Results, as counted.
const (
	Accepted   = "accepted"
	Known      = "known" // taken before, or overtaken by a later one
	OldEpoch   = "old_epoch"
	NoIdentity = "no_identity"
	Foreign    = "foreign_serial"
	Malformed  = "malformed"
	TooLarge   = "too_large"
	TooOften   = "too_often"
	Failed     = "failed"
)

// Handler takes reports in.
type Handler struct {
	cfg     Config
	limiter *limiter
}

// New returns a handler.
func New(cfg Config) *Handler {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Every == 0 {
		cfg.Every = DefaultEvery
	}
	if cfg.Burst == 0 {
		cfg.Burst = DefaultBurst
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Counted == nil {
		cfg.Counted = func(string, time.Duration) {}
	}
	return &Handler{cfg: cfg, limiter: newLimiter(cfg.Every, cfg.Burst)}
}

// reply is what a request comes to.
type reply struct {
	code   int
	result string
	body   schema.Answer
	wait   time.Duration // Retry-After, if positive
}

func refuse(code int, result, why string) reply {
	return reply{code: code, result: result, body: schema.Answer{Error: why}}
}

// ServeHTTP takes one report in.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.cfg.Now()
	rep := h.serve(w, r, start)
	h.cfg.Counted(rep.result, h.cfg.Now().Sub(start))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if rep.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((rep.wait+time.Second-1)/time.Second)))
	}
	w.WriteHeader(rep.code)
	_ = json.NewEncoder(w).Encode(rep.body) // the sender may be gone: it will ask again
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, now time.Time) reply {
	id, err := Identify(r)
	if err != nil {
		return refuse(http.StatusUnauthorized, NoIdentity, err.Error())
	}
	if wait, ok := h.limiter.allow(now, id); !ok {
		rep := refuse(http.StatusTooManyRequests, TooOften, "more reports than one Socket may send")
		rep.wait = wait
		return rep
	}
	if rep, ok := checkRequest(w, r); !ok {
		return rep
	}
	event, body, rep := h.read(w, r)
	if event == nil {
		return rep
	}
	if event.Serial != id.Serial {
		h.cfg.Log.WarnContext(r.Context(), "report with the serial of another Socket refused",
			slog.String("tenant", id.Tenant), slog.String("certificate", id.Serial), slog.String("claimed", event.Serial))
		return refuse(http.StatusForbidden, Foreign, "the serial of the report is not that of the certificate")
	}
	return h.take(r.Context(), id, event, body, now)
}

func checkRequest(w http.ResponseWriter, r *http.Request) (reply, bool) {
	if r.URL.Path != Path {
		return refuse(http.StatusNotFound, Malformed, "reports are posted to "+Path), false
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return refuse(http.StatusMethodNotAllowed, Malformed, "reports are posted"), false
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != schema.ContentType && kind != "application/json" {
		return refuse(http.StatusUnsupportedMediaType, Malformed, "the content type is "+schema.ContentType), false
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return refuse(http.StatusUnsupportedMediaType, Malformed, "reports come unpacked"), false
	}
	return reply{}, true
}

// read reads and checks the body; a nil event comes with the reply.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) (*schema.Event, []byte, reply) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, nil, refuse(http.StatusRequestEntityTooLarge, TooLarge, "at most "+strconv.FormatInt(h.cfg.MaxBody, 10)+" bytes")
	}
	if err != nil {
		return nil, nil, refuse(http.StatusBadRequest, Malformed, "the body did not arrive whole")
	}
	event, err := schema.Parse(body)
	if err != nil { // its text quotes nothing of the body
		return nil, nil, refuse(http.StatusBadRequest, Malformed, err.Error())
	}
	if len(siteOf(event)) > maxSite {
		return nil, nil, refuse(http.StatusBadRequest, Malformed, "the site's id has at most "+strconv.Itoa(maxSite)+" bytes")
	}
	return event, body, reply{}
}

// take writes the report down and answers when that is on disk.
func (h *Handler) take(ctx context.Context, id Identity, event *schema.Event, body []byte, now time.Time) reply {
	settings, err := h.cfg.Store.Settings(ctx, id.Tenant)
	if err != nil {
		return h.failed(ctx, id, err)
	}
	result, last, err := h.write(ctx, id, event, body, now)
	if err != nil {
		return h.failed(ctx, id, err)
	}
	rep := reply{code: http.StatusOK, result: result, body: schema.Answer{Position: last, CadenceS: int(settings.Cadence / time.Second)}}
	if result == OldEpoch {
		rep.code, rep.body.Error = http.StatusConflict, "a later epoch of this Socket is known: go on above it"
	}
	return rep
}

func (h *Handler) failed(ctx context.Context, id Identity, err error) reply {
	if ctx.Err() == nil {
		h.cfg.Log.ErrorContext(ctx, "report not taken", slog.String("tenant", id.Tenant), slog.String("serial", id.Serial), slog.Any("error", err))
	}
	rep := refuse(http.StatusServiceUnavailable, Failed, "not now")
	rep.wait = 10 * time.Second
	return rep
}
