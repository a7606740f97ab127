// Package local is the agent's HTTP interface for its own appliance: the status
// document, a stream of its changes, what the pair went through, the liveness of
// the heartbeat loop, and the declarations of those who maintain the Socket.
//
//	GET  /v1/status            the status document
//	GET  /v1/events            server-sent events: the document at each change of meaning
//	GET  /v1/history           transitions, newest first
//	GET  /v1/support-request   text to send to the vendor's support
//	POST /v1/upgrade           {"state":"begin","target":"18.4.1"}, {"state":"end","result":"ok"}
//	POST /v1/failover          {"state":"begin"}, {"state":"end"}
//	GET  /healthz              200, or 503 with the reason, for the heartbeat loop
//
// HEAD works wherever GET does. Errors are JSON: {"error":{"code","message"}}. More
// paths for reading are added by [Config.Pages].
//
// # Who may declare
//
// Root and the admin group, by the kernel's word for the process at the other end of
// the unix socket when it connected: its effective user and group and its
// supplementary groups (SO_PEERCRED, SO_PEERGROUPS). On a TCP listener nobody may. A
// request that bears the mark of a proxy or a browser (Forwarded, Via, X-Forwarded-…,
// Origin, Sec-Fetch-…) is refused whoever sends it: behind it is somebody whom the
// kernel has not named. A proxy that leaves no mark cannot be told from its own user;
// so let none run as root or in the admin group.
//
// A declaration is read strictly and acknowledged by 200 once it has been taken:
//
//	400  no such declaration       403  not of root or the admin group
//	405  other than POST           409  does not fit what is declared already
//	413  longer than 4 KB          415  not application/json
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
