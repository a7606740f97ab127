package store

import (
	"time"

	"socketha/agent/alarm"
	"socketha/cmd/console/internal/site"
)

// Site is a site as lists show it.
type Site struct {
	Tenant, ID, Name string

	State         site.State
	Since         time.Time // of the state
	Compatibility string    // compatible, incompatible, unknown

	Connected, Keepalive, CompatibleVersion string // ok, fail, unknown, not_evaluated

	Reasons []site.Reason // gravest first, warnings included
	Story   string        // id of the open story, or ""

	Rank      int       // order by HA status: the worst first (see Rank)
	ChangedAt time.Time // when any of this last changed

	Sockets []Socket // at most two, by serial; filled by Sites and Site
}

// Socket is the newest report of a Socket.
type Socket struct {
	Tenant, Site string
	site.Report  // with Serial, ReceivedAt and Next
	Epoch, Seq   uint64
	FirstAt      time.Time // of the first report ever taken
	Body         []byte    // the report as it came, a CloudEvents envelope; only where said
}

// Life is the life cycle of a site's stories.
type Life struct {
	Story string // the last story, open or not, or ""
	Saved alarm.Saved
	Due   time.Time // when to look at the site again at the latest; zero: when a report comes
}

// Record is all that a step of a site starts from.
type Record struct {
	Tenant, ID string
	Site       *Site // nil: new
	Life       Life
	Sockets    []Socket // that report for this site, without bodies

	// Elsewhere is the asked Socket where it last reported for another site.
	Elsewhere *Socket
}

// Transition is a change of the verdict as a Socket reported it.
type Transition struct {
	Serial string
	Stated time.Time // by the Socket's clock: the same transition is stated the same
	At     time.Time // by the console's clock
	Body   []byte    // status.Transition as JSON
}

// Change is a change of a site's state as the console saw it.
type Change struct {
	ID      string
	At      time.Time
	From    site.State // "" for the first
	To      site.State
	Reasons []string // codes that stand from then on, gravest first
}

// Status of a story.
type Status string

// Statuses of a story.
const (
	StoryOpen       Status = "open"
	StoryMonitoring Status = "monitoring" // ready again, but not for long enough
	StoryClosed     Status = "closed"
)

// Story is one trouble of one site, from when it was raised until it is closed.
type Story struct {
	Tenant, ID     string
	Site, SiteName string
	Number         uint64 // the life cycle's; the same when the story reopens

	Status      Status
	Criticality int    // 1 to 10
	Indication  string // what it is about

	FirstSignal, LastSignal time.Time // that something was wrong
	OpenedAt                time.Time
	ClosedAt                time.Time // zero while not closed
	Occurrences             int
	Flapping                bool
	Reasons                 []site.Reason // as they stand, or stood last; no warnings

	AckBy     string // "" while nobody has acknowledged it
	AckAt     time.Time
	MuteUntil time.Time // zero: not muted
	MutedBy   string

	Suppressed bool // something was not sent because it was muted
	ChangedAt  time.Time
}

// Entry is one line of a story's timeline.
type Entry struct {
	ID    string
	At    time.Time
	Kind  string // opened, updated, returned, monitoring, closed, reopened, acknowledged, unacknowledged, muted, unmuted, note
	Actor string // "" for the console
	Text  string // plain text
}

// Notification is a message waiting in the outbox for one sink.
type Notification struct {
	ID           string
	Tenant, Sink string
	Story        string // the key by which a sink knows that messages belong together
	Kind         string // opened, updated, reopened, closed
	Payload      []byte // JSON of story.Notice
	CreatedAt    time.Time
	Attempts     int // so far, this one not included
}

// User may log in. Hash is whatever the login made of the password.
type User struct {
	Tenant, Name, Hash, Role string
	Disabled                 bool
	CreatedAt                time.Time
}

// Session is a login. Token is the digest of what the browser holds, never that itself.
type Session struct {
	Token, Tenant, Name, Role, CSRF string
	CreatedAt, ExpiresAt            time.Time
}

// Audit is one thing that somebody did.
type Audit struct {
	ID                            string
	At                            time.Time
	Actor, Action, Object, Detail string
}

// Kinds of events.
const (
	SiteChanged  = "site"
	StoryChanged = "story"
	Resync       = "resync" // events were lost: look at everything again
)

// Event tells that something of a tenant has changed.
type Event struct {
	Tenant string `json:"t"`
	Kind   string `json:"k"`
	Site   string `json:"s,omitempty"`
	Story  string `json:"y,omitempty"`
}

// Ranks of states: the worst first. Among sites that are not ready the more
// critical come first.
const (
	RankNotReady = 10 // less the criticality of its gravest reason, 1 to 9
	RankUnknown  = 20
	RankWarning  = 29 // ready, with a warning
	RankReady    = 30
)

func millis(t time.Time) int64 { return t.UnixMilli() }

// orNull keeps a zero time as NULL.
func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
