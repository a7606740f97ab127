// Package pgtest starts a PostgreSQL of its own for a test: in a temporary folder,
// on a unix socket, as an unprivileged user, and stopped at the end. Tests that need
// one are left out, loudly, where the Debian package postgresql is missing.
package pgtest
