package web

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

//go:embed static
var static embed.FS

//go:embed openapi.json
var openAPI []byte

// Server is the handler for people and programs. Close it, so that pages that follow
// live end.
type Server struct {
	cfg     Config
	handler http.Handler
	pages   *pages
	oidc    *provider

	byAddress, byLogin *limiter      // of tries to log in
	hashing            chan struct{} // room to compute hashes in

	streams   seats
	closed    chan struct{}
	closeOnce sync.Once
}

// New makes the handler, and at the first start the first account.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, closed: make(chan struct{}), hashing: make(chan struct{}, hashesAtOnce),
		byAddress: newLimiter(3*time.Second, 20), byLogin: newLimiter(15*time.Second, 5),
	}
	var err error
	if s.pages, err = loadPages(); err != nil {
		return nil, err
	}
	if cfg.OIDC != nil {
		s.oidc = &provider{cfg: *cfg.OIDC}
	}
	if !cfg.Local.Disabled {
		if err := s.firstStart(ctx); err != nil {
			return nil, err
		}
	}
	s.handler = s.routes() //nolint:contextcheck // ctx is for the start; a request brings its own
	return s, nil
}

// Close ends the streams of events.
func (s *Server) Close() { s.closeOnce.Do(func() { close(s.closed) }) }

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// call is one request as handlers see it.
type call struct {
	*http.Request
	w      http.ResponseWriter
	who    *Identity // nil before the login
	tenant string    // that he may see; "" if there is none
	role   Role      // in it
	now    time.Time
}

type handler func(*call) error

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	page := func(pattern string, h handler) { mux.Handle(pattern, s.guard(h, s.toLogin)) }
	page("GET /{$}", func(c *call) error { return c.redirect("/sites") })
	page("GET /sites", s.sitesPage)
	page("GET /sites.csv", s.sitesCSV)
	page("GET /site", s.sitePage)
	page("GET /site/support-request", s.supportRequest)
	page("GET /stories", s.storiesPage)
	page("GET /story", s.storyPage)
	page("POST /story/ack", s.operator(s.postAck))
	page("POST /story/mute", s.operator(s.postMute))
	page("POST /story/note", s.operator(s.postNote))
	page("GET /account", s.accountPage)
	page("POST /account/password", s.postPassword)
	page("POST /logout", s.postLogout)
	page("GET /events", s.events)
	mux.Handle("GET /login", s.open(s.loginPage))
	mux.Handle("POST /login", s.open(s.postLogin))
	mux.Handle("GET /login/oidc", s.open(s.oidcStart))
	mux.Handle("GET /login/oidc/back", s.open(s.oidcBack))
	mux.Handle("GET /static/{name}", http.HandlerFunc(serveStatic))
	mux.Handle("GET /api/openapi.json", http.HandlerFunc(serveOpenAPI))
	for _, r := range s.api() {
		mux.Handle(r.method+" "+apiPrefix+r.path, s.apiGuard(r))
	}
	mux.Handle(apiPrefix+"/", s.apiGuard(apiRoute{handle: func(*call) (any, error) { return nil, errNotFound }, open: true}))
	mux.Handle("/", s.open(func(*call) error { return errNotFound }))
	cross := http.NewCrossOriginProtection()
	return headers(cross.Handler(http.MaxBytesHandler(mux, maxForm)))
}

// policy allows this origin's files and nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// Problems that a person or program is told.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

func bad(format string, args ...any) error {
	return &problem{http.StatusBadRequest, fmt.Sprintf(format, args...)}
}

var (
	errNotFound  = &problem{http.StatusNotFound, "There is no such page, site or story, or it is not yours to see."}
	errForbidden = &problem{http.StatusForbidden, "This needs the role operator."}
	errToken     = &problem{http.StatusForbidden, "The page was too old, or not ours. Go back, reload it, and try again."}
	errBusy      = &problem{http.StatusServiceUnavailable, "The console is busy. Try again in a moment."}
)

// told turns an error into what may be told. Anything else stays in the log.
func (s *Server) told(c *call, err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errNotFound
	case errors.Is(err, store.ErrCursor):
		return &problem{http.StatusBadRequest, "This page of the list does not exist. Start from the first."}
	case errors.Is(err, story.ErrRefused):
		return &problem{http.StatusConflict, err.Error()}
	case errors.Is(err, store.ErrBusy):
		return errBusy
	case errors.As(err, &tooLarge):
		return &problem{http.StatusRequestEntityTooLarge, "That was too much at once."}
	}
	if c.Context().Err() == nil {
		s.cfg.Log.ErrorContext(c.Context(), "request failed", slog.String("path", c.URL.Path), slog.Any("error", err))
	}
	return &problem{http.StatusInternalServerError, "Something went wrong here. It has been written to the log of the console."}
}

// open serves who is not logged in.
func (s *Server) open(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &call{Request: r, w: w, now: s.cfg.Now().UTC()}
		if err := h(c); err != nil {
			s.fail(c, err) //nolint:contextcheck // a call carries its request's
		}
	})
}

// guard serves who is logged in; anybody else goes to refuse. What is not GET needs the
// token of the session.
func (s *Server) guard(h handler, refuse handler) http.Handler {
	return s.open(func(c *call) error {
		err := s.identify(c)
		if errors.Is(err, errWho) {
			return refuse(c)
		}
		if err != nil {
			return err
		}
		if c.Method != http.MethodGet && c.Method != http.MethodHead {
			if err := c.ParseForm(); err != nil {
				return formError(err)
			}
			if !c.who.token(c.PostForm.Get("csrf")) {
				return errToken
			}
		}
		if err := s.choose(c); err != nil {
			return err
		}
		return h(c)
	})
}

func formError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	return bad("That was no form.")
}

// operator serves who may change something in the tenant.
func (s *Server) operator(h handler) handler {
	return func(c *call) error {
		if c.role != Operator {
			return errForbidden
		}
		return h(c)
	}
}

// choose finds the tenant that the request is about: the one named, or the first.
func (s *Server) choose(c *call) error {
	named := c.URL.Query().Get("tenant")
	if len(named) > maxParam || named == AllTenants {
		return errNotFound
	}
	if named == "" {
		list, err := s.tenants(c)
		if err != nil || len(list) == 0 {
			return err
		}
		named = list[0]
	}
	if c.role = c.who.Grants.In(named); c.role == "" {
		return errNotFound
	}
	c.tenant = named
	return nil
}

func (c *call) redirect(to string) error {
	http.Redirect(c.w, c.Request, to, http.StatusSeeOther)
	return nil
}
