package e2e

import (
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"socketha/agent/status"
)

// knobs raise an alarm so soon that whatever no declaration holds back does; a trouble
// that lasts for enough is one that would have.
const enough = 4 * time.Second

const knobs = `
[alarm]
raise_after = "3s"
clear_after = "1s"
reopen_within = "20s"
upgrade_hold = "25s"
`

// upgrade is a pair that runs 18.3.3 and is to run 19.0.
type upgrade struct {
	pair   [2]*box
	follow [2]*follower
}

func newUpgrade(t *testing.T) *upgrade {
	t.Helper()
	u := &upgrade{pair: newPair(t, options{
		versions: [2]string{"18.3.3", "18.3.3"}, interval: "200ms", patient: 5,
		more: func(*box) string { return knobs },
	})}
	for i, b := range u.pair {
		b.start()
		u.follow[i] = b.follow()
	}
	u.await("ready at first", [2]int{}, ready)
	return u
}

func (u *upgrade) marks() [2]int { return [2]int{u.follow[0].mark(), u.follow[1].mark()} }

func (u *upgrade) await(what string, from [2]int, cond func(status.Document) bool) {
	u.pair[0].t.Helper()
	for i, f := range u.follow {
		f.await(from[i], what, cond)
	}
}

// begin declares the upgrade of a Socket, and returns when both agents know. An agent ends
// one that names its version as soon as it runs that; any other has to be ended.
func (u *upgrade) begin(i int, target ...string) {
	u.pair[i].t.Helper()
	from := u.marks()
	u.pair[i].socketha(append([]string{"upgrade", "begin"}, target...)...)
	u.follow[i].await(from[i], "own upgrade declared", func(d status.Document) bool { return d.Self.Upgrade != nil })
	u.follow[1-i].await(from[1-i], "the peer's upgrade declared", func(d status.Document) bool { return d.Peer.Upgrade != nil })
}

// end says that it has ended well, and returns when both agents know.
func (u *upgrade) end(i int) {
	u.pair[i].t.Helper()
	from := u.marks()
	u.pair[i].socketha("upgrade", "end", "--result", "ok")
	u.ended(i, from)
}

func (u *upgrade) ended(i int, from [2]int) {
	u.pair[i].t.Helper()
	u.follow[i].await(from[i], "the end of its upgrade", func(d status.Document) bool { return d.Self.Upgrade == nil })
	u.follow[1-i].await(from[1-i], "the end of the peer's upgrade", func(d status.Document) bool { return d.Peer.Fresh && d.Peer.Upgrade == nil })
}

// lasts returns when the alarm of a Socket has been pending for enough.
func (u *upgrade) lasts(i int) {
	u.pair[i].t.Helper()
	u.pair[i].poll("a trouble that lasts", func() bool {
		d := u.follow[i].last()
		return d.Alarm == nil || d.Alarm.State != "pending" || time.Since(d.Alarm.Since.Time) > enough
	})
}

// reboot is what an upgrade does to the agent: it is killed, and starts with the new
// version when the peer has missed it.
func (u *upgrade) reboot(i int) {
	u.pair[i].t.Helper()
	from := u.marks()
	u.pair[i].signal(syscall.SIGKILL)
	u.follow[1-i].await(from[1-i], "the silence of a reboot", func(d status.Document) bool { return has(d, "HA_NOT_READY_NO_KEEPALIVE") })
	u.lasts(1 - i)
	u.pair[i].file("etc/socketha/version", "19.0")
	u.pair[i].start()
	u.follow[1-i].await(from[1-i], "the new version", runs("19.0"))
	u.follow[i].await(from[i], "the peer again", func(d status.Document) bool { return d.Peer.Fresh })
}

// settle returns when all that the agent keeps is on flash: no declaration is
// acknowledged before. The alarm itself is told some milliseconds earlier, and an agent
// that is killed within them tells it again, by the same number.
func (b *box) settle() {
	b.t.Helper()
	b.socketha("failover", "begin")
	b.socketha("failover", "end")
}

// runs holds where the peer is heard with that version.
func runs(version string) func(status.Document) bool {
	return func(d status.Document) bool {
		return d.Peer.Fresh && d.Peer.Version != nil && *d.Peer.Version == version
	}
}

// quiet fails the test if either agent ever raised the alarm, or never had it pending:
// then there was nothing to be quiet about.
func (u *upgrade) quiet(t *testing.T) {
	t.Helper()
	from := u.marks()
	u.await("ready and clear", [2]int{max(from[0]-1, 0), max(from[1]-1, 0)}, func(d status.Document) bool {
		return ready(d) && d.Alarm != nil && d.Alarm.State == "clear" && d.Self.Upgrade == nil && d.Peer.Upgrade == nil
	})
	for i, f := range u.follow {
		states := f.alarms(0)
		t.Logf("%s: alarm %s", u.pair[i].serial, strings.Join(states, ", "))
		if slices.Contains(states, "raised") || !slices.Contains(states, "pending") {
			t.Errorf("%s: alarm %v, want pending and clear only", u.pair[i].serial, states)
		}
		if log := u.pair[i].logged(); strings.Contains(log, "action=opened") {
			t.Errorf("%s has opened an alarm", u.pair[i].serial)
		}
	}
}

// By the documented order, by the other one, and after a rollback both agents raise
// nothing, although the versions differ and the Sockets reboot.
func TestRollingUpgradeRaisesNothing(t *testing.T) {
	for name, first := range map[string]int{"documented order": 0, "other order": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUpgrade(t)
			for _, i := range []int{first, 1 - first} {
				u.begin(i)
				u.reboot(i)
				u.lasts(i)
				u.lasts(1 - i)
				u.end(i)
			}
			u.quiet(t)
		})
	}
	t.Run("rollback", func(t *testing.T) {
		t.Parallel()
		u := newUpgrade(t)
		u.begin(0)
		from := u.marks()
		u.pair[0].file("etc/socketha/version", "19.0")
		u.await("incompatible", from, incompatible)
		u.lasts(0)
		from = u.marks()
		u.pair[0].file("etc/socketha/version", "18.3.3")
		u.await("rolled back", from, ready)
		u.reboot(0)
		u.end(0)
		u.begin(1)
		u.reboot(1)
		u.end(1)
		u.quiet(t)
	})
	// Nobody says that it has ended: the version that was declared does.
	t.Run("version declared", func(t *testing.T) {
		t.Parallel()
		u := newUpgrade(t)
		for i := range u.pair {
			u.begin(i, "19.0")
			from := u.marks()
			u.pair[i].file("etc/socketha/version", "19.0")
			u.follow[1-i].await(from[1-i], "the new version", runs("19.0"))
			u.ended(i, from)
		}
		u.quiet(t)
	})
}

// The second half fails: both agents raise the alarm once, the peer by the heartbeat.
// What a repair does neither raises another one nor hides it; its success closes it.
func TestFailedSecondHalfRaisesOnce(t *testing.T) {
	t.Parallel()
	u := newUpgrade(t)
	u.begin(0)
	u.reboot(0)
	u.lasts(0)
	u.end(0)
	u.begin(1)
	for i, f := range u.follow {
		if states := f.alarms(0); slices.Contains(states, "raised") {
			t.Errorf("%s: alarm %v before anything failed", u.pair[i].serial, states)
		}
	}
	u.pair[1].socketha("upgrade", "end", "--result", "failed")
	raised := func(d status.Document) bool { return d.Alarm != nil && d.Alarm.State == "raised" }
	u.await("the alarm of a failed upgrade", [2]int{}, raised)
	for i, b := range u.pair {
		if log := b.told("action=opened"); strings.Count(log, "action=opened") != 1 || !strings.Contains(log, "cause=upgrade_failed") {
			t.Errorf("%s: the log does not tell of one alarm for a failed upgrade", b.serial)
		}
		if d := u.follow[i].last(); !incompatible(d) {
			t.Errorf("%s: compatibility %s", b.serial, d.Compatibility)
		}
	}

	// Neither agent tells anew what it told before it was killed.
	from := u.marks()
	for i, b := range u.pair {
		b.settle()
		b.signal(syscall.SIGKILL)
		mark := u.follow[i].mark()
		b.start()
		u.follow[i].await(mark, "raised after a restart", func(d status.Document) bool { return raised(d) && d.Peer.Fresh })
	}
	u.begin(1)
	u.reboot(1)
	u.end(1)
	u.await("the end of the alarm", from, func(d status.Document) bool { return ready(d) && d.Alarm != nil && d.Alarm.State == "clear" })
	for i, b := range u.pair {
		states := u.follow[i].alarms(0)
		t.Logf("%s: alarm %s", b.serial, strings.Join(states, ", "))
		log := b.told("action=closed")
		if opened, closed := strings.Count(log, "action=opened"), strings.Count(log, "action=closed"); opened != 1 || closed != 1 || strings.Contains(log, "action=reopened") {
			t.Errorf("%s: opened %d times, closed %d times, want once each", b.serial, opened, closed)
		}
		if states = slices.DeleteFunc(states, func(s string) bool { return s == "pending" || s == "clear" }); !slices.Equal(states, []string{"raised", "clearing"}) {
			t.Errorf("%s: alarm %v", b.serial, states)
		}
	}
}
