// Package post sends one body to one HTTPS server and reads the answer, whatever the
// server does.
//
//	dial 10 s → TLS 1.3 handshake 10 s → request 20 s → header 20 s → body 10 s; all 60 s
//
// Each limit is one deadline for its whole phase, so that a byte a second gains
// nothing. At most 64 KB of an answer is read, of which 16 KB may be its header. A
// redirect is an answer like any other and is not followed. Nothing else than TLS 1.3,
// the server's name and the authorities given is believed; the time that certificates
// are judged by is never before the one the build was made at.
//
// One connection is kept for [IdleTimeout] after an answer. If it turns out to have
// been closed by the server, the request is sent once more on a new one: the receiver
// knows a report by its id, so that sending it twice does no harm.
//
// The client of net/http is not used: it adds 258 KB to the appliance's binary, where
// the parser of HTTP and TLS, which this package is made of, are linked already.
package post
