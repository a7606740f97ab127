package store

import (
	"encoding/json"
	"sync"
)

// subscriberQueue bounds the events that a subscriber has not taken yet.
const subscriberQueue = 64

// hub hands events to the subscribers of this process.
type hub struct {
	mu   sync.Mutex
	subs map[*subscriber]struct{}
}

type subscriber struct {
	tenant string
	events chan Event
}

func newHub() *hub { return &hub{subs: make(map[*subscriber]struct{})} }

// Subscribe returns the events of a tenant, "" for all of them, until cancel is called.
// The channel is bounded; a subscriber that falls behind loses what it has not
// taken and gets one event of kind [Resync]. It is closed by cancel and by
// [Store.Close].
func (s *Store) Subscribe(tenant string) (events <-chan Event, cancel func()) {
	sub := &subscriber{tenant: tenant, events: make(chan Event, subscriberQueue)}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	s.hub.subs[sub] = struct{}{}
	return sub.events, func() { s.hub.drop(sub) }
}

// Subscribers returns how many there are.
func (s *Store) Subscribers() int {
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	return len(s.hub.subs)
}

func (h *hub) drop(sub *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.subs[sub]; ok {
		delete(h.subs, sub)
		close(sub.events)
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for sub := range h.subs {
		close(sub.events)
	}
	clear(h.subs)
}

func (h *hub) publish(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for sub := range h.subs {
		if sub.tenant == "" || e.Tenant == "" || sub.tenant == e.Tenant {
			sub.offer(e)
		}
	}
}

// offer never waits. The hub's lock makes it the only sender.
func (s *subscriber) offer(e Event) {
	select {
	case s.events <- e:
		return
	default:
	}
	for len(s.events) > 0 {
		select {
		case <-s.events:
		default:
		}
	}
	s.events <- Event{Tenant: s.tenant, Kind: Resync}
}

// heard takes an event as another process told it.
func (h *hub) heard(payload string) {
	var e Event
	if json.Unmarshal([]byte(payload), &e) != nil || e.Kind == "" {
		e = Event{Kind: Resync}
	}
	h.publish(e)
}

// resync tells every subscriber to look at everything again.
func (h *hub) resync() { h.publish(Event{Kind: Resync}) }
