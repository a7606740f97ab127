package session

import (
	"time"

	"socketha/peer"
)

const (
	stopCopies  = 5                     // of the planned stop, unless the peer confirms it earlier
	stopSpacing = 10 * time.Millisecond // between them
	maxActions  = 4                     // one step never returns more
)

// Session is the state of one heartbeat session. It belongs to one goroutine.
type Session struct {
	cfg Config
	now time.Time // of the step in progress; never goes back

	state peer.SessionState
	diag  Diag
	since time.Time
	path  bool // there is a way to send

	heard  bool      // the peer's discriminator counts as known (section 6.8.1, bfd.RemoteDiscr)
	remote Heartbeat // the last one that counted; kept after the peer is forgotten
	lastRx time.Time
	seqs   window
	former [4]uint32 // discriminators of the peer's former lives, newest first,
	outlaw time.Time // ignored up to then

	lastTx   time.Time // the last one in the rhythm, see urge
	sequence uint32
	urge     urge       // to send, in this step
	flags    peer.Flags // of what is sent in this step
	copies   int        // of the planned stop still to be sent
	confirm  bool       // the peer was Up when we stopped, so it will confirm

	hurry time.Duration // pause after the next heartbeat of a handshake on a new path; 0: the usual one

	nextTx   time.Time // the times below are zero when not armed
	detectAt time.Time
	probeAt  time.Time
	deadline time.Time // what NextDeadline says

	suspicions int // own stalls since the last heartbeat that counted

	pollsOut int // Polls sent since the last Final
	pollAt   time.Time
	rttDue   time.Time
	rtt      time.Duration

	count   Counters
	actions []Action
}

// urge is the wish to send in this step; the strongest one wins.
type urge uint8

const (
	silent urge = iota
	reply       // to a Poll, in between: the rhythm of our own heartbeats goes on as it was
	beat        // the next heartbeat in the rhythm
)

// New returns a session in AdminDown; a Start event sets it going. The error
// says which field of cfg is out of bounds.
func New(now time.Time, cfg Config) (*Session, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Session{
		cfg: cfg, now: now, since: now,
		state:   peer.StateAdminDown,
		actions: make([]Action, 0, maxActions),
	}, nil
}

// Step takes in what happened at now and returns what is to be done about it,
// in order. Whatever is due at now is dealt with too, after the event: a
// heartbeat taken in at the very deadline is in time. The slice is reused by the next Step.
//
// A now before that of the last Step counts as the same.
func (s *Session) Step(now time.Time, ev Event) []Action {
	s.actions, s.urge, s.flags = s.actions[:0], silent, 0
	if now.After(s.now) {
		s.now = now
	}
	s.suspectOwnStall()
	s.handle(ev)
	s.runTimers()
	s.emit()
	s.deadline = s.earliest()
	return s.actions
}

// NextDeadline returns when Step must be called at the latest; zero: not before
// the next event.
func (s *Session) NextDeadline() time.Time { return s.deadline }

// DetectAt returns when the peer will be lost if it stays silent; zero: nobody is
// there to be lost. Of all deadlines it is the one to be kept exactly; for the others a millisecond
// more does no harm.
func (s *Session) DetectAt() time.Time { return s.detectAt }

func (s *Session) handle(ev Event) {
	switch ev.Kind {
	case Start:
		s.start()
	case Stop:
		s.stop()
	case Received:
		s.receive(&ev.Heartbeat)
	case PathUp:
		s.path = true
		if s.state != peer.StateAdminDown {
			s.urge = beat
			s.hurry = firstRepeat
		}
		if s.state == peer.StateUp {
			s.flags |= peer.FlagPoll // its Final proves the new path both ways
		}
	case PathDown:
		s.path, s.hurry = false, 0
	case Urgent:
		s.urgent()
	case Tick:
	}
}

func (s *Session) start() {
	if s.state == peer.StateAdminDown {
		s.copies = 0
		s.forget()
		s.enter(peer.StateDown, DiagNone)
	}
}

// stop announces a planned stop: a few copies a few milliseconds apart, until
// the peer confirms by leaving Up. Then NextDeadline is zero.
func (s *Session) stop() {
	if s.state == peer.StateAdminDown {
		return
	}
	s.confirm = s.state == peer.StateUp
	s.detectAt = time.Time{}
	s.enter(peer.StateAdminDown, DiagAdminDown)
	if s.path {
		s.copies = stopCopies
	}
}

// urgent sends now, or as soon as the shortest interval allows.
func (s *Session) urgent() {
	if s.state == peer.StateAdminDown || !s.path {
		return
	}
	at := s.lastTx.Add(peer.MinInterval)
	if s.nextTx.IsZero() || at.Before(s.nextTx) {
		s.nextTx = at
	}
}

// enter changes the state, says so and tells the peer at once.
func (s *Session) enter(to peer.SessionState, diag Diag) {
	s.act(Action{Kind: Changed, From: s.state, To: to, Diag: diag})
	s.state, s.since = to, s.now
	s.urge = beat
	if s.hurry != 0 {
		s.hurry = firstRepeat // one heartbeat got through; the next one is as likely to be lost
	}
	s.probeAt = time.Time{}
	switch {
	case to == peer.StateUp:
		s.diag = DiagNone
		s.rttDue = s.now
	case to == peer.StateInit && diag == DiagNone: // still not Up for the old reason
	default:
		s.diag = diag
	}
}

// forget is what silence for a detection time leads to: the discriminator is no
// longer known (section 6.8.1). Its sequence numbers still are, so that a
// straggler cannot pass for a new heartbeat.
func (s *Session) forget() {
	s.heard = false
	s.detectAt = time.Time{}
	s.suspicions = 0
	s.outlaw = time.Time{}
}

func (s *Session) act(a Action) { s.actions = append(s.actions, a) }

// emit turns the wish to send, whoever had it, into at most one heartbeat.
func (s *Session) emit() {
	if s.urge == silent || !s.path {
		return
	}
	s.act(Action{Kind: Send, Heartbeat: s.heartbeat()})
	s.count.Sent++
	if s.urge == beat {
		s.lastTx = s.now
		s.armTx()
	}
}

func (s *Session) heartbeat() Heartbeat {
	s.sequence++
	hb := Heartbeat{
		MyDiscriminator: s.cfg.Discriminator,
		Sequence:        s.sequence,
		Timers:          s.cfg.Timers,
		State:           s.state,
		Flags:           s.pollOrFinal(),
	}
	if s.heard {
		hb.YourDiscriminator = s.remote.MyDiscriminator
	}
	if s.state == peer.StateAdminDown {
		hb.Flags = peer.FlagPlannedStop
		s.copies--
	}
	if s.state != peer.StateUp {
		// The peer computes its detection time from what we announce, so we
		// announce the slow interval while we keep it.
		hb.Timers.DesiredTx = max(hb.Timers.DesiredTx, s.cfg.SlowTx)
	}
	return hb
}

// pollOrFinal never sets both (section 6.8.7): a Poll waits for the next
// heartbeat when there is an answer to give.
func (s *Session) pollOrFinal() peer.Flags {
	if s.flags.Has(peer.FlagFinal) {
		return peer.FlagFinal
	}
	if s.state == peer.StateUp && !s.now.Before(s.rttDue) {
		s.flags |= peer.FlagPoll
	}
	if !s.flags.Has(peer.FlagPoll) {
		return 0
	}
	s.count.Polls++
	if s.now.Sub(s.pollAt) > forgottenPollAfter {
		s.pollsOut = 0
	}
	s.pollsOut++
	s.pollAt = s.now
	s.rttDue = s.now.Add(max(rttEvery, rttIntervals*s.txInterval()))
	return peer.FlagPoll
}
