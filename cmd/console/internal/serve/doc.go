// Package serve runs a console: the front door for reports, the stories behind it,
// and the listener for people and monitoring. It wires, and decides nothing.
//
//	ingest listener (TLS 1.3, client certificates)   POST /v1/reports
//	web listener                                      /healthz /readyz /metrics, and the pages
package serve
