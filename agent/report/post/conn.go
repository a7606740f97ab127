package post

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// errPhase says that a phase took too long.
var errPhase = errors.New("time-out")

// errTooLong says that an answer exceeds what is read of one.
var errTooLong = errors.New("longer than is read of an answer")

// conn is a connection on which one exchange follows another.
type conn struct {
	client *Client
	tls    *tls.Conn
	limit  limited
	reader *bufio.Reader
	silent bool // nothing has come since the request was begun
}

func newConn(c *Client, secure *tls.Conn) *conn {
	k := &conn{client: c, tls: secure}
	k.limit.conn = k
	k.reader = bufio.NewReaderSize(&k.limit, 4<<10)
	return k
}

func (k *conn) close() { _ = k.tls.NetConn().Close() } // nothing is owed to the other end

// limited reads at most left bytes, then fails. It keeps its error, because the parser of
// headers replaces it by its own view of what was cut off.
type limited struct {
	conn *conn
	left int
	err  error
}

// Read reads from the connection.
func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		l.err = errTooLong
		return 0, l.err
	}
	n, err := l.conn.tls.Read(p[:min(len(p), l.left)])
	l.left -= n
	if n > 0 {
		l.conn.silent = false
	}
	l.err = err
	return n, err
}

// exchange sends a request and reads the answer. Then the connection is kept if it is
// still good, and closed if not.
func (k *conn) exchange(ctx context.Context, contentType string, body []byte) (*Answer, error) {
	stop := context.AfterFunc(ctx, k.close) // also ends a blocked write
	a, reuse, err := k.roundTrip(contentType, body)
	if !stop() { // ctx has ended, and the connection with it
		reuse = false
		if err != nil {
			err = fmt.Errorf("%s: %w", k.client.cfg.Target.name, context.Cause(ctx))
		}
	}
	if reuse && err == nil {
		k.client.keep(k)
	} else {
		k.close()
	}
	return a, err
}

// stale reports whether an exchange on a kept connection says no more than that the
// server has closed it, or is about to: it has not taken the request then (RFC 9112
// section 9.3.1; 408: RFC 9110 section 15.5.9).
func (k *conn) stale(a *Answer, err error) bool {
	if err == nil {
		return a.Status == http.StatusRequestTimeout
	}
	return k.silent && !isTimeout(err)
}

func (k *conn) roundTrip(contentType string, body []byte) (a *Answer, reuse bool, err error) {
	k.limit.left = maxHeader
	wrote := k.write(contentType, body)
	if wrote != nil && isTimeout(wrote) {
		return nil, false, fmt.Errorf("sending to %s: %w", k.client.cfg.Target.name, phase(wrote, writeTimeout))
	}
	// A server that refuses early (413) may close while we still write: its answer
	// says more than the broken pipe.
	if err := k.tls.SetReadDeadline(time.Now().Add(headerTimeout)); err != nil {
		return nil, false, err
	}
	resp, err := k.readHeader()
	if err != nil {
		if wrote != nil {
			err = wrote
		}
		return nil, false, fmt.Errorf("answer of %s: %w", k.client.cfg.Target.name, refused(phase(err, headerTimeout)))
	}
	a = &Answer{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, k.client.cfg.Now())}
	if a.Body, err = k.readBody(resp); err != nil {
		return nil, false, fmt.Errorf("answer %d of %s: %w", a.Status, k.client.cfg.Target.name, phase(err, bodyTimeout))
	}
	return a, wrote == nil && !resp.Close && k.reader.Buffered() == 0, nil
}

// write sends the request.
func (k *conn) write(contentType string, body []byte) error {
	if err := k.tls.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	req := &http.Request{
		Method: http.MethodPost, URL: k.client.cfg.Target.url, Host: k.client.cfg.Target.url.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Content-Type": {contentType},
			"Accept":       {"application/json"},
			"User-Agent":   {k.client.cfg.UserAgent},
		},
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
	w := bufio.NewWriterSize(k.tls, 16<<10) // one TLS record for an ordinary report
	if err := req.Write(w); err != nil {
		return err
	}
	return w.Flush()
}

// readHeader reads the header of the final answer.
func (k *conn) readHeader() (*http.Response, error) {
	req := &http.Request{Method: http.MethodPost}
	for range maxInterim + 1 {
		resp, err := http.ReadResponse(k.reader, req)
		if err != nil && k.limit.err != nil {
			err = k.limit.err
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil, errors.New("the connection was closed before it")
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("101: another protocol was not asked for")
		case resp.StatusCode >= 200:
			return resp, nil
		}
	}
	return nil, fmt.Errorf("more than %d interim answers", maxInterim)
}

// readBody reads the body whole, or fails.
func (k *conn) readBody(resp *http.Response) ([]byte, error) {
	if err := k.tls.SetReadDeadline(time.Now().Add(bodyTimeout)); err != nil {
		return nil, err
	}
	k.limit.left += MaxAnswer - maxHeader
	if resp.ContentLength > MaxAnswer {
		return nil, fmt.Errorf("%w: %d bytes, accepted: %d", errTooLong, resp.ContentLength, MaxAnswer)
	}
	body, err := io.ReadAll(resp.Body)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("cut off")
	}
	return body, err
}

// phase says which limit a deadline was of.
func phase(err error, limit time.Duration) error {
	var e net.Error
	if errors.As(err, &e) && e.Timeout() {
		return fmt.Errorf("%w: not done after %v", errPhase, limit)
	}
	return steady(err)
}

// steady leaves the addresses of a connection out of an error: our port is another one each
// time, and the same trouble would read as a new one.
func steady(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Source != nil {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

// refused explains an alert in the place of an answer: with TLS 1.3 the server judges
// our certificate when for us the handshake is over (RFC 8446 section 4.4.2).
func refused(err error) error {
	var alert *net.OpError
	if errors.As(err, &alert) && alert.Op == "remote error" && strings.Contains(err.Error(), "certificate") {
		return fmt.Errorf("the server does not accept our certificate: %w", err)
	}
	return err
}
