package agent

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"socketha/agent/config"
	"socketha/agent/report/schema"
	"socketha/agent/status"
)

// cloud is a receiver that keeps what it took.
type cloud struct {
	*httptest.Server
	mu     sync.Mutex
	taken  []*schema.Event
	serial string // of the client certificate
	lowest uint64 // epochs below are refused with 409
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	c := &cloud{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(c.take))
	c.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}
	c.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) take(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	event, err := schema.Parse(body)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case event.Report.Epoch < c.lowest:
		w.WriteHeader(http.StatusConflict)
		_, _ = fmt.Fprintf(w, `{"epoch":%d,"seq":7}`, c.lowest)
	default:
		c.serial = r.TLS.PeerCertificates[0].Subject.SerialNumber
		c.taken = append(c.taken, event)
	}
}

// reportTo points an agent to the cloud.
func (b *box) reportTo(t *testing.T, c *cloud) {
	t.Helper()
	ca := filepath.Join(b.dir, "cloud.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate().Raw})
	if err := os.WriteFile(ca, data, 0o600); err != nil {
		t.Fatal(err)
	}
	b.cfg.Upstream = config.Upstream{
		URL: c.URL + "/v1/reports", CA: ca, Certificate: b.cfg.Identity.Certificate, Key: b.cfg.Identity.Key,
		Cadence: config.Default().Upstream.Cadence,
	}
}

func connected(d status.Document) bool { return d.Conditions.Connected.State == status.StateOK }

// Both Sockets report by themselves, and each knows of the other whether it does.
func TestReportsReachTheCloud(t *testing.T) {
	c := newCloud(t)
	c.lowest = 41 // as after a reset to factory state: the cloud has seen later ones
	boxes := newBoxes(t, [2]string{"18.3.3", "15.0.2"})
	boxes[0].reportTo(t, c)
	boxes[1].reportTo(t, c)
	stop := pairUp(t, boxes)
	d := boxes[0].until(t, "both connected", connected)
	if !d.Upstream.Configured || d.Upstream.State != "connected" || d.Upstream.LastDeliveredAt == nil {
		t.Errorf("upstream %+v", d.Upstream)
	}
	boxes[1].until(t, "both connected", connected)
	stop[1]()
	stop[0]()
	c.mu.Lock()
	defer c.mu.Unlock()
	epoch := map[string]uint64{}
	for _, e := range c.taken {
		if e.Report.Epoch <= 41 {
			t.Errorf("%s was taken at %+v", e.Serial, e.Report.Position)
		}
		epoch[e.Serial] = max(epoch[e.Serial], e.Report.Epoch)
	}
	if len(epoch) != 2 || c.serial == "" {
		t.Errorf("reports of %v", epoch)
	}
	last := c.taken[len(c.taken)-1]
	if last.Report.Self.Serial == nil || len(last.Report.Transitions) == 0 {
		t.Errorf("the last report: %+v", last.Report)
	}
}

// A cloud that cannot be reached is a failed condition that says why, and no more.
func TestCloudOutOfReach(t *testing.T) {
	c := newCloud(t)
	boxes := newBoxes(t, [2]string{"18.3.3", "18.4.1"})
	boxes[0].reportTo(t, c)
	boxes[0].cfg.Upstream.CA = boxes[0].cfg.Identity.Certificate // of somebody else
	pairUp(t, boxes)
	for _, b := range boxes {
		d := b.until(t, "disconnected", func(d status.Document) bool { return has(d, status.CodeDisconnected) })
		if d.Conditions.Keepalive.State == status.StateFail || d.Readiness == "ready" {
			t.Errorf("%s: %+v", b.dir, d.Conditions)
		}
	}
}
