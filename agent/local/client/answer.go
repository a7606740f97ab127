package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
)

// errTooLong says that an answer exceeds what the client is willing to hold.
var errTooLong = errors.New("the answer is too long")

// answer is an answer whose header has been read. It owns its connection.
type answer struct {
	*http.Response
	conn  net.Conn
	limit *limited
	stop  func() bool // ends the watch over the context
}

// question is a request before it is one.
type question struct {
	method, path string
	header       http.Header
	body         []byte
}

// request makes the question a request.
func (q *question) request(ctx context.Context) (*http.Request, error) {
	var body io.Reader // must be nil, and no nil reader, where there is none
	if q.body != nil {
		body = bytes.NewReader(q.body)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, "http://localhost"+q.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", "socketha")
	maps.Copy(req.Header, q.header)
	req.Close = true
	return req, nil
}

// try makes one attempt at a request.
func (c *Client) try(ctx context.Context, q *question) (*answer, error) {
	req, err := q.request(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	a := &answer{conn: conn, limit: &limited{r: conn, left: maxHeader}}
	a.watch(ctx)
	if err = req.Write(conn); err == nil {
		a.Response, err = http.ReadResponse(bufio.NewReader(a.limit), req)
	}
	if err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

// watch closes the connection when ctx ends, so that no read outlasts it.
func (a *answer) watch(ctx context.Context) {
	a.stop = context.AfterFunc(ctx, func() { _ = a.conn.Close() })
}

// body returns the body, of which at most limit bytes can be read.
func (a *answer) body(limit int) io.Reader {
	a.limit.left = limit
	return a.Body
}

// close ends the connection.
func (a *answer) close() {
	a.stop()
	_ = a.conn.Close() // nothing is written any more
}

// check turns an answer that is not a success into an [Error] and closes it.
func (a *answer) check() error {
	if a.StatusCode == http.StatusOK {
		return nil
	}
	defer a.close()
	e := &Error{Status: a.StatusCode}
	var body struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	raw, err := io.ReadAll(a.body(maxHeader))
	if err == nil && json.Unmarshal(raw, &body) == nil {
		e.Code, e.Message = body.Error.Code, body.Error.Message
	}
	return e
}

// limited reads at most left bytes, then fails.
type limited struct {
	r    io.Reader
	left int
}

// Read reads from the connection.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
