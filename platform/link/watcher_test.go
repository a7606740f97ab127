package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fakeFeed is a kernel that says what the test tells it to.
type fakeFeed struct {
	messages chan []message
	failures chan error
	closed   chan struct{}

	mu      sync.Mutex
	answer  reading
	err     error
	reads   int
	holding chan struct{} // read waits for it, as for a lock of the kernel's
}

func newFakeFeed(answer reading) *fakeFeed {
	return &fakeFeed{
		messages: make(chan []message),
		failures: make(chan error),
		closed:   make(chan struct{}),
		answer:   answer,
	}
}

func (f *fakeFeed) read(string) (reading, error) {
	f.mu.Lock()
	f.reads++
	answer, err, holding := f.answer, f.err, f.holding
	f.mu.Unlock()
	if holding != nil {
		<-holding
	}
	return answer, err
}

func (f *fakeFeed) set(answer reading, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer, f.err = answer, err
}

func (f *fakeFeed) readCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

func (f *fakeFeed) wait(d time.Duration) ([]message, error) {
	select {
	case m := <-f.messages:
		return m, nil
	case err := <-f.failures:
		return nil, err
	case <-f.closed:
		return nil, os.ErrClosed
	case <-time.After(d):
		return nil, nil
	}
}

func (f *fakeFeed) close() { close(f.closed) }

// start runs a watcher of "ha0" over the feeds, one for each subscription, and
// stops it with the test. It must be called in a bubble.
func start(t *testing.T, feeds ...*fakeFeed) *Watcher {
	t.Helper()
	w, err := New(Config{Name: "ha0"})
	if err != nil {
		t.Fatal(err)
	}
	w.open = func() (feed, error) {
		if len(feeds) == 0 {
			return nil, errors.New("no more subscriptions")
		}
		f := feeds[0]
		feeds = feeds[1:]
		return f, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v after its context was cancelled, want nil", err)
		}
	})
	synctest.Wait()
	return w
}

func up(index int, changes, losses uint32) reading {
	return reading{
		State: State{
			Known: true, Exists: true, Index: index, Name: "ha0", OperState: "up",
			AdminUp: true, Carrier: CarrierYes, Up: true, MTU: 1500,
			Addrs: []Addr{{Prefix: netip.MustParsePrefix("fe80::1/64")}},
		},
		counted: true, changes: changes, losses: losses,
	}
}

func noCarrier(index int, changes, losses uint32) reading {
	r := up(index, changes, losses)
	r.OperState, r.Carrier, r.Up = "lowerlayerdown", CarrierNo, false
	return r
}

func linkMessage(r reading) message {
	r.Addrs = nil // messages about links carry none
	return message{kind: linkSet, index: r.Index, link: r}
}

// changes drains the notification and reports whether there was one.
func notified(w *Watcher) bool {
	select {
	case <-w.Changed():
		return true
	default:
		return false
	}
}

func TestReconcilesWithoutMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFeed(up(3, 4, 2))
		w := start(t, f)
		if !notified(w) || !w.State().Up {
			t.Fatalf("first reading not published: %+v", w.State())
		}
		f.set(noCarrier(3, 5, 3), nil)
		time.Sleep(reconcileEvery - time.Nanosecond)
		synctest.Wait()
		if notified(w) {
			t.Fatal("read before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !notified(w) || w.State().Up || w.State().Flaps != 1 {
			t.Errorf("state after the periodic read = %+v, want not up, one flap", w.State())
		}
	})
}

// A steady stream about other interfaces must not keep the periodic read away.
func TestReconcilesUnderForeignMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFeed(up(3, 4, 2))
		start(t, f)
		other := up(9, 0, 0)
		other.Name = "eth9"
		for range 61 {
			time.Sleep(time.Second)
			f.messages <- []message{linkMessage(other), {kind: addrChanged, index: 9}, {kind: linkGone, index: 9}}
		}
		synctest.Wait()
		if got := f.readCount(); got != 3 {
			t.Errorf("%d reads in 61 s of foreign messages, want 3 (at 0, 30 and 60 s)", got)
		}
	})
}

func TestMessagesThatAskForARead(t *testing.T) {
	renamed := up(3, 4, 2)
	renamed.Name = "ha1"
	readded := up(8, 0, 0)
	other := up(9, 0, 0)
	other.Name = "eth9"
	for name, tc := range map[string]struct {
		before reading
		m      message
		want   bool
	}{
		"our link":                        {up(3, 4, 2), linkMessage(up(3, 4, 2)), true},
		"our address":                     {up(3, 4, 2), message{kind: addrChanged, index: 3}, true},
		"our link gone":                   {up(3, 4, 2), message{kind: linkGone, index: 3}, true},
		"renamed away":                    {up(3, 4, 2), linkMessage(renamed), true},
		"our name under a new index":      {up(3, 4, 2), linkMessage(readded), true},
		"another link":                    {up(3, 4, 2), linkMessage(other), false},
		"another address":                 {up(3, 4, 2), message{kind: addrChanged, index: 9}, false},
		"another link gone":               {up(3, 4, 2), message{kind: linkGone, index: 9}, false},
		"any link while ours is missing":  {missing("ha0"), linkMessage(other), true},
		"an address while ours is absent": {missing("ha0"), message{kind: addrChanged, index: 0}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeFeed(tc.before)
				start(t, f)
				before := f.readCount()
				f.messages <- []message{tc.m}
				synctest.Wait()
				if got := f.readCount() > before; got != tc.want {
					t.Errorf("read afresh = %t, want %t", got, tc.want)
				}
			})
		})
	}
}

// The loss must be known although the kernel is too busy to be read.
func TestLossIsPublishedBeforeTheRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFeed(up(3, 4, 2))
		w := start(t, f)
		notified(w)
		release := make(chan struct{})
		f.mu.Lock()
		f.answer, f.holding = noCarrier(3, 5, 3), release
		f.mu.Unlock()

		f.messages <- []message{{kind: addrChanged, index: 3}, linkMessage(noCarrier(3, 5, 3))}
		synctest.Wait()
		want := noCarrier(3, 5, 3).State
		want.Flaps = 1
		if got := w.State(); !notified(w) || !got.Equal(want) {
			t.Errorf("while the read waits (-want +got):\n%s", cmp.Diff(want, got, prefixes))
		}
		close(release)
		synctest.Wait()
		if notified(w) {
			t.Errorf("the read said the same and was published again: %+v", w.State())
		}
	})
}

// A message of a loss that the read has overtaken must not take the link down.
func TestOldLossIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFeed(up(3, 6, 3))
		w := start(t, f)
		notified(w)
		f.messages <- []message{linkMessage(noCarrier(3, 5, 3))}
		synctest.Wait()
		if notified(w) {
			t.Errorf("published %+v", w.State())
		}
	})
}

func TestRemovalIsPublishedBeforeTheRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFeed(up(3, 6, 3))
		w := start(t, f)
		notified(w)
		f.mu.Lock()
		f.answer, f.holding = up(4, 2, 1), make(chan struct{})
		holding := f.holding
		f.mu.Unlock()
		f.messages <- []message{{kind: linkGone, index: 3}}
		synctest.Wait()
		if got := w.State(); !notified(w) || got.Exists || got.Up || got.Flaps != 1 {
			t.Errorf("state = %+v, want none, one flap", got)
		}
		close(holding)
		synctest.Wait()
		if got := w.State(); !notified(w) || got.Index != 4 || !got.Up {
			t.Errorf("state = %+v, want up with the new index 4", got)
		}
	})
}

func TestMissedMessagesAskForARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFeed(up(3, 4, 2))
		w := start(t, f)
		f.set(noCarrier(3, 2005, 1003), nil)
		f.failures <- fmt.Errorf("receiving: %w", errMissed)
		synctest.Wait()
		if got := w.State(); got.Up || got.Flaps != 1001 {
			t.Errorf("state = %+v, want not up after 1001 flaps", got)
		}
	})
}

func TestFailedReadIsUnknownAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeFeed(up(3, 4, 2))
		w := start(t, f)
		f.set(reading{}, errors.New("no memory"))
		f.messages <- []message{{kind: addrChanged, index: 3}}
		synctest.Wait()
		if got := w.State(); got.Known || !got.Up || got.Flaps != 0 {
			t.Errorf("state = %+v, want the last one, not known", got)
		}
		f.set(up(3, 4, 2), nil)
		time.Sleep(rereadAfter)
		synctest.Wait()
		if got := w.State(); !got.Known || got.Flaps != 0 {
			t.Errorf("state = %+v, want known again, no flap", got)
		}
	})
}

func TestFailedSubscriptionIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newFakeFeed(up(3, 4, 2)), newFakeFeed(noCarrier(3, 5, 3))
		w := start(t, first, second)
		first.failures <- errors.New("socket broken")
		synctest.Wait()
		if got := w.State(); got.Known {
			t.Errorf("state = %+v without a subscription, want not known", got)
		}
		select {
		case <-first.closed:
		default:
			t.Error("the broken subscription was not closed")
		}
		time.Sleep(reopenMin)
		synctest.Wait()
		if got := w.State(); !got.Known || got.Up || got.Flaps != 1 {
			t.Errorf("state = %+v, want not up, one flap", got)
		}
	})
}

func TestWaitBetweenSubscriptionsGrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := New(Config{Name: "ha0"})
		if err != nil {
			t.Fatal(err)
		}
		begin, tries := time.Now(), []time.Duration(nil)
		w.open = func() (feed, error) {
			tries = append(tries, time.Since(begin))
			return nil, errors.New("too many open files")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Second)
		defer cancel()
		if err := w.Run(ctx); err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		want := []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second, 31 * time.Second, 61 * time.Second, 91 * time.Second}
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Errorf("subscriptions tried at (-want +got):\n%s", diff)
		}
	})
}

func TestRunWithoutNetlink(t *testing.T) {
	w, err := New(Config{Name: "ha0"})
	if err != nil {
		t.Fatal(err)
	}
	w.open = func() (feed, error) { return nil, fmt.Errorf("plan 9: %w", errors.ErrUnsupported) }
	if err := w.Run(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Run = %v, want %v", err, errors.ErrUnsupported)
	}
}
