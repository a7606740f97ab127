package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"socketha/peer/compat"
)

// declaring is one path of POST: what it declares, and by which fields.
type declaring struct {
	what         string
	target       bool // the begin may name a target version
	resultNeeded bool // the end must name a result
	example      string
	by           func(Declarer, context.Context, Declaration) error
}

var upgradeDeclaring = declaring{
	what: "upgrade", target: true, resultNeeded: true,
	example: `{"state":"begin","target":"18.4.1"} or {"state":"end","result":"ok"}`,
	by:      Declarer.DeclareUpgrade,
}

var failoverDeclaring = declaring{
	what:    "failover",
	example: `{"state":"begin"} or {"state":"end"}`,
	by:      Declarer.DeclareFailover,
}

// results are how an upgrade may end (contract section 6).
var results = []string{"ok", "failed", "skipped"}

// declared is the answer to what was accepted.
type declared struct {
	State  string `json:"state"`
	Target string `json:"target,omitempty"`
	Result string `json:"result,omitempty"`
}

// declare takes a declaration, if who sent it may change anything.
func (s *Server) declare(w http.ResponseWriter, r *http.Request, kind *declaring) {
	caller, why := s.caller(r)
	if why != "" {
		refuse(w, r, http.StatusForbidden, "forbidden", why)
		return
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		refuse(w, r, http.StatusUnsupportedMediaType, "not_json", "A declaration is sent as application/json.")
		return
	}
	body, err := io.ReadAll(r.Body)
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		refuse(w, r, http.StatusRequestEntityTooLarge, "too_long", fmt.Sprintf("A declaration has at most %d bytes.", maxBody))
		return
	} else if err != nil {
		refuse(w, r, http.StatusBadRequest, "bad_request", "The body did not arrive whole.")
		return
	}
	d, err := kind.read(body)
	if err != nil {
		refuse(w, r, http.StatusBadRequest, "bad_request", err.Error()+"; expected: "+kind.example)
		return
	}
	d.UID = caller.UID
	s.accept(w, r, kind, d)
}

// accept hands the declaration on and acknowledges it when it has been taken.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, kind *declaring, d Declaration) {
	switch err := kind.by(s.cfg.Declarer, r.Context(), d); {
	case errors.Is(err, ErrConflict):
		refuse(w, r, http.StatusConflict, "conflict", err.Error())
	case err != nil:
		s.cfg.Log.Error("a declaration is not acknowledged", "what", kind.what, "uid", d.UID, "error", err)
		refuse(w, r, http.StatusInternalServerError, "internal", err.Error())
	default:
		answer := declared{State: "begin", Target: d.Target, Result: d.Result}
		if d.End {
			answer.State = "end"
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// caller returns who sent a request, or why they may change nothing. The kernel
// tells who made the connection; a proxy's request is the wish of somebody else.
func (s *Server) caller(r *http.Request) (Caller, string) {
	const only = "Only root and the admin group may declare anything, on this machine"
	c, ok := r.Context().Value(connKey{}).(*conn)
	if !ok || s.cfg.Declarer == nil || c.LocalAddr().Network() != "unix" {
		return Caller{}, only + " by its unix socket."
	}
	if name := forwarded(r.Header); name != "" {
		return Caller{}, only + ", not through a proxy or a browser (header " + name + ")."
	}
	caller, err := s.cfg.Caller(c.Conn)
	if err != nil {
		s.cfg.Log.Error("who asks cannot be told", "error", err)
		return Caller{}, only + ", and who asks cannot be told."
	}
	if !caller.MayChange {
		return Caller{}, fmt.Sprintf("%s; this is user id %d.", only, caller.UID)
	}
	return caller, ""
}

// forwarded returns the first header found that a proxy or a browser sets.
func forwarded(h http.Header) string {
	var found []string
	for name := range h {
		switch {
		case strings.HasPrefix(name, "X-Forwarded-"), strings.HasPrefix(name, "Sec-Fetch-"),
			slices.Contains([]string{"Forwarded", "Via", "X-Real-Ip", "Origin", "Referer"}, name):
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		return ""
	}
	return slices.Min(found)
}

// read reads the body of a declaration strictly: what it does not know could be
// what the sender meant.
func (k *declaring) read(body []byte) (Declaration, error) {
	fields, err := readFields(body)
	if err != nil {
		return Declaration{}, err
	}
	state, target, result := fields["state"], fields["target"], fields["result"]
	_, hasTarget := fields["target"]
	_, hasResult := fields["result"]
	switch {
	case state != "begin" && state != "end":
		return Declaration{}, errors.New(`"state" is "begin" or "end"`)
	case hasTarget && (state != "begin" || !k.target):
		return Declaration{}, errors.New(`"target" belongs to the begin of an upgrade`)
	case hasResult && state != "end":
		return Declaration{}, errors.New(`"result" belongs to the end`)
	case hasResult && !slices.Contains(results, result), state == "end" && k.resultNeeded && !hasResult:
		return Declaration{}, errors.New(`"result" is "ok", "failed" or "skipped"`)
	}
	if hasTarget {
		if _, err := compat.Parse(target); err != nil {
			return Declaration{}, fmt.Errorf("\"target\" is no version: %w", err)
		}
	}
	return Declaration{End: state == "end", Target: target, Result: result}, nil
}

// declarationFields are the fields of a declaration.
var declarationFields = []string{"state", "target", "result"}

// readFields reads one JSON object whose values are strings. Unlike
// encoding/json into a struct it takes no field twice, or in other letters.
func readFields(body []byte) (map[string]string, error) {
	fields := make(map[string]string)
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("the body is no JSON object")
	}
	for dec.More() {
		key, err := dec.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, errors.New("the body is broken JSON")
		}
		if !slices.Contains(declarationFields, name) {
			return nil, fmt.Errorf("unknown field %s", compat.Show(name))
		}
		value, err := dec.Token()
		if err != nil {
			return nil, errors.New("the body is broken JSON")
		}
		text, ok := value.(string)
		if _, twice := fields[name]; twice || !ok {
			return nil, fmt.Errorf("%q is one text, given once", name)
		}
		fields[name] = text
	}
	if _, err := dec.Token(); err != nil {
		return nil, errors.New("the body is broken JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	return fields, nil
}
