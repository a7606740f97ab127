package web_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/web"
)

// idp is a small OpenID provider: discovery, keys, authorization code with PKCE, signed
// tokens. It lets everybody in at once.
type idp struct {
	t      *testing.T
	server *httptest.Server
	key    *ecdsa.PrivateKey
	codes  map[string]url.Values // what each code was asked for with
	claims map[string]any        // over the usual ones
	signer *ecdsa.PrivateKey     // nil: key
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	p := &idp{t: t, key: key, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		u := p.server.URL
		answer(w, map[string]any{
			"issuer": u, "authorization_endpoint": u + "/auth", "token_endpoint": u + "/token", "jwks_uri": u + "/keys",
			"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"public"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /auth", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		p.codes["code1"] = q
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"code1"}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		asked, known := p.codes[r.PostFormValue("code")]
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		id, secret, _ := r.BasicAuth()
		if !known || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") || id != "console" || secret != "s3cret" {
			http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
			return
		}
		delete(p.codes, r.PostFormValue("code"))
		answer(w, map[string]any{"access_token": "x", "token_type": "Bearer", "id_token": p.token(asked)})
	})
	p.server = httptest.NewServer(mux)
	t.Cleanup(p.server.Close)
	return p
}

func (p *idp) token(asked url.Values) string {
	now := time.Now()
	all := map[string]any{
		"iss": p.server.URL, "aud": "console", "sub": "u-17", "exp": now.Add(time.Minute).Unix(), "iat": now.Unix(),
		"nonce": asked.Get("nonce"), "email": "alice@example.com", "email_verified": true, "groups": []string{"ops"},
	}
	maps.Copy(all, p.claims)
	key := p.key
	if p.signer != nil {
		key = p.signer
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k"}}, nil)
	must(p.t, err)
	raw, _ := json.Marshal(all)
	signed, err := signer.Sign(raw)
	must(p.t, err)
	text, err := signed.CompactSerialize()
	must(p.t, err)
	return text
}

const origin = "https://console.example"

func withOIDC(p *idp) func(*web.Config) {
	return func(c *web.Config) {
		c.OIDC = &web.OIDC{
			Issuer: p.server.URL, ClientID: "console", ClientSecret: "s3cret", Origin: origin, Name: "Example ID",
			Grants: map[string]web.Grants{"ops": {"acme": web.Operator}},
		}
	}
}

// travel logs in through the provider and returns the last answer of the console.
func travel(t *testing.T, p *person, change func(back url.Values)) *answer {
	t.Helper()
	start := p.get("/login/oidc?next=%2Fstories")
	if start.status != http.StatusSeeOther {
		return start
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(start.header.Get("Location"))
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	to, err := url.Parse(resp.Header.Get("Location"))
	must(t, err)
	if !strings.HasPrefix(to.String(), origin+"/login/oidc/back?") {
		t.Fatalf("the provider leads to %s", to)
	}
	q := to.Query()
	if change != nil {
		change(q)
	}
	return p.get("/login/oidc/back?" + q.Encode())
}

func TestOIDC(t *testing.T) {
	provider := newIDP(t)
	r := newRig(t, withOIDC(provider))
	one := r.openStory(pair(1, fleet.Incompatible))
	p := r.person()
	if page := p.page("/login"); !strings.Contains(page.text(), "Log in with Example ID") {
		t.Error(page.text())
	}
	if got := travel(t, p, nil); got.status != http.StatusSeeOther || got.header.Get("Location") != "/stories" {
		t.Fatalf("%d %s %s", got.status, got.header.Get("Location"), got.text())
	}
	if got := p.post("/story/ack?id="+one.ID, "on", "1", "csrf", p.token("/story?id="+one.ID)); got.status != http.StatusSeeOther {
		t.Fatalf("%d %s", got.status, got.text())
	}
	kept, err := r.store.Story(t.Context(), tenant, one.ID)
	must(t, err)
	if kept.AckBy != "oidc:alice@example.com" {
		t.Errorf("acknowledged by %q", kept.AckBy)
	}
}

func TestOIDCRefuses(t *testing.T) {
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	for name, test := range map[string]struct {
		provider func(*idp)
		back     func(url.Values)
		want     int
	}{
		"another state":      {back: func(q url.Values) { q.Set("state", "x") }, want: http.StatusBadGateway},
		"another code":       {back: func(q url.Values) { q.Set("code", "x") }, want: http.StatusBadGateway},
		"an error":           {back: func(q url.Values) { q.Set("error", "<script>") }, want: http.StatusBadGateway},
		"another nonce":      {provider: func(p *idp) { p.claims = map[string]any{"nonce": "x"} }, want: http.StatusBadGateway},
		"another audience":   {provider: func(p *idp) { p.claims = map[string]any{"aud": "else"} }, want: http.StatusBadGateway},
		"another issuer":     {provider: func(p *idp) { p.claims = map[string]any{"iss": "https://else.example"} }, want: http.StatusBadGateway},
		"over":               {provider: func(p *idp) { p.claims = map[string]any{"exp": 1} }, want: http.StatusBadGateway},
		"another key":        {provider: func(p *idp) { p.signer = stranger }, want: http.StatusBadGateway},
		"no group of ours":   {provider: func(p *idp) { p.claims = map[string]any{"groups": []string{"sales"}} }, want: http.StatusForbidden},
		"a name that is not": {provider: func(p *idp) { p.claims = map[string]any{"email": "a b\n", "email_verified": true} }, want: http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			provider := newIDP(t)
			if test.provider != nil {
				test.provider(provider)
			}
			p := newRig(t, withOIDC(provider)).person()
			got := travel(t, p, test.back)
			if got.status != test.want || strings.Contains(got.body, "<script>") {
				t.Errorf("%d %s", got.status, got.text())
			}
			if p.get("/sites").status != http.StatusSeeOther {
				t.Error("logged in all the same")
			}
		})
	}
	t.Run("nothing was begun", func(t *testing.T) {
		provider := newIDP(t)
		r := newRig(t, withOIDC(provider))
		if got := r.person().get("/login/oidc/back?code=code1&state=x"); got.status != http.StatusBadGateway {
			t.Errorf("%d", got.status)
		}
		provider.server.Close()
		if got := r.person().get("/login/oidc"); got.status != http.StatusBadGateway {
			t.Errorf("a provider that is away: %d", got.status)
		}
	})
	t.Run("an unverified address is no name", func(t *testing.T) {
		provider := newIDP(t)
		provider.claims = map[string]any{"email_verified": false}
		p := newRig(t, withOIDC(provider)).person()
		travel(t, p, nil)
		if text := p.page("/account").text(); !strings.Contains(text, "oidc:u-17") {
			t.Error(text)
		}
	})
}
