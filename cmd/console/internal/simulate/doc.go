// Package simulate lets a made-up fleet report to a console through its real front
// door: HTTPS with a client certificate for every Socket, each report on a connection
// of its own, as Sockets that report every few minutes do.
package simulate
