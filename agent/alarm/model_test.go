package alarm_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"socketha/agent/alarm"
	"socketha/peer"
)

// model is the life cycle once more, written in another way: it has no instants
// and no deadlines, but counts minutes, one tick at a time.
type model struct {
	disconnected, raise, hold, failover, clear, reopen, flapChanges, flapWithin int

	state       alarm.State
	occurrences int
	number      uint64
	flapping    bool

	stood     map[string]int // unheld minutes that each reason has stood; "" is the site
	readyFor  int            // minutes in Clearing
	closedFor int            // minutes since the close; -1: nothing to reopen
	known     peer.Readiness
	changes   []int                     // how many minutes ago
	declared  [3]int                    // minutes since the begin, -1: not declared
	reported  [3]alarm.DeclarationState // last stated
	told      []alarm.ActionKind        // in this tick, without Updated
	limits    [3]int                    // of the holds
	running   bool                      // a tick has been made
}

func newModel(cfg alarm.Config) *model {
	minutes := func(d time.Duration) int { return int(d / time.Minute) }
	m := &model{
		disconnected: minutes(cfg.DisconnectedAfter), raise: minutes(cfg.RaiseAfter), hold: minutes(cfg.UpgradeHold),
		failover: minutes(cfg.FailoverHold), clear: minutes(cfg.ClearAfter), reopen: minutes(cfg.ReopenWithin),
		flapChanges: cfg.FlapChanges, flapWithin: minutes(cfg.FlapWithin),
		stood: map[string]int{}, closedFor: -1, declared: [3]int{-1, -1, -1},
	}
	m.limits = [3]int{m.hold, m.hold, m.failover}
	return m
}

func (m *model) held() bool {
	for i, age := range m.declared {
		if age >= 0 && age < m.limits[i] {
			return true
		}
	}
	return false
}

// elapse lets the minute before the tick pass.
func (m *model) elapse() {
	if !m.running {
		m.running = true
		return
	}
	held := m.held()
	for code := range m.stood {
		if !held {
			m.stood[code]++
		}
	}
	for i := range m.declared {
		if m.declared[i] >= 0 {
			m.declared[i]++
		}
	}
	for i := range m.changes {
		m.changes[i]++
	}
	m.readyFor++
	if m.closedFor >= 0 {
		m.closedFor++
	}
}

func (m *model) declare(d alarm.Declarations) (failed bool) {
	for i, one := range []alarm.Declaration{d.Self, d.Peer, d.Failover} {
		bad := one.State == alarm.EndedFailed || one.State == alarm.EndedSkipped
		failed = failed || i < 2 && bad && m.reported[i] != one.State
		switch one.State {
		case alarm.DeclarationUnknown:
			continue
		case alarm.Declared:
			m.declared[i] = max(m.declared[i], 0)
		default:
			m.declared[i] = -1
		}
		m.reported[i] = one.State
	}
	return failed
}

// tick is one minute with its input.
func (m *model) tick(readiness peer.Readiness, codes []string, d alarm.Declarations) {
	m.told = nil
	m.elapse()
	failed := m.declare(d)
	m.stand(readiness, codes)
	began, returned := m.change(readiness)
	now := failed || began && !m.state.Open()
	if m.state == alarm.Clear && m.closedFor >= m.reopen {
		m.closedFor, m.occurrences = -1, 0
	}
	ready := readiness == peer.Ready
	switch m.state {
	case alarm.Clear, alarm.Pending:
		again := m.closedFor >= 0 && readiness == peer.NotReady && !m.held()
		switch {
		case now || !ready && (again || m.due()):
			m.open()
		case ready:
			m.state = alarm.Clear
		default:
			m.state = alarm.Pending
		}
	case alarm.Raised, alarm.Clearing:
		if returned || failed && m.state == alarm.Clearing {
			m.occurrences++
		}
		if failed || !ready {
			m.readyFor = 0
		}
		if m.state == alarm.Raised && !ready {
			break
		}
		if !ready {
			m.state = alarm.Raised
			break
		}
		if m.state == alarm.Raised {
			m.readyFor = 0
		}
		m.state = alarm.Clearing
		if m.readyFor >= m.clear && !m.flapping {
			m.state, m.closedFor = alarm.Clear, 0
			m.told = append(m.told, alarm.Closed)
		}
	}
	if m.state == alarm.Raised && ready {
		m.state, m.readyFor = alarm.Clearing, 0
	}
	if m.state == alarm.Clear && m.closedFor >= m.reopen {
		m.closedFor, m.occurrences = -1, 0
	}
}

func (m *model) stand(readiness peer.Readiness, codes []string) {
	if readiness == peer.Ready {
		m.stood = map[string]int{}
		return
	}
	stand := map[string]int{"": m.stood[""]}
	for _, code := range codes {
		stand[code] = m.stood[code]
	}
	m.stood = stand
}

// change counts a change, and tells whether flapping began and whether it was one
// to not ready that counts.
func (m *model) change(readiness peer.Readiness) (began, returned bool) {
	if m.flapping && m.changes[len(m.changes)-1] >= m.flapWithin {
		m.flapping, m.changes = false, nil
	}
	if readiness == peer.ReadinessUnknown {
		return false, false
	}
	was := m.known
	m.known = readiness
	if was == peer.ReadinessUnknown || was == readiness || m.held() {
		return false, false
	}
	m.changes = append(m.changes, 0)
	recent := 0
	for _, ago := range m.changes {
		if ago <= m.flapWithin {
			recent++
		}
	}
	if recent >= m.flapChanges && !m.flapping {
		m.flapping, began = true, true
	}
	return began, readiness == peer.NotReady
}

func (m *model) due() bool {
	for code, minutes := range m.stood {
		switch code {
		case alarm.CodeIdentityConflict, alarm.CodePeerReplaced:
			return true
		case alarm.CodeDisconnected:
			if minutes >= m.disconnected && !m.held() {
				return true
			}
		default:
			if minutes >= m.raise && !m.held() {
				return true
			}
		}
	}
	return false
}

func (m *model) open() {
	m.state = alarm.Raised
	if m.closedFor >= 0 {
		m.occurrences++
		m.closedFor = -1
		m.told = append(m.told, alarm.Reopened)
		return
	}
	m.number++
	m.occurrences = 1
	m.told = append(m.told, alarm.Opened)
}

// looks are the ways the pair may look in a test.
var looks = [][]string{
	nil, // ready
	{codePrefix + "INCOMPATIBLE_MAJOR_SOCKET_VERSIONS"},
	{codePrefix + "INCOMPATIBLE_MAJOR_SOCKET_VERSIONS", alarm.CodeDisconnected},
	{alarm.CodeDisconnected},
	{codePrefix + "NO_KEEPALIVE", alarm.CodePeerStale},
	{alarm.CodePeerStale},
	{alarm.CodePeerUnknown, alarm.CodeVersionUnreadable},
	{alarm.CodeIdentityConflict},
	{"HA_WARNING_CLOCK_UNSET"}, // ready, too
}

// lookInput states a look as the evaluator would.
func lookInput(codes []string) (alarm.Input, peer.Readiness) {
	ok := alarm.Conditions{Connected: alarm.ConditionOK, Keepalive: alarm.ConditionOK, CompatibleVersion: alarm.ConditionOK}
	in := alarm.Input{Readiness: peer.Ready, Conditions: ok}
	readiness := peer.Ready
	for _, code := range codes {
		in.Reasons = append(in.Reasons, alarm.Reason{Code: code})
		switch code {
		case "HA_WARNING_CLOCK_UNSET":
		case alarm.CodePeerStale, alarm.CodePeerUnknown, alarm.CodeVersionUnreadable:
			in.Readiness = peer.NotReady
			in.Conditions.Keepalive = alarm.ConditionUnknown
			if readiness == peer.Ready {
				readiness = peer.ReadinessUnknown
			}
		default:
			in.Readiness, readiness = peer.NotReady, peer.NotReady
		}
	}
	return in, readiness
}

func drawMinutes(t *rapid.T, name string, from, to int) time.Duration {
	return time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Minute
}

func drawConfig(t *rapid.T) alarm.Config {
	if rapid.IntRange(0, 3).Draw(t, "default knobs") == 0 {
		return alarm.DefaultConfig()
	}
	return alarm.Config{
		DisconnectedAfter: drawMinutes(t, "disconnected", 1, 6), RaiseAfter: drawMinutes(t, "raise", 1, 20),
		UpgradeHold: drawMinutes(t, "upgrade", 1, 10), FailoverHold: drawMinutes(t, "failover", 1, 5),
		ClearAfter: drawMinutes(t, "clear", 1, 8), ReopenWithin: drawMinutes(t, "reopen", 0, 30),
		FlapChanges: rapid.IntRange(3, 6).Draw(t, "changes"), FlapWithin: drawMinutes(t, "flapping", 1, 10),
	}
}

// drawDeclaration returns the next word on a declaration: mostly the same.
func drawDeclaration(t *rapid.T, name string, was alarm.Declaration) alarm.Declaration {
	if rapid.IntRange(0, 4).Draw(t, name+" changes") > 0 {
		return was
	}
	return alarm.Declaration{State: rapid.SampledFrom([]alarm.DeclarationState{
		alarm.DeclarationUnknown, alarm.Undeclared, alarm.Undeclared, alarm.Declared, alarm.Declared, alarm.Declared,
		alarm.EndedOK, alarm.EndedFailed, alarm.EndedSkipped,
	}).Draw(t, name)}
}

// drawPiece draws how the pair looks next and for how many minutes.
func drawPiece(t *rapid.T, d *alarm.Declarations) (alarm.Input, peer.Readiness, int) {
	codes := rapid.OneOf(rapid.Just(looks[0]), rapid.SampledFrom(looks)).Draw(t, "look")
	in, readiness := lookInput(codes)
	d.Self = drawDeclaration(t, "self", d.Self)
	d.Peer = drawDeclaration(t, "peer", d.Peer)
	d.Failover = drawDeclaration(t, "failover", d.Failover)
	in.Declared = *d
	minutes := rapid.OneOf(rapid.IntRange(1, 3), rapid.IntRange(1, 15), rapid.IntRange(1, 150)).Draw(t, "minutes")
	return in, readiness, minutes
}

// TestModel: whatever happens, the life cycle comes to the same as counting minutes.
// It is woken every minute and once more in between, which must make no difference.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		cfg := drawConfig(rt)
		c, m := newCycle(rt, cfg), newModel(cfg)
		now := alarm.Instant(rapid.Int64Range(-1e18, 4e18).Draw(rt, "origin"))
		var d alarm.Declarations
		for range rapid.IntRange(1, 25).Draw(rt, "pieces") {
			in, readiness, minutes := drawPiece(rt, &d)
			codes := codesOf(in)
			for range minutes {
				m.tick(readiness, codes, in.Declared)
				out := checkedStep(rt, c, now, in)
				var told []alarm.ActionKind
				for _, a := range out.Actions {
					if a.Kind != alarm.Updated {
						told = append(told, a.Kind)
					}
				}
				if out.State != m.state || out.Occurrences != m.occurrences || out.Number != m.number ||
					out.Flapping != m.flapping || !slices.Equal(told, m.told) {
					rt.Fatalf("%v: %v, %d occurrences of %d, flapping %t, told %v;\ncounting: %v, %d of %d, %t, %v",
						now, out.State, out.Occurrences, out.Number, out.Flapping, told,
						m.state, m.occurrences, m.number, m.flapping, m.told)
				}
				between := checkedStep(rt, c, now.Add(time.Minute/2), in)
				if len(between.Transitions) > 0 || len(between.Actions) > 0 || between.Save {
					rt.Fatalf("%v: a step in between did something: %+v", now, between)
				}
				now = now.Add(time.Minute)
			}
		}
	})
}

func codesOf(in alarm.Input) []string {
	var codes []string
	for _, r := range in.Reasons {
		if r.Code != "HA_WARNING_CLOCK_UNSET" {
			codes = append(codes, r.Code)
		}
	}
	return codes
}
