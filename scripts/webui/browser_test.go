package webui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"socketha/scripts/needs"
)

// browser is one Chromium for all tests of the package.
var browser struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("tests in a browser are left to the full run (make test)")
		return
	}
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	os.Exit(code)
}

func startBrowser(command string) {
	dir, err := os.MkdirTemp("", "chromium")
	if err != nil {
		browser.err = err
		return
	}
	// The browser is told to leave the network alone: only the pages of the test
	// are there to be asked for.
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(command), chromedp.UserDataDir(dir), chromedp.NoFirstRun, chromedp.Headless, chromedp.DisableGPU, chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("lang", "en"),
	}
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(alloc)
	browser.ctx, browser.err = ctx, chromedp.Do(ctx)
	browser.stop = func() { cancel(); cancelAlloc(); _ = os.RemoveAll(dir) }
}

// tab is one page looked at.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	faults []string // errors and breaches of the policy that the page reported
}

// look says how the page is looked at. The zero look is light, 1280 px, with scripts.
type look struct {
	width    int64
	dark     bool
	noScript bool
}

// open shows an address in a new tab.
func open(t *testing.T, url string, l look) *tab {
	t.Helper()
	command := needs.Command(t, "chromium", "chromium")
	browser.once.Do(func() { startBrowser(command) })
	if browser.err != nil {
		t.Fatal(browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx}
	listen(b, log.EntryAdded, func(e log.EventEntryAdded) string {
		// A failed request is what some tests are about.
		if e.Entry.Level != log.EntryLevelError || e.Entry.Source == log.EntrySourceNetwork {
			return ""
		}
		return string(e.Entry.Source) + ": " + e.Entry.Text
	})
	listen(b, runtime.ExceptionThrown, func(e runtime.EventExceptionThrown) string {
		return fmt.Sprintf("exception: %+v", e.ExceptionDetails)
	})
	listen(b, page.JavascriptDialogOpening, func(e page.EventJavascriptDialogOpening) string { return "dialog: " + e.Message })
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	if l.width == 0 {
		l.width = 1280
	}
	b.do(call(log.Enable, cdp.Empty{}),
		call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: l.noScript}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}),
		chromedp.EmulateViewport(l.width, 800),
		chromedp.Navigate(url))
	return b
}

// call is a command of the protocol as an action.
func call[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// listen notes what an event says is wrong.
func listen[E any](b *tab, ev cdp.Event[E], fault func(E) string) {
	events := chromedp.Events(b.ctx, ev)
	go func() {
		for e, err := range events {
			if err != nil {
				return
			}
			if f := fault(e); f != "" {
				b.mu.Lock()
				b.faults = append(b.faults, f)
				b.mu.Unlock()
			}
		}
	}()
}

// clean fails the test if the page reported anything.
func (b *tab) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		b.t.Errorf("the page reported: %s", f)
	}
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval runs an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// box is an expression for what holds the page, element or not.
const box = `(e => e ? e.shadowRoot || e : document)(document.querySelector('socketha-about'))`

// shown returns the text a person sees.
func (b *tab) shown() string {
	b.t.Helper()
	return eval[string](b, `(() => { const e = `+box+`.querySelector('.sha'); return e ? e.innerText : '' })()`)
}

// patience is for a page that never says what it should, not a measure of speed.
const patience = 1500 // looks, 20 ms apart at least

// await waits until the text shown says all of these words, and returns it.
func (b *tab) await(words ...string) string {
	b.t.Helper()
	tick := time.Tick(20 * time.Millisecond)
	for looks := 0; ; looks++ {
		text, missing := b.shown(), ""
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return text
		}
		if looks == patience {
			b.t.Fatalf("the page never said %q, but:\n%s", missing, text)
		}
		<-tick
	}
}

// shot keeps a picture of the page.
func (b *tab) shot(name string) {
	b.t.Helper()
	b.shotTo(filepath.Join(shotsDir(b.t), name+".png"))
}

// shotTo keeps a picture of the whole page, however long.
func (b *tab) shotTo(path string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func shotsDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SOCKETHA_SHOTS")
	if dir == "" {
		dir = "../../.cache/webui"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

var axe struct {
	once   sync.Once
	script string
	err    error
}

// accessible fails the test for whatever axe-core finds wrong (WCAG 2.2 A and AA,
// and what it calls best practice).
func (b *tab) accessible() {
	b.t.Helper()
	needs.Command(b.t, "npm", "npm")
	axe.once.Do(func() {
		out, err := exec.Command("./axe").Output()
		if err == nil {
			out, err = os.ReadFile(strings.TrimSpace(string(out)))
		}
		axe.script, axe.err = string(out), err
	})
	if axe.err != nil {
		b.t.Fatalf("scripts/webui/axe: %v", axe.err)
	}
	b.do(chromedp.Evaluate[chromedp.Void](axe.script))
	found := eval[[]string](b, `axe.run(document, {resultTypes: ['violations', 'incomplete']}).then(r =>
		[...r.violations, ...r.incomplete.filter(i => i.id === 'color-contrast')]
		.flatMap(v => v.nodes.map(n => v.id + ' at ' + n.target + ': ' + n.failureSummary)))`)
	for _, f := range found {
		b.t.Errorf("axe-core: %s", f)
	}
}

// fits fails the test if the page has to be scrolled sideways.
func (b *tab) fits() {
	b.t.Helper()
	over := eval[string](b, `(() => {
		const w = document.documentElement.clientWidth, bad = [];
		if (document.documentElement.scrollWidth > w) bad.push('page ' + document.documentElement.scrollWidth);
		for (const e of `+box+`.querySelectorAll('.sha *')) {
			const r = e.getBoundingClientRect();
			if (r.right > w + 1 || r.left < -1) bad.push(e.tagName + '.' + e.className + ' ' + r.left + '..' + r.right);
		}
		return bad.slice(0, 5).join('; ');
	})()`)
	if over != "" {
		b.t.Errorf("wider than the window: %s", over)
	}
}

// name makes a file name of a test's look.
func (l look) name(state string) string {
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	return fmt.Sprintf("%s-%s-%d", state, scheme, max(l.width, 1))
}
