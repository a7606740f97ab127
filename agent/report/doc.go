// Package report tells the cloud what the status document says: the agent's upstream.
//
//	Source ──► Reporter.Run ──► schema.Encode ──► post.Client ──► the console
//	document     │    ▲                                │
//	             ▼    └──── outcome ◄── answer ◄───────┘
//	           outbox     when, under which number, what became of it   (pure)
//
// It is split so that each reader takes what it needs:
//
//	report/schema   the report, its envelope, the answer: all that a receiver imports
//	report/outbox   timing, numbers, counters; pure
//	report/post     one HTTPS exchange with a server that may do anything
//	report          the task that brings them together
//
// There is no queue. The newest state is rendered when it is sent, with the last
// transitions; a state that was replaced before the server was told of it is counted as
// dropped. So an outage of any length costs a few hundred bytes, and when it ends one
// report says how things are.
//
// What the server answers decides only about reports: neither a heartbeat nor a verdict
// waits for the cloud. The way back is one word, [peer.UpstreamState], which is part of
// the condition "connected".
//
// # Answers
//
//	2xx                      delivered, if the body is empty or an answer that names no
//	                         other position: a page of some other server is no
//	                         acknowledgement
//	a position above ours    with 409 or 2xx: the agent goes on above it
//	408, 425, 429, 5xx       tried again, by back-off and Retry-After
//	3xx                      never followed; said, and tried again by back-off
//	any other                said, and tried again no sooner than by the cadence
package report
