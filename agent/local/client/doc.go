// Package client asks the agent on this appliance for its status and history, and
// tells it of upgrades and failovers, over the unix socket that agent/local serves.
// The command and the tests use it; there is no other client.
//
// Every call ends within two seconds or says why it cannot: [ErrNotRunning] when
// nobody listens, [ErrNoAnswer] when somebody does but stays silent. An agent
// newer than this client may send fields that the client does not know; they are
// left out of the [status.Document] and kept in [Client.Raw]. Only a newer schema
// is refused, by [ErrSchema].
//
// It speaks HTTP/1.1 with one connection for each call and uses net/http for
// reading and writing messages only: its Transport, with pools, proxies and
// HTTP/2, would cost the binary and the two seconds more than it gives here.
package client
