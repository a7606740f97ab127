package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"socketha/cmd/console/internal/store"
)

// storiesQuery is what a list of stories was asked for.
type storiesQuery struct {
	Tenant string
	Status string // open (monitoring included), closed, all
	Sort   string // criticality, age
	Text   string
	Site   string
	After  string
	Size   int
}

func readStoriesQuery(tenant string, q url.Values) (storiesQuery, error) {
	out := storiesQuery{Tenant: tenant, Text: strings.TrimSpace(q.Get("q")), Site: q.Get("site"), After: q.Get("after")}
	if len(out.Text) > maxParam || len(out.Site) > maxParam {
		return out, bad("That is too long to search for.")
	}
	var err error
	if out.Status, err = oneOf(q, "status", "open", "closed", "all"); err != nil {
		return out, err
	}
	if out.Status == "" {
		out.Status = "open"
	}
	if out.Sort, err = oneOf(q, "sort", "criticality", "age"); err != nil {
		return out, err
	}
	if out.Sort == "" {
		out.Sort = "criticality"
	}
	out.Size, err = readSize(q)
	return out, err
}

// Link returns the address of the same list with some parameters changed.
func (q storiesQuery) Link(to string, changes ...string) string {
	p := map[string]string{"tenant": q.Tenant, "status": q.Status, "sort": q.Sort, "q": q.Text, "site": q.Site}
	if q.Status == "open" {
		p["status"] = ""
	}
	if q.Sort == "criticality" {
		p["sort"] = ""
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

func (q storiesQuery) store() store.StoryQuery {
	out := store.StoryQuery{Site: q.Site, Text: q.Text, After: q.After, Limit: q.Size, ByAge: q.Sort == "age"}
	switch q.Status {
	case "open":
		out.Statuses = []store.Status{store.StoryOpen, store.StoryMonitoring}
	case "closed":
		out.Statuses = []store.Status{store.StoryClosed}
	}
	return out
}

// storiesView is what the Stories page shows.
type storiesView struct {
	storiesQuery
	store.StoryPage
	Tabs []count
	Say  string
}

// Order is the header of a column that can be sorted by; the worst or newest come first.
func (v *storiesView) Order(by string) map[string]string {
	aria := "none"
	if v.Sort == by {
		aria = "descending"
	}
	return map[string]string{"Aria": aria, "URL": v.Link("/stories", "sort", by)}
}

func (s *Server) storiesPage(c *call) error {
	q, err := readStoriesQuery(c.tenant, c.URL.Query())
	if err != nil {
		return err
	}
	v := &storiesView{storiesQuery: q}
	if v.StoryPage, err = s.cfg.Store.Stories(c.Context(), c.tenant, q.store()); err != nil {
		return err
	}
	counts, err := s.cfg.Store.StoryCounts(c.Context(), c.tenant)
	if err != nil {
		return err
	}
	for _, tab := range []string{"open", "closed", "all"} {
		one := count{State: tab, N: -1, URL: q.Link("/stories", "status", tab), On: q.Status == tab}
		if tab == "open" {
			one.N = counts[store.StoryOpen] + counts[store.StoryMonitoring]
		}
		v.Tabs = append(v.Tabs, one)
	}
	v.Say = sayRows(len(v.Stories), "story")
	return s.show(c, http.StatusOK, "stories", "Stories", v)
}

// storyView is what the page of a story shows.
type storyView struct {
	Tenant   string
	Story    *store.Story
	Timeline []store.Entry // oldest first
	More     string        // behind which entry the timeline goes on; "": nowhere
	Muted    bool
}

func (v *storyView) about() string { return v.Story.Site }

// timelineRows are the entries on one page.
const timelineRows = 200

func (s *Server) storyPage(c *call) error {
	id, err := siteID(c)
	if err != nil {
		return err
	}
	v := &storyView{Tenant: c.tenant}
	if v.Story, err = s.cfg.Store.Story(c.Context(), c.tenant, id); err != nil {
		return err
	}
	after := c.URL.Query().Get("after")
	if len(after) > 64 {
		return errNotFound
	}
	v.Timeline, err = s.cfg.Store.Timeline(c.Context(), c.tenant, id, after, timelineRows)
	if err != nil {
		return err
	}
	if len(v.Timeline) == timelineRows {
		v.More = v.Timeline[timelineRows-1].ID
	}
	v.Muted = v.Story.MuteUntil.After(c.now)
	return s.show(c, http.StatusOK, "story", "Story of "+v.Story.SiteName, v)
}

// backToStory shows the story that was just changed.
func (c *call) backToStory(id string) error {
	return c.redirect(link("/story", "tenant", c.tenant, "id", id))
}

func (s *Server) postAck(c *call) error {
	id, err := siteID(c)
	if err != nil {
		return err
	}
	on := c.PostForm.Get("on") == "1"
	if err := s.cfg.Stories.Acknowledge(c.Context(), c.tenant, id, c.who.Name, on); err != nil {
		return err
	}
	return c.backToStory(id)
}

// muteTime reads when a mute ends: a duration from now, a moment in UTC, or none.
func muteTime(now time.Time, span, until string) (time.Time, error) {
	if until != "" {
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
			if at, err := time.Parse(layout, until); err == nil {
				return at.UTC(), nil
			}
		}
		return time.Time{}, bad("A mute ends at a time such as %s, in UTC.", now.Add(time.Hour).Format("2006-01-02T15:04"))
	}
	if span == "off" {
		return time.Time{}, nil
	}
	d, err := time.ParseDuration(span)
	if err != nil {
		return time.Time{}, bad("Choose how long to mute.")
	}
	return now.Add(d), nil
}

func (s *Server) postMute(c *call) error {
	id, err := siteID(c)
	if err != nil {
		return err
	}
	until, err := muteTime(c.now, c.PostForm.Get("for"), c.PostForm.Get("until"))
	if err != nil {
		return err
	}
	if err := s.cfg.Stories.Mute(c.Context(), c.tenant, id, c.who.Name, until); err != nil {
		return err
	}
	return c.backToStory(id)
}

func (s *Server) postNote(c *call) error {
	id, err := siteID(c)
	if err != nil {
		return err
	}
	if err := s.cfg.Stories.Note(c.Context(), c.tenant, id, c.who.Name, c.PostForm.Get("text")); err != nil {
		return err
	}
	return c.backToStory(id)
}
