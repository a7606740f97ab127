package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

// Bounds.
const (
	sessionFor    = 12 * time.Hour     // without a request
	sessionAtMost = 7 * 24 * time.Hour // from the login on
	sessionStep   = 10 * time.Minute   // a session is prolonged at most this often

	maxForm     = 16 << 10 // bytes of a request's body
	maxStreams  = 256      // pages that follow live
	maxPerLogin = 16       // of those, of one login
	pageSize    = 50       // rows
	maxPageSize = 200      // rows
	maxParam    = 1024     // bytes of a parameter
)

// Config says what the pages work with.
type Config struct {
	Store   *store.Store
	Stories *story.Service
	Now     func() time.Time // nil: time.Now
	Log     *slog.Logger     // nil: none

	// PlainHTTP leaves the Secure mark off cookies: the pages reach the browser without
	// TLS, and not on its own machine.
	PlainHTTP bool

	Local Local
	OIDC  *OIDC  // nil: none
	Proxy *Proxy // nil: none
}

// Local is the login by password.
type Local struct {
	Disabled bool

	// Password of the account "admin", which is made if there is no account yet. "": one
	// is made up and written to the log, once.
	Password string
}

// OIDC is the login by an OpenID provider.
type OIDC struct {
	Issuer       string // https://…
	ClientID     string
	ClientSecret string // "": a public client
	Origin       string // of the console, as browsers see it: https://console.example
	Name         string // of the provider, for the button; "": "single sign-on"
	Scopes       []string
	NameClaim    string            // who it is, for the audit; "": email, else sub
	GroupsClaim  string            // a string or list of strings; "": groups
	Grants       map[string]Grants // by group; "": everybody that the provider lets in
}

// Proxy believes a header that a proxy in front sets.
type Proxy struct {
	From         []netip.Prefix // addresses it speaks from
	NameHeader   string         // such as X-Forwarded-User
	GroupsHeader string         // separated by commas; "": none
	Grants       map[string]Grants
}

// Check says what is missing or out of bounds.
func (c *Config) Check() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.Store == nil || c.Stories == nil {
		add("the pages need a store and its stories")
	}
	if o := c.OIDC; o != nil {
		for name, text := range map[string]string{"issuer": o.Issuer, "origin": o.Origin} {
			if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
				add("oidc: %s %q is no https:// address", name, text)
			}
		}
		if strings.Count(o.Origin, "/") != 2 {
			add("oidc: origin %q ends with the host: https://console.example", o.Origin)
		}
		if o.ClientID == "" {
			add("oidc: the client id is missing")
		}
		problems = append(problems, checkGrants("oidc", o.Grants))
	}
	if p := c.Proxy; p != nil {
		if p.NameHeader == "" || len(p.From) == 0 {
			add("proxy: a header is believed only from given addresses: both are needed")
		}
		problems = append(problems, checkGrants("proxy", p.Grants))
	}
	if c.Local.Disabled && c.OIDC == nil && c.Proxy == nil {
		add("nobody could log in: local logins are off, and there is neither OIDC nor a proxy")
	}
	if p := c.Local.Password; p != "" {
		problems = append(problems, checkPassword(p))
	}
	return errors.Join(problems...)
}

func checkGrants(what string, byGroup map[string]Grants) error {
	if len(byGroup) == 0 {
		return fmt.Errorf("%s: no group is granted anything", what)
	}
	for group, g := range byGroup {
		if err := g.Check(); err != nil {
			return fmt.Errorf("%s: group %q: %w", what, group, err)
		}
	}
	return nil
}
