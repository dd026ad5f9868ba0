package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// markdownFormat writes tables in GitHub's Markdown, for a job summary or a comment.
var markdownFormat = Format{
	Name: "markdown", Doc: "tables, for a job summary or a comment",
	Write: func(w io.Writer, r *Report, _ Options) error {
		b := bufio.NewWriter(w)
		marker{w: b}.report(r)
		return b.Flush()
	},
}

// report writes whatever the report holds.
func (m marker) report(r *Report) {
	switch {
	case r.Audit != nil:
		m.audit(r.Audit)
	case r.Prove != nil:
		m.prove(r.Prove)
	case r.Plan != nil:
		m.plan(r)
	case r.Run != nil:
		m.run(r.Run)
	case r.Check != nil:
		m.verify(r.Check)
	case r.Drift != nil:
		m.drift(r.Drift)
	}
	if r.Impact != nil {
		m.impact(r.Impact)
	}
	if r.Observe != nil {
		m.observe(r.Observe)
	}
	if r.Bench != nil {
		m.bench(r.Bench)
	}
	if r.Fleet != nil {
		m.fleet(r.Fleet)
	}
	if r.Decision != nil {
		m.decision(r.Decision)
	}
	if r.Compare != nil {
		m.compare(r.Compare)
	}
}

// A marker writes Markdown, or gathers the same titles, lines and tables on a sheet. Its functions escape what they are given.
type marker struct {
	w     io.Writer
	sheet *sheet // where it is set, nothing is written
}

// A sheet is a document as titles, lines and tables, in their order.
type sheet struct {
	Title string
	Parts []sheetPart
}

// A sheetPart is a line, or a table with its title.
type sheetPart struct {
	Line  string
	Table *titled
}

func (m marker) title(level int, text string) {
	if m.sheet != nil {
		if m.sheet.Title == "" {
			m.sheet.Title = text
			return
		}
		m.sheet.Parts = append(m.sheet.Parts, sheetPart{Table: &titled{Title: text}})
		return
	}
	fmt.Fprintf(m.w, "%s %s\n\n", strings.Repeat("#", level), markdown(text))
}

func (m marker) line(text string) {
	if m.sheet != nil {
		m.sheet.Parts = append(m.sheet.Parts, sheetPart{Line: text})
		return
	}
	fmt.Fprintf(m.w, "%s\n\n", markdown(text))
}

// table writes a title and a table under it, or nothing where there are no rows.
func (m marker) table(title string, head []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	if m.sheet != nil {
		m.sheet.Parts = append(m.sheet.Parts, sheetPart{Table: &titled{title, head, rows}})
		return
	}
	if title != "" {
		m.title(3, title)
	}
	m.row(head)
	fmt.Fprintf(m.w, "|%s\n", strings.Repeat(" --- |", len(head)))
	for _, r := range rows {
		m.row(r)
	}
	fmt.Fprintln(m.w)
}

func (m marker) row(cells []string) {
	for _, c := range cells {
		fmt.Fprintf(m.w, "| %s ", markdown(c))
	}
	fmt.Fprintln(m.w, "|")
}

// markdownEscapes make each character that Markdown, HTML or GitHub gives a meaning stand for itself. An empty comment after @
// and # keeps GitHub from calling people and linking issues; the backslash before a colon keeps it from making links.
var markdownEscapes = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "{", `\{`, "}", `\}`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "$", `\$`, "!", `\!`,
	"<", "&lt;", ">", "&gt;", "&", "&amp;", "@", "@<!-- -->", "#", `\#<!-- -->`, "://", `\://`, "www.", `www\.`, "WWW.", `WWW\.`, "\n", "<br>",
)

// markdown writes s so that it is read as the text it is, on one line: a line feed becomes a break, and what else controls is
// made visible.
func markdown(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = safe(lines[i])
	}
	return markdownEscapes.Replace(strings.Join(lines, "\n"))
}

func (m marker) head(verb string, s Server) {
	m.title(2, fmt.Sprintf("Ringfence %s: %s", verb, safe(s.Database)))
	m.line(fmt.Sprintf("PostgreSQL %d.%d", s.VersionNum/10000, s.VersionNum%10000))
}

func (m marker) audit(a *Audit) {
	m.head("audit", a.Server)
	m.line((&printer{}).totals(a.Summary))
	var found, accepted, unchecked [][]string
	for _, f := range a.Findings {
		if f.Accepted != nil {
			accepted = append(accepted, []string{f.ID, safe(f.Object), safe(f.Title), acceptedText(f.Accepted.By, f.Accepted.Until, f.Accepted.Reason)})
			continue
		}
		found = append(found, []string{string(f.Severity), f.ID, safe(f.Object), safe(f.Title) + "\n" + strings.TrimPrefix(findingText(f), safe(f.Object)+": ")})
	}
	for _, u := range a.Unchecked {
		unchecked = append(unchecked, []string{u.Rule, safe(u.Object), safe(u.Why)})
	}
	m.table("Findings", []string{"Severity", "Rule", "Object", "What, who and how to mend it"}, found)
	m.table("Accepted", []string{"Rule", "Object", "What", "Accepted"}, accepted)
	m.table("Not checked", []string{"Rule", "Object", "Why"}, unchecked)
	m.model(a.Model)
}

// model says how the schema was read, since everything rests on that.
func (m marker) model(d Model) {
	var rows [][]string
	for _, q := range d.Questions {
		rows = append(rows, []string{safe(q.About), safe(q.Why), safe(strings.Join(q.Candidates, ", "))})
	}
	m.line("Tenant key: " + orNone(d.TenantColumns) + ". Context: " + orNone(d.Contexts) + ".")
	m.table("Questions", []string{"About", "Why", "Candidates"}, rows)
}

func (m marker) prove(d *Prove) {
	m.head("prove", d.Server)
	m.counts(d.Summary.Isolation, d.Summary.Inference)
	m.matrix(d.Cells)
	m.cells(d.Cells)
	for _, n := range d.Notes {
		m.line("Note: " + safe(n))
	}
	m.model(d.Model)
}

func (m marker) counts(isolation, inference prove.Count) {
	row := func(name string, c prove.Count) []string {
		return []string{name, fmt.Sprint(c.Proved), fmt.Sprint(c.Probed), fmt.Sprint(c.Leak), fmt.Sprint(c.Unproven)}
	}
	m.table("", []string{"Cells", "Proved", "Probed", "Leak", "Unproven"}, [][]string{row("isolation", isolation), row("inference", inference)})
}

// matrix writes the worst verdict that is not accepted, for each table and command.
func (m marker) matrix(cells []prove.Cell) {
	worst, tables := map[[2]string]string{}, []string{}
	for _, c := range cells {
		if c.Kind == reach.Inference {
			continue
		}
		tables = append(tables, c.Relation)
		verdict, at := string(c.Verdict), [2]string{c.Relation, c.Command}
		old := prove.Verdict(worst[at])
		switch {
		case c.Accepted != nil:
			worst[at] = cmp.Or(worst[at], "accepted")
		case old == "" || old == "accepted" || prove.Worse(c.Verdict, old):
			worst[at] = verdict
		}
	}
	var rows [][]string
	for _, t := range unique(tables) {
		row := []string{safe(t)}
		for _, command := range Columns {
			row = append(row, cmp.Or(worst[[2]string{t, command}], "-"))
		}
		rows = append(rows, row)
	}
	m.table("Tables", append([]string{"Table"}, Columns...), rows)
}

// cells writes the cells that are neither proved nor probed.
func (m marker) cells(cells []prove.Cell) {
	rows := map[string][][]string{}
	for _, c := range cells {
		switch {
		case c.Accepted != nil:
			rows["accepted"] = append(rows["accepted"], []string{cellTitle(c), acceptedText(c.Accepted.By, c.Accepted.Until, c.Accepted.Reason)})
		case isOpen(c):
			under := string(c.Verdict)
			if c.Verdict != prove.Leak {
				under = string(prove.Unproven)
			}
			rows[under] = append(rows[under], []string{safe(c.Kind), cellTitle(c), strings.TrimPrefix(cellText(c), cellTitle(c)+": ")})
		}
	}
	head := []string{"Kind", "Way", "Why"}
	m.table("Leaks", head, rows["leak"])
	m.table("Unproven", head, rows["unproven"])
	m.table("Accepted", []string{"Way", "Accepted"}, rows["accepted"])
}

func (m marker) plan(r *Report) {
	m.title(2, "Ringfence plan")
	m.line(fmt.Sprintf("%s, %d withheld", english.Count(len(r.Plan.Steps), "step"), len(r.Plan.Withheld)))
	var steps, withheld [][]string
	for i, s := range r.Plan.Steps {
		steps = append(steps, []string{fmt.Sprint(i + 1), fmt.Sprint(s.Wave), s.Kind, safe(s.Object), lockWords(s), strings.Join(s.Danger, ", ")})
	}
	for _, w := range r.Plan.Withheld {
		withheld = append(withheld, []string{w.Kind, safe(w.Object), safe(w.Why), w.Allow})
	}
	m.table("Steps", []string{"Step", "Wave", "Kind", "Object", "Lock", "Danger"}, steps)
	m.table("Withheld", []string{"Kind", "Object", "Why", "Allowed by"}, withheld)
}

func (m marker) run(r *Run) {
	m.title(2, "Ringfence "+r.Verb)
	var checks, steps [][]string
	for _, c := range r.Checks {
		checks = append(checks, []string{c.Name, string(c.State), safe(c.Detail)})
	}
	for _, s := range r.Steps {
		steps = append(steps, []string{fmt.Sprint(s.Step), s.Kind, safe(s.Object), string(s.Outcome), fmt.Sprint(s.Rows), fmt.Sprintf("%.3f", s.Seconds), safe(s.Why)})
	}
	m.table("Before", []string{"Check", "State", "Detail"}, checks)
	m.table("Steps", []string{"Step", "Kind", "Object", "Outcome", "Rows", "Seconds", "Why"}, steps)
}

func (m marker) verify(v *Verify) {
	m.head("verify", v.Server)
	var open, leaked [][]string
	for _, s := range v.Steps {
		if s.Done == nil || !*s.Done {
			state := map[bool]string{true: "unknown", false: "not done"}[s.Done == nil]
			open = append(open, []string{fmt.Sprint(s.Step), s.Kind, safe(s.Object), state, safe(s.Why)})
		}
	}
	for _, e := range v.Probes {
		if e.Outcome == "leaked" && e.Kind == reach.Isolation && !e.Informational && !accepted(v.Cells, e) {
			leaked = append(leaked, []string{safe(e.Role), safe(e.Table), e.Command, e.Probe, safe(e.Why)})
		}
	}
	s := v.Summary
	m.table("", []string{"What", "Good", "Bad", "Unknown"}, [][]string{
		{"steps", fmt.Sprint(s.Done, " done"), fmt.Sprint(s.NotDone, " not done"), fmt.Sprint(s.Unknown)},
		{"logic", fmt.Sprint(s.Isolation.Proved, " proved"), fmt.Sprint(s.Isolation.Leak, " leak"), fmt.Sprint(s.Isolation.Unproven, " unproven")},
		{"attack", fmt.Sprint(s.Held, " held"), fmt.Sprint(s.Leaked, " leaked"), fmt.Sprint(s.Inconclusive, " inconclusive")},
	})
	m.table("Steps that are not in place", []string{"Step", "Kind", "Object", "State", "Why"}, open)
	m.table("Probes that came through", []string{"Role", "Table", "Command", "Probe", "Why"}, leaked)
	m.cells(v.Cells)
	for _, n := range v.Notes {
		m.line("Note: " + safe(n))
	}
}
