package local

import "time"

// Limits of the server. They bound what all clients together can hold.
const (
	MaxConns   = 32 // connections
	MaxStreams = 16 // of which may follow events

	// StreamHeartbeat is the time between two comment lines on a stream on
	// which nothing happens, by which both ends notice that the other is gone.
	StreamHeartbeat = 15 * time.Second

	maxHeader = 8 << 10 // bytes of a request's header
	maxBody   = 4 << 10 // bytes of a request's body

	headerTimeout = 2 * time.Second  // for a request's header, once it began
	readTimeout   = 5 * time.Second  // for a whole request
	writeTimeout  = 5 * time.Second  // for an answer, and for each event
	idleTimeout   = 30 * time.Second // between two requests
	closeTimeout  = time.Second      // for answers under way when the server stops

	// minWait is what every connection is granted for its request before it
	// may be closed for a newer one; it also bounds how fast a crowd is taken
	// in, to 32 connections each 5 ms.
	minWait = 5 * time.Millisecond
	// minAnswer is the same for a connection whose request is being answered.
	minAnswer = time.Second

	retryAfter = 2 * time.Second // when a client of a broken stream shall come back
)
