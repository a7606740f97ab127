package syslog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of a writer.
const (
	MaxQueued = 64 // messages not yet written; the oldest is dropped

	writeTimeout = time.Second // for one message
	firstRetry   = time.Second // after the socket could not be reached
	lastRetry    = time.Minute // which the time between two attempts grows to
	closeTimeout = time.Second // for what is queued when the writer stops
)

// DefaultAddress is the appliance's own syslog.
const DefaultAddress = "unix:/dev/log"

// DefaultEnterprise is the enterprise number reserved for documentation (RFC 5612).
const DefaultEnterprise = 32473

// FacilityDaemon is the facility of system daemons (RFC 5424 section 6.2.1).
const FacilityDaemon = 3

// Config says where messages go and who they are from. The zero Config is that of
// an appliance with a usual syslog.
type Config struct {
	Address    string       // "unix:/PATH" (datagrams) or "udp:HOST:PORT"; empty: DefaultAddress
	Facility   uint8        // 0 to 23; 0, the kernel's, means FacilityDaemon
	Host       string       // empty: the kernel's host name
	Enterprise uint32       // private enterprise number; 0: DefaultEnterprise
	Log        *slog.Logger // for what goes wrong; nil: nothing is said

	// Dial reaches the receiver; nil: by the network. For tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Stats count what became of the messages since the start.
type Stats struct {
	Sent    uint64 // taken by the socket
	Dropped uint64 // the queue was full, or the writer stopped first
	Queued  int    // now
}

// Writer sends messages to one receiver. Make it with New, run it once.
type Writer struct {
	network, address string
	origin           origin
	log              *slog.Logger
	dial             func(ctx context.Context, network, address string) (net.Conn, error)
	wake             chan struct{} // capacity 1

	mu    sync.Mutex
	queue []Message
	stats Stats

	// The rest belongs to Run.
	conn    net.Conn
	buf     []byte
	told    uint64 // how many drops the receiver knows of
	failing bool
}

// New checks the configuration. It does not touch the network.
func New(cfg Config) (*Writer, error) {
	network, address, ok := strings.Cut(cmp.Or(cfg.Address, DefaultAddress), ":")
	switch {
	case ok && network == "unix" && strings.HasPrefix(address, "/") && len(address) <= 107:
		network = "unixgram"
	case ok && network == "udp":
		if _, _, err := net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("syslog address %q: %w", cfg.Address, err)
		}
	default:
		return nil, fmt.Errorf("syslog address %q: want unix:/PATH of at most 107 bytes, or udp:HOST:PORT", cfg.Address)
	}
	if cfg.Facility > 23 {
		return nil, fmt.Errorf("syslog facility %d: want 0 to 23", cfg.Facility)
	}
	host := cfg.Host
	if host == "" {
		host, _ = os.Hostname() // without it the field is "-"
	}
	w := &Writer{
		network: network, address: address,
		origin: origin{
			facility: cmp.Or(cfg.Facility, FacilityDaemon),
			host:     header(host, 255), app: "socketha", proc: strconv.Itoa(os.Getpid()),
			sdid: "socketha@" + strconv.FormatUint(uint64(cmp.Or(cfg.Enterprise, DefaultEnterprise)), 10),
		},
		log: cfg.Log, dial: cfg.Dial, wake: make(chan struct{}, 1),
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	if w.dial == nil {
		w.dial = (&net.Dialer{Timeout: writeTimeout}).DialContext
	}
	return w, nil
}

// Send queues a message and returns at once.
func (w *Writer) Send(m Message) {
	w.mu.Lock()
	if len(w.queue) == MaxQueued {
		w.queue = slices.Delete(w.queue, 0, 1)
		w.stats.Dropped++
	}
	w.queue = append(w.queue, m)
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Stats returns the counters.
func (w *Writer) Stats() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Queued = len(w.queue)
	return s
}

// Run writes what is queued until ctx is cancelled, then what is left for at most
// a second, and returns nil.
func (w *Writer) Run(ctx context.Context) error {
	defer w.hangUp()
	retry := time.NewTimer(lastRetry)
	defer retry.Stop()
	pause := firstRetry
	for ctx.Err() == nil {
		if err := w.flush(ctx); err == nil {
			pause = firstRetry
			retry.Stop()
		} else {
			retry.Reset(pause)
			pause = min(2*pause, lastRetry)
			// Whoever queues more does not make the receiver come back.
			select {
			case <-ctx.Done():
			case <-retry.C:
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = w.flush(last)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stats.Dropped += uint64(len(w.queue))
	w.queue = nil
	return nil
}

// flush writes messages until none is left, or one cannot be written.
func (w *Writer) flush(ctx context.Context) error {
	for {
		m, dropped, ok := w.take()
		if !ok {
			return nil
		}
		err := w.tellDropped(ctx, dropped)
		if err == nil {
			err = w.write(ctx, &m)
		}
		if err != nil {
			w.putBack(m)
			w.complain(ctx, err)
			return err
		}
		w.taken()
	}
}

// take takes the oldest message out of the queue.
func (w *Writer) take() (m Message, dropped uint64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return Message{}, 0, false
	}
	m = w.queue[0]
	w.queue = slices.Delete(w.queue, 0, 1)
	return m, w.stats.Dropped, true
}

// putBack keeps a message that could not be written, unless newer ones have
// filled its place.
func (w *Writer) putBack(m Message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == MaxQueued {
		w.stats.Dropped++
		return
	}
	w.queue = slices.Insert(w.queue, 0, m)
}

// taken notes that the receiver took a message.
func (w *Writer) taken() {
	w.mu.Lock()
	w.stats.Sent++
	w.mu.Unlock()
	if w.failing {
		w.failing = false
		w.log.Info("the syslog takes messages again", "address", w.address)
	}
}

// tellDropped tells the receiver how many messages it will never see.
func (w *Writer) tellDropped(ctx context.Context, dropped uint64) error {
	if dropped == w.told {
		return nil
	}
	n := strconv.FormatUint(dropped-w.told, 10)
	err := w.write(ctx, &Message{
		Severity: Warning, ID: "DROPPED", Params: []Param{{"count", n}},
		Text: n + " messages before this one were dropped, because the syslog did not take them in time.",
	})
	if err == nil {
		w.told = dropped
	}
	return err
}

// write hands one message over. An old connection may have broken without
// notice, so a failure on one is tried once on a new one.
func (w *Writer) write(ctx context.Context, m *Message) error {
	w.buf = w.origin.appendMessage(w.buf[:0], m)
	fresh := w.conn == nil
	for {
		if w.conn == nil {
			conn, err := w.dial(ctx, w.network, w.address)
			if err != nil {
				return err
			}
			w.conn = conn
		}
		deadline := time.Now().Add(writeTimeout)
		if end, ok := ctx.Deadline(); ok && end.Before(deadline) {
			deadline = end
		}
		err := w.conn.SetWriteDeadline(deadline)
		if err == nil {
			_, err = w.conn.Write(w.buf)
		}
		if err == nil {
			return nil
		}
		w.hangUp()
		if fresh || errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		fresh = true
	}
}

// complain says once that the receiver does not take messages.
func (w *Writer) complain(ctx context.Context, err error) {
	if !w.failing && ctx.Err() == nil {
		w.failing = true
		w.log.Warn("the syslog does not take messages, keeping the newest and trying again", "address", w.address, "error", err)
	}
}

func (w *Writer) hangUp() {
	if w.conn != nil {
		_ = w.conn.Close()
		w.conn = nil
	}
}
