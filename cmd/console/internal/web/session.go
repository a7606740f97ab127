package web

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"socketha/cmd/console/internal/store"
)

// Identity is who a request comes from.
type Identity struct {
	Name   string // as the audit has it
	Local  string // account of a local login; ""
	Grants Grants

	csrf    string // what a form must bring; "" with a bearer token, which no browser sends by itself
	session string // digest of the token; "" without one
	bearer  bool
	expires time.Time // zero: with the request
}

// errWho says that nobody is logged in.
var errWho = errors.New("nobody is logged in")

// token reports whether a form brought what it must.
func (id *Identity) token(brought string) bool {
	return id.csrf != "" && subtle.ConstantTimeCompare([]byte(id.csrf), []byte(brought)) == 1
}

// Cookies. The prefix __Host- ties them to this very origin (RFC 6265bis section 4.1.3).
const (
	sessionCookie = "console"
	formCookie    = "console-form" // the token of forms, of those whom a proxy names
	oidcCookie    = "console-oidc"
)

func (s *Server) cookieName(name string) string {
	if s.cfg.PlainHTTP {
		return name
	}
	return "__Host-" + name
}

func (s *Server) setCookie(c *call, name, value string, age time.Duration) {
	same := http.SameSiteLaxMode      // Strict would lose the session on a link from a ticket or mail
	http.SetCookie(c.w, &http.Cookie{ //nolint:gosec // PlainHTTP is the operator's choice
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: int(age / time.Second),
		Secure: !s.cfg.PlainHTTP, HttpOnly: true, SameSite: same,
	})
}

func (s *Server) dropCookie(c *call, name string) { s.setCookie(c, name, "", -time.Second) }

func (s *Server) cookie(c *call, name string) string {
	got, err := c.Cookie(s.cookieName(name))
	if err != nil || len(got.Value) > 4096 {
		return ""
	}
	return got.Value
}

// identify finds out who it is: a bearer token, the header of a proxy, a session.
func (s *Server) identify(c *call) error {
	if token, ok := strings.CutPrefix(c.Header.Get("Authorization"), "Bearer "); ok {
		return s.fromSession(c, token, true)
	}
	if s.fromProxy(c) {
		return nil
	}
	if token := s.cookie(c, sessionCookie); token != "" {
		return s.fromSession(c, token, false)
	}
	return errWho
}

// fromProxy believes the proxy's header, but only from its address.
func (s *Server) fromProxy(c *call) bool {
	p := s.cfg.Proxy
	if p == nil {
		return false
	}
	at, err := netip.ParseAddrPort(c.RemoteAddr)
	if err != nil || !slices.ContainsFunc(p.From, func(net netip.Prefix) bool { return net.Contains(at.Addr().Unmap()) }) {
		return false
	}
	names := c.Header.Values(p.NameHeader)
	if len(names) != 1 || checkName(strings.ReplaceAll(names[0], ":", "")) != nil {
		return false
	}
	var groups []string
	if p.GroupsHeader != "" {
		for g := range strings.SplitSeq(strings.Join(c.Header.Values(p.GroupsHeader), ","), ",") {
			groups = append(groups, strings.TrimSpace(g))
		}
	}
	c.who = &Identity{Name: "proxy:" + names[0], Grants: byGroup(p.Grants, groups), csrf: s.cookie(c, formCookie)}
	if len(c.who.csrf) != len(random()) {
		c.who.csrf = random()
		s.setCookie(c, formCookie, c.who.csrf, sessionAtMost)
	}
	return true
}

// fromSession finds the session of a token, and prolongs it now and then.
func (s *Server) fromSession(c *call, token string, bearer bool) error {
	if len(token) != len(random()) {
		return errWho
	}
	found, err := s.cfg.Store.Session(c.Context(), digestOf(token), c.now)
	if errors.Is(err, store.ErrNotFound) {
		return errWho
	}
	if err != nil {
		return err
	}
	c.who = &Identity{
		Name: found.Name, Grants: parseGrants(found.Role), csrf: found.CSRF, session: found.Token, bearer: bearer, expires: found.ExpiresAt,
	}
	if found.Tenant == accountsTenant {
		c.who.Local = found.Name
	}
	return s.prolong(c, found)
}

func (s *Server) prolong(c *call, one *store.Session) error {
	until := c.now.Add(sessionFor)
	if most := one.CreatedAt.Add(sessionAtMost); until.After(most) {
		until = most
	}
	if until.Sub(one.ExpiresAt) < sessionStep {
		return nil
	}
	one.ExpiresAt, c.who.expires = until, until
	return s.cfg.Store.PutSession(c.Context(), *one)
}

// realms of sessions: which login made them. Local ones are of the accounts' tenant, so
// that they end with the account.
const realmOIDC = ":oidc"

// start makes a session and returns its token.
func (s *Server) start(c *call, realm, name string, g Grants) (token string, err error) {
	token = random()
	err = s.cfg.Store.PutSession(c.Context(), store.Session{
		Token: digestOf(token), Tenant: realm, Name: name, Role: g.encode(), CSRF: random(),
		CreatedAt: c.now, ExpiresAt: c.now.Add(sessionFor),
	})
	if err != nil {
		return "", err
	}
	audit := store.Audit{Actor: name, Action: "login", Object: name, Detail: "from " + from(c.RemoteAddr)}
	return token, s.cfg.Store.AddAudit(c.Context(), accountsTenant, audit)
}

// tenants returns what somebody may see, by name.
func (s *Server) tenants(c *call) ([]string, error) {
	seen := map[string]bool{}
	var list []string
	add := func(tenant string) {
		if tenant != AllTenants && !seen[tenant] {
			seen[tenant] = true
			list = append(list, tenant)
		}
	}
	for tenant := range c.who.Grants {
		add(tenant)
	}
	if c.who.Grants.In(AllTenants) != "" {
		all, err := s.cfg.Store.Tenants(c.Context())
		if err != nil {
			return nil, err
		}
		for _, tenant := range all {
			add(tenant)
		}
	}
	slices.Sort(list)
	return list, nil
}
