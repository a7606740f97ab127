package about

import (
	"crypto/sha256"
	_ "embed" // the style sheet and the script
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"socketha/agent/status"
)

// The paths of [Pages.Handlers].
const (
	PagePath   = "/v1/about"
	ScriptPath = "/v1/about.js"
)

// Source is where the pages get what they show; agent/local.Source is one.
type Source interface {
	// Current returns the status document as of now and the id of its meaning.
	Current() (status.Document, string)
}

var (
	//go:embed about.css
	style lit
	//go:embed about.js
	script string
)

// Pages are the About page and its script. Make them with [New].
type Pages struct {
	source Source
	policy string
	tag    string // of the script (RFC 9110, section 8.8.3)
	build  string // of script and style, by which an open page notices an update
}

// New makes the pages.
func New(source Source) *Pages {
	styleSum, scriptSum := sha256.Sum256([]byte(style)), sha256.Sum256([]byte(script))
	return &Pages{
		source: source,
		policy: strings.Join([]string{
			"default-src 'none'",
			"script-src 'self'", // an external script by its hash is not known to all browsers
			"style-src 'sha256-" + base64.StdEncoding.EncodeToString(styleSum[:]) + "'",
			"connect-src 'self'",
			"img-src data:", // the icon of the tab
			"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
			"require-trusted-types-for 'script'", "trusted-types 'none'",
		}, "; "),
		tag:   `"` + hex.EncodeToString(scriptSum[:8]) + `"`,
		build: hex.EncodeToString(append(scriptSum[:4:4], styleSum[:4]...)),
	}
}

// Handlers returns the pages by their path. They answer GET and HEAD; whoever
// mounts them refuses other methods and sets the headers that all answers share
// (agent/local: no-store, nosniff, no-referrer, same-origin).
func (p *Pages) Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		PagePath:   http.HandlerFunc(p.page),
		ScriptPath: http.HandlerFunc(p.script),
	}
}

// page answers with the whole page. The script asks for it with the query
// "element": the policy of the WebUI that the element stands in is also the one of
// the document received, and need not allow our style sheet, so that comes as data.
func (p *Pages) page(w http.ResponseWriter, r *http.Request) {
	d, meaning := p.source.Current()
	body := render(&d, meaning, p.build, r.URL.RawQuery == "element")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", p.policy)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write([]byte(body)) // a client that went away needs no answer
}

func (p *Pages) script(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", p.tag)
	if r.Header.Get("If-None-Match") == p.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(script)))
	_, _ = w.Write([]byte(script))
}
