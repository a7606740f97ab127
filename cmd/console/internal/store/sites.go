package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"socketha/agent/status"
	"socketha/cmd/console/internal/site"
)

const siteColumns = `SELECT tenant, site, name, state, rank, since_at, compatibility, connected, keepalive, compatible_version,
	reasons, story, changed_at FROM sites`

func (s *Site) scan(rows *sql.Rows) error {
	var since, changed int64
	var reasons, state string
	if err := rows.Scan(&s.Tenant, &s.ID, &s.Name, &state, &s.Rank, &since, &s.Compatibility,
		&s.Connected, &s.Keepalive, &s.CompatibleVersion, &reasons, &s.Story, &changed); err != nil {
		return err
	}
	s.State, s.Since, s.ChangedAt = site.State(state), moment(since), moment(changed)
	return json.Unmarshal([]byte(reasons), &s.Reasons)
}

// PutSite keeps what lists show of the site, and tells the subscribers.
func (tx *SiteTx) PutSite(s *Site) error {
	reasons, err := json.Marshal(s.Reasons)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	s.Tenant, s.ID, s.ChangedAt = tx.Tenant, tx.ID, tx.Now
	const text = `INSERT INTO sites (tenant, site, name, name_key, state, rank, since_at, compatibility, connected, keepalive,
		compatible_version, reasons, story, search, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT (tenant, site) DO UPDATE SET name = excluded.name, name_key = excluded.name_key, state = excluded.state,
		rank = excluded.rank, since_at = excluded.since_at, compatibility = excluded.compatibility, connected = excluded.connected,
		keepalive = excluded.keepalive, compatible_version = excluded.compatible_version, reasons = excluded.reasons,
		story = excluded.story, search = excluded.search, changed_at = excluded.changed_at`
	err = tx.run(text, s.Tenant, s.ID, s.Name, fold(s.Name), string(s.State), s.Rank, millis(s.Since), s.Compatibility, s.Connected,
		s.Keepalive, s.CompatibleVersion, string(reasons), s.Story, tx.searchable(s), millis(s.ChangedAt))
	if err != nil {
		return err
	}
	tx.Site = s
	tx.Publish(Event{Tenant: tx.Tenant, Kind: SiteChanged, Site: tx.ID})
	return nil
}

// Bounds of what is searched, so that an index can hold it.
const (
	maxSearchable = 1500 // bytes
	maxCode       = 96   // bytes, of a reason's
)

// searchable is what a search looks through: a line for each thing, those of the
// reasons first, since they must not be cut off.
func (tx *SiteTx) searchable(s *Site) string {
	words := []string{""}
	for _, r := range s.Reasons[:min(len(s.Reasons), 8)] {
		words = append(words, r.Code[:min(len(r.Code), maxCode)])
	}
	words = append(words, s.ID, s.Name)
	for i := range tx.Sockets {
		words = append(words, tx.Sockets[i].Serial, tx.Sockets[i].Version)
	}
	all := fold(strings.Join(words, "\n") + "\n")
	return strings.ToValidUTF8(all[:min(len(all), maxSearchable)], "")
}

// fold is how names are compared and searched.
func fold(s string) string { return strings.ToLower(s) }

// AddChange writes a change of the site's state down.
func (tx *SiteTx) AddChange(c Change) error {
	reasons, err := json.Marshal(c.Reasons)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	const text = `INSERT INTO changes (tenant, site, id, at, was, state, reasons) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	return tx.run(text, tx.Tenant, tx.ID, NewID(tx.Now), millis(c.At), string(c.From), string(c.To), string(reasons))
}

// AddTransitions writes down what a Socket went through. Those known already stay
// as they are.
func (tx *SiteTx) AddTransitions(list []Transition) error {
	for _, t := range list {
		const text = `INSERT INTO transitions (tenant, serial, stated, at, site, body) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
		if err := tx.run(text, tx.Tenant, t.Serial, millis(t.Stated), millis(t.At), tx.ID, string(t.Body)); err != nil {
			return err
		}
	}
	return nil
}

// SiteSort is an order of sites.
type SiteSort string

// Orders of sites. ByStatus puts the worst first: not ready by criticality, unknown,
// ready with a warning, ready; each by name.
const (
	ByStatus SiteSort = "status"
	ByName   SiteSort = "name"
	BySince  SiteSort = "since" // the longest in its state first
)

// Bounds of pages.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
	maxSearch    = 200 // bytes
)

// SiteQuery asks for a page of sites.
type SiteQuery struct {
	Sort   SiteSort
	Desc   bool         // the other way around
	States []site.State // empty: all
	Reason string       // code that stands; "": any
	Story  bool         // only with an open story
	Text   string       // in id, name, serials, versions or codes of reasons, in any case
	After  string       // cursor from the last page; "": the first page
	Limit  int          // 0: DefaultLimit; at most MaxLimit
}

// SitePage is one page.
type SitePage struct {
	Sites []Site
	Next  string // cursor of the next page; "": this is the last
}

// siteKeys are the columns of each order, all ascending or all descending.
var siteKeys = map[SiteSort][]string{
	ByStatus: {"rank", "name_key", "site"},
	ByName:   {"name_key", "site"},
	BySince:  {"since_at", "site"},
}

// Sites returns a page of a tenant's sites, each with its Sockets.
func (s *Store) Sites(ctx context.Context, tenant string, q SiteQuery) (SitePage, error) {
	keys, ok := siteKeys[q.Sort]
	if !ok {
		keys, q.Sort = siteKeys[ByStatus], ByStatus
	}
	b := s.newQuery(tenant)
	b.states(q.States)
	if q.Story {
		b.where("story <> ''")
	}
	if q.Reason != "" {
		if status.Code(q.Reason).Severity() == status.SeverityNotReady {
			b.where("rank <= " + b.arg(RankNotReady)) // it stands nowhere else
		}
		b.holds("search", "\n"+fold(q.Reason)+"\n")
	}
	if q.Text != "" {
		b.holds("search", fold(q.Text))
	}
	if err := b.after(keys, q.Desc, q.After); err != nil {
		return SitePage{}, err
	}
	limit := pageLimit(q.Limit)
	var page SitePage
	err := s.query(ctx, b.text(siteColumns, keys, q.Desc, limit+1), b.args, func(rows *sql.Rows) error {
		var one Site
		if err := one.scan(rows); err != nil {
			return err
		}
		page.Sites = append(page.Sites, one)
		return nil
	})
	if err != nil {
		return SitePage{}, err
	}
	if len(page.Sites) > limit {
		page.Sites = page.Sites[:limit]
		page.Next = page.Sites[limit-1].cursor(q.Sort)
	}
	return page, s.attachSockets(ctx, tenant, page.Sites)
}

// states asks for some states, by the ranks that stand for them: those have an index.
func (b *builder) states(list []site.State) {
	var ranks []string
	for _, state := range list {
		switch state {
		case site.NotReady:
			ranks = append(ranks, "rank <= "+b.arg(RankNotReady))
		case site.Unknown:
			ranks = append(ranks, "rank = "+b.arg(RankUnknown))
		case site.Ready:
			ranks = append(ranks, "rank >= "+b.arg(RankWarning))
		}
	}
	switch len(ranks) {
	case 0:
	case 1:
		b.where(ranks[0])
	default:
		b.where("(" + strings.Join(ranks, " OR ") + ")")
	}
}

func (s *Site) cursor(by SiteSort) string {
	switch by {
	case ByName:
		return cursor(fold(s.Name), s.ID)
	case BySince:
		return cursor(millis(s.Since), s.ID)
	case ByStatus:
	}
	return cursor(int64(s.Rank), fold(s.Name), s.ID)
}

// attachSockets fills in the two Sockets of each site.
func (s *Store) attachSockets(ctx context.Context, tenant string, sites []Site) error {
	if len(sites) == 0 {
		return nil
	}
	at := make(map[string]*Site, len(sites))
	ids := make([]string, 0, len(sites))
	for i := range sites {
		at[sites[i].ID] = &sites[i]
		ids = append(ids, sites[i].ID)
	}
	b := s.newQuery(tenant)
	in(b, "site", ids)
	err := s.query(ctx, socketColumns+" FROM sockets"+b.clauses(), b.args, func(rows *sql.Rows) error {
		var one Socket
		if err := one.scan(rows); err != nil {
			return err
		}
		if of := at[one.Site]; of != nil {
			of.Sockets = append(of.Sockets, one)
		}
		return nil
	})
	for i := range sites {
		sites[i].Sockets = pairOf(sites[i].Sockets)
	}
	return err
}

// pairOf leaves the two Sockets that make up the site now.
func pairOf(all []Socket) []Socket {
	reports := make([]site.Report, 0, len(all))
	for i := range all {
		reports = append(reports, all[i].Report)
	}
	var pair []Socket
	for _, r := range site.Pair(reports) {
		for i := range all {
			if all[i].Serial == r.Serial {
				pair = append(pair, all[i])
			}
		}
	}
	return pair
}

// Site returns one site with its Sockets and their newest reports as they came.
func (s *Store) Site(ctx context.Context, tenant, id string) (*Site, error) {
	var found *Site
	err := s.query(ctx, siteColumns+" WHERE tenant = $1 AND site = $2", []any{tenant, id}, func(rows *sql.Rows) error {
		found = new(Site)
		return found.scan(rows)
	})
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, ErrNotFound
	}
	const sockets = socketColumns + ", body FROM sockets WHERE tenant = $1 AND site = $2"
	err = s.query(ctx, sockets, []any{tenant, id}, func(rows *sql.Rows) error {
		var one Socket
		if err := one.scan(rows, &one.Body); err != nil {
			return err
		}
		found.Sockets = append(found.Sockets, one)
		return nil
	})
	found.Sockets = pairOf(found.Sockets)
	return found, err
}

// FindSocket returns the site that a Socket last reported for.
func (s *Store) FindSocket(ctx context.Context, tenant, serial string) (siteID string, err error) {
	err = s.query(ctx, "SELECT site FROM sockets WHERE tenant = $1 AND serial = $2", []any{tenant, serial}, func(rows *sql.Rows) error {
		return rows.Scan(&siteID)
	})
	if err == nil && siteID == "" {
		err = ErrNotFound
	}
	return siteID, err
}

// Counts returns how many sites of a tenant have each rank of state.
func (s *Store) Counts(ctx context.Context, tenant string) (map[site.State]int, error) {
	counts := make(map[site.State]int)
	const text = "SELECT rank, COUNT(*) FROM sites WHERE tenant = $1 GROUP BY rank"
	err := s.query(ctx, text, []any{tenant}, func(rows *sql.Rows) error {
		var rank, n int
		if err := rows.Scan(&rank, &n); err != nil {
			return err
		}
		switch {
		case rank <= RankNotReady:
			counts[site.NotReady] += n
		case rank == RankUnknown:
			counts[site.Unknown] += n
		default:
			counts[site.Ready] += n
		}
		return nil
	})
	return counts, err
}

// Transitions returns what the Sockets of a site went through, newest first, before
// a moment (zero: now).
func (s *Store) Transitions(ctx context.Context, tenant, id string, before time.Time, limit int) ([]Transition, error) {
	var list []Transition
	const text = `SELECT serial, at, body FROM transitions WHERE tenant = $1 AND site = $2 AND at < $3 ORDER BY at DESC, serial LIMIT $4`
	err := s.query(ctx, text, []any{tenant, id, beforeMillis(before), pageLimit(limit)}, func(rows *sql.Rows) error {
		var t Transition
		var at int64
		if err := rows.Scan(&t.Serial, &at, &t.Body); err != nil {
			return err
		}
		t.At = moment(at)
		list = append(list, t)
		return nil
	})
	return list, err
}

// Changes returns the states of a site, newest first. before is the id of the last
// one seen, "" for the newest.
func (s *Store) Changes(ctx context.Context, tenant, id, before string, limit int) ([]Change, error) {
	if before == "" {
		before = "~"
	}
	var list []Change
	const text = `SELECT id, at, was, state, reasons FROM changes WHERE tenant = $1 AND site = $2 AND id < $3 ORDER BY id DESC LIMIT $4`
	err := s.query(ctx, text, []any{tenant, id, before, pageLimit(limit)}, func(rows *sql.Rows) error {
		var c Change
		var at int64
		var reasons string
		if err := rows.Scan(&c.ID, &at, &c.From, &c.To, &reasons); err != nil {
			return err
		}
		c.At = moment(at)
		list = append(list, c)
		return json.Unmarshal([]byte(reasons), &list[len(list)-1].Reasons)
	})
	return list, err
}

func beforeMillis(t time.Time) int64 {
	if t.IsZero() {
		return 1<<62 - 1
	}
	return millis(t)
}
