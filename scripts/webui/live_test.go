package webui

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// never fails the test for words that must not be seen.
func never(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(text, w) {
			t.Errorf("the page says %q:\n%s", w, text)
		}
	}
}

// TestLive follows a change without the page being loaded anew, and leaves alone
// what somebody unfolded as long as nothing else is to be said.
func TestLive(t *testing.T) {
	t.Parallel()
	for _, server := range []string{"nginx", "lighttpd", "own"} {
		t.Run(server, func(t *testing.T) { live(t, newStage(t, server)) })
	}
}

func live(t *testing.T, s *stage) {
	b := open(t, s.url+"/v1/about", look{})
	b.await("Nothing to do")
	_ = eval[bool](b, `window.same = true`)
	s.source.show(incompatible, nil)
	b.await("Not Ready", "S/N B2000002")
	if got := eval[string](b, `document.title`); got != "Not Ready: Incompatible major versions · Zürich Büro (site-17) · HA status" {
		t.Errorf("the title is %q", got)
	}
	if got := eval[string](b, box+`.querySelector(':scope > .live').textContent`); got != "Not Ready: Incompatible major versions" {
		t.Errorf("read out is %q", got)
	}

	_ = eval[bool](b, `(() => { const d = document.querySelector('details'); d.open = true; d.querySelector('summary').focus(); return true })()`)
	const counter = `document.querySelector('.foot [data-live]').textContent`
	for range 2 { // two answers that say the same
		was := eval[string](b, counter)
		b.until(counter + ` !== '` + was + `'`)
	}
	if !eval[bool](b, `document.querySelector('details').open && document.activeElement.tagName === 'SUMMARY'`) {
		t.Error("an answer that says the same folded the support request or took the focus")
	}
	s.source.show(upgrading, nil)
	b.await("An upgrade is declared")
	if !eval[bool](b, `document.querySelector('details').open && document.activeElement.tagName === 'SUMMARY'`) {
		t.Error("an answer that says something else folded the support request or took the focus")
	}
	if !eval[bool](b, `window.same === true`) {
		t.Error("the page was loaded anew")
	}
	b.clean()
}

// TestAgentStops never leaves the last green standing: whether the agent's
// connections break, or it just does not answer any more.
func TestAgentStops(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	for _, page := range []string{"/v1/about", "/"} {
		t.Run(page, func(t *testing.T) {
			b := open(t, s.url+page, look{})
			if page == "/" {
				b.do(chromedp.Click(chromedp.CSS("#tab-about")))
			}
			b.await("Ready", "Nothing to do")

			began := time.Now()
			s.stop()
			text := b.await("Status unknown", "S/N A1000001", "socketha status")
			t.Logf("agent stopped: said after %v", time.Since(began).Round(10*time.Millisecond))
			never(t, text, "Ready", "Nothing to do", "OK")
			b.accessible()
			b.fits()
			if page == "/v1/about" {
				b.shot(look{width: 1280}.name("stopped"))
				if got := eval[string](b, `document.title`); got != "Status unknown · HA status" {
					t.Errorf("the title is %q", got)
				}
			} else if got := eval[string](b, `document.getElementById('badge').textContent`); got != "Unknown" {
				t.Errorf("the badge says %q", got)
			}
			s.start()
			b.await("Ready", "Nothing to do")

			began = time.Now()
			wake := s.source.hang()
			text = b.await("Status unknown")
			wake()
			t.Logf("agent hangs: said after %v", time.Since(began).Round(10*time.Millisecond))
			never(t, text, "Ready", "Nothing to do", "OK")
			b.await("Ready", "Nothing to do")
			b.clean()
		})
	}
}

// TestAgentUpdated loads an open page anew when the agent that answers has another
// script or style, once.
func TestAgentUpdated(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	b := open(t, s.url+"/v1/about", look{})
	b.await("Nothing to do")
	_ = eval[bool](b, `window.same = true`)
	s.stop()
	b.await("Status unknown")
	s.updated.Store(true)
	s.source.show(splitBrain, nil)
	s.start()
	b.await("Split brain")
	if eval[bool](b, `window.same === true`) {
		t.Error("the page goes on with the old agent's script and style")
	}
	_ = eval[bool](b, `window.same = true`)
	was := s.source.asked()
	for s.source.asked() < was+2 {
		b.until(`true`)
	}
	if !eval[bool](b, `window.same === true`) {
		t.Error("the page is loaded anew again and again")
	}
	b.clean()
}

// TestElementBeforeTheAgent is a WebUI opened while no agent runs.
func TestElementBeforeTheAgent(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	b := open(t, s.url, look{})
	b.do(chromedp.Click(chromedp.CSS("#tab-about")))
	b.await("Nothing to do")
	s.stop()
	b.await("Status unknown")
	// The script is there, from the browser's store or an old answer; nothing
	// else of the agent is.
	_ = eval[bool](b, `(() => { const e = document.querySelector('socketha-about'); e.replaceWith(document.createElement('socketha-about')); return true })()`)
	text := b.await("Status unknown", "What to do", "socketha status")
	never(t, text, "Ready", "last answer")
	b.accessible()
	b.shot(look{width: 1280}.name("element-never-answered"))
	s.start()
	b.await("Nothing to do")
	b.clean()
}

// TestElement looks at the About tab of a WebUI that has its own style and policy.
func TestElement(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	s.source.show(incompatible, nil)
	for _, l := range []look{{width: 320}, {width: 1280}, {width: 1280, dark: true}} {
		b := open(t, s.url, l)
		b.do(chromedp.Click(chromedp.CSS("#tab-about")))
		b.await("Not Ready", "Upgrade the peer (S/N B2000002)", "Lower major version")
		b.until(`document.getElementById('badge').textContent === 'Not Ready'`)
		if !l.dark { // the WebUI is light whatever the system is, and told the element
			b.shot(l.name("element"))
		} else if got := eval[string](b, `getComputedStyle(`+box+`.querySelector('.sha')).colorScheme`); got != "light" {
			t.Errorf("the element is %s in a light WebUI", got)
		}
		b.fits()
		b.accessible()
		b.clean()
	}
}

// TestElementTakenOff asks nothing more once it is off its page, and goes on when
// it is put back.
func TestElementTakenOff(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	b := open(t, s.url, look{})
	b.do(chromedp.Click(chromedp.CSS("#tab-about")))
	b.await("Nothing to do")
	_ = eval[bool](b, `(() => { window.gone = document.querySelector('socketha-about'); gone.remove(); return true })()`)
	was := s.source.asked()
	// Longer than between two of its questions.
	_ = eval[bool](b, `new Promise(r => setTimeout(() => r(true), 5000))`)
	if more := s.source.asked() - was; more > 1 { // the one on its way
		t.Errorf("an element taken off its page asked %d times", more)
	}
	s.source.show(splitBrain, nil)
	_ = eval[bool](b, `(() => { document.getElementById('about').append(gone); return true })()`)
	b.await("Split brain")
	b.clean()
}

// TestHostile shows a peer whose every word is an attack, as text.
func TestHostile(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	for _, noScript := range []bool{false, true} {
		for _, page := range []string{"/v1/about", "/"} {
			if noScript && page == "/" {
				continue
			}
			s.source.show(hostile, nil)
			b := open(t, s.url+page, look{noScript: noScript, width: 320})
			if page == "/" {
				b.do(chromedp.Click(chromedp.CSS("#tab-about")))
			}
			b.await("Not Ready", `\x3cscript\x3ealert(1)`, `\x22\x3e\x3cimg src=x onerror=alert(2)`, "<iframe src=javascript:alert(4)>", `javascript:alert(6)`)
			b.harmless()
			b.fits()
			if !noScript {
				b.accessible()
			}
			b.shot(look{width: 320}.name("hostile" + strings.ReplaceAll(page, "/", "-")))
			s.source.show(hostile, hostileTurn)
			if noScript {
				b.do(chromedp.Reload())
			}
			b.await("Not Ready", `</textarea></noscript><script>alert(7)</script><img src=x onerror="alert(8)">`)
			b.harmless()
			b.fits()
			b.clean()
		}
	}
}

// harmless fails the test if a word became an element or turned its text around.
func (b *tab) harmless() {
	b.t.Helper()
	found := eval[string](b, `(() => {
		const top = `+box+`;
		const bad = [...top.querySelectorAll('.sha script, .sha img, .sha iframe, .sha svg[onload], .sha style, .sha [onmouseover], .sha a:not([download])')];
		if (/[\u202a-\u202e\u2066-\u2069]/.test(top.querySelector('.sha').textContent)) bad.push('direction');
		return bad.map(e => e.outerHTML || e).join();
	})()`)
	if found != "" {
		b.t.Errorf("a peer's words became %s", found)
	}
}

// TestNoScript reads the page in a browser that runs no script: all of it, renewed
// by itself, and "Status unknown" when the agent is gone.
func TestNoScript(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	b := open(t, s.url+"/v1/about", look{noScript: true})
	text := b.await("Ready", "Nothing to do", "loads itself anew every 10 s")
	never(t, text, "Copy report")
	s.source.show(incompatible, nil)
	text = b.await("Not Ready", "Upgrade the peer (S/N B2000002)", "Download support request", "Read the support request")
	never(t, text, "Copy support request")
	b.fits()
	b.shot(look{width: 1280}.name("noscript"))
	s.stop()
	b.until(`!!document.body && document.body.innerText.includes('Status unknown')`)
	never(t, eval[string](b, `document.body.innerText`), "Ready")
	b.shot(look{width: 1280}.name("noscript-stopped"))
	s.start()
	b.await("Not Ready")
	b.clean()
}

// TestSupportRequest copies it, with and without the clipboard's interface, which
// browsers keep from pages that came without TLS, and saves it.
func TestSupportRequest(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	s.source.show(incompatible, nil)
	for _, page := range []string{"/v1/about", "/"} {
		b := open(t, s.url+page, look{})
		if page == "/" {
			b.do(chromedp.Click(chromedp.CSS("#tab-about")))
		}
		b.await("Copy support request")
		request := eval[string](b, box+`.querySelector('[data-text]').textContent`)
		if !strings.Contains(strings.Join(strings.Fields(request), " "), "S/N B2000002 from version 15.0.2 to major version 18") {
			t.Errorf("the support request does not say what to upgrade:\n%s", request)
		}
		for _, way := range []string{
			`Object.defineProperty(navigator, 'clipboard', {configurable: true, value: {writeText: async s => { window.copied = s }}}), 0`,
			`Object.defineProperty(navigator, 'clipboard', {configurable: true, value: undefined}),
			 document.addEventListener('copy', e => { const a = e.composedPath()[0]; window.copied = a.value.slice(a.selectionStart, a.selectionEnd) }), 0`,
		} {
			_ = eval[int](b, `window.copied = '', `+way)
			b.click(box + `.querySelector('[data-copy]')`)
			b.await("Copied")
			if got := eval[string](b, `window.copied`); withoutTimes(got) != withoutTimes(request) {
				t.Errorf("copied was %q", got)
			}
			b.await("Copy support request")
		}
		saved := eval[string](b, `decodeURIComponent(`+box+`.querySelector('[download]').href.split(',')[1])`)
		if withoutTimes(saved) != withoutTimes(request) {
			t.Errorf("saved would be %q", saved)
		}
		b.clean()
	}
}

// click presses the mouse on an element: some of what a page may do needs that.
func (b *tab) click(element string) {
	b.t.Helper()
	at := eval[[]float64](b, `(e => { e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })(`+element+`)`)
	b.do(chromedp.MouseClickXY(at[0], at[1]))
}

// withoutTimes blanks digits: the text says when it was made.
func withoutTimes(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return r
	}, s)
}

// until waits until an expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	tick := time.Tick(20 * time.Millisecond)
	for range patience {
		if eval[bool](b, expression) {
			return
		}
		<-tick
	}
	b.t.Fatalf("never true: %s", expression)
}
