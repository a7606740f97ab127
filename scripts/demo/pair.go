package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"socketha/agent/local/client"
)

// A socket is one of the two appliances: its files, its agent and the client
// that reads its status.
type socket struct {
	name    string // as the viewer sees it
	serial  string
	dir     string // root of its file system
	version string
	agent   *exec.Cmd
	client  *client.Client
}

type pair struct {
	stage   *stage
	binary  string
	sockets [2]*socket
}

const configTemplate = `[link]
interface = %q
local_address = %q
peer_address = %q

[pair]
role = %q

[identity]
key = "%[5]s/key.pem"
certificate = "%[5]s/certificate.pem"
pins_file = "%[5]s/pins"

[state]
directory = "%[5]s/state"

[appliance]
root = %[5]q
upgrade_marker = "/upgrading"

# A real Socket asks keepalived or FRR who is active; here a file says it.
[role]
source = "hook"
[role.hook]
file = "%[5]s/ha-state"
max_age = "1h"

[local]
socket = "%[5]s/socketha.sock"
`

// newPair lays out two appliances, gives each a key and pins the other's.
func newPair(ctx context.Context, s *stage, binary, dir string) (*pair, error) {
	binary, err := filepath.Abs(binary)
	if err != nil {
		return nil, fmt.Errorf("find the binary: %w", err)
	}
	p := &pair{stage: s, binary: binary}
	for side, facts := range []struct{ name, role, state, serial, version string }{
		{"Socket A", "primary", "active", "SN-1700-0018", "18.3.3"},
		{"Socket B", "secondary", "standby", "SN-1700-0015", "15.0.2"},
	} {
		d := filepath.Join(dir, string(rune('a'+side)))
		files := map[string]string{
			"etc/socketha/serial": facts.serial,
			"etc/socketha/model":  "X1700B",
			"etc/socketha/site":   "site-4711",
			"ha-state":            facts.state,
			"socketha.toml":       fmt.Sprintf(configTemplate, s.iface, s.addr[side], s.addr[1-side], facts.role, d),
		}
		for name, text := range files {
			if err := write(filepath.Join(d, name), text); err != nil {
				return nil, err
			}
		}
		p.sockets[side] = &socket{
			name: facts.name, serial: facts.serial, dir: d, version: facts.version,
			client: client.New(filepath.Join(d, "socketha.sock")),
		}
		if err := p.sockets[side].install(facts.version); err != nil {
			return nil, err
		}
	}
	return p, p.introduce(ctx)
}

// introduce makes the identities and pins each to the other, with the commands
// that an administrator would use.
func (p *pair) introduce(ctx context.Context) error {
	var prints [2]string
	for side, s := range p.sockets {
		if _, err := p.command(ctx, s, "identity", "init"); err != nil {
			return err
		}
		out, err := p.command(ctx, s, "identity", "show", "--fingerprint")
		if err != nil {
			return err
		}
		prints[side] = strings.TrimSpace(out)
	}
	for side, s := range p.sockets {
		if _, err := p.command(ctx, s, "identity", "trust", prints[1-side]); err != nil {
			return err
		}
	}
	return nil
}

// start runs both agents; what they log goes to agent.log beside their files.
func (p *pair) start() error {
	for side, s := range p.sockets {
		log, err := os.Create(filepath.Join(s.dir, "agent.log"))
		if err != nil {
			return fmt.Errorf("log of %s: %w", s.name, err)
		}
		s.agent = exec.Command(p.binary, "agent", "--config", s.config())
		s.agent.Stdout, s.agent.Stderr = log, log
		s.agent.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		err = p.stage.start(side, s.agent)
		_ = log.Close() // the agent has its own descriptor
		if err != nil {
			return fmt.Errorf("start the agent of %s: %w", s.name, err)
		}
	}
	return nil
}

func (p *pair) stop() {
	for _, s := range p.sockets {
		if s.agent == nil || s.agent.Process == nil {
			continue
		}
		_ = s.agent.Process.Signal(syscall.SIGTERM)
		_ = s.agent.Wait()
	}
}

func (s *socket) config() string { return filepath.Join(s.dir, "socketha.toml") }

// lastWords is the end of the agent's log, for when something went wrong.
func (s *socket) lastWords() string {
	data, err := os.ReadFile(filepath.Join(s.dir, "agent.log"))
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(data), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-8):], []byte("\n")))
}

// command runs socketha for s and returns what it printed. Exit codes from 3 up
// are verdicts, not faults.
func (p *pair) command(ctx context.Context, s *socket, args ...string) (string, error) {
	args = append(args, "--config", s.config())
	return p.run(ctx, args...)
}

func (p *pair) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.binary, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() < 3 {
		return "", fmt.Errorf("socketha %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), nil
}

func write(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("lay out the appliance: %w", err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return fmt.Errorf("lay out the appliance: %w", err)
	}
	return nil
}
