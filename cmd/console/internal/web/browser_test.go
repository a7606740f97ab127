package web_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"socketha/cmd/console/internal/fleet"
	"socketha/scripts/needs"
)

// tab is one page in a browser, and what it complained of.
type tab struct {
	t      *testing.T
	ctx    context.Context
	url    string
	faults chan string
}

func newTab(t *testing.T, r *rig) *tab {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(needs.Command(t, "chromium", "chromium")), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.Headless,
		chromedp.DisableGPU, chromedp.NoSandbox, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("lang", "en"),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("force-color-profile", "srgb"),
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() { cancel(); stop() })
	plain := httptest.NewServer(r.web) // 127.0.0.1 is as good as TLS to a browser: the cookies are Secure here too
	t.Cleanup(plain.Close)
	t.Cleanup(r.web.Close)
	b := &tab{t: t, ctx: ctx, url: plain.URL, faults: make(chan string, 100)}
	b.do()
	listen(b, log.EntryAdded, func(e log.EventEntryAdded) string {
		if e.Entry.Level != log.EntryLevelError || e.Entry.Source == log.EntrySourceNetwork {
			return ""
		}
		return string(e.Entry.Source) + ": " + e.Entry.Text
	})
	listen(b, runtime.ExceptionThrown, func(e runtime.EventExceptionThrown) string { return fmt.Sprintf("exception: %+v", e.ExceptionDetails) })
	listen(b, page.JavascriptDialogOpening, func(e page.EventJavascriptDialogOpening) string { return "dialog: " + e.Message })
	b.do(call(log.Enable, cdp.Empty{}))
	b.look(1280, false)
	return b
}

func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func listen[E any](b *tab, ev cdp.Event[E], fault func(E) string) {
	events := chromedp.Events(b.ctx, ev)
	go func() {
		for e, err := range events {
			if err != nil {
				return
			}
			if f := fault(e); f != "" {
				b.faults <- f
			}
		}
	}()
}

func (b *tab) clean() {
	b.t.Helper()
	for len(b.faults) > 0 {
		b.t.Errorf("the page reported: %s", <-b.faults)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, actions...))
}

func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

func (b *tab) look(width int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}), chromedp.EmulateViewport(width, 800))
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// patience is for a page that never says what it should, not a measure of speed.
const patience = 1500

// await waits until an expression is true.
func (b *tab) await(expression string) {
	b.t.Helper()
	tick := time.Tick(20 * time.Millisecond)
	for range patience {
		// An error is a page that is just being left.
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("!!("+expression+")")); ok && err == nil {
			return
		}
		<-tick
	}
	b.t.Fatalf("never true: %s\n%s", expression, eval[string](b, "location + document.documentElement.outerHTML"))
}

// click presses Enter on what a person has gone to by keyboard. In one step, since
// what comes live may put another node in its place.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.await(fmt.Sprintf(`(e => e && (e.focus(), e.click(), true))(document.querySelector(%q))`, selector))
}

func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("SOCKETHA_SHOTS")
	if dir == "" {
		dir = "../../../../.cache/console"
	}
	must(b.t, os.MkdirAll(dir, 0o755))
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	must(b.t, err)
	must(b.t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
}

// accessible fails the test for what axe-core finds wrong.
func (b *tab) accessible() {
	b.t.Helper()
	needs.Command(b.t, "npm", "npm")
	out, err := exec.Command("../../../../scripts/webui/axe").Output()
	must(b.t, err)
	script, err := os.ReadFile(strings.TrimSpace(string(out)))
	must(b.t, err)
	b.do(chromedp.Evaluate[chromedp.Void](string(script)))
	for _, f := range eval[[]string](b, `axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(r =>
		[...r.violations, ...r.incomplete.filter(i => i.id === 'color-contrast')]
		.flatMap(v => v.nodes.map(n => v.id + ' at ' + n.target + ': ' + n.failureSummary)))`) {
		b.t.Errorf("axe-core: %s", f)
	}
}

// fits fails the test if the page has to be scrolled sideways.
func (b *tab) fits() {
	b.t.Helper()
	over := eval[string](b, `(() => {
		const w = document.documentElement.clientWidth, bad = [];
		for (const e of document.querySelectorAll('body *')) {
			const r = e.getBoundingClientRect();
			if (!e.closest('.hide,.skip') && r.width && r.right > w + 1) bad.push(e.tagName + '.' + e.className + ' ' + r.right);
		}
		return bad.slice(0, 5).join('; ');
	})()`)
	if over != "" {
		b.t.Errorf("wider than the window: %s", over)
	}
}

func (b *tab) login() {
	b.t.Helper()
	b.open("/login")
	b.do(chromedp.SendKeys("#name", "admin"), chromedp.SendKeys("#password", password+"\r"))
	b.await(`location.pathname === '/sites'`)
}

// aFleet makes sites of every kind and returns the one with a remedy, and its story.
func aFleet(r *rig) (fleet.Pair, string) {
	bad := pair(1, fleet.Incompatible)
	all := []fleet.Pair{bad}
	for i, trouble := range []fleet.Trouble{
		fleet.SplitBrain, fleet.LostPeer, fleet.CloudPath, fleet.Unreadable, fleet.Gap, fleet.None, fleet.None, fleet.None, fleet.None,
	} {
		all = append(all, pair(i+2, trouble))
	}
	dark := pair(40, fleet.Dark)
	r.report(dark, 0, nil)
	r.report(dark, 1, nil)
	for _, p := range all {
		r.both(p, nil)
	}
	r.both(bad, impact)
	r.until(70, all...)
	r.both(bad, impact)
	one, err := r.store.Site(context.Background(), tenant, bad.Site)
	must(r.t, err)
	return bad, one.Story
}

// inBrowser says whether this run has tests in a browser. As in scripts/webui, the
// short one has none.
func inBrowser(t *testing.T) bool {
	t.Helper()
	if testing.Short() {
		t.Log("tests in a browser are left to the full run (make test)")
	}
	return !testing.Short()
}

func TestPagesInABrowser(t *testing.T) {
	if !inBrowser(t) {
		return
	}
	r := newRig(t, nil)
	bad, storyID := aFleet(r)
	must(t, r.stories.Note(t.Context(), tenant, storyID, "admin", "Called support.\nTicket 4711."))
	b := newTab(t, r)
	b.open("/login")
	b.shot("login")
	b.accessible()
	b.login()
	for _, p := range []struct{ name, path string }{
		{"sites", "/sites"},
		{"site", "/site?id=" + bad.Site},
		{"site-silent", "/site?id=" + pair(4, "").Site},
		{"site-unknown", "/site?id=" + pair(40, "").Site},
		{"site-ready", "/site?id=" + pair(8, "").Site},
		{"stories", "/stories"},
		{"story", "/story?id=" + storyID},
		{"account", "/account"},
		{"problem", "/nowhere"},
	} {
		for _, look := range []struct {
			width int64
			dark  bool
		}{{1280, false}, {1280, true}, {768, false}, {320, false}, {320, true}} {
			t.Run(fmt.Sprintf("%s-%d-%v", p.name, look.width, look.dark), func(t *testing.T) {
				b.t = t
				b.look(look.width, look.dark)
				b.open(p.path)
				scheme := map[bool]string{true: "dark", false: "light"}[look.dark]
				b.shot(fmt.Sprintf("%s-%s-%d", p.name, scheme, look.width))
				b.fits()
				b.accessible()
				b.clean()
			})
		}
	}
}

func TestLiveInABrowser(t *testing.T) {
	if !inBrowser(t) {
		return
	}
	r := newRig(t, nil)
	bad, _ := aFleet(r)
	b := newTab(t, r)
	b.login()
	b.await(`document.querySelector('#live').dataset.state === 'live'`)
	b.await(`document.querySelector('tbody tr .state').innerText.trim() === 'Not Ready'`)

	// Sorting swaps the rows, keeps the focus and the address.
	b.click("#by-name")
	b.await(`location.search.includes('sort=name') && document.querySelector('th[aria-sort=ascending] #by-name')`)
	b.await(`document.activeElement.id === 'by-name'`)
	b.click("#by-status")
	b.await(`document.querySelector('th[aria-sort=ascending] #by-status')`)

	// A search while typing. What comes live leaves the typed text alone.
	b.do(chromedp.SendKeys("#q", bad.Serials[0]))
	b.await(`document.querySelectorAll('tbody tr').length === 1`)
	bad.Trouble, bad.Versions = fleet.None, [2]string{"18.3.3", "18.3.3"}
	r.both(bad, nil)
	b.await(`document.querySelector('tbody tr .state').innerText.trim() === 'Ready'`)
	if v := eval[string](b, `document.querySelector('#q').value`); v != bad.Serials[0] {
		t.Errorf("the search says %q", v)
	}

	// To the site by keyboard, and the support request copied.
	b.click("tbody tr .name a")
	b.await(`document.querySelector('.verdict .big') && document.querySelector('.verdict .big').innerText.startsWith('Ready')`)
	bad.Trouble, bad.Versions = fleet.Incompatible, [2]string{"18.3.3", "15.0.2"}
	b.await(`document.querySelector('#live').dataset.state === 'live'`)
	r.both(bad, impact)
	b.await(`document.querySelector('.verdict .big').innerText.startsWith('Not Ready')`)
	b.open("/site?id=" + bad.Site)
	b.do(chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve() }`))
	b.click("[data-copy]")
	b.await(`window.copied && window.copied.includes('` + bad.Serials[1] + `')`)
	b.await(`document.querySelector('#said').textContent === 'Copied'`)

	// The console goes: the page says that it is not live.
	r.web.Close()
	b.await(`!document.querySelector('#offline').hidden`)
	b.shot("offline")
	b.clean()
}
