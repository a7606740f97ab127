package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"socketha/agent/config"
	"socketha/agent/local/client"
	"socketha/agent/status"
)

// Source is the agent as the command asks it; agent/local/client is one.
type Source interface {
	// Raw returns the status document as the agent wrote it, with fields that
	// this command may not know.
	Raw(ctx context.Context) ([]byte, error)
	// Events yields the document at once and at each change of its meaning,
	// and an error while that is not possible.
	Events(ctx context.Context) iter.Seq2[status.Document, error]
	// RawHistory returns the history of the pair as the agent wrote it.
	RawHistory(ctx context.Context) ([]byte, error)
	// SupportRequest returns text to send to the vendor's support.
	SupportRequest(ctx context.Context) (string, error)
	// DeclareUpgrade and DeclareFailover tell the agent what is done by hand.
	DeclareUpgrade(ctx context.Context, d client.Declaration) error
	DeclareFailover(ctx context.Context, d client.Declaration) error
}

// answerTime is how long the agent has for an answer (contract section 6).
const answerTime = 2 * time.Second

func runStatus(ctx context.Context, c *call) (Exit, error) {
	socket, err := c.socket()
	if err != nil {
		return ExitError, err
	}
	source := c.Dial(socket)
	if c.on("watch") {
		return newWatcher(c, source, socket).run(ctx)
	}
	v := ask(ctx, source, socket)
	return v.exit(), v.print(c)
}

// socket returns where the agent listens: the flag, the configuration named by
// a flag, the environment, the default configuration, the default.
func (c *call) socket() (string, error) {
	if s := c.flag("socket"); s != "" {
		return s, nil
	}
	if file := c.flag("config"); file != "" {
		cfg, err := config.Load(file)
		if err != nil {
			return "", err
		}
		return cfg.Local.Socket, nil
	}
	if s := c.Getenv("SOCKETHA_SOCKET"); s != "" {
		return s, nil
	}
	if cfg, err := config.Load(c.DefaultConfig); err == nil {
		return cfg.Local.Socket, nil
	}
	return config.DefaultSocket, nil
}

// A view is what was learned from the agent at one moment: a document, or why
// there is none.
type view struct {
	doc    status.Document
	raw    []byte // doc as the agent wrote it; nil where it came as an event
	err    error
	socket string
}

// ask asks once, within answerTime.
func ask(ctx context.Context, source Source, socket string) view {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	v := askSource(ctx, source)
	v.socket = socket
	return v
}

func askSource(ctx context.Context, source Source) view {
	var v view
	if v.raw, v.err = source.Raw(ctx); v.err != nil {
		return v
	}
	if err := json.Unmarshal(v.raw, &v.doc); err != nil {
		v.err = fmt.Errorf("the answer of the agent: %w", err)
	}
	return v
}

func (v *view) exit() Exit {
	if v.err != nil {
		return failure(v.err)
	}
	return Exit(v.doc.Outcome())
}

// failure is the exit code for an agent that gave no answer.
func failure(err error) Exit {
	if errors.Is(err, client.ErrNotRunning) {
		return ExitNotRunning
	}
	return ExitError
}

// why says in one line why there is no document.
func (v *view) why() string { return why(v.err) }

func why(err error) string {
	switch {
	case errors.Is(err, client.ErrNotRunning):
		return "agent not running"
	case errors.Is(err, client.ErrNoAnswer), errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("the agent does not answer within %s", age(answerTime))
	}
	return "the agent cannot be asked"
}

// print writes the view in the form asked for. Without a document nothing goes
// to standard output, where a program would take it for one.
func (v *view) print(c *call) error {
	if v.err != nil {
		_, err := io.WriteString(c.Stderr, v.apology(c.errorStyle()))
		return err
	}
	if form := c.flag("o"); form == "json" && c.on("watch") {
		return writeForm(c.Stdout, jsonLine, v.document()) // one change a line
	} else if form != "table" {
		return writeForm(c.Stdout, form, v.document())
	}
	_, err := io.WriteString(c.Stdout, statusTable(&v.doc, styleFor(c.Env)))
	return err
}

// document is what programs get: all the agent said, where that is known.
func (v *view) document() any {
	if v.raw != nil {
		return json.RawMessage(v.raw)
	}
	return &v.doc
}

// apology says that nothing is known, and what to do about it.
func (v *view) apology(s style) string { return apology("Status unknown", v.socket, v.err, s) }

// apology says what the lack of an answer comes to, and what to do about it.
func apology(what, socket string, err error, s style) string {
	var b strings.Builder
	b.WriteString(s.badge(unsure, s.symbol(unsure)+" "+what+": "+why(err)) + "\n")
	writeWrapped(&b, "  ", "Asked at the socket "+cell(socket)+".", s.columns)
	if errors.Is(err, client.ErrNotRunning) {
		writeWrapped(&b, "  "+s.arrow()+" ", "Start it with the service manager, or in the foreground: socketha agent", s.columns)
		return b.String()
	}
	writeWrapped(&b, "  ", cell(err.Error()), s.columns)
	return b.String()
}
