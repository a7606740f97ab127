package ingest_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"socketha/agent/report/schema"
	"socketha/cmd/console/internal/fleet"
	"socketha/cmd/console/internal/ingest"
	"socketha/cmd/console/internal/pgtest"
)

// BenchmarkIngest measures a report from the parsed request to its commit, without TLS:
// 256 Sockets report at once. "first" makes new sites, "periodic" reports of known ones.
func BenchmarkIngest(b *testing.B) {
	engines := map[string]func(b *testing.B) string{
		"sqlite":   func(b *testing.B) string { return "sqlite:" + b.TempDir() + "/c.db" },
		"postgres": func(b *testing.B) string { return pgtest.Start(b).Database(b) },
	}
	for _, name := range []string{"sqlite", "postgres"} {
		b.Run(name+"/first", func(b *testing.B) { benchIngest(b, engines[name](b), 1<<40) })
		b.Run(name+"/periodic", func(b *testing.B) { benchIngest(b, engines[name](b), 2000) })
	}
}

func benchIngest(b *testing.B, dsn string, sites int) {
	r := newRig(b, dsn, nil)
	h := ingest.New(ingest.Config{Store: r.store, Stories: r.stories, Now: r.now, Every: time.Nanosecond})
	var next atomic.Int64
	post := func(b *testing.B) {
		n := int(next.Add(1) - 1)
		p := fleet.NewPair("acme", n/2%sites)
		body, err := p.Encode(n%2, r.now(), schema.Position{Epoch: 1, Seq: uint64(n/2/sites + 1)}, schema.CausePeriodic, cadence)
		if err != nil {
			b.Error(err)
		}
		cert := &x509.Certificate{Subject: pkix.Name{Names: []pkix.AttributeTypeAndValue{
			{Type: []int{2, 5, 4, 10}, Value: "acme"}, {Type: []int{2, 5, 4, 5}, Value: p.Serials[n%2]},
		}}}
		req := httptest.NewRequest(http.MethodPost, ingest.Path, bytes.NewReader(body))
		req.Header.Set("Content-Type", schema.ContentType)
		req.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, req)
		if rec.Code != http.StatusOK {
			b.Errorf("%d %s", rec.Code, rec.Body)
		}
	}
	if sites < 1<<30 {
		for range 2 * sites {
			post(b)
		}
	}
	b.SetParallelism(128)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			post(b)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reports/s")
}
