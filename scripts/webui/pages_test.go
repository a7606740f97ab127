package webui

import (
	"testing"
)

// states are all that the page is looked at in, with words that must be seen.
var states = []struct {
	name  string
	state state
	words []string
}{
	{"ready", ready, []string{"Ready", "Nothing to do"}},
	{"warned", warned, []string{"Ready", "With 2 warnings", "The clock is not set"}},
	{"incompatible", incompatible, []string{"Not Ready", "Incompatible major versions", "Upgrade the peer (S/N B2000002) from version 15.0.2 to major version 18", "Lower major version", "TLS 1.3 inspection"}},
	{"upgrading", upgrading, []string{"Not Ready", "wait for it to end"}},
	{"lost", lost, []string{"Not Ready", "No keepalive from the peer", "Last seen", "was 18.3.3"}},
	{"stale", stale, []string{"Not Ready", "The peer is not heard now", "Last seen", "was 18.3.3", "was Standby"}},
	{"never", neverHeard, []string{"Not Ready", "The peer is not known", "Never heard"}},
	{"split", splitBrain, []string{"Not Ready", "Split brain", "both Sockets are active"}},
}

// TestEveryState looks at the page in every state, light and dark, from 320 px to
// wide: it says what is wrong, it fits, axe-core finds nothing, and neither the
// console nor the policy has anything to say.
func TestEveryState(t *testing.T) {
	t.Parallel()
	s := newStage(t, "nginx")
	for _, one := range states {
		t.Run(one.name, func(t *testing.T) {
			s.source.show(one.state, nil)
			for _, l := range []look{{width: 320}, {width: 768, dark: true}, {width: 1280}} {
				b := open(t, s.url+"/v1/about", l)
				b.await(one.words...)
				b.fits()
				b.accessible()
				b.shot(l.name(one.name))
				b.clean()
			}
		})
	}
}
