// Package layering holds the test that keeps the arrows of ARCHITECTURE.md
// pointing down. depguard says the same while one types; this test also sees
// what is imported by way of others.
package layering

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A rule forbids packages, their tests aside, to depend on others, at any
// distance. A name ending in /... covers everything below it.
type rule struct {
	of     string
	forbid []string
	except []string
	why    string
}

var rules = []rule{
	{"socketha/peer", []string{"socketha/...", "net", "os"}, nil, "the words of the domain depend on nothing"},
	{"socketha/peer/compat", []string{"socketha/peer/...", "socketha/agent/...", "socketha/platform/...", "net", "os/exec"}, []string{"socketha/peer"}, "the verdict is pure"},
	{"socketha/peer/session", []string{"socketha/peer/...", "socketha/agent/...", "socketha/platform/...", "net", "os/exec"}, []string{"socketha/peer"}, "the state machine is pure"},
	{"socketha/peer/wire", []string{"socketha/peer/...", "socketha/agent/...", "socketha/platform/...", "net", "os/exec"}, []string{"socketha/peer"}, "the codec does no I/O"},
	{"socketha/peer/speaker", []string{"socketha/peer/transport/...", "socketha/platform/...", "socketha/agent/...", "github.com/pion/..."}, nil, "the speaker declares Conn and knows no DTLS"},
	{"socketha/peer/transport/...", []string{"socketha/peer/speaker", "socketha/peer/session", "socketha/peer/wire", "socketha/platform/...", "socketha/agent/..."}, nil, "the transport carries bytes"},
	{"socketha/platform/...", []string{"socketha/peer/...", "socketha/agent/..."}, nil, "platform knows the machine only; the agent adapts"},
	{"socketha/agent/status", []string{"socketha/platform/...", "socketha/peer/transport/...", "socketha/peer/speaker", "net/http", "os/exec"}, nil, "the status document is a pure leaf"},
	{"socketha/agent/alarm", []string{"socketha/...", "net", "os/exec"}, []string{"socketha/peer"}, "the life cycle is pure and shared with the console"},
	{"socketha/agent/impact", []string{"socketha/...", "net", "os/exec"}, []string{"socketha/peer", "socketha/peer/compat"}, "what a failover would cost is a pure function"},
	{"socketha/agent/plan", []string{"socketha/...", "net", "os/exec"}, []string{"socketha/peer", "socketha/peer/compat", "socketha/agent/status", "socketha/agent/impact", "socketha/agent/alarm"}, "a plan is a pure function of the document"},
	{"socketha/agent/journal", []string{"socketha/platform/...", "socketha/peer/...", "socketha/agent/local/...", "net", "net/http"}, []string{"socketha/peer"}, "small state on flash knows nothing of the link"},
	{"socketha/agent/config", []string{"socketha/platform/...", "socketha/peer/speaker", "socketha/agent/local/..."}, []string{"socketha/platform/plainfile"}, "configuration is data"},
	{"socketha/agent/report/schema", []string{"socketha/...", "net", "net/http", "os/exec"}, []string{"socketha/agent/status", "socketha/peer", "socketha/peer/compat"}, "the schema is a leaf that the console takes without the agent"},
	{"socketha/agent/report/outbox", []string{"socketha/...", "net", "net/http", "os/exec"}, []string{"socketha/agent/report/schema", "socketha/agent/status", "socketha/peer", "socketha/peer/compat"}, "when to report is a pure decision"},
	{"socketha/agent/report/post", []string{"socketha/...", "os/exec"}, nil, "one HTTPS exchange knows nothing of what it carries"},
	{"socketha/agent/report", []string{"socketha/platform/...", "socketha/peer/transport/...", "socketha/peer/speaker", "socketha/peer/session", "socketha/peer/wire", "socketha/agent/local/...", "socketha/agent/config", "socketha/agent/journal"}, nil, "the upstream renders the document and nothing else"},
	{"socketha/agent/about", []string{"socketha/...", "html/template", "text/template"}, []string{"socketha/agent/status", "socketha/peer", "socketha/peer/compat"}, "the About page renders the document and nothing else"},
	{"socketha/agent/web", []string{"socketha/..."}, nil, "the own listener guards a handler and knows nothing of what it shows"},
	{"socketha/agent/pairing", []string{"socketha/agent/...", "socketha/peer/speaker", "socketha/peer/session", "net/http"}, nil, "pairing meets the peer and keeps nothing: the command shows and pins"},
	{"socketha/agent/local/...", []string{"socketha/platform/...", "socketha/peer/transport/...", "socketha/peer/speaker"}, nil, "the local API renders the document and nothing else"},
	{"socketha/agent/metrics", []string{"socketha/platform/...", "socketha/peer/...", "socketha/agent/..."}, []string{"socketha/agent/status", "socketha/peer", "socketha/peer/compat"}, "metrics render the document and nothing else"},
	{"socketha/agent/syslog", []string{"socketha/platform/...", "socketha/peer/...", "socketha/agent/...", "net/http"}, []string{"socketha/agent/status", "socketha/agent/alarm", "socketha/peer", "socketha/peer/compat"}, "the syslog is told what became of the document and the alarm"},
	{"socketha/cmd/console/...", []string{"socketha/platform/...", "socketha/peer/transport/...", "socketha/peer/speaker", "socketha/peer/session", "socketha/peer/wire", "socketha/agent/local/...", "socketha/agent/config", "socketha/agent/journal"}, nil, "the console is a server: of the appliance it knows the report, the life cycle and the versions"},
	{"socketha/cmd/console/internal/site", []string{"net", "net/http", "os/exec", "database/sql"}, nil, "the verdict over a site is pure"},
}

type pkg struct {
	ImportPath string
	Deps       []string
}

func TestArrowsPointDown(t *testing.T) {
	pkgs := list(t)
	for _, r := range rules {
		matched := false
		for _, p := range pkgs {
			if !covers(r.of, p.ImportPath) {
				continue
			}
			matched = true
			for _, dep := range p.Deps {
				if !covers(r.of, dep) && matches(r.forbid, dep) && !matches(r.except, dep) {
					t.Errorf("%s depends on %s: %s", p.ImportPath, dep, r.why)
				}
			}
		}
		if !matched {
			t.Errorf("the rule for %s matches no package: update the rules with the house", r.of)
		}
	}
}

func TestEveryPackageHasARule(t *testing.T) {
	free := []string{"socketha/agent", "socketha/cmd/...", "socketha/scripts/..."}
	for _, p := range list(t) {
		ruled := slices.ContainsFunc(rules, func(r rule) bool { return covers(r.of, p.ImportPath) })
		if !ruled && !matches(free, p.ImportPath) {
			t.Errorf("%s has no layering rule: a new room is a decision, write it here and in ARCHITECTURE.md", p.ImportPath)
		}
	}
}

func matches(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, path) })
}

func covers(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Deps", "socketha/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}
