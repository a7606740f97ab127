package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"socketha/cmd/console/internal/store"
)

// Timing of a stream.
const (
	eventsApart = 500 * time.Millisecond // what comes closer together is told once
	eventsBeat  = 15 * time.Second       // silence shorter than what proxies give up after
	eventsWrite = 10 * time.Second
)

// maxNamed is how many sites an event names; more of them are told as "all".
const maxNamed = 32

// news is what one event tells: that a page about any of these should be fetched again.
type news struct {
	All   bool     `json:"all,omitempty"`
	Sites []string `json:"sites,omitempty"`
}

func (n *news) add(e store.Event) {
	if e.Kind == store.Resync || e.Site == "" || len(n.Sites) >= maxNamed {
		n.All, n.Sites = true, nil
	}
	if n.All {
		return
	}
	if !slices.Contains(n.Sites, e.Site) {
		n.Sites = append(n.Sites, e.Site)
	}
}

// events tells a page that something of its tenant has changed. A stream ends with its
// session; the browser asks again and learns that it has to log in.
func (s *Server) events(c *call) error {
	leave, err := s.enter(c)
	if err != nil {
		return err
	}
	defer leave()
	if c.tenant == "" {
		return errNotFound
	}
	events, cancel := s.cfg.Store.Subscribe(c.tenant)
	defer cancel()
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Time{}) // the server's is for the request, which is over
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	write := func(text string) bool {
		_ = control.SetWriteDeadline(time.Now().Add(eventsWrite))
		_, err := fmt.Fprint(c.w, text)
		return err == nil && control.Flush() == nil
	}
	if write("retry: 3000\nevent: open\ndata: {}\n\n") {
		s.follow(c, events, write)
	}
	return nil
}

// follow writes events until somebody ends it.
func (s *Server) follow(c *call, events <-chan store.Event, write func(string) bool) {
	beat := time.NewTicker(eventsBeat)
	defer beat.Stop()
	var waiting news
	var tell <-chan time.Time
	for {
		select {
		case <-c.Context().Done():
			return
		case <-s.closed:
			return
		case e, ok := <-events:
			if !ok {
				return
			}
			waiting.add(e)
			if tell == nil {
				tell = time.After(eventsApart)
			}
		case <-tell:
			raw, _ := json.Marshal(waiting) // strings
			if !write("event: change\ndata: " + string(raw) + "\n\n") {
				return
			}
			waiting, tell = news{}, nil
		case <-beat.C:
			if !s.stillIn(c) || !write("event: beat\ndata: {}\n\n") {
				return
			}
		}
	}
}

// stillIn reports whether the session stands.
func (s *Server) stillIn(c *call) bool {
	if c.who.session == "" {
		return true
	}
	_, err := s.cfg.Store.Session(c.Context(), c.who.session, s.cfg.Now())
	return !errors.Is(err, store.ErrNotFound)
}

var errStreams = &problem{http.StatusTooManyRequests, "Too many pages follow live."}

// seats counts streams, all and by login.
type seats struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

// enter takes a seat, or there is none.
func (s *Server) enter(c *call) (leave func(), err error) {
	select {
	case <-s.closed:
		return nil, errBusy
	default:
	}
	key := c.who.session
	if key == "" {
		key = c.who.Name
	}
	t := &s.streams
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= maxStreams || t.of[key] >= maxPerLogin {
		return nil, errStreams
	}
	if t.of == nil {
		t.of = make(map[string]int)
	}
	t.all++
	t.of[key]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all--
		if t.of[key]--; t.of[key] == 0 {
			delete(t.of, key)
		}
	}, nil
}
