// Package local is the agent's HTTP interface for its own appliance: the status
// document, a stream of its changes, and the liveness of the heartbeat loop.
//
//	GET /v1/status   the status document
//	GET /v1/events   server-sent events: the document at each change of meaning
//	GET /healthz     200, or 503 with the reason, for the heartbeat loop
//
// HEAD works wherever GET does. Errors are JSON: {"error":{"code","message"}}.
//
// [Server] serves any [net.Listener], in practice a unix socket whose access
// rights are its guard. Everything a client can hold or send is bounded: see the
// constants in limits.go. The one client is agent/local/client.
//
// # Events
//
// An event is the whole document; its id stands for its meaning (see
// [status.Evaluation.Meaning]), not for its place in a row. A client that comes
// back with Last-Event-ID is sent the newest document at once unless it is the
// one it has, and nothing in between: events are a state to follow, not a log to
// replay. So a slow client skips to the newest too, and an agent that restarted
// need not remember who has seen what.
//
// # Slow and many clients
//
// There are [MaxConns] connections and no more. When one more arrives, the one
// that has gone longest without a complete request is closed, so that thousands
// of clients which connect and say nothing cannot keep out one that asks.
// [MaxStreams] of them may follow events; further ones are refused, and what is
// left always serves requests.
package local
