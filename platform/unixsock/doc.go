// Package unixsock listens on a unix socket of the file system, as one of at
// most one owner, and says who connects.
//
// A socket file outlives its process, and a new listener may take the place of
// a living one without either noticing. So a lock file beside the socket,
// PATH.lock, decides who owns it: [Listen] takes the lock (flock(2), which ends
// with its holder, however that ends), connects to tell a living owner that
// knows no lock from a stale file, and only then removes the file. The lock
// file itself stays: to remove it would open the race again.
//
// [Listener.Close] removes the socket file if it still is its own, and before
// it gives up the lock, so that it can never remove a successor's.
//
// The file has its mode from the moment it appears, by umask(2). Because the
// umask is the whole process's, Listen belongs to its start, before other
// goroutines make files.
//
// [Peer] tells by SO_PEERCRED who was at the other end when it connected.
package unixsock
