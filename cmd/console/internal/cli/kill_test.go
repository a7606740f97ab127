package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/cli"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/ingest"
	"socketha/cmd/console/internal/pgtest"
	"socketha/cmd/console/internal/store"
)

// asConsole makes this test binary be the console.
const asConsole = "SOCKETHA_TEST_AS_CONSOLE"

func TestMain(m *testing.M) {
	if os.Getenv(asConsole) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		os.Exit(cli.Main(ctx, cli.Env{Args: os.Args[1:], Stdout: os.Stdout, Stderr: os.Stderr, Version: "test"}))
	}
	os.Exit(m.Run())
}

// console is a running `console serve`.
type console struct {
	cmd *exec.Cmd
	url string
}

var servesAt = regexp.MustCompile(`console serves" ingest=(\S+)`)

func startConsole(t *testing.T, dir, dsn string) *console {
	t.Helper()
	cmd := exec.Command(os.Args[0], "serve", "--store", dsn, "--ingest", "127.0.0.1:0", "--web", "127.0.0.1:0",
		"--cert", filepath.Join(dir, fleet.ServerFile), "--key", filepath.Join(dir, fleet.ServerKeyFile), "--client-ca", filepath.Join(dir, fleet.CAFile))
	cmd.Env = append(os.Environ(), asConsole+"=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	said := ""
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		said += lines.Text() + "\n"
		if at := servesAt.FindStringSubmatch(lines.Text()); at != nil {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return &console{cmd, "https://" + at[1] + ingest.Path}
		}
	}
	t.Fatalf("the console does not serve:\n%s", said)
	return nil
}

// acks is the last acknowledged position of each Socket.
type acks struct {
	mu   sync.Mutex
	last map[string]uint64
	n    atomic.Int64
}

// TestKill: a console killed with SIGKILL under load has lost nothing that it
// acknowledged, and goes on when it is started again.
func TestKill(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dir := t.TempDir()
			dsn := "sqlite:" + filepath.Join(dir, "c.db")
			if engine == "postgres" {
				dsn = pgtest.Start(t).Database(t)
			}
			ca, err := fleet.OpenCA(dir, time.Now(), "127.0.0.1")
			if err != nil {
				t.Fatal(err)
			}
			told := &acks{last: make(map[string]uint64)}
			for round := range 3 {
				c := startConsole(t, dir, dsn)
				load(t, ca, c, told, uint64(round+1), int64(100+90*round))
				check(t, dsn, told, uint64(round+1))
			}
		})
	}
}

// load lets Sockets report until the console has acknowledged enough, kills it in the
// middle of it, and waits until every Socket has noticed.
func load(t *testing.T, ca *fleet.CA, c *console, told *acks, epoch uint64, enough int64) {
	t.Helper()
	target := told.n.Load() + enough
	var sockets sync.WaitGroup
	for n := range 8 {
		pair := fleet.NewPair("acme", n)
		for i := range pair.Serials {
			sockets.Go(func() {
				if err := told.talk(ca, c, pair, i, epoch, target); err != nil {
					t.Error(err)
				}
			})
		}
	}
	sockets.Wait()
	_ = c.cmd.Process.Kill() // if it was not, something else has failed
	_ = c.cmd.Wait()
}

// talk reports as fast as it is answered. Whoever gets the answer that is enough
// pulls the trigger; everybody else is in the middle of something.
func (a *acks) talk(ca *fleet.CA, c *console, pair fleet.Pair, i int, epoch uint64, target int64) error {
	cert, err := ca.Client(pair.Tenant, pair.Serials[i], time.Now())
	if err != nil {
		return err
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), Certificates: []tls.Certificate{cert}}}
	defer tr.CloseIdleConnections()
	client := &http.Client{Transport: tr}
	for seq := uint64(1); ; seq++ {
		body, err := pair.Encode(i, time.Now(), schema.Position{Epoch: epoch, Seq: seq}, schema.CauseChange, time.Minute)
		if err != nil {
			return err
		}
		resp, err := client.Post(c.url, schema.ContentType, bytes.NewReader(body))
		if err != nil {
			return nil // the console is dead, as it should be
		}
		var answer schema.Answer
		err = json.NewDecoder(resp.Body).Decode(&answer)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			return nil // it died while answering
		case resp.StatusCode == http.StatusTooManyRequests:
			seq--
			continue
		case resp.StatusCode != http.StatusOK || answer.Epoch != epoch || answer.Seq != seq:
			return fmt.Errorf("%s %d/%d: %d %+v", pair.Serials[i], epoch, seq, resp.StatusCode, answer)
		}
		a.mu.Lock()
		a.last[pair.Serials[i]] = seq
		a.mu.Unlock()
		if a.n.Add(1) == target {
			return c.cmd.Process.Kill()
		}
	}
}

func check(t *testing.T, dsn string, told *acks, epoch uint64) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{DSN: dsn})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	page, err := s.Sites(t.Context(), "acme", store.SiteQuery{})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, one := range page.Sites {
		for _, socket := range one.Sockets {
			found++
			if want := told.last[socket.Serial]; socket.Epoch < epoch || socket.Seq < want {
				t.Errorf("%s: acknowledged %d/%d, kept %d/%d", socket.Serial, epoch, want, socket.Epoch, socket.Seq)
			}
		}
	}
	if found < len(told.last) {
		t.Errorf("%d Sockets were acknowledged, %d are there", len(told.last), found)
	}
}
