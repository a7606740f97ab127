package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"socketha/agent/status"
)

const (
	// silence is how long a stream may carry nothing, not even a comment,
	// before it counts as broken: three of the agent's heartbeats.
	silence = 45 * time.Second
	// reconnectPause is the time between two attempts to follow again.
	reconnectPause = time.Second
)

// Events follows the status: the newest document at once, then one at each change
// of meaning. It goes on until the context ends or the loop over it breaks.
//
// A stream that breaks is taken up again where it was. If that fails, the reason
// is yielded as an error beside an empty document, attempts go on once a second,
// and the next document comes as soon as there is one, whether it is new or not:
// a caller that shows "not running" never keeps showing it. A caller that does
// not want to wait breaks the loop at the first error.
func (c *Client) Events(ctx context.Context) iter.Seq2[status.Document, error] {
	return func(yield func(status.Document, error) bool) {
		f := follower{client: c, yield: yield}
		for {
			start := time.Now()
			err := f.follow(ctx)
			switch {
			case f.broken || ctx.Err() != nil:
				return
			case err == nil && time.Since(start) >= reconnectPause:
				continue // it was a good stream: take it up where it was
			case err == nil:
				err = fmt.Errorf("%w at %s: it ends the stream of events", ErrNoAnswer, c.path)
			}
			f.lastID = ""
			if !yield(status.Document{}, err) || pause(ctx, reconnectPause) != nil {
				return
			}
		}
	}
}

// follower is one loop over events.
type follower struct {
	client *Client
	yield  func(status.Document, error) bool
	broken bool   // by the caller
	lastID string // of the last event yielded since the last error
}

// follow reads one stream. It returns nil when the stream has ended, and an error
// if there was none or it holds no documents.
func (f *follower) follow(ctx context.Context) error {
	a, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	events := eventReader{r: bufio.NewReader(a.Body)}
	for {
		a.limit.left = maxAnswer // for each event anew
		if err := a.conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return nil // it has been closed
		}
		e, err := events.next()
		switch {
		case errors.Is(err, errTooLong):
			return fmt.Errorf("following the agent at %s: %w", f.client.path, err)
		case err != nil:
			return nil
		case len(e.data) == 0:
			continue // a comment
		}
		d, err := decode(e.data)
		if err != nil {
			return err
		}
		f.lastID = e.id
		if f.broken = !f.yield(d, nil); f.broken {
			return nil
		}
	}
}

// open connects to the stream, within the time of one call.
func (f *follower) open(ctx context.Context) (*answer, error) {
	header := http.Header{"Accept": {"text/event-stream"}}
	if f.lastID != "" {
		header.Set("Last-Event-ID", f.lastID)
	}
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a, err := f.client.get(call, "/v1/events", header)
	if err != nil {
		return nil, err
	}
	if !a.stop() { // the time ended just now, and with it the connection
		return nil, f.client.explain(call, io.ErrUnexpectedEOF)
	}
	a.watch(ctx)
	return a, nil
}

// event is one server-sent event. Its data is valid until the next one is read.
type event struct {
	id   string
	data []byte
}

// eventReader reads the format of WHATWG HTML, section 9.2, as far as the agent
// writes it. It holds no more than its reader yields for one event.
type eventReader struct {
	r    *bufio.Reader
	line []byte
	data []byte
}

// next reads up to the next empty line. Comments and unknown fields make an event
// without data.
func (er *eventReader) next() (event, error) {
	var e event
	er.data = er.data[:0]
	for {
		line, err := er.readLine()
		if err != nil {
			return event{}, err
		}
		if len(line) == 0 {
			e.data = er.data
			return e, nil
		}
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "id":
			e.id = string(value)
		case "data":
			if len(er.data) > 0 {
				er.data = append(er.data, '\n')
			}
			er.data = append(er.data, value...)
		}
	}
}

// readLine reads a line without its end.
func (er *eventReader) readLine() ([]byte, error) {
	er.line = er.line[:0]
	for {
		part, err := er.r.ReadSlice('\n')
		er.line = append(er.line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return nil, err
		}
		return bytes.TrimRight(er.line, "\r\n"), nil
	}
}
