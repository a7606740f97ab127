package agent

import (
	"context"
	"fmt"
	"net"

	"socketha/agent/alarm"
	"socketha/agent/journal"
	"socketha/agent/local"
	"socketha/agent/status"
	"socketha/peer"
	"socketha/peer/compat"
	"socketha/peer/speaker"
	"socketha/platform/appliance"
	"socketha/platform/unixsock"
)

// History implements [local.Source].
func (o *observer) History() status.History { return o.life.history() }

// DeclareUpgrade implements [local.Declarer]. When it returns nil the declaration
// is on flash.
func (o *observer) DeclareUpgrade(ctx context.Context, d local.Declaration) error {
	if !d.End && d.Target != "" && sameVersion(d.Target, o.appliance.Facts().Version) {
		return conflictf("this Socket runs %s already", compat.Show(d.Target))
	}
	return o.declare(ctx, "upgrade", d, func(s *journal.State) *journal.Declaration { return &s.Upgrade })
}

// DeclareFailover implements [local.Declarer].
func (o *observer) DeclareFailover(ctx context.Context, d local.Declaration) error {
	return o.declare(ctx, "failover", d, func(s *journal.State) *journal.Declaration { return &s.Failover })
}

// declare begins or ends a declaration.
func (o *observer) declare(ctx context.Context, what string, d local.Declaration, field func(*journal.State) *journal.Declaration) error {
	var conflict error
	unsaved := o.life.journal.Stats().Err != nil
	now := o.life.moment(o.clock.now())
	o.life.journal.Update(func(s *journal.State) {
		known := field(s)
		switch declared := known.Phase == journal.Declared; {
		case unsaved && d.End && known.Phase == ended(d.Result), unsaved && !d.End && declared && known.Target == d.Target:
			// Said before and not acknowledged: it is only to be written down.
		case d.End && known.Phase == journal.EndedOK && ended(d.Result) == journal.EndedOK:
			// It has ended by itself, when the version ran; saying so again is no mistake.
		case d.End && !declared:
			conflict = conflictf("no %s is declared on this Socket", what)
		case !d.End && declared:
			by := ""
			if known.Marked {
				by = ", also by its marker file"
			}
			conflict = conflictf("the %s is declared already since %s%s; end it first", what, status.NewTime(known.Begun.Wall).Format("2006-01-02 15:04:05 UTC"), by)
		case d.End:
			known.Phase, known.Ended = ended(d.Result), now
		default:
			*known = journal.Declaration{Phase: journal.Declared, Target: d.Target, Begun: now, Marked: known.Marked}
		}
	}, journal.Routine)
	if conflict != nil {
		return conflict
	}
	o.log.Info("declared by hand", "what", what, "end", d.End, "target", d.Target, "result", d.Result, "uid", d.UID)
	notify(o.declared)
	if err := o.life.journal.Sync(ctx); err != nil {
		return fmt.Errorf("what was declared is in force but will not survive a restart, until it is said again and written: %w", err)
	}
	return nil
}

// conflictError is an [local.ErrConflict] in words for a person.
type conflictError string

func conflictf(format string, args ...any) error { return conflictError(fmt.Sprintf(format, args...)) }

func (c conflictError) Error() string      { return string(c) }
func (conflictError) Is(target error) bool { return target == local.ErrConflict }

// ended is how an upgrade ended; a failover just ends.
func ended(result string) journal.Phase {
	switch result {
	case "failed":
		return journal.EndedFailed
	case "skipped":
		return journal.EndedSkipped
	}
	return journal.EndedOK
}

// sameVersion reports whether two readable versions are equal number by number.
func sameVersion(a, b string) bool {
	x, errX := compat.Parse(a)
	y, errY := compat.Parse(b)
	return errX == nil && errY == nil && x.Compare(y) == 0
}

// followUpgrade takes in what the appliance itself tells of an upgrade: its marker
// file, and that the version declared runs.
func (o *observer) followUpgrade(facts *appliance.Facts) {
	d := o.life.journal.State().Upgrade
	next := d
	switch {
	case facts.Upgrading && !d.Marked && d.Phase == journal.Declared:
		next.Marked = true
	case facts.Upgrading && !d.Marked:
		next = journal.Declaration{Phase: journal.Declared, Begun: o.life.moment(o.clock.now()), Marked: true}
	case !facts.Upgrading && d.Marked && d.Phase == journal.Declared:
		next = journal.Declaration{Begun: d.Begun, Ended: o.life.moment(o.clock.now())}
	case !facts.Upgrading && d.Marked:
		next.Marked = false
	}
	if next.Marked && next.Target == "" && next.Phase == journal.Declared {
		next.Target = facts.UpgradeTarget // which may be written after the marker came
	}
	if next.Phase == journal.Declared && sameVersion(next.Target, facts.Version) {
		next.Phase, next.Ended = journal.EndedOK, o.life.moment(o.clock.now())
		o.log.Info("the upgrade that was declared has reached its version", "target", next.Target)
	}
	if next == d {
		return
	}
	o.life.journal.Update(func(s *journal.State) {
		if s.Upgrade == d { // nobody declared anything in between
			s.Upgrade = next
		}
	}, journal.Change)
}

// declarations is what is declared on either Socket, as the life cycle takes it.
func (o *observer) declarations(now status.Instant, snapshot *speaker.Snapshot, fresh bool) alarm.Declarations {
	s := o.life.journal.State()
	return alarm.Declarations{
		Self:     o.life.declaration(s.Upgrade, now),
		Peer:     peerDeclaration(&snapshot.Heartbeat, fresh),
		Failover: o.life.failover(s.Failover, now, &snapshot.Heartbeat, fresh),
	}
}

// failover is a manual failover declared on either Socket.
func (l *life) failover(own journal.Declaration, now status.Instant, hb *peer.Heartbeat, fresh bool) alarm.Declaration {
	d := l.declaration(own, now)
	switch {
	case d.State == alarm.Declared:
	case fresh && hb.Flags.Has(peer.FlagFailover):
		return alarm.Declaration{State: alarm.Declared}
	case !fresh && d.State == alarm.Undeclared:
		return alarm.Declaration{} // the peer may have declared one: what was known still holds
	}
	return d
}

func (l *life) declaration(d journal.Declaration, now status.Instant) alarm.Declaration {
	switch d.Phase {
	case journal.Declared:
		return alarm.Declaration{State: alarm.Declared, Since: alarm.Instant(l.instant(d.Begun, now))}
	case journal.EndedOK:
		return alarm.Declaration{State: alarm.EndedOK}
	case journal.EndedFailed:
		return alarm.Declaration{State: alarm.EndedFailed}
	case journal.EndedSkipped:
		return alarm.Declaration{State: alarm.EndedSkipped}
	default:
		return alarm.Declaration{State: alarm.Undeclared}
	}
}

// peerDeclaration is what the peer says of its upgrade; unknown while it is not
// heard, as when it restarts into the new version.
func peerDeclaration(hb *peer.Heartbeat, fresh bool) alarm.Declaration {
	switch {
	case !fresh:
		return alarm.Declaration{}
	case hb.Flags.Has(peer.FlagUpgrading):
		return alarm.Declaration{State: alarm.Declared}
	}
	switch hb.UpgradeResult {
	case peer.UpgradeResultOK:
		return alarm.Declaration{State: alarm.EndedOK}
	case peer.UpgradeResultFailed:
		return alarm.Declaration{State: alarm.EndedFailed}
	case peer.UpgradeResultSkipped:
		return alarm.Declaration{State: alarm.EndedSkipped}
	case peer.UpgradeResultNone:
	}
	return alarm.Declaration{State: alarm.Undeclared}
}

// upgradeResult is how our last declared upgrade ended, for the peer.
func upgradeResult(p journal.Phase) peer.UpgradeResult {
	switch p {
	case journal.EndedOK:
		return peer.UpgradeResultOK
	case journal.EndedFailed:
		return peer.UpgradeResultFailed
	case journal.EndedSkipped:
		return peer.UpgradeResultSkipped
	default:
		return peer.UpgradeResultNone
	}
}

// upgrade is a hold as the status document shows it.
func upgrade(h alarm.Hold, target string) status.Upgrade {
	if !h.Declared {
		return status.Upgrade{}
	}
	return status.Upgrade{Declared: true, Target: target, Since: status.Instant(h.Begin), Overdue: h.Over}
}

// callers returns how the local interface tells who asks, and who of them may
// change anything: root and, if there is one, the admin group.
func callers(adminGroup string) (func(net.Conn) (local.Caller, error), error) {
	gid := -1
	if adminGroup != "" {
		var err error
		if gid, err = unixsock.LookupGroup(adminGroup); err != nil {
			return nil, fmt.Errorf("admin group: %w", err)
		}
	}
	return func(conn net.Conn) (local.Caller, error) {
		c, err := unixsock.Peer(conn)
		if err != nil {
			return local.Caller{}, err
		}
		return local.Caller{UID: uint32(c.UID), MayChange: c.MayChange(gid)}, nil
	}, nil
}
