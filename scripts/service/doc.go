// Package service holds what a firmware builder installs beside the binary: the
// systemd unit, the procd script that renders UCI to TOML, and sample alert
// rules. It has no code of its own but the tests that keep them true:
//
//   - the unit passes systemd's own analysis with an exposure of at most 1.2;
//   - the procd script runs in BusyBox' shell, and what it renders is the
//     configuration that the agent understands;
//   - the alert rules fire when they should, and name metrics that exist;
//   - a pair of agents without root and without any capability finds itself,
//     also after its interface was made anew.
package service
