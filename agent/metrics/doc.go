// Package metrics renders the status document and the agent's counters as
// Prometheus text (exposition format 0.0.4).
//
//	status.Document ─┐
//	Counters ────────┼─► Append ──► text ──► Handler: GET /metrics
//	Build ───────────┘
//
// The names are a promise like those of the document: they are added to, never
// renamed. What has states is one series a state with the value 0 or 1 (as the
// OpenMetrics StateSet), so that an alert names the state it means and no number
// has to be looked up. What is not known is absent, never 0: a rule that needs
// to see silence uses absent() or the state "unknown".
//
// # Labels
//
// The number of series has a bound, whatever the peer or the network does: about
// 100, plus at most [MaxReasons] reasons of refusal; what goes beyond is summed up
// in the label "other". No text of the peer is a label, not even an
// escaped one: a peer that states another version with each heartbeat would make
// a new series with each. Its major version, a number, is a value. The labels of
// socketha_info are this appliance's own words, cut to [MaxLabel] bytes.
//
// The writer is our own because the client library would add 2.6 MB to a binary
// of 8, most of it reflection.
package metrics
