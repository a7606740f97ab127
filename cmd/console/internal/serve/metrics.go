package serve

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"socketha/cmd/console/internal/ingest"
	"socketha/cmd/console/internal/store"
	"socketha/cmd/console/internal/story"
)

// metrics of one console. Tenants are no label: they are not bounded.
type metrics struct {
	registry *prometheus.Registry
	reports  *prometheus.CounterVec
	took     prometheus.Histogram
	refused  prometheus.Counter
}

func newMetrics(s *store.Store, stories *story.Service) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "console_reports_total", Help: "Reports, by what became of them.",
		}, []string{"result"}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "console_report_seconds", Help: "Time from a report's arrival to its answer, the write to disk included.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5},
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "console_connections_failed_total", Help: "Connections that ended in the TLS handshake or before a request was whole.",
		}),
	}
	for _, result := range []string{
		ingest.Accepted, ingest.Known, ingest.OldEpoch, ingest.NoIdentity, ingest.Foreign, ingest.Malformed,
		ingest.TooLarge, ingest.TooOften, ingest.Failed,
	} {
		m.reports.WithLabelValues(result)
	}
	stats := stories.Stats()
	count := func(name, help string, read func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, read)
	}
	m.registry.MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		m.reports, m.took, m.refused,
		count("console_site_steps_total", "Steps of sites' life cycles.", func() float64 { return float64(stats.Steps.Load()) }),
		count("console_stories_opened_total", "Stories opened.", func() float64 { return float64(stats.Opened.Load()) }),
		count("console_stories_reopened_total", "Stories reopened.", func() float64 { return float64(stats.Reopened.Load()) }),
		count("console_stories_closed_total", "Stories closed.", func() float64 { return float64(stats.Closed.Load()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "console_store_waiting", Help: "Updates waiting to be written.",
		}, func() float64 { return float64(s.Waiting()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "console_subscribers", Help: "Pages that follow live.",
		}, func() float64 { return float64(s.Subscribers()) }),
		&outbox{store: s, desc: prometheus.NewDesc("console_outbox_waiting", "Messages waiting to be sent, by sink.", []string{"sink"}, nil)},
	)
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

func (m *metrics) counted(result string, took time.Duration) {
	m.reports.WithLabelValues(result).Inc()
	m.took.Observe(took.Seconds())
}

// outbox asks the store when it is read.
type outbox struct {
	store *store.Store
	desc  *prometheus.Desc
}

func (o *outbox) Describe(ch chan<- *prometheus.Desc) { ch <- o.desc }

func (o *outbox) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	waiting, err := o.store.Outbox(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(o.desc, err)
		return
	}
	for sink, n := range waiting {
		ch <- prometheus.MustNewConstMetric(o.desc, prometheus.GaugeValue, float64(n), sink)
	}
}
