package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"socketha/agent/status"
)

// redrawTime is how often ages on a screen are brought up to date, and how soon
// an agent that is gone is asked again.
const redrawTime = time.Second

// A watcher shows each change. Changes come as events; each second it asks on
// its own where ages are on a screen, and where events do not come.
type watcher struct {
	call   *call
	source Source
	socket string
	screen bool // redraw in place
	blocks int  // printed so far, off the screen
	last   view
	key    string // what last means, without ages
}

func newWatcher(c *call, source Source, socket string) *watcher {
	_, _, terminal := c.Screen()
	return &watcher{call: c, source: source, socket: socket, screen: terminal && c.flag("o") == "table"}
}

// run shows changes until ctx ends and returns the exit code of the last view.
func (w *watcher) run(ctx context.Context) (Exit, error) {
	if w.screen {
		// The alternate screen gives the terminal back as it was. A line that is too
		// long is cut: going on in the next, it would push the verdict off the top.
		fmt.Fprint(w.call.Stdout, "\x1b[?1049h\x1b[?25l\x1b[?7l")
		defer func() {
			fmt.Fprint(w.call.Stdout, "\x1b[?7h\x1b[?25h\x1b[?1049l")
			_ = w.last.print(w.call)
		}()
	}
	events := make(chan view)
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); <-ended }()
	go func() { defer close(ended); w.follow(ctx, events) }()

	tick := time.NewTicker(redrawTime)
	defer tick.Stop()
	streaming := false
	for v := ask(ctx, w.source, w.socket); ; {
		if ctx.Err() != nil {
			return w.last.exit(), nil
		}
		if err := w.show(v); err != nil {
			return ExitError, err
		}
		for asked := false; !asked; {
			select {
			case <-ctx.Done():
				return w.last.exit(), nil
			case v = <-events:
				streaming = v.err == nil
				asked = streaming
			case <-tick.C:
				if w.screen || !streaming {
					v, asked = ask(ctx, w.source, w.socket), true
				}
			}
		}
	}
}

// follow passes events on, and an error each time they fail to come.
func (w *watcher) follow(ctx context.Context, out chan<- view) {
	pass := func(v view) bool {
		select {
		case out <- v:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		for doc, err := range w.source.Events(ctx) {
			if !pass(view{doc: doc, err: err, socket: w.socket}) {
				return
			}
		}
		if !pass(view{err: io.EOF, socket: w.socket}) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(redrawTime):
		}
	}
}

// show draws the view, or prints it if it means something else than the last.
func (w *watcher) show(v view) error {
	if w.screen {
		w.last = v
		return w.draw()
	}
	key := v.meaning()
	if key == w.key {
		w.last = v
		return nil
	}
	w.last, w.key = v, key
	w.blocks++
	if w.blocks > 1 {
		separator := map[string]string{"table": "\n", "yaml": "---\n"}[w.call.flag("o")]
		if _, err := io.WriteString(w.call.Stdout, separator); err != nil {
			return err
		}
	}
	return v.print(w.call)
}

// draw replaces what is on the screen. Lines are written over the old ones and
// only their rests erased, all in one write: nothing flickers.
func (w *watcher) draw() error {
	s := styleFor(w.call.Env)
	text := ""
	if w.last.err == nil {
		text = statusTable(&w.last.doc, s)
	} else {
		text = w.last.apology(s)
	}
	_, rows, _ := w.call.Screen()
	_, err := io.WriteString(w.call.Stdout, frame(text, s, rows))
	return err
}

// frame is text as a screenful of at most rows lines, 0 for any number.
func frame(text string, s style, rows int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	foot := s.paint(faint, "Live; Ctrl-C ends it.")
	if more := len(lines) + 2 - rows; rows > 3 && more > 0 {
		lines = lines[:rows-2]
		foot = s.paint(unsure, fmt.Sprintf("%s below. Ctrl-C ends it and prints all.", count(more, "more line")))
	}
	lines = append(lines, "", foot)
	return "\x1b[H" + strings.Join(lines, "\x1b[K\r\n") + "\x1b[K\x1b[J"
}

// meaning is what a view says, without ages and counters: two views of one
// meaning are not a change.
func (v *view) meaning() string {
	if v.err != nil {
		return v.why()
	}
	d := v.doc
	d.GeneratedAt, d.Agent.UptimeS = status.Time{}, 0
	d.Peer.AgeS = nil
	if d.Peer.Fresh {
		d.Peer.LastSeenAt = nil
	}
	d.Link.RTTMS, d.Link.Sent, d.Link.Received, d.Link.Lost, d.Link.Rejected = nil, 0, 0, 0, nil
	d.Upstream = nil
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(&d); err != nil {
		return err.Error()
	}
	return b.String()
}
