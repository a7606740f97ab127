package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"socketha/agent/status"
	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// sitesQuery is what a list of sites was asked for: the page, its CSV and the API read
// the same parameters.
type sitesQuery struct {
	Tenant string
	Sort   string // status, name, since
	Desc   bool
	State  string // ready, not_ready, unknown; "": all
	Reason string
	Text   string
	Story  bool
	After  string // cursor: what follows it
	Before string // cursor: what precedes it
	Size   int
}

// oneOf returns a parameter if it is one of some words.
func oneOf(q url.Values, name string, words ...string) (string, error) {
	v := q.Get(name)
	if v != "" && !slices.Contains(words, v) {
		return "", bad("%s is one of: %s.", name, strings.Join(words, ", "))
	}
	return v, nil
}

func readSitesQuery(tenant string, q url.Values) (sitesQuery, error) {
	out := sitesQuery{
		Tenant: tenant, Reason: q.Get("reason"), Text: strings.TrimSpace(q.Get("q")),
		After: q.Get("after"), Before: q.Get("before"),
	}
	for _, v := range []string{out.Reason, out.Text} {
		if len(v) > maxParam {
			return out, bad("That is too long to search for.")
		}
	}
	sort, err1 := oneOf(q, "sort", "status", "name", "since")
	dir, err2 := oneOf(q, "dir", "asc", "desc")
	state, err3 := oneOf(q, "state", "not_ready", "unknown", "ready")
	flag, err4 := oneOf(q, "story", "1")
	size, err5 := readSize(q)
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			return out, err
		}
	}
	if out.Sort = sort; sort == "" {
		out.Sort = "status"
	}
	out.Desc, out.State, out.Story, out.Size = dir == "desc", state, flag == "1", size
	return out, nil
}

func readSize(q url.Values) (int, error) {
	v := q.Get("limit")
	if v == "" {
		return pageSize, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > maxPageSize {
		return 0, bad("limit is 1 to %d.", maxPageSize)
	}
	return n, nil
}

// Link returns the address of the same list with some parameters changed. A change
// starts from the first page.
func (q sitesQuery) Link(to string, changes ...string) string {
	p := map[string]string{
		"tenant": q.Tenant, "sort": q.Sort, "state": q.State, "reason": q.Reason, "q": q.Text,
	}
	if q.Sort == "status" {
		p["sort"] = ""
	}
	if q.Desc {
		p["dir"] = "desc"
	}
	if q.Story {
		p["story"] = "1"
	}
	if q.Size != pageSize {
		p["limit"] = strconv.Itoa(q.Size)
	}
	for i := 0; i+1 < len(changes); i += 2 {
		p[changes[i]] = changes[i+1]
	}
	list := make([]string, 0, 2*len(p))
	for k, v := range p {
		list = append(list, k, v)
	}
	return link(to, list...)
}

func (q sitesQuery) store() store.SiteQuery {
	out := store.SiteQuery{
		Sort: store.SiteSort(q.Sort), Desc: q.Desc, Reason: q.Reason, Story: q.Story, Text: q.Text, After: q.After, Limit: q.Size,
	}
	if q.State != "" {
		out.States = []site.State{site.State(q.State)}
	}
	return out
}

// sitePage is one page of a list with the cursors of its neighbours, "" for none.
type sitePage struct {
	Sites      []store.Site
	Prev, Next string
}

// page reads a page. The store walks forwards only: what precedes a row is what
// follows it in the opposite order.
func (s *Server) page(ctx context.Context, q sitesQuery) (sitePage, error) {
	ask := q.store()
	if q.Before != "" {
		ask.Desc, ask.After = !ask.Desc, q.Before
	}
	got, err := s.cfg.Store.Sites(ctx, q.Tenant, ask)
	if err != nil {
		return sitePage{}, err
	}
	out := sitePage{Sites: got.Sites}
	n := len(out.Sites)
	if q.Before == "" {
		out.Next = got.Next
		if q.After != "" && n > 0 {
			out.Prev = siteCursor(&out.Sites[0], q.Sort)
		}
		return out, nil
	}
	slices.Reverse(out.Sites)
	if n > 0 {
		out.Next = siteCursor(&out.Sites[n-1], q.Sort)
		if got.Next != "" {
			out.Prev = siteCursor(&out.Sites[0], q.Sort)
		}
	}
	return out, nil
}

// siteCursor names a row as the store's own cursors do; a test holds both together.
func siteCursor(one *store.Site, sort string) string {
	name := strings.ToLower(one.Name)
	values := []any{int64(one.Rank), name, one.ID}
	switch store.SiteSort(sort) {
	case store.ByName:
		values = []any{name, one.ID}
	case store.BySince:
		values = []any{one.Since.UnixMilli(), one.ID}
	case store.ByStatus:
	}
	b, _ := json.Marshal(values) // strings and whole numbers
	return base64.RawURLEncoding.EncodeToString(b)
}

// reasonChoices are the reasons to filter by, gravest first.
func reasonChoices() []string {
	var list []string
	for _, code := range status.Codes() {
		list = append(list, string(code))
	}
	return list
}
