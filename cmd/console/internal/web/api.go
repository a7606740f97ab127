package web

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
)

const apiPrefix = "/api/v1"

// apiRoute is one operation of the API. What it returns is sent as JSON.
type apiRoute struct {
	method, path string
	handle       func(*call) (any, error)
	open         bool // without a login
	operator     bool
}

func (s *Server) api() []apiRoute {
	return []apiRoute{
		{method: "POST", path: "/login", handle: s.apiLogin, open: true},
		{method: "POST", path: "/logout", handle: s.apiLogout},
		{method: "GET", path: "/me", handle: s.apiMe},
		{method: "GET", path: "/sites", handle: s.apiSites},
		{method: "GET", path: "/site", handle: s.apiSite},
		{method: "GET", path: "/stories", handle: s.apiStories},
		{method: "GET", path: "/story", handle: s.apiStory},
		{method: "POST", path: "/story/ack", handle: s.apiAck, operator: true},
		{method: "POST", path: "/story/mute", handle: s.apiMute, operator: true},
		{method: "POST", path: "/story/note", handle: s.apiNote, operator: true},
	}
}

// apiError is the body of every answer that is no 200.
type apiError struct {
	Error string `json:"error"`
}

// apiGuard serves programs: errors are JSON, and nobody is sent to a login page. What
// changes something must be JSON: a page of another origin cannot send that without being asked
// for (and CrossOriginProtection refuses it).
func (s *Server) apiGuard(r apiRoute) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		c := &call{Request: req, w: w, now: s.cfg.Now().UTC()}
		out, err := s.apiCall(c, r) //nolint:contextcheck // a call carries its request's
		status := http.StatusOK
		if err != nil {
			p := s.told(c, err) //nolint:contextcheck // likewise
			status, out = p.status, apiError{p.text}
		}
		raw, err := json.Marshal(out)
		if err != nil {
			status, raw = http.StatusInternalServerError, []byte(`{"error":"unwritable"}`)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="console"`)
		}
		w.WriteHeader(status)
		_, _ = w.Write(append(raw, '\n'))
	})
}

func (s *Server) apiCall(c *call, r apiRoute) (any, error) {
	if !r.open {
		if err := s.identify(c); errors.Is(err, errWho) {
			return nil, &problem{http.StatusUnauthorized, "Log in: POST " + apiPrefix + "/login, then Authorization: Bearer TOKEN."}
		} else if err != nil {
			return nil, err
		}
		if err := s.choose(c); err != nil {
			return nil, err
		}
	}
	if c.Method == http.MethodPost {
		kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			return nil, &problem{http.StatusUnsupportedMediaType, "The body is application/json."}
		}
	}
	if r.operator && c.role != Operator {
		return nil, errForbidden
	}
	return r.handle(c)
}

// body reads a JSON object, strictly.
func (c *call) body(into any) error {
	dec := json.NewDecoder(c.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil && dec.Decode(&struct{}{}) != io.EOF {
		err = errors.New("there is more behind the object")
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return err
	}
	if err != nil {
		return bad("The body cannot be read: %.200v.", err)
	}
	return nil
}

type apiToken struct {
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (s *Server) apiLogin(c *call) (any, error) {
	var in struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := c.body(&in); err != nil {
		return nil, err
	}
	account, err := s.check(c, in.Name, in.Password)
	if err != nil {
		return nil, err
	}
	token, err := s.start(c, accountsTenant, account.Name, parseGrants(account.Role))
	return apiToken{token, c.now.Add(sessionFor)}, err
}

type apiDone struct {
	Done bool `json:"done"`
}

func (s *Server) apiLogout(c *call) (any, error) {
	if c.who.session == "" {
		return apiDone{}, nil
	}
	return apiDone{true}, s.cfg.Store.EndSession(c.Context(), c.who.session)
}

type apiMe struct {
	Name    string   `json:"name"`
	Grants  Grants   `json:"grants"`
	Tenants []string `json:"tenants"`
}

func (s *Server) apiMe(c *call) (any, error) {
	list, err := s.tenants(c)
	if list == nil {
		list = []string{}
	}
	return apiMe{c.who.Name, c.who.Grants, list}, err
}

type apiPage[T any] struct {
	Tenant string  `json:"tenant"`
	Items  []T     `json:"items"`
	Next   *string `json:"next"`
	Prev   *string `json:"prev"`
}

func (s *Server) apiSites(c *call) (any, error) {
	q, err := readSitesQuery(c.tenant, c.URL.Query())
	if err != nil {
		return nil, err
	}
	vendor, err := oneOf(c.URL.Query(), "view", "vendor")
	if err != nil {
		return nil, err
	}
	page, err := s.page(c.Context(), q)
	if err != nil {
		return nil, err
	}
	if vendor != "" {
		out := apiPage[vendorSite]{c.tenant, []vendorSite{}, orNull(page.Next), orNull(page.Prev)}
		for i := range page.Sites {
			out.Items = append(out.Items, vendorOf(&page.Sites[i]))
		}
		return out, nil
	}
	out := apiPage[apiSite]{c.tenant, []apiSite{}, orNull(page.Next), orNull(page.Prev)}
	for i := range page.Sites {
		out.Items = append(out.Items, siteOf(&page.Sites[i]))
	}
	return out, nil
}

func (s *Server) apiSite(c *call) (any, error) {
	id, err := siteID(c)
	if err != nil {
		return nil, err
	}
	vendor, err := oneOf(c.URL.Query(), "view", "vendor")
	if err != nil {
		return nil, err
	}
	v, err := s.loadSite(c.Context(), c.tenant, id, c.now)
	if err != nil {
		return nil, err
	}
	if vendor != "" {
		return vendorOf(v.Site), nil
	}
	if err := s.history(c.Context(), v, ""); err != nil {
		return nil, err
	}
	return detailOf(v), nil
}

func (s *Server) apiStories(c *call) (any, error) {
	q, err := readStoriesQuery(c.tenant, c.URL.Query())
	if err != nil {
		return nil, err
	}
	page, err := s.cfg.Store.Stories(c.Context(), c.tenant, q.store())
	if err != nil {
		return nil, err
	}
	out := apiPage[apiStory]{Tenant: c.tenant, Items: []apiStory{}, Next: orNull(page.Next)}
	for i := range page.Stories {
		out.Items = append(out.Items, storyOf(&page.Stories[i]))
	}
	return out, nil
}

// oneStory answers with a story as it is now.
func (s *Server) oneStory(c *call, id string) (any, error) {
	one, err := s.cfg.Store.Story(c.Context(), c.tenant, id)
	if err != nil {
		return nil, err
	}
	list, err := s.cfg.Store.Timeline(c.Context(), c.tenant, id, c.URL.Query().Get("after"), timelineRows)
	return storyDetailOf(one, list), err
}

func (s *Server) apiStory(c *call) (any, error) {
	id, err := siteID(c)
	if err != nil {
		return nil, err
	}
	return s.oneStory(c, id)
}

// changeStory reads the body, does what it asks for, and answers with the story.
func (s *Server) changeStory(c *call, in any, do func(id string) error) (any, error) {
	id, err := siteID(c)
	if err != nil {
		return nil, err
	}
	if err := c.body(in); err != nil {
		return nil, err
	}
	if err := do(id); err != nil {
		return nil, err
	}
	return s.oneStory(c, id)
}

func (s *Server) apiAck(c *call) (any, error) {
	in := struct {
		Acknowledged bool `json:"acknowledged"`
	}{true}
	return s.changeStory(c, &in, func(id string) error {
		return s.cfg.Stories.Acknowledge(c.Context(), c.tenant, id, c.who.Name, in.Acknowledged)
	})
}

func (s *Server) apiMute(c *call) (any, error) {
	var in struct {
		Until *time.Time `json:"until"`
	}
	return s.changeStory(c, &in, func(id string) error {
		var until time.Time
		if in.Until != nil {
			until = *in.Until
		}
		return s.cfg.Stories.Mute(c.Context(), c.tenant, id, c.who.Name, until)
	})
}

func (s *Server) apiNote(c *call) (any, error) {
	var in struct {
		Text string `json:"text"`
	}
	return s.changeStory(c, &in, func(id string) error {
		return s.cfg.Stories.Note(c.Context(), c.tenant, id, c.who.Name, in.Text)
	})
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(openAPI)
}
