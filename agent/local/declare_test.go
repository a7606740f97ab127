package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeDeclarer remembers what was declared, or refuses.
type fakeDeclarer struct {
	mu      sync.Mutex
	refuse  error
	upgrade []Declaration
	fail    []Declaration
}

func (f *fakeDeclarer) DeclareUpgrade(_ context.Context, d Declaration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse == nil {
		f.upgrade = append(f.upgrade, d)
	}
	return f.refuse
}

func (f *fakeDeclarer) DeclareFailover(_ context.Context, d Declaration) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse == nil {
		f.fail = append(f.fail, d)
	}
	return f.refuse
}

func (f *fakeDeclarer) taken() (upgrades, failovers []Declaration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.upgrade, f.fail
}

// everybody may change anything; user 7 asks.
func everybody(net.Conn) (Caller, error) { return Caller{UID: 7, MayChange: true}, nil }

// declaringServer serves at a listener and returns a client of it.
func declaringServer(t *testing.T, l net.Listener, d Declarer, caller func(net.Conn) (Caller, error)) *http.Client {
	t.Helper()
	run(t, Config{Listener: l, Source: &fakeSource{}, Declarer: d, Caller: caller, Log: slog.New(slog.DiscardHandler)})
	addr := l.Addr()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, addr.Network(), addr.String())
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func listenUnix(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const (
	asJSON  = "application/json"
	upgrade = "http://localhost/v1/upgrade"
	failing = "http://localhost/v1/failover"
)

func TestDeclarations(t *testing.T) {
	for _, c := range []struct {
		url, body, answer string
		want              Declaration
	}{
		{upgrade, `{"state":"begin","target":"18.4.1"}`, `{"state":"begin","target":"18.4.1"}`, Declaration{Target: "18.4.1", UID: 7}},
		{upgrade, ` {"target":"v19", "state":"begin"} ` + "\n", `{"state":"begin","target":"v19"}`, Declaration{Target: "v19", UID: 7}},
		{upgrade, `{"state":"begin"}`, `{"state":"begin"}`, Declaration{UID: 7}},
		{upgrade, `{"state":"end","result":"ok"}`, `{"state":"end","result":"ok"}`, Declaration{End: true, Result: "ok", UID: 7}},
		{upgrade, `{"state":"end","result":"failed"}`, `{"state":"end","result":"failed"}`, Declaration{End: true, Result: "failed", UID: 7}},
		{upgrade, `{"state":"end","result":"skipped"}`, `{"state":"end","result":"skipped"}`, Declaration{End: true, Result: "skipped", UID: 7}},
		{failing, `{"state":"begin"}`, `{"state":"begin"}`, Declaration{UID: 7}},
		{failing, `{"state":"end"}`, `{"state":"end"}`, Declaration{End: true, UID: 7}},
		{failing, `{"state":"end","result":"ok"}`, `{"state":"end","result":"ok"}`, Declaration{End: true, Result: "ok", UID: 7}},
	} {
		d := new(fakeDeclarer)
		client := declaringServer(t, listenUnix(t), d, everybody)
		resp, body := do(t, client, "POST", c.url, strings.NewReader(c.body), "Content-Type", "application/json; charset=utf-8")
		if resp.StatusCode != 200 || body != c.answer+"\n" {
			t.Errorf("%s: %d %s", c.body, resp.StatusCode, body)
		}
		upgrades, failovers := d.taken()
		got := upgrades
		if c.url == failing {
			upgrades, got = nil, failovers
		} else {
			failovers = nil
		}
		if diff := cmp.Diff([]Declaration{c.want}, got); diff != "" || len(upgrades)+len(failovers) > 1 {
			t.Errorf("%s: -want +got:\n%s", c.body, diff)
		}
	}
}

func TestDeclarationsThatAreNone(t *testing.T) {
	d := new(fakeDeclarer)
	client := declaringServer(t, listenUnix(t), d, everybody)
	for _, c := range []struct{ url, body, says string }{
		{upgrade, ``, "no JSON object"},
		{upgrade, `null`, "no JSON object"},
		{upgrade, `[]`, "no JSON object"},
		{upgrade, `"begin"`, "no JSON object"},
		{upgrade, `{}`, `"state" is`},
		{upgrade, `{"state":"Begin"}`, `"state" is`},
		{upgrade, `{"State":"begin"}`, "unknown field State"},
		{upgrade, `{"state":"begin","why":"x"}`, "unknown field why"},
		{upgrade, `{"state":"begin","\u001b[2J":"x"}`, `unknown field \x1b[2J`},
		{upgrade, `{"state":"begin","state":"end"}`, "given once"},
		{upgrade, `{"state":"begin","target":null}`, "one text"},
		{upgrade, `{"state":"begin","target":{"a":1}}`, "one text"},
		{upgrade, `{"state":"begin","target":18}`, "one text"},
		{upgrade, `{"state":"begin"`, "broken JSON"},
		{upgrade, `{"state":"begin"} x`, "follows"},
		{upgrade, `{"state":"begin"}{}`, "follows"},
		{upgrade, `{"state":"begin","target":""}`, "it is empty"},
		{upgrade, `{"state":"begin","target":"18..1"}`, "byte 3"},
		{upgrade, `{"state":"begin","target":" 18"}`, "no version"},
		{upgrade, `{"state":"begin","result":"ok"}`, "belongs to the end"},
		{upgrade, `{"state":"end"}`, `"result" is`},
		{upgrade, `{"state":"end","result":"OK"}`, `"result" is`},
		{upgrade, `{"state":"end","result":"ok","target":"18"}`, "belongs to the begin"},
		{failing, `{"state":"begin","target":"18"}`, "belongs to the begin of an upgrade"},
		{failing, `{"state":"end","result":"maybe"}`, `"result" is`},
	} {
		resp, body := do(t, client, "POST", c.url, strings.NewReader(c.body), "Content-Type", asJSON)
		wantError(t, resp, body, 400, "bad_request")
		if !strings.Contains(strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(body), c.says) || !strings.Contains(body, "expected: {") {
			t.Errorf("%s: %s does not say %q", c.body, body, c.says)
		}
	}
	long := `{"state":"begin"` + strings.Repeat(" ", maxBody) + `}`
	for name, reader := range map[string]io.Reader{"announced": strings.NewReader(long), "in chunks": io.MultiReader(strings.NewReader(long))} {
		resp, body := do(t, client, "POST", upgrade, reader, "Content-Type", asJSON)
		t.Log(name)
		wantError(t, resp, body, 413, "too_long")
	}
	for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", ";"} {
		resp, body := do(t, client, "POST", upgrade, strings.NewReader(`{"state":"begin"}`), "Content-Type", media)
		wantError(t, resp, body, 415, "not_json")
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH"} {
		resp, body := do(t, client, method, failing, nil)
		if method != "HEAD" {
			wantError(t, resp, body, 405, "method_not_allowed")
		}
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d, Allow %q", method, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
	if upgrades, failovers := d.taken(); len(upgrades)+len(failovers) > 0 {
		t.Errorf("declared: %v %v", upgrades, failovers)
	}
}

// Nothing is acknowledged that the agent did not take.
func TestDeclarationsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
		word string
	}{
		{fmt.Errorf("%w: no upgrade is declared", ErrConflict), 409, "conflict"},
		{errors.New("the disk is full"), 500, "internal"},
	} {
		client := declaringServer(t, listenUnix(t), &fakeDeclarer{refuse: c.err}, everybody)
		for _, url := range []string{upgrade, failing} {
			resp, body := do(t, client, "POST", url, strings.NewReader(`{"state":"begin"}`), "Content-Type", asJSON)
			wantError(t, resp, body, c.code, c.word)
			if !strings.Contains(body, c.err.Error()) {
				t.Errorf("%s does not say why", body)
			}
		}
	}
}

// Only the kernel's word counts, and only of who asks for himself.
func TestWhoMayDeclare(t *testing.T) {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := func(net.Conn) (Caller, error) { return Caller{UID: 1000}, nil }
	unclear := func(net.Conn) (Caller, error) { return Caller{MayChange: true}, errors.New("no credentials") }
	for _, c := range []struct {
		name     string
		listener net.Listener
		declares bool
		caller   func(net.Conn) (Caller, error)
		header   string
		says     string
	}{
		{"not of the group", listenUnix(t), true, nobody, "", "this is user id 1000"},
		{"credentials unknown", listenUnix(t), true, unclear, "", "cannot be told"},
		{"nothing to declare", listenUnix(t), false, nil, "", "by its unix socket"},
		{"over TCP", tcp, true, everybody, "", "by its unix socket"},
		{"through a proxy", listenUnix(t), true, everybody, "X-Forwarded-For", "header X-Forwarded-For"},
		{"through another proxy", listenUnix(t), true, everybody, "Via", "header Via"},
		{"through a standard one", listenUnix(t), true, everybody, "Forwarded", "header Forwarded"},
		{"through nginx", listenUnix(t), true, everybody, "X-Real-IP", "header X-Real-Ip"},
		{"from a page of the same origin", listenUnix(t), true, everybody, "Sec-Fetch-Site", "header Sec-Fetch-Site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := new(fakeDeclarer)
			var declarer Declarer
			if c.declares {
				declarer = d
			}
			client := declaringServer(t, c.listener, declarer, c.caller)
			header := []string{"Content-Type", asJSON}
			if c.header != "" {
				header = append(header, c.header, "same-origin")
			}
			resp, body := do(t, client, "POST", upgrade, strings.NewReader(`{"state":"begin"}`), header...)
			wantError(t, resp, body, 403, "forbidden")
			if !strings.Contains(body, c.says) {
				t.Errorf("%s does not say %q", body, c.says)
			}
			if upgrades, _ := d.taken(); len(upgrades) > 0 {
				t.Errorf("declared: %v", upgrades)
			}
		})
	}
}

func TestDeclarerNeedsACaller(t *testing.T) {
	_, err := New(Config{Listener: newPipeListener(), Source: &fakeSource{}, Log: slog.New(slog.DiscardHandler), Declarer: new(fakeDeclarer)})
	if err == nil {
		t.Error("a server that lets anybody declare")
	}
}
