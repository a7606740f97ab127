package e2e

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"socketha/agent/status"
	"socketha/scripts/needs"
)

// kills is how often an agent is killed at random moments of its life.
const kills = 40

// While its peer is dead an agent is killed at random moments, again and again: most of
// them within its start, when it writes. What it knows of the peer is always shown as last
// seen, never as current, and older each time; no transition is lost, nor the alarm, which
// is told once; nor what a person declared.
func TestKilledAtRandomMoments(t *testing.T) {
	t.Parallel()
	pair := newPair(t, options{
		versions: [2]string{"18.3.3", "15.0.2"}, interval: "200ms", patient: 5,
		more: func(*box) string { return "\n[alarm]\nraise_after = \"1s\"\nupgrade_hold = \"1s\"\n" },
	})
	for _, b := range pair {
		b.start()
	}
	b := pair[0]
	f := b.follow()
	raised := func(d status.Document) bool { return d.Alarm != nil && d.Alarm.State == "raised" }
	f.await(0, "the alarm of a pair that does not fit", func(d status.Document) bool { return incompatible(d) && raised(d) })
	b.socketha("upgrade", "begin", "19.0")
	before := f.mark()
	pair[1].signal(syscall.SIGKILL)
	f.await(before, "the silence of the peer", func(d status.Document) bool { return has(d, "HA_NOT_READY_NO_KEEPALIVE") })
	b.settle()
	known := b.history()

	before = f.mark()
	age, shown := 0.0, 0
	for round := range kills {
		b.signal(syscall.SIGKILL)
		b.start()
		if round%4 == 0 {
			f.await(before, "a document", func(status.Document) bool { return true })
		} else {
			b.moment(round)
		}
		docs, _ := f.seen(before)
		for _, d := range docs {
			switch {
			case d.Peer.Fresh, d.Compatibility != "unknown", ready(d):
				t.Fatalf("round %d: a silent peer is shown as current: %+v, compatibility %s, %s", round, d.Peer, d.Compatibility, d.Readiness)
			case !d.Peer.Known, *d.Peer.Serial != pair[1].serial, *d.Peer.Version != "15.0.2", d.Peer.LastSeenAt == nil:
				t.Fatalf("round %d: the last-known peer is not shown: %+v", round, d.Peer)
			case *d.Peer.AgeS < age:
				t.Fatalf("round %d: the peer was last seen %v s ago after %v s", round, *d.Peer.AgeS, age)
			case !raised(d) || d.Alarm.Occurrences != 1:
				t.Fatalf("round %d: alarm %+v", round, d.Alarm)
			case d.Self.Upgrade == nil || d.Self.Upgrade.Target == nil || *d.Self.Upgrade.Target != "19.0":
				t.Fatalf("round %d: the declared upgrade is %+v", round, d.Self.Upgrade)
			}
			age = *d.Peer.AgeS
		}
		before += len(docs)
		shown += len(docs)
	}
	f.await(f.mark()-1, "an agent that runs", func(d status.Document) bool { return d.Peer.Known })
	now := b.history()
	if old := now[max(0, len(now)-len(known)):]; !slices.Equal(old, known) {
		t.Errorf("of the history\n%s\nthere is left\n%s", strings.Join(known, "\n"), strings.Join(old, "\n"))
	}
	if log := b.logged(); strings.Count(log, "action=opened") != 1 || strings.Contains(log, "action=reopened") || strings.Contains(log, "msg=\"damaged state\"") {
		t.Errorf("%s: the alarm was told %d times", b.serial, strings.Count(log, "action=opened"))
	}
	t.Logf("%d kills, %d documents in between, at the end the peer was last seen %.1f s ago", kills, shown, age)
	pair[1].start()
	f.await(before, "the peer again", func(d status.Document) bool { return incompatible(d) && d.Peer.Fresh })
}

// moment lets a random time pass: most of it within the start of an agent.
func (b *box) moment(round int) {
	r := rand.New(rand.NewPCG(4, uint64(round)))
	most := 30 * time.Millisecond
	if round%3 == 0 {
		most = 300 * time.Millisecond
	}
	<-time.After(time.Duration(r.Int64N(int64(most))))
}

// history is every transition that the agent tells of, newest first.
func (b *box) history() (lines []string) {
	b.t.Helper()
	h, err := b.client.History(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, x := range h.Transitions {
		lines = append(lines, strings.Join([]string{
			x.Time.String(), word(x.From.Readiness), word(x.From.Compatibility), word(x.To.Readiness), word(x.To.Compatibility),
			word(x.SelfVersion), word(x.PeerVersion), strings.Join(x.Reasons, " "),
		}, " | "))
	}
	return lines
}

func word(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

// The age of a last-known peer is counted by the time since boot. The second agent runs in a time
// namespace whose boot is an hour longer ago, and under the same wall clock: that hour is
// the age.
func TestAgeIsNotTheWallClocks(t *testing.T) {
	t.Parallel()
	pair := newPair(t, options{versions: [2]string{"18.3.3", "15.0.2"}, interval: "200ms", patient: 5})
	unshare := needs.Command(t, "unshare", "util-linux")
	needs.Feature(t, "time namespaces", exec.Command(unshare, "--time", "--boottime", "3600", "true").Run())
	for _, b := range pair {
		b.start()
	}
	b := pair[0]
	b.until("incompatible", incompatible)
	b.settle()
	for _, b := range pair {
		b.signal(syscall.SIGKILL)
	}
	b.startBy(unshare, "--time", "--boottime", "3600", "--")
	d := b.until("the last-known peer", func(d status.Document) bool { return d.Peer.Known })
	if *d.Peer.AgeS < 3600 || *d.Peer.AgeS > 3600+patience.Seconds() || d.Peer.Fresh {
		t.Errorf("last seen %v s ago, fresh %v; want an hour ago", *d.Peer.AgeS, d.Peer.Fresh)
	}
}

// A peer whose S/N and key are new is a new one: nothing that was known of the old one
// is shown of it, neither by an agent that goes on running and believes both, nor after a
// restart, nor with the old one believed no more.
func TestReplacedPeerIsNotShownWithTheOldFacts(t *testing.T) {
	t.Parallel()
	pair := newPair(t, options{versions: [2]string{"18.3.3", "15.0.2"}, interval: "200ms", patient: 5})
	a, b := pair[0], pair[1]
	b.swapIdentity()
	b.file("etc/socketha/serial", "SN-9")
	b.socketha("identity", "init")
	a.socketha("identity", "trust", b.fingerprint())
	b.swapIdentity()
	b.file("etc/socketha/serial", "SN-2")
	for _, b := range pair {
		b.start()
	}
	f := a.follow()
	f.await(0, "the old peer", func(d status.Document) bool { return incompatible(d) && shows(d, "SN-2") && d.Peer.Model != nil })
	a.settle()

	b.signal(syscall.SIGKILL)
	b.swapIdentity()
	b.file("etc/socketha/serial", "SN-9")
	b.file("etc/socketha/model", "X1700C")
	b.file("etc/socketha/version", "18.4.1")
	f.await(0, "the old one, last seen", func(d status.Document) bool { return shows(d, "SN-2") && !d.Peer.Fresh })
	mark := f.mark()
	b.start()
	d := f.await(mark, "the new peer", func(d status.Document) bool { return d.Peer.Fresh && shows(d, "SN-9") && d.Peer.Model != nil })
	if word(d.Peer.Version) != "18.4.1" || word(d.Peer.Model) != "X1700C" || d.Compatibility != "compatible" {
		t.Errorf("the new peer: version %s, model %s, %s", word(d.Peer.Version), word(d.Peer.Model), d.Compatibility)
	}
	f.never(0, "facts of two peers in one document", mixed)
	a.settle()

	for _, b := range pair {
		b.signal(syscall.SIGKILL)
	}
	mark = f.mark()
	a.start()
	f.await(mark, "the new one, last seen", func(d status.Document) bool { return shows(d, "SN-9") && !d.Peer.Fresh })
	f.never(mark, "the old one, or both in one", func(d status.Document) bool { return shows(d, "SN-2") || mixed(d) })

	// The new one is believed no more: whoever comes is not shown as what it was.
	a.signal(syscall.SIGKILL)
	b.swapIdentity()
	a.file("pins", b.fingerprint())
	mark = f.mark()
	a.start()
	f.await(mark, "peer unknown", func(d status.Document) bool { return has(d, "HA_NOT_READY_PEER_UNKNOWN") && !d.Peer.Known })
	f.never(mark, "what is believed no more", func(d status.Document) bool { return d.Peer.Known || word(d.Peer.Version) != "-" })
}

func shows(d status.Document, serial string) bool { return word(d.Peer.Serial) == serial }

// mixed holds where something of the old peer stands beside something of the new one.
func mixed(d status.Document) bool {
	version, model := word(d.Peer.Version), word(d.Peer.Model)
	switch word(d.Peer.Serial) {
	case "SN-2":
		return version == "18.4.1" || model == "X1700C"
	case "SN-9":
		return version == "15.0.2" || model == "X1700B"
	}
	return version != "-" || model != "-"
}

// swapIdentity exchanges the key and certificate of a box for those put aside, if any.
func (b *box) swapIdentity() {
	b.t.Helper()
	for _, name := range []string{"key.pem", "certificate.pem"} {
		kept := b.path("other-" + name)
		err := unix.Renameat2(unix.AT_FDCWD, b.path(name), unix.AT_FDCWD, kept, unix.RENAME_EXCHANGE)
		if errors.Is(err, unix.ENOENT) {
			err = os.Rename(b.path(name), kept)
		}
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *box) fingerprint() string {
	b.t.Helper()
	return strings.TrimSpace(b.socketha("identity", "show", "--fingerprint"))
}

// In a steady minute of heartbeats every 50 ms nothing is written to flash.
func TestSteadyPairWritesNothing(t *testing.T) {
	t.Parallel()
	const heartbeats = 1400 // a minute: they are sent 10 to 25 % early
	pair := newPair(t, options{versions: [2]string{"18.3.3", "18.4.1"}, interval: "50ms", patient: 50})
	for _, b := range pair {
		b.start()
	}
	b := pair[0]
	b.until("ready", ready)
	b.settle()
	events, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(events) }()
	if _, err := unix.InotifyAddWatch(events, filepath.Join(b.dir, "state"),
		unix.IN_CREATE|unix.IN_MODIFY|unix.IN_ATTRIB|unix.IN_MOVE|unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	writes := func() (n int) {
		buf := make([]byte, 4096)
		for {
			size, err := unix.Read(events, buf)
			if err != nil || size <= 0 {
				return n
			}
			n += size / unix.SizeofInotifyEvent
		}
	}
	received := func() uint64 {
		d, err := b.client.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d.Link.Received
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	b.poll("a second without a write after the start", func() bool {
		writes()
		<-tick.C
		return writes() == 0
	})
	began, first := time.Now(), received()
	for received()-first < heartbeats {
		<-tick.C
	}
	t.Logf("%d heartbeats in %v", received()-first, time.Since(began).Round(time.Second))
	if n := writes(); n > 0 {
		t.Errorf("%d changes in the state folder, want none; the agent's log:\n%s", n, b.logged())
	}
	b.settle()
	if writes() == 0 {
		t.Error("a declaration is not seen in the state folder, so this test shows nothing")
	}
}
