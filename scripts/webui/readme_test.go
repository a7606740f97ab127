package webui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"socketha/agent/config"
)

// TestReadmeIsTrue holds the README to what stands: every picture is shown, what it
// has a person write is in the sample, and its configuration is accepted.
func TestReadmeIsTrue(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(b), "\n## On the appliance's pages\n")
	section, _, _ = strings.Cut(section, "\n## ")
	pictures, err := filepath.Glob("../../.github/about-*.png")
	if err != nil || !found || len(pictures) != 6 {
		t.Fatalf("%d pictures, section found: %v, %v", len(pictures), found, err)
	}
	for _, p := range pictures {
		if !strings.Contains(section, "(.github/"+filepath.Base(p)+")") {
			t.Errorf("%s is not shown", p)
		}
	}
	sample, err := os.ReadFile("sample/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{`<script src="/v1/about.js" defer></script>`, `<socketha-about`} {
		if !strings.Contains(section, line) || !strings.Contains(string(sample), line) {
			t.Errorf("%s is not in both, the README and the sample", line)
		}
	}
	if conf, err := os.ReadFile("nginx/socketha.conf"); err != nil || !strings.Contains(string(conf), "include /etc/nginx/socketha.conf;") {
		t.Errorf("nginx is told otherwise by the sample: %v", err)
	}
	var own strings.Builder
	for line := range strings.Lines(section) {
		if line = strings.TrimPrefix(line, "    "); line == "[web]\n" || strings.HasPrefix(line, "address = ") {
			own.WriteString(line)
		}
	}
	c, err := config.Parse("README.md", []byte("[link]\ninterface = \"eth1\"\n[pair]\nrole = \"primary\"\n"+own.String()))
	if err != nil || c.Web.Address == "" {
		t.Errorf("the configuration of the own listener: %v in\n%s", err, own.String())
	}
}

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
