package impact_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"socketha/agent/impact"
	"socketha/peer"
	"socketha/peer/compat"
	"socketha/scripts/scenario"
)

// TestScenarios plays testdata/*.txt; testdata/README.md says how they are written.
func TestScenarios(t *testing.T) { scenario.Run(t, play) }

// player holds a pair; each Socket runs firmware that supports what the sample
// catalog says of its version.
type player struct {
	in  impact.Input
	out strings.Builder
}

// play returns the file with everything below each "----" replaced by what is
// computed.
func play(text string) (string, error) {
	p := &player{in: impact.Input{Catalog: impact.Sample()}}
	var out strings.Builder
	expected := false
	for n, line := range strings.SplitAfter(text, "\n") {
		word := strings.TrimSpace(line)
		switch {
		case word == "":
			expected = false
		case expected:
			continue
		case word == "----":
			expected = true
			out.WriteString(line)
			out.WriteString(p.out.String())
			p.out.Reset()
			continue
		case !strings.HasPrefix(word, "#"):
			if err := p.command(strings.Fields(word)); err != nil {
				return "", fmt.Errorf("line %d: %s: %w", n+1, word, err)
			}
		}
		out.WriteString(line)
	}
	if p.out.Len() > 0 {
		return "", fmt.Errorf("the last command has no ---- after it:\n%s", p.out.String())
	}
	return out.String(), nil
}

func (p *player) command(words []string) error {
	s := map[string]*impact.Socket{"self": &p.in.Self, "peer": &p.in.Peer}[words[0]]
	switch {
	case words[0] == "compute":
		p.compute()
	case words[0] == "failover":
		p.in.Self.HAState, p.in.Peer.HAState = p.in.Peer.HAState, p.in.Self.HAState
	case strings.Join(words, " ") == "no catalog":
		p.in.Catalog = nil
	case s == nil || len(words) < 2:
		return errors.New("no such command")
	case words[1] == "runs" && len(words) > 2:
		return p.runs(s, words[2:])
	case words[1] == "enables":
		return enables(s, words[2:])
	case words[1] == "also" && len(words) > 3: // self also ID SINCE enabled
		s.Capabilities = append(s.Capabilities, peer.Capability{
			ID: words[2], Supported: true, Enabled: slices.Contains(words, "enabled"), Since: words[3],
		})
	case words[1] == "lacks" && len(words) > 2:
		for _, id := range words[2:] {
			find(s, id).Supported = false
		}
	default:
		return errors.New("no such command")
	}
	return nil
}

// runs reads "18.0 primary active"; "older-agent" advertises nothing.
func (p *player) runs(s *impact.Socket, words []string) error {
	*s = impact.Socket{Known: true, Version: words[0], Advertised: true}
	for _, word := range words[1:] {
		switch word {
		case "primary":
			s.Role = peer.RolePrimary
		case "secondary":
			s.Role = peer.RoleSecondary
		case "active":
			s.HAState = peer.HAActive
		case "standby":
			s.HAState = peer.HAStandby
		case "older-agent":
			s.Advertised = false
		default:
			return errors.New("no such word")
		}
	}
	if s.Advertised {
		s.Capabilities = firmware(words[0])
	}
	return nil
}

// firmware returns the manifest of a version: what the sample says, nothing enabled.
func firmware(version string) []peer.Capability {
	v, err := compat.Parse(version)
	if err != nil {
		return nil
	}
	var list []peer.Capability
	for f := range impact.Sample().All() {
		if f.Since.Compare(v) <= 0 {
			list = append(list, peer.Capability{ID: f.ID, Supported: true, Since: f.Since.String()})
		}
	}
	return list
}

func enables(s *impact.Socket, ids []string) error {
	for i := range s.Capabilities {
		s.Capabilities[i].Enabled = slices.Contains(ids, "everything") || slices.Contains(ids, s.Capabilities[i].ID)
	}
	for _, id := range ids {
		if id != "everything" && !find(s, id).Enabled {
			return fmt.Errorf("it does not have %s", id)
		}
	}
	return nil
}

func find(s *impact.Socket, id string) *peer.Capability {
	for i := range s.Capabilities {
		if s.Capabilities[i].ID == id {
			return &s.Capabilities[i]
		}
	}
	return &peer.Capability{}
}

func (p *player) compute() {
	got := impact.Compute(p.in)
	p.print("%v is active: %v", cmp.Or(map[compat.Which]string{compat.Local: "self"}[got.Active], "peer"), got.Basis)
	p.print("sources: self %v, peer %v", got.SelfSource, got.PeerSource)
	if !got.Known {
		p.print("nothing is known")
		return
	}
	p.list("now", got.Now)
	p.list("on failover", got.OnFailover)
	p.list("restored on failover", got.RestoredOnFailover)
	if got.CapabilityGap {
		p.print("capability gap")
	}
}

func (p *player) list(title string, list []impact.Entry) {
	if len(list) == 0 {
		p.print("%s: nothing", title)
		return
	}
	p.print("%s:", title)
	for _, e := range list {
		p.print("  %-26s %-11s %-10v %s", e.ID, e.Since, e.Source, e.Name)
	}
}

func (p *player) print(format string, args ...any) {
	p.out.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
}
