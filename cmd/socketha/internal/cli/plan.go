package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"socketha/agent/impact"
	"socketha/agent/plan"
	"socketha/agent/status"
	"socketha/peer/compat"
	"socketha/platform/plainfile"
)

func runUpgradePlan(ctx context.Context, c *call) (Exit, error) {
	target := c.args[0]
	if _, err := compat.Parse(target); err != nil {
		return ExitUsage, usagef("%q is no version: %v", target, err)
	}
	catalog, err := c.catalog()
	if err != nil {
		return ExitError, err
	}
	v, exit, err := c.askDocument(ctx, "No plan")
	if exit != ExitOK || err != nil {
		return exit, err
	}
	p := plan.Make(&v.doc, target, plan.Options{Catalog: catalog, Hold: c.alarm().UpgradeHold})
	if form := c.flag("o"); form != "table" {
		err = writeForm(c.Stdout, form, p)
		return exitOf(err), err
	}
	_, err = io.WriteString(c.Stdout, planTable(&p, &v.doc, styleFor(c.Env)))
	return exitOf(err), err
}

// catalog returns the feature catalog that the agent uses; nil if the default
// configuration cannot be read by this user, and the plan goes by majors then.
func (c *call) catalog() (*impact.Catalog, error) {
	cfg, err := c.loadConfig()
	switch {
	case err != nil && c.flag("config") != "":
		return nil, err
	case err != nil:
		return nil, nil //nolint:nilerr // a nil catalog is one that knows nothing
	}
	file := cfg.Impact.CatalogFile
	if file == "" {
		return impact.Sample(), nil
	}
	data, err := plainfile.Read(file, impact.MaxCatalogSize)
	if err != nil {
		return nil, fmt.Errorf("feature catalog: %s: %w", file, err)
	}
	catalog, err := impact.ParseCatalog(data)
	if err != nil {
		return nil, fmt.Errorf("feature catalog: %s: %w", file, err)
	}
	return catalog, nil
}

// planTable renders a plan for people.
func planTable(p *plan.Plan, d *status.Document, s style) string {
	t := planText{plan: p, style: s}
	t.head(d)
	for i := range p.Steps {
		t.step(i, &p.Steps[i])
	}
	t.foot()
	return t.b.String()
}

type planText struct {
	plan  *plan.Plan
	style style
	b     strings.Builder
}

func (t *planText) line(lead, words string) { writeWrapped(&t.b, lead, cell(words), t.style.columns) }

func (t *planText) head(d *status.Document) {
	p, s := t.plan, t.style
	writeLead(&t.b, s, strong, "Upgrade to "+cell(p.Target)+": ", cell(p.Summary))
	if p.Better != nil {
		writeLead(&t.b, s, strong, "Better: ", cell(*p.Better))
	}
	if site := siteName(d.Site); site != "" {
		t.line("  ", "Site "+site)
	}
	t.b.WriteString("\n" + s.paint(strong, "Now") + "\n")
	t.state(&p.Now)
}

// state says what the pair is, or would be.
func (t *planText) state(st *plan.State) {
	s := t.style
	mark := map[string]tone{"compatible": good, "incompatible": bad}[st.Compatibility]
	if mark == plain {
		mark = unsure
	}
	ready := ": Ready as far as versions go"
	if !st.VersionsReady {
		ready = ": Not Ready"
	}
	t.b.WriteString("  " + s.paint(mark, s.symbol(mark)+" "+strings.ToUpper(cell(st.Compatibility))+ready) + "\n")
	t.line("    ", st.Verdict)
	t.line("    ", st.Cost.Text)
	t.features(st.Cost.Features)
}

// maxPlanFeatures bounds the features named after a step.
const maxPlanFeatures = 8

func (t *planText) features(list []plan.Feature) {
	for i, f := range list {
		if i == maxPlanFeatures {
			t.line("    ", fmt.Sprintf("and %d more: -o json lists them", len(list)-i))
			return
		}
		t.line("    - ", f.Name+" (since "+f.Since+")")
	}
}

func (t *planText) step(i int, st *plan.Step) {
	s := t.style
	who := "this Socket"
	if st.Socket == "peer" {
		who = "the peer"
	}
	about := []string{}
	for _, word := range []string{text(st.Role), st.HAState} {
		if word != "" && word != "unknown" {
			about = append(about, word)
		}
	}
	words := who + ", S/N " + or(text(st.Serial), "not known")
	if len(about) > 0 {
		words += " (" + strings.Join(about, ", ") + ")"
	}
	t.b.WriteByte('\n')
	writeLead(&t.b, s, strong, fmt.Sprintf("Step %d: ", i+1), cell(words+", from "+or(text(st.From), "an unknown version")+" to "+st.To))
	for _, note := range st.Notes {
		t.line("  ", note)
	}
	t.line("  ", "On that Socket:")
	t.line("    ", st.Commands[0])
	t.line("    ", "("+"upgrade it and wait until it runs "+st.To+")")
	t.line("    ", st.Commands[1])
	t.line("  ", "After it:")
	t.state(&st.After)
}

func (t *planText) foot() {
	p, s := t.plan, t.style
	t.b.WriteByte('\n')
	t.line("", p.Incompatible.Text)
	if len(p.Steps) == 0 {
		return
	}
	t.line("", fmt.Sprintf("The alarm is held for %s from each \"upgrade begin\", at most until its \"upgrade end\". The state shown is never held.",
		age(time.Duration(p.HoldS)*time.Second)))
	t.line("", "At the end, on either Socket: socketha status")
	if len(p.Notes) == 0 {
		return
	}
	t.b.WriteString("\n" + s.paint(strong, "Notes") + "\n")
	for _, note := range p.Notes {
		t.line("  - ", note)
	}
}
