package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"io/fs"
	"mime"
	"net/http"
	"net/url"
	"path"
	"time"
)

//go:embed templates
var templates embed.FS

// pages are the templates, each with the layout around it.
type pages struct {
	byName  map[string]*template.Template
	version string // of the static files, in their addresses
}

var pageNames = []string{"login", "account", "sites", "site", "stories", "story", "problem"}

func loadPages() (*pages, error) {
	p := &pages{byName: make(map[string]*template.Template)}
	sum := sha256.New()
	err := fs.WalkDir(static, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := static.ReadFile(name)
		_, _ = sum.Write(raw)
		return err
	})
	if err != nil {
		return nil, err
	}
	p.version = hex.EncodeToString(sum.Sum(nil)[:6])
	for _, name := range pageNames {
		t, err := template.New("layout.html").Funcs(funcs).ParseFS(templates, "templates/layout.html", "templates/parts.html", "templates/"+name+".html")
		if err != nil {
			return nil, err
		}
		p.byName[name] = t
	}
	return p, nil
}

// frame is what the layout shows around a page.
type frame struct {
	Page, Title string
	Version     string
	URL         string // of this very page, for the script to fetch again
	Now         time.Time
	Who         *Identity
	CSRF        string
	Role        Role
	Tenant      string
	Tenants     []string
	Site        string // that the page is about: events of others are of no interest
	Body        any
}

// Operator reports whether forms that change something are shown.
func (f *frame) Operator() bool { return f.Role == Operator }

// Live reports whether the page follows events.
func (f *frame) Live() bool {
	return f.Page == "sites" || f.Page == "site" || f.Page == "stories" || f.Page == "story"
}

// aboutSite is the body of a page about one site.
type aboutSite interface{ about() string }

func (s *Server) show(c *call, status int, name, title string, body any) error {
	f := &frame{
		Page: name, Title: title, Version: s.pages.version, URL: c.URL.RequestURI(), Now: c.now,
		Who: c.who, Role: c.role, Tenant: c.tenant, Body: body,
	}
	if c.who != nil {
		f.CSRF = c.who.csrf
		list, err := s.tenants(c)
		if err != nil {
			return err
		}
		f.Tenants = list
	}
	if b, ok := body.(aboutSite); ok {
		f.Site = b.about()
	}
	var out bytes.Buffer
	if err := s.pages.byName[name].Execute(&out, f); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(out.Bytes()) // who went away needs no answer
	return nil
}

// fail shows what went wrong.
func (s *Server) fail(c *call, err error) {
	p := s.told(c, err)
	title := http.StatusText(p.status)
	if e := s.show(c, p.status, "problem", title, p.text); e != nil {
		http.Error(c.w, p.text, p.status)
	}
}

// serveStatic serves the script and the style. Their addresses change when they do.
func serveStatic(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	raw, err := static.ReadFile("static/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) { // not left to the machine's own table
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css":
		kind = "text/css; charset=utf-8"
	case ".svg":
		kind = "image/svg+xml"
	case "":
		kind = "text/plain; charset=utf-8"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(raw) //nolint:gosec // a file of ours
}

// link returns an address with parameters; empty ones are left out.
func link(to string, pairs ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	if len(q) == 0 {
		return to
	}
	return to + "?" + q.Encode()
}
