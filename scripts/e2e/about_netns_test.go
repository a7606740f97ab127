package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"socketha/agent/status"
	"socketha/scripts/needs"
)

// The About page of a real pair, behind nginx, in a real browser: it says what is
// wrong, what a failover would cost and which Socket to upgrade; the upgrade turns the
// open page to Ready; a killed agent turns it to unknown, never to the last green; the
// next agent turns it back. The page is loaded once.
func TestAboutPageOfAPair(t *testing.T) {
	chromium, nginx := needs.Command(t, "chromium", "chromium"), needs.Command(t, "nginx", "nginx")
	pair := newPair(t, options{
		versions:  [2]string{"18.3.3", "15.0.2"},
		manifests: [2]string{manifest(t, "18.3.3"), manifest(t, "15.0.2")},
	})
	for _, b := range pair {
		b.start()
	}
	d := pair[0].until("incompatible, with its cost", func(d status.Document) bool { return incompatible(d) && d.Impact != nil })
	p := browse(t, chromium, serve(t, nginx, pair[0])+"/v1/about")

	text := p.await("Not Ready", "Incompatible major versions", "Upgrade the peer (S/N SN-2)", "18.3.3", "15.0.2")
	for _, e := range d.Impact.OnFailover {
		if !strings.Contains(text, e.ID) && (e.Name == nil || !strings.Contains(text, *e.Name)) {
			t.Errorf("what a failover would cost lacks %s:\n%s", e.ID, text)
		}
	}
	if len(d.Impact.OnFailover) != len(lost) {
		t.Errorf("a failover would cost %v, want %v", ids(d.Impact.OnFailover), lost)
	}
	p.shot("pair-incompatible")
	p.mark()

	began := time.Now()
	pair[1].file("etc/socketha/capabilities", manifest(t, "18.4.1"))
	pair[1].file("etc/socketha/version", "18.4.1")
	never(t, p.await("Ready", "Nothing to do", "18.4.1"), "Not Ready", "Upgrade the peer")
	t.Logf("upgraded: said after %v", time.Since(began).Round(time.Millisecond))
	p.shot("pair-ready")

	began = time.Now()
	pair[0].signal(syscall.SIGKILL)
	never(t, p.await("Status unknown"), "Ready", "Nothing to do", "OK")
	t.Logf("killed: said after %v", time.Since(began).Round(time.Millisecond))
	p.shot("pair-agent-killed")

	began = time.Now()
	pair[0].start()
	never(t, p.await("Ready", "Nothing to do"), "Status unknown")
	t.Logf("started again: said after %v", time.Since(began).Round(time.Millisecond))
	p.same()
}

// never fails the test for words that must not be seen.
func never(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(text, w) {
			t.Errorf("the page says %q:\n%s", w, text)
		}
	}
}

// serve puts nginx before the agent, by the configuration that ships.
func serve(t *testing.T, nginx string, b *box) (url string) {
	t.Helper()
	shipped, err := os.ReadFile("../webui/nginx/socketha.conf")
	if err != nil {
		t.Fatal(err)
	}
	const socket = "/run/socketha/socketha.sock"
	if !bytes.Contains(shipped, []byte(socket)) {
		t.Fatalf("the shipped configuration does not name %s", socket)
	}
	b.file("nginx/socketha.conf", strings.ReplaceAll(string(shipped), socket, b.path("s.sock")))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // for nginx to take
	b.file("nginx/nginx.conf", fmt.Sprintf(`daemon off; user root; worker_processes 1; pid %[1]s/pid; error_log stderr;
events { worker_connections 128; }
http {
  access_log off;
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/g;
  server { listen %[2]s; include %[1]s/socketha.conf; }
}`, b.path("nginx"), address))
	cmd := exec.Command(nginx, "-p", b.path("nginx"), "-e", "stderr", "-c", b.path("nginx/nginx.conf"))
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("nginx said: %s", said.String())
		}
	})
	b.poll("nginx", func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return "http://" + address
}

// webpage is a page in a browser.
type webpage struct {
	t   *testing.T
	ctx context.Context
}

func browse(t *testing.T, chromium, url string) *webpage {
	t.Helper()
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(chromium), chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun, chromedp.Headless,
		chromedp.DisableGPU, chromedp.NoSandbox, chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("lang", "en"))
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(func() { cancel(); cancelAlloc() })
	p := &webpage{t, ctx}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(880, 960), chromedp.Navigate(url)); err != nil {
		t.Fatal(err)
	}
	return p
}

// await waits until the text that a person sees says all of the words.
func (p *webpage) await(words ...string) (text string) {
	p.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		text = look[string](p, `(e => e ? e.innerText : '')(document.querySelector('.sha'))`)
		missing := ""
		for _, w := range words {
			if !strings.Contains(text, w) {
				missing = w
			}
		}
		if missing == "" {
			return text
		}
		select {
		case <-tick.C:
		case <-timeout.C:
			p.t.Fatalf("the page never said %q, but:\n%s", missing, text)
		}
	}
}

// mark marks the page, and same fails the test if it was loaded anew since.
func (p *webpage) mark() { _ = look[bool](p, `window.marked = true`) }

func (p *webpage) same() {
	p.t.Helper()
	if !look[bool](p, `window.marked === true`) {
		p.t.Error("the page was loaded anew")
	}
}

func look[T any](p *webpage, expression string) T {
	p.t.Helper()
	out, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

// shot keeps a picture beside those of scripts/webui.
func (p *webpage) shot(name string) {
	p.t.Helper()
	dir := os.Getenv("SOCKETHA_SHOTS")
	if dir == "" {
		dir = "../../.cache/webui"
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}
