package local

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// events follows the status for one client, until it goes away, is too slow to
// take an event, or the server stops. Format: WHATWG HTML, section 9.2.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx passes events on as they come
	if r.Method == http.MethodHead {
		return
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		s.refused.Add(1)
		w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter.Seconds())))
		refuse(w, r, http.StatusServiceUnavailable, "too_many_streams", "No further client can follow events now.")
		return
	}
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.owner.set(c, useStream)
	}
	st := stream{ctl: http.NewResponseController(w), w: w, source: s.cfg.Source, last: r.Header.Get("Last-Event-ID")}
	if err := st.open(); err != nil {
		return
	}
	st.follow(r, s.stopping)
}

// stream is one client that follows events.
type stream struct {
	ctl    *http.ResponseController
	w      http.ResponseWriter
	source Source
	last   string // id of the newest event the client has
	buf    []byte
}

// open answers the header at once, even if there is no news for this client. The
// limits on the time of a request do not end a stream: the one for reading ends
// with the request, the one for writing is set anew by each write.
func (st *stream) open() error {
	ms := strconv.FormatInt(retryAfter.Milliseconds(), 10)
	return st.write([]byte("retry: " + ms + "\n\n"))
}

// follow sends the newest document whenever its meaning is not the one the
// client has. What changes while a write waits for a slow client is left out.
func (st *stream) follow(r *http.Request, stopping <-chan struct{}) {
	idle := time.NewTimer(StreamHeartbeat)
	defer idle.Stop()
	quiet := false
	for {
		changed := st.source.Changed() // before Current, so that nothing is missed
		sent, err := st.sendNewest()
		if err == nil && quiet && !sent {
			err = st.write([]byte(":\n\n"))
		}
		if err != nil {
			return
		}
		if sent || quiet {
			idle.Reset(StreamHeartbeat)
		}
		quiet = false
		select {
		case <-changed:
		case <-idle.C:
			quiet = true
		case <-r.Context().Done():
			return
		case <-stopping:
			return
		}
	}
}

// sendNewest sends the current document unless the client has it.
func (st *stream) sendNewest() (bool, error) {
	d, id := st.source.Current()
	if id == st.last {
		return false, nil
	}
	data, err := json.Marshal(d)
	if err != nil { // cannot be: the document holds nothing that JSON cannot
		return false, err
	}
	b := append(st.buf[:0], "id: "...)
	b = append(b, id...)
	b = append(b, "\ndata: "...)
	b = append(b, data...)
	b = append(b, "\n\n"...)
	st.last, st.buf = id, b
	return true, st.write(b)
}

// write sends b at once, or fails if the client does not take it in time.
func (st *stream) write(b []byte) error {
	if err := st.ctl.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := st.w.Write(b); err != nil {
		return err
	}
	return st.ctl.Flush()
}
