package web

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"socketha/cmd/console/internal/store"
)

// loginView is what the login page shows.
type loginView struct {
	Next, Name, Problem string
	Local               bool
	OIDC                string
}

// toLogin sends a person to the login, and back here afterwards.
func (s *Server) toLogin(c *call) error {
	if c.Method != http.MethodGet && c.Method != http.MethodHead || c.URL.Path == "/events" {
		return &problem{http.StatusUnauthorized, "You are not logged in any more. Log in and try again."}
	}
	to := "/login"
	if next := c.URL.RequestURI(); next != "/" && len(next) <= maxParam {
		to += "?next=" + url.QueryEscape(next)
	}
	return c.redirect(to)
}

// back is where to go after the login: a path of ours, and no way to anywhere else.
func back(next string) string {
	u, err := url.Parse(next)
	if err != nil || len(next) > maxParam || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n\t") || u.Host != "" || u.Scheme != "" {
		return "/sites"
	}
	return next
}

func (s *Server) loginView(c *call) loginView {
	v := loginView{Next: back(c.FormValue("next")), Local: !s.cfg.Local.Disabled}
	if s.cfg.OIDC != nil {
		if v.OIDC = s.cfg.OIDC.Name; v.OIDC == "" {
			v.OIDC = "single sign-on"
		}
	}
	return v
}

func (s *Server) loginPage(c *call) error {
	return s.show(c, http.StatusOK, "login", "Log in", s.loginView(c))
}

func (s *Server) postLogin(c *call) error {
	if err := c.ParseForm(); err != nil {
		return formError(err)
	}
	v := s.loginView(c)
	v.Name = c.PostForm.Get("name")
	account, err := s.check(c, v.Name, c.PostForm.Get("password"))
	if p, ok := errors.AsType[*problem](err); ok {
		v.Problem = p.text
		return s.show(c, p.status, "login", "Log in", v)
	}
	if err != nil {
		return err
	}
	token, err := s.start(c, accountsTenant, account.Name, parseGrants(account.Role))
	if err != nil {
		return err
	}
	s.setCookie(c, sessionCookie, token, sessionAtMost)
	return c.redirect(v.Next)
}

var errLogin = &problem{http.StatusUnauthorized, "Name or password is wrong."}

// check compares name and password, as often as the limits allow.
func (s *Server) check(c *call, name, password string) (*store.User, error) {
	if s.cfg.Local.Disabled {
		return nil, errNotFound
	}
	if len(password) > maxPassword || len(name) > maxParam {
		return nil, errLogin
	}
	address := from(c.RemoteAddr)
	login := name + "\x00" + address
	if wait := max(s.byAddress.take(c.now, address), s.byLogin.take(c.now, login)); wait > 0 {
		seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
		c.w.Header().Set("Retry-After", seconds)
		return nil, &problem{http.StatusTooManyRequests, "Too many tries. Wait " + seconds + " s, then try again."}
	}
	account, err := s.cfg.Store.User(c.Context(), accountsTenant, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	hashed := nobody
	if account != nil {
		hashed = account.Hash
	}
	ok, err := s.compare(c.Context(), hashed, password)
	if err != nil {
		return nil, err
	}
	if !ok || account == nil || account.Disabled {
		s.cfg.Log.WarnContext(c.Context(), "login refused", slog.String("name", strconv.QuoteToASCII(name)), slog.String("from", address))
		return nil, errLogin
	}
	s.byLogin.forget(login)
	return account, nil
}

// compare computes a hash when there is room to.
func (s *Server) compare(ctx context.Context, hashed, password string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	select {
	case s.hashing <- struct{}{}:
	case <-ctx.Done():
		return false, errBusy
	}
	defer func() { <-s.hashing }()
	return matches(hashed, password), nil
}

func (s *Server) postLogout(c *call) error {
	if c.who.session != "" {
		if err := s.cfg.Store.EndSession(c.Context(), c.who.session); err != nil {
			return err
		}
	}
	s.dropCookie(c, sessionCookie)
	return c.redirect("/login")
}

// accountView is what the account page shows.
type accountView struct {
	Local   bool
	Done    bool // the password was changed
	Problem string
	Grants  Grants
	Min     int
}

func (s *Server) accountPage(c *call) error {
	v := s.accountView(c)
	v.Done = c.URL.Query().Get("done") == "password"
	return s.show(c, http.StatusOK, "account", "Account", v)
}

func (s *Server) accountView(c *call) accountView {
	return accountView{Local: c.who.Local != "", Grants: c.who.Grants, Min: minPassword}
}

// postPassword changes the password of a local account. Every other login of it ends.
func (s *Server) postPassword(c *call) error {
	if c.who.Local == "" {
		return errNotFound
	}
	v := s.accountView(c)
	next := c.PostForm.Get("new")
	account, err := s.check(c, c.who.Local, c.PostForm.Get("old"))
	if err == nil && next != c.PostForm.Get("again") {
		err = bad("The new password was not the same twice.")
	}
	if err == nil {
		if e := checkPassword(next); e != nil {
			err = bad("Not taken: %v.", e)
		}
	}
	if p, ok := errors.AsType[*problem](err); ok {
		v.Problem = p.text
		return s.show(c, p.status, "account", "Account", v)
	}
	if err != nil {
		return err
	}
	grants := parseGrants(account.Role)
	if err := PutAccount(c.Context(), s.cfg.Store, account.Name, next, grants, account.Name); err != nil {
		return err
	}
	token, err := s.start(c, accountsTenant, account.Name, grants)
	if err != nil {
		return err
	}
	s.setCookie(c, sessionCookie, token, sessionAtMost)
	return c.redirect("/account?done=password")
}
