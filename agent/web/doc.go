// Package web is the optional own listener, for boards that have no web server to
// put in front of the agent's unix socket. It shows the About page, its script,
// the status and the events; nothing can be declared through it.
//
// It is off by default. On a loopback address it speaks plain HTTP, and whoever
// is on the machine can read it: the status is no secret there, but the unix
// socket keeps it to a group and this does not. On any other address it refuses
// to start without TLS and a password file.
//
// A browser is a confused deputy: a page of somebody else can make it ask here.
// So the Host header must be one of a list (a name rebound to this address is
// none of them), and there is nothing to be changed.
//
// # Passwords
//
// The file is that of Apache's htpasswd with bcrypt (htpasswd -nbB NAME PASSWORD),
// a line a user. Checking a password is made to be slow, and heartbeats must not
// wait for it: one is checked at a time, at most one a second once three have
// failed, and one that was right is remembered, hashed, while the agent runs.
package web
