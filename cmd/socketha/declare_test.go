package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"socketha/agent/local"
	"socketha/agent/status"
)

// pairAgent serves a fixed document and remembers what is declared, as an agent
// does: by the real local interface.
type pairAgent struct {
	local.Notice
	doc status.Document

	mu       sync.Mutex
	declared map[string]bool
}

func (a *pairAgent) Current() (status.Document, string) { return a.doc, "1" }
func (a *pairAgent) Healthy() error                     { return nil }

// History has 21 transitions, one more than a table shows.
func (a *pairAgent) History() status.History {
	view := func(r, c string) status.View { return status.View{Readiness: &r, Compatibility: &c} }
	h := status.History{Schema: status.SchemaVersion}
	for i := range 21 {
		at := time.Date(2026, 3, 1, 2, 2, 2, 0, time.UTC).Add(-time.Duration(i) * time.Hour)
		h.Transitions = append(h.Transitions, status.Transition{
			Time: status.NewTime(at), From: view("ready", "compatible"), To: view("not_ready", "incompatible"),
			Reasons: []string{string(status.CodeIncompatible)}, DurationS: new(3600.0),
		})
	}
	return h
}

func (a *pairAgent) DeclareUpgrade(_ context.Context, d local.Declaration) error {
	return a.declare("upgrade", d)
}

func (a *pairAgent) DeclareFailover(_ context.Context, d local.Declaration) error {
	return a.declare("failover", d)
}

func (a *pairAgent) declare(what string, d local.Declaration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case d.End && !a.declared[what]:
		return fmt.Errorf("%w: none is declared", local.ErrConflict)
	case !d.End && a.declared[what]:
		return fmt.Errorf("%w: one is declared already", local.ErrConflict)
	}
	a.declared[what] = !d.End
	return nil
}

// declaredBy serves the local interface to everybody as to one who may declare;
// deniedBy as to one who may not.
func declaredBy(ts *testscript.TestScript, _ bool, args []string) { servePair(ts, args, true) }
func deniedBy(ts *testscript.TestScript, _ bool, args []string)   { servePair(ts, args, false) }

func servePair(ts *testscript.TestScript, args []string, may bool) {
	if len(args) != 2 {
		ts.Fatalf("usage: declared.by|denied.by SOCKET DOCUMENT")
	}
	a := &pairAgent{declared: make(map[string]bool)}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &a.doc))
	listener, err := net.Listen("unix", ts.MkAbs(args[0]))
	ts.Check(err)
	server, err := local.New(local.Config{
		Listener: listener, Source: a, Declarer: a, Log: slog.New(slog.DiscardHandler),
		Caller: func(net.Conn) (local.Caller, error) { return local.Caller{UID: 1234, MayChange: may}, nil },
	})
	ts.Check(err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	ts.Defer(func() {
		stop()
		ts.Check(<-done)
	})
}
