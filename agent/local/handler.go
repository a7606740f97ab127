package local

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"socketha/agent/status"
)

// route is one path: for reading (GET and HEAD), or for declaring (POST).
type route struct {
	path string
	get  http.HandlerFunc
	post *declaring
}

// handler finds the route of a request and guards it.
type handler struct {
	server *Server
	routes []route
	cross  *http.CrossOriginProtection
}

func newHandler(s *Server) *handler {
	h := &handler{
		server: s,
		cross:  http.NewCrossOriginProtection(),
		routes: []route{
			{path: "/v1/status", get: s.status},
			{path: "/v1/events", get: s.events},
			{path: "/v1/history", get: s.history},
			{path: "/v1/support-request", get: s.supportRequest},
			{path: "/v1/upgrade", post: &upgradeDeclaring},
			{path: "/v1/failover", post: &failoverDeclaring},
			{path: "/healthz", get: s.healthz},
		},
	}
	for path, page := range s.cfg.Pages {
		h.routes = append(h.routes, route{path: path, get: page.ServeHTTP})
	}
	return h
}

// find returns the route of a path, or nil.
func (h *handler) find(path string) *route {
	i := slices.IndexFunc(h.routes, func(rt route) bool { return rt.path == path })
	if i < 0 {
		return nil
	}
	return &h.routes[i]
}

// headers are set on every answer. The interface itself serves data; a page
// loosens the policy as far as it needs.
var headers = [...][2]string{
	{"Cache-Control", "no-store"},
	{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Referrer-Policy", "no-referrer"},
	{"X-Content-Type-Options", "nosniff"},
}

// ServeHTTP answers one request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, header := range headers {
		w.Header().Set(header[0], header[1])
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if !h.knownHost(r.Host) {
		refuse(w, r, http.StatusMisdirectedRequest, "unknown_host", "This host name is not served here.")
		return
	}
	if err := h.cross.Check(r); err != nil {
		refuse(w, r, http.StatusForbidden, "cross_origin", "Requests of other origins are not allowed.")
		return
	}
	rt := h.find(r.URL.Path)
	switch {
	case rt == nil:
		refuse(w, r, http.StatusNotFound, "not_found", "There is nothing at this path.")
	case rt.post != nil && r.Method == http.MethodPost:
		h.server.declare(w, r, rt.post)
	case rt.post != nil:
		w.Header().Set("Allow", "POST")
		refuse(w, r, http.StatusMethodNotAllowed, "method_not_allowed", "This path allows POST.")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, r, http.StatusMethodNotAllowed, "method_not_allowed", "This path allows GET and HEAD.")
	case r.ContentLength != 0:
		refuse(w, r, http.StatusBadRequest, "body_not_allowed", "A request for reading has no body.")
	default:
		rt.get(w, r)
	}
}

// knownHost reports whether a Host header is answered.
func (h *handler) knownHost(hostport string) bool {
	hosts := h.server.cfg.Hosts
	if len(hosts) == 0 {
		return true
	}
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = hostport // no port
	}
	return slices.Contains(hosts, strings.ToLower(strings.Trim(host, "[]")))
}

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	d, _ := s.cfg.Source.Current()
	writeJSON(w, http.StatusOK, d)
}

func (s *Server) history(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.cfg.Source.History())
}

// supportRequest answers with text for people, made from the same document.
func (s *Server) supportRequest(w http.ResponseWriter, _ *http.Request) {
	d, _ := s.cfg.Source.Current()
	text := status.SupportRequest(&d)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = io.WriteString(w, text) // a client that went away needs no answer
}

func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if err := s.cfg.Source.Healthy(); err != nil {
		refuse(w, r, http.StatusServiceUnavailable, "unhealthy", err.Error())
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

// errorBody is the body of every answer that is not a success.
type errorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// refuse answers with an error. A body that was announced is not waited for: the
// connection ends with the answer.
func refuse(w http.ResponseWriter, r *http.Request, code int, word, message string) {
	if r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		// The server reads the rest of a body before it closes; a deadline in
		// the past spares it a client that never sends it. A writer that cannot
		// set one has no such connection.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	}
	var body errorBody
	body.Error.Code, body.Error.Message = word, message
	writeJSON(w, code, body)
}

func writeJSON(w http.ResponseWriter, code int, v any) {
	b, err := json.Marshal(v)
	if err != nil { // cannot be: documents hold nothing that JSON cannot
		http.Error(w, `{"error":{"code":"internal","message":"The answer cannot be written."}}`, http.StatusInternalServerError)
		return
	}
	b = append(b, '\n')
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(code)
	_, _ = w.Write(b) // a client that went away needs no answer
}
