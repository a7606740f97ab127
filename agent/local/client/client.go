package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"socketha/agent/status"
)

// Errors a caller may tell apart. All others are faults of the machine or of the
// agent, to be shown as they are.
var (
	// ErrNotRunning says that no agent listens at the socket.
	ErrNotRunning = errors.New("the agent is not running")
	// ErrNoAnswer says that the agent listens, but did not answer in time.
	ErrNoAnswer = errors.New("the agent does not answer")
	// ErrSchema says that the agent's document is of a newer schema than this
	// client knows.
	ErrSchema = errors.New("the agent is newer than this command")
)

// Error is an answer of the agent that is not a success.
type Error struct {
	Status        int // HTTP status
	Code, Message string
}

// Error returns the agent's words.
func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("the agent answered %d %s", e.Status, http.StatusText(e.Status))
	}
	return fmt.Sprintf("the agent answered %d: %s", e.Status, e.Message)
}

const (
	callTimeout = 2 * time.Second       // for a whole call
	retryPause  = 20 * time.Millisecond // between two attempts in one call
	maxAnswer   = 4 << 20               // bytes read of an answer or event: 2,000 capabilities fit
	maxHeader   = 16 << 10              // bytes read of an answer's header
)

// Client asks the agent at one socket. It holds nothing open between calls and
// is safe for concurrent use.
type Client struct {
	path string
	dial func(context.Context) (net.Conn, error)
}

// New returns a client of the agent at a socket path.
func New(path string) *Client {
	return &Client{path: path, dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
}

// Status returns the status document, within two seconds.
func (c *Client) Status(ctx context.Context) (status.Document, error) {
	raw, err := c.Raw(ctx)
	if err != nil {
		return status.Document{}, err
	}
	return decode(raw)
}

// Raw returns the status document as the agent wrote it, in JSON, with fields
// that this client may not know. Its schema has been checked.
func (c *Client) Raw(ctx context.Context) ([]byte, error) {
	return c.raw(ctx, "/v1/status")
}

// raw returns a document of a schema that this client reads, within two seconds.
func (c *Client) raw(ctx context.Context, path string) ([]byte, error) {
	raw, err := c.read(ctx, path)
	if err != nil {
		return nil, err
	}
	if err := checkSchema(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// read returns the body at a path, within two seconds.
func (c *Client) read(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	a, err := c.get(ctx, path, nil)
	if err != nil {
		return nil, err
	}
	defer a.close()
	raw, err := io.ReadAll(a.body(maxAnswer))
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	return raw, nil
}

// decode reads a document of a known schema.
func decode(raw []byte) (status.Document, error) {
	if err := checkSchema(raw); err != nil {
		return status.Document{}, err
	}
	var d status.Document
	if err := json.Unmarshal(raw, &d); err != nil {
		return status.Document{}, fmt.Errorf("the agent's status document: %w", err)
	}
	return d, nil
}

// checkSchema refuses what is not a status document of our schema, before
// anything else of it is looked at.
func checkSchema(raw []byte) error {
	var head struct {
		Schema int `json:"schema"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return fmt.Errorf("the agent's status document: %w", err)
	}
	switch {
	case head.Schema > status.SchemaVersion:
		return fmt.Errorf("%w: its status has schema %d, this command reads %d; use the command of the agent's version",
			ErrSchema, head.Schema, status.SchemaVersion)
	case head.Schema < 1:
		return errors.New("the agent's answer is no status document: it has no schema")
	}
	return nil
}

// get sends a request and returns the answer, if it is a success. An agent that
// is crowded may close a connection before it has read the request; then the
// request, which changes nothing, is sent again until the context ends.
func (c *Client) get(ctx context.Context, path string, header http.Header) (*answer, error) {
	q := question{method: http.MethodGet, path: path, header: header}
	for {
		a, err := c.try(ctx, &q)
		if err == nil {
			return a, a.check()
		}
		if !again(err) || pause(ctx, retryPause) != nil {
			return nil, c.explain(ctx, err)
		}
	}
}

// again reports whether an attempt failed because the agent is crowded: the
// queue of the socket is full, or the connection was closed for another one.
func again(err error) bool {
	for _, target := range [...]error{syscall.EAGAIN, syscall.ECONNRESET, syscall.EPIPE, io.ErrUnexpectedEOF, io.ErrClosedPipe} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// pause waits for d, or returns an error when ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// explain puts an error into terms of the agent.
func (c *Client) explain(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("asking the agent at %s: %w", c.path, context.Canceled)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nobody listens at %s", ErrNotRunning, c.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("asking the agent at %s: %w (ask as root or as a member of the socket's group)", c.path, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%w at %s: %w", ErrNoAnswer, c.path, context.DeadlineExceeded)
	}
	return fmt.Errorf("asking the agent at %s: %w", c.path, err)
}
