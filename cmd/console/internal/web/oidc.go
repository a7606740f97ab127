package web

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// oidcFor is how long somebody may take at the provider.
const oidcFor = 10 * time.Minute

// oidcClient fetches from the provider.
var oidcClient = &http.Client{Timeout: 10 * time.Second}

// provider is the OpenID provider, asked for what it is when it is first needed: a
// console starts without it.
type provider struct {
	cfg OIDC

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	oauth    *oauth2.Config
}

func (p *provider) get(ctx context.Context) (*oidc.IDTokenVerifier, *oauth2.Config, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.oauth != nil {
		return p.verifier, p.oauth, nil
	}
	// The provider keeps this context to fetch keys with, later on.
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), oidcClient), p.cfg.Issuer)
	if err != nil {
		return nil, nil, fmt.Errorf("oidc: %w", err)
	}
	p.verifier = found.Verifier(&oidc.Config{ClientID: p.cfg.ClientID})
	p.oauth = &oauth2.Config{
		ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, Endpoint: found.Endpoint(),
		RedirectURL: p.cfg.Origin + "/login/oidc/back", Scopes: append([]string{oidc.ScopeOpenID, "email"}, p.cfg.Scopes...),
	}
	return p.verifier, p.oauth, nil
}

// trip is what the browser carries to the provider and back, in a cookie of its own:
// whoever has no such cookie did not start here (RFC 9700 section 4.7).
type trip struct {
	State, Nonce, Verifier, Next string
}

var errOIDC = &problem{http.StatusBadGateway, "The login at the provider did not work. Try again."}

// oidcFailed tells the person that it failed, and the log why.
func (s *Server) oidcFailed(c *call, err error) error {
	s.cfg.Log.WarnContext(c.Context(), "oidc login failed", slog.Any("error", err))
	v := s.loginView(c)
	v.Problem = errOIDC.text
	return s.show(c, errOIDC.status, "login", "Log in", v)
}

func (s *Server) oidcStart(c *call) error {
	if s.oidc == nil {
		return errNotFound
	}
	if wait := s.byAddress.take(c.now, from(c.RemoteAddr)); wait > 0 {
		return &problem{http.StatusTooManyRequests, "Too many tries. Wait a moment, then try again."}
	}
	_, oauth, err := s.oidc.get(c.Context())
	if err != nil {
		return s.oidcFailed(c, err)
	}
	t := trip{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Next: back(c.FormValue("next"))}
	raw, _ := json.Marshal(t) // strings
	s.setCookie(c, oidcCookie, base64.RawURLEncoding.EncodeToString(raw), oidcFor)
	return c.redirect(oauth.AuthCodeURL(t.State, oidc.Nonce(t.Nonce), oauth2.S256ChallengeOption(t.Verifier)))
}

func (s *Server) oidcBack(c *call) error {
	if s.oidc == nil {
		return errNotFound
	}
	var t trip
	raw, err := base64.RawURLEncoding.DecodeString(s.cookie(c, oidcCookie))
	if err != nil || json.Unmarshal(raw, &t) != nil || t.State == "" || t.Nonce == "" {
		return s.oidcFailed(c, errors.New("no login was begun in this browser"))
	}
	s.dropCookie(c, oidcCookie)
	q := c.URL.Query()
	if subtle.ConstantTimeCompare([]byte(t.State), []byte(q.Get("state"))) != 1 {
		return s.oidcFailed(c, errors.New("the state is another one"))
	}
	if e := q.Get("error"); e != "" {
		return s.oidcFailed(c, fmt.Errorf("the provider says %.100q", e))
	}
	id, err := s.oidc.exchange(c.Context(), q.Get("code"), &t)
	if err != nil {
		return s.oidcFailed(c, err)
	}
	grants := byGroup(s.cfg.OIDC.Grants, id.groups)
	if len(grants) == 0 {
		return &problem{http.StatusForbidden, "You are known to the provider, but nothing has been granted to you here."}
	}
	token, err := s.start(c, realmOIDC, "oidc:"+id.name, grants)
	if err != nil {
		return err
	}
	s.setCookie(c, sessionCookie, token, sessionAtMost)
	return c.redirect(back(t.Next))
}

type claims struct {
	name   string
	groups []string
}

// exchange turns the code into who it is.
func (p *provider) exchange(ctx context.Context, code string, t *trip) (*claims, error) {
	verifier, oauth, err := p.get(ctx)
	if err != nil {
		return nil, err
	}
	ctx = oidc.ClientContext(ctx, oidcClient)
	token, err := oauth.Exchange(ctx, code, oauth2.VerifierOption(t.Verifier))
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(idToken.Nonce), []byte(t.Nonce)) != 1 {
		return nil, errors.New("oidc: the nonce is another one")
	}
	var all map[string]any
	if err := idToken.Claims(&all); err != nil {
		return nil, fmt.Errorf("oidc: %w", err)
	}
	return p.claims(all, idToken.Subject)
}

func (p *provider) claims(all map[string]any, subject string) (*claims, error) {
	id := &claims{name: subject}
	switch {
	case p.cfg.NameClaim != "":
		id.name, _ = all[p.cfg.NameClaim].(string)
	case all["email_verified"] == true:
		if email, _ := all["email"].(string); email != "" {
			id.name = email
		}
	}
	if checkName(strings.ReplaceAll(id.name, ":", "")) != nil {
		return nil, fmt.Errorf("oidc: %.100q cannot be a name", id.name)
	}
	claim := p.cfg.GroupsClaim
	if claim == "" {
		claim = "groups"
	}
	switch v := all[claim].(type) {
	case string:
		id.groups = []string{v}
	case []any:
		for _, one := range v {
			if g, ok := one.(string); ok {
				id.groups = append(id.groups, g)
			}
		}
	}
	return id, nil
}
