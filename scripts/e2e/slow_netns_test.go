package e2e

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"socketha/agent/status"
)

const (
	crowd       = 5000 // slow connections to the socket of one agent
	descriptors = 64   // that an agent may hold at most (hardening: resources)
	beats       = 100  // heartbeats the crowd stays for: 10 s of 100 ms

	// Those thrown out come again this much later, those not let in try again sooner.
	comeAgain, knockAgain = time.Second, 20 * time.Millisecond
)

// 5,000 connections to the socket of one agent, opened as fast as they can be, say
// nothing or drip a byte now and then, and come again when they are closed. No
// heartbeat is lost by it, the session stays up on both sides, and whoever asks for
// the status has it within the two seconds that a call is given.
func TestSlowConnectionsCostNoHeartbeat(t *testing.T) {
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}})
	var follow [2]*follower
	for i, b := range pair {
		b.start()
		follow[i] = b.follow()
	}
	for i, b := range pair {
		follow[i].await(0, "ready", ready)
		b.until("ready", ready)
	}
	marks := [2]int{follow[0].mark(), follow[1].mark()}
	histories := [2]int{len(pair[0].history()), len(pair[1].history())}
	before := links(pair)

	c := newCrowd(t, filepath.Join(pair[0].dir, "s.sock"))
	asked, most := 0, 0
	var slowest time.Duration
	for heard := uint64(0); heard < beats; {
		began := time.Now()
		if out, code := pair[0].try("status"); code != 0 {
			t.Fatalf("after %d heartbeats socketha status exits with %d, want 0:\n%s", heard, code, out)
		}
		slowest = max(slowest, time.Since(began))
		asked++
		most = max(most, pair[0].descriptors())
		heard = linkOf(pair[1]).Received - before[1].Received
	}
	opened, bytes, together := c.leave()
	t.Logf("%d connections opened, %d bytes dripped, %d of %d connected at once; status asked %d times, slowest %v; at most %d descriptors",
		opened, bytes, together, crowd, asked, slowest.Round(time.Millisecond), most)
	if opened < crowd {
		t.Errorf("only %d of %d connections were opened: the crowd is none", opened, crowd)
	}
	if most > descriptors {
		t.Errorf("the agent had %d descriptors open, want at most %d", most, descriptors)
	}

	after := links(pair)
	for i, b := range pair {
		if lost := after[i].Lost - before[i].Lost; lost != 0 {
			t.Errorf("%s: %d heartbeats lost", b.serial, lost)
		}
		if got := after[i].Received - before[i].Received; got < beats {
			t.Errorf("%s: %d heartbeats received, want %d", b.serial, got, beats)
		}
		if after[i].Session != "up" || !after[i].Since.Equal(before[i].Since.Time) {
			t.Errorf("%s: session %s since %v, want up since %v", b.serial, after[i].Session, after[i].Since, before[i].Since)
		}
		follow[i].never(marks[i], "not ready, or the session not up", func(d status.Document) bool {
			return !ready(d) || d.Link.Session != "up" || !d.Peer.Fresh
		})
		if n := len(b.history()); n != histories[i] {
			t.Errorf("%s: %d transitions in the history, want %d", b.serial, n, histories[i])
		}
	}
}

// links are the links of both as they are now.
func links(pair [2]*box) [2]status.LinkStatus {
	return [2]status.LinkStatus{linkOf(pair[0]), linkOf(pair[1])}
}

func linkOf(b *box) status.LinkStatus {
	b.t.Helper()
	d, err := b.client.Status(b.t.Context())
	if err != nil {
		b.t.Fatalf("%s: %v", b.serial, err)
	}
	return d.Link
}

// descriptors is how many the agent has open.
func (b *box) descriptors() int {
	b.t.Helper()
	list, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(b.agent.Process.Pid), "fd"))
	if err != nil {
		b.t.Fatal(err)
	}
	return len(list)
}

// crowded is many slow clients of one socket.
type crowded struct {
	stop func()
	all  sync.WaitGroup

	opened, dripped, now, most atomic.Int64
}

func newCrowd(t *testing.T, socket string) *crowded {
	ctx, cancel := context.WithCancel(t.Context())
	c := &crowded{stop: cancel}
	t.Cleanup(func() { c.leave() })
	for i := range crowd {
		c.all.Go(func() {
			for ctx.Err() == nil {
				pause := time.NewTimer(c.one(ctx, socket, i%2 == 0))
				select {
				case <-pause.C:
				case <-ctx.Done():
				}
				pause.Stop()
			}
		})
	}
	return c
}

// one is a slow client: it says nothing, or a byte of a request now and then, until
// it is thrown out. It returns when to come again.
func (c *crowded) one(ctx context.Context, socket string, silent bool) time.Duration {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil { // the queue of the socket is full
		return knockAgain
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c.opened.Add(1)
	c.now.Add(1)
	defer c.now.Add(-1)
	for seen := c.now.Load(); ; {
		if most := c.most.Load(); seen <= most || c.most.CompareAndSwap(most, seen) {
			break
		}
	}
	if silent {
		_, _ = conn.Read(make([]byte, 1))
		return comeAgain
	}
	drip := time.NewTicker(100 * time.Millisecond)
	defer drip.Stop()
	request := strings.NewReader(fmt.Sprintf("GET /v1/status HTTP/1.1\r\nHost: a\r\nX: %01000d", 0))
	for {
		b, err := request.ReadByte()
		if err == nil {
			_, err = conn.Write([]byte{b})
		}
		if err != nil {
			return comeAgain
		}
		c.dripped.Add(1)
		select {
		case <-drip.C:
		case <-ctx.Done():
			return comeAgain
		}
	}
}

// leave ends it, and returns how many connections were made, how many bytes came
// over them, and how many were open at once.
func (c *crowded) leave() (opened, bytes, most int64) {
	c.stop()
	c.all.Wait()
	return c.opened.Load(), c.dripped.Load(), c.most.Load()
}
