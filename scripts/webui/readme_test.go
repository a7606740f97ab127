package webui

import (
	"os"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestReadme makes the pictures of the README, what one sees of the page without
// scrolling, if SOCKETHA_README is set.
func TestReadme(t *testing.T) {
	if os.Getenv("SOCKETHA_README") == "" {
		return // not a test: see doc.go
	}
	s := newStage(t, "nginx")
	for _, one := range []struct {
		name  string
		state state
		words string
		tall  int64
	}{
		{"ready", ready, "Nothing to do", 640},
		{"incompatible", incompatible, "Incompatible major versions", 975},
		{"no-keepalive", lost, "No keepalive from the peer", 660},
		{"not-known", stale, "The peer is not heard now", 640},
		{"split-brain", splitBrain, "Split brain", 660},
		{"agent-stopped", ready, "Nothing to do", 460},
	} {
		s.source.show(one.state, nil)
		b := open(t, s.url+"/v1/about", look{width: 880})
		b.await(one.words)
		if one.name == "agent-stopped" {
			s.stop()
			b.await("Status unknown")
		}
		b.do(chromedp.EmulateViewport(880, one.tall))
		png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if len(png) > 150<<10 {
			t.Errorf("%s has %d bytes", one.name, len(png))
		}
		if err := os.WriteFile("../../.github/about-"+one.name+".png", png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
