package web

import (
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"socketha/cmd/console/internal/site"
	"socketha/cmd/console/internal/store"
)

// sitesView is what the Sites page shows.
type sitesView struct {
	sitesQuery
	sitePage
	Counts  []count
	Stories int // open or monitoring
	Reasons []string
	Say     string // for who does not see the list change
}

// count is how many sites are in a state.
type count struct {
	State string
	N     int
	URL   string
	On    bool
}

// Filtered reports whether anything is left out.
func (v *sitesView) Filtered() bool {
	return v.State != "" || v.Reason != "" || v.Text != "" || v.Story
}

// Headers of columns that can be sorted by.
func (v *sitesView) Order(by string) map[string]string {
	aria, dir := "none", ""
	if v.Sort == by {
		aria, dir = "ascending", "desc"
		if v.Desc {
			aria, dir = "descending", ""
		}
	}
	return map[string]string{"Aria": aria, "URL": v.Link("/sites", "sort", by, "dir", dir)}
}

func (s *Server) sitesPage(c *call) error {
	q, err := readSitesQuery(c.tenant, c.URL.Query())
	if err != nil {
		return err
	}
	v := &sitesView{sitesQuery: q, Reasons: reasonChoices()}
	if v.sitePage, err = s.page(c.Context(), q); err != nil {
		return err
	}
	counts, err := s.cfg.Store.Counts(c.Context(), c.tenant)
	if err != nil {
		return err
	}
	total := 0
	for _, state := range []site.State{site.NotReady, site.Unknown, site.Ready} {
		total += counts[state]
		on := q.State == string(state)
		v.Counts = append(v.Counts, count{string(state), counts[state], q.Link("/sites", "state", string(state)), on})
	}
	v.Counts = append(v.Counts, count{"", total, q.Link("/sites", "state", ""), q.State == ""})
	stories, err := s.cfg.Store.StoryCounts(c.Context(), c.tenant)
	if err != nil {
		return err
	}
	v.Stories = stories[store.StoryOpen] + stories[store.StoryMonitoring]
	v.Say = sayRows(len(v.Sites), "site")
	return s.show(c, http.StatusOK, "sites", "Sites", v)
}

func sayRows(n int, what string) string {
	switch n {
	case 0:
		return "No " + what + " found."
	case 1:
		return "1 " + what + " shown."
	}
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		what = stem + "ie"
	}
	return strconv.Itoa(n) + " " + what + "s shown."
}

var csvHead = []string{
	"tenant", "site", "name", "readiness", "readiness_since", "compatibility", "connected", "keepalive", "compatible_version",
	"reasons", "summary", "story",
	"socket1_serial", "socket1_version", "socket1_role", "socket1_ha_state", "socket1_last_report",
	"socket2_serial", "socket2_version", "socket2_role", "socket2_ha_state", "socket2_last_report",
}

// csvPage is how many rows are read from the store at once.
const csvPage = 500

// sitesCSV streams every site of the query: what is in memory is one page.
func (s *Server) sitesCSV(c *call) error {
	q, err := readSitesQuery(c.tenant, c.URL.Query())
	if err != nil {
		return err
	}
	q.After, q.Before, q.Size = "", "", csvPage
	page, err := s.page(c.Context(), q)
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="sites-`+c.now.Format("20060102-150405")+`.csv"`)
	control := http.NewResponseController(c.w)
	out := csv.NewWriter(c.w)
	_ = out.Write(csvHead)
	for {
		_ = control.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if err := writeRows(out, page.Sites); err != nil || page.Next == "" {
			return nil //nolint:nilerr // the reader is gone
		}
		q.After = page.Next
		if page, err = s.page(c.Context(), q); err != nil {
			_ = s.told(c, err)
			_, _ = io.WriteString(c.w, "# incomplete: the store failed\r\n")
			return nil
		}
	}
}

func writeRows(out *csv.Writer, sites []store.Site) error {
	for i := range sites {
		one := &sites[i]
		var codes []string
		summary := ""
		for j, r := range one.Reasons {
			codes = append(codes, r.Code)
			if j == 0 {
				summary = r.Summary
			}
		}
		row := []string{
			one.Tenant, one.ID, one.Name, string(one.State), iso(one.Since), one.Compatibility, one.Connected, one.Keepalive,
			one.CompatibleVersion, strings.Join(codes, " "), summary, one.Story,
		}
		for j := range 2 {
			if j >= len(one.Sockets) {
				row = append(row, "", "", "", "", "")
				continue
			}
			k := &one.Sockets[j]
			row = append(row, k.Serial, k.Version, k.Role, k.HAState, iso(k.ReceivedAt))
		}
		for j := range row {
			row[j] = cell(row[j])
		}
		_ = out.Write(row) // Error tells
	}
	out.Flush()
	return out.Error()
}

// cell keeps a spreadsheet from taking a stranger's words for a formula (OWASP, CSV
// injection).
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
