package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"socketha/agent/local/client"
)

// errorStyle is how text looks on standard error: never in colours.
func (c *call) errorStyle() style {
	return style{columns: maxColumns, unicode: utf8Locale(c.Getenv)}
}

// reach finds the agent and runs fn with it, within answerTime. Without an answer
// it says what that comes to, on standard error, and returns the exit code for it;
// otherwise ExitOK. An error is one of how the command was called.
func (c *call) reach(ctx context.Context, lacking string, fn func(context.Context, Source) error) (Exit, error) {
	socket, err := c.socket()
	if err != nil {
		return ExitError, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	switch err = fn(ctx, c.Dial(socket)); {
	case err == nil:
		return ExitOK, nil
	case answered(err):
		return ExitError, said(err)
	}
	_, written := io.WriteString(c.Stderr, apology(lacking, socket, err, c.errorStyle()))
	return failure(err), written
}

// answered reports whether err is an answer, if not a welcome one.
func answered(err error) bool {
	_, ok := errors.AsType[*client.Error](err)
	return ok
}

// said returns what the agent answered as an error for people.
func said(err error) error {
	refused, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok || refused.Message == "":
		return err
	case refused.Status == 404:
		return fmt.Errorf("the agent does not know this; is it older than this command? (%s)", refused.Message)
	}
	return errors.New(refused.Message)
}

// askDocument asks for the status document; exit is ExitOK if there is one.
func (c *call) askDocument(ctx context.Context, lacking string) (view, Exit, error) {
	var v view
	exit, err := c.reach(ctx, lacking, func(ctx context.Context, source Source) error {
		v = askSource(ctx, source)
		return v.err
	})
	return v, exit, err
}

func runSupportRequest(ctx context.Context, c *call) (Exit, error) {
	var text string
	exit, err := c.reach(ctx, "No support request", func(ctx context.Context, source Source) (err error) {
		text, err = source.SupportRequest(ctx)
		return err
	})
	if exit != ExitOK || err != nil {
		return exit, err
	}
	_, err = io.WriteString(c.Stdout, printable(text))
	return exitOf(err), err
}
