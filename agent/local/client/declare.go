package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"

	"socketha/agent/status"
)

// ErrUnclear says that a declaration was sent and not answered: whether it has
// been taken the status tells.
var ErrUnclear = errors.New("it is not known whether the agent took it: socketha status tells")

// Declaration is the begin or the end of an upgrade or of a manual failover.
type Declaration struct {
	End    bool   // else the begin
	Target string // begin of an upgrade: the version to be, or empty
	Result string // end of an upgrade: "ok", "failed" or "skipped"
}

// History returns the transitions of the pair, newest first, within two seconds.
func (c *Client) History(ctx context.Context) (status.History, error) {
	raw, err := c.RawHistory(ctx)
	if err != nil {
		return status.History{}, err
	}
	var h status.History
	if err := json.Unmarshal(raw, &h); err != nil {
		return status.History{}, fmt.Errorf("the agent's history: %w", err)
	}
	return h, nil
}

// RawHistory returns the history as the agent wrote it, like [Client.Raw].
func (c *Client) RawHistory(ctx context.Context) ([]byte, error) { return c.raw(ctx, "/v1/history") }

// SupportRequest returns the text of a request to the vendor's support, within
// two seconds (see [status.SupportRequest]).
func (c *Client) SupportRequest(ctx context.Context) (string, error) {
	raw, err := c.read(ctx, "/v1/support-request")
	return string(raw), err
}

// DeclareUpgrade declares that this Socket is being upgraded, or how that ended.
// It is in force once nil has been returned, within two seconds. An [Error] with
// status 403 says that this user may not, with 409 that it does not fit what is
// declared already; [ErrUnclear] that the answer was lost.
func (c *Client) DeclareUpgrade(ctx context.Context, d Declaration) error {
	return c.declare(ctx, "/v1/upgrade", d)
}

// DeclareFailover declares that a failover is made by hand, or that it is over,
// like [Client.DeclareUpgrade].
func (c *Client) DeclareFailover(ctx context.Context, d Declaration) error {
	return c.declare(ctx, "/v1/failover", d)
}

// declaration is the body of a declaration (contract section 5).
type declaration struct {
	State  string `json:"state"`
	Target string `json:"target,omitempty"`
	Result string `json:"result,omitempty"`
}

func (c *Client) declare(ctx context.Context, path string, d Declaration) error {
	body := declaration{State: "begin", Target: d.Target, Result: d.Result}
	if d.End {
		body.State = "end"
	}
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.post(ctx, &question{
		method: http.MethodPost, path: path, body: b,
		header: http.Header{"Content-Type": {"application/json"}},
	})
}

// post sends a question once. Only where it cannot have arrived is it sent again:
// what has been declared twice is a conflict.
func (c *Client) post(ctx context.Context, q *question) error {
	for {
		a, err := c.try(ctx, q)
		switch {
		case err == nil:
			if err := a.check(); err != nil {
				return err
			}
			a.close()
			return nil
		case errors.Is(err, syscall.EAGAIN): // the queue of the socket is full
			if pause(ctx, retryPause) != nil {
				return c.explain(ctx, err)
			}
		case neverSent(err):
			return c.explain(ctx, err)
		default:
			return fmt.Errorf("%w: %w", c.explain(ctx, err), ErrUnclear)
		}
	}
}

// neverSent reports whether there was nobody to send to.
func neverSent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrPermission)
}
