package report

import (
	"bufio"
	"crypto/rand"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
	"github.com/ringfencehq/ringfence/internal/visible"
)

var textFormat = Format{
	Name: "text", Doc: "for people, on a terminal",
	Write: func(w io.Writer, r *Report, o Options) error {
		b := bufio.NewWriter(w)
		p := &printer{w: b, color: o.Color, escape: "\x1b" + rand.Text(), width: o.Width, details: o.Details}
		if p.width <= 0 {
			p.width = 100
		}
		switch {
		case r.Audit != nil:
			p.audit(r.Audit)
		case r.Prove != nil:
			p.prove(r.Prove)
		case r.Run != nil:
			p.run(r.Run)
		case r.Plan != nil:
			p.plan(r.Plan)
		case r.Check != nil:
			p.verify(r.Check)
		case r.Drift != nil:
			p.drift(r.Drift)
		}
		if r.Impact != nil {
			p.impact(r.Impact)
		}
		if r.Observe != nil {
			p.observe(r.Observe)
		}
		if r.Bench != nil {
			p.bench(r.Bench)
		}
		if r.Fleet != nil {
			p.fleet(r.Fleet)
		}
		if r.Compare != nil {
			p.compare(r.Compare)
		}
		if r.Decision != nil {
			p.decision(r.Decision)
		}
		return b.Flush()
	},
}

// A printer writes lines for people. Colour only underlines what the words say already.
type printer struct {
	w     io.Writer
	color bool
	// escape stands for what begins a colour of ours, until the line is written: no word of a document can be like it.
	escape string
	width  int
	// details: see Options.
	details bool
}

// line writes a line. Of a terminal's language nothing leaves it but our own colours, whatever words a document holds.
func (p *printer) line(format string, args ...any) {
	pieces := strings.Split(fmt.Sprintf(format, args...), p.escape)
	for i := range pieces {
		pieces[i] = visible.Text(pieces[i])
	}
	fmt.Fprintln(p.w, strings.Join(pieces, "\x1b"))
}

var ansi = map[string]string{"critical": "1;31", "high": "31", "medium": "33", "low": "36", "info": "2", "good": "32", "dim": "2", "bold": "1"}

// paint wraps s in the colour of that name.
func (p *printer) paint(name, s string) string {
	if !p.color || ansi[name] == "" {
		return s
	}
	return p.escape + "[" + ansi[name] + "m" + s + p.escape + "[0m"
}

// wrapped writes text under an indent, broken at the width.
func (p *printer) wrapped(indent, text string) {
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > p.width {
			p.line("%s", line)
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	if len(line) > len(indent) {
		p.line("%s", line)
	}
}

func (p *printer) audit(a *Audit) {
	p.heading(a.Server, a.Model)
	for _, same := range alike(a.Findings) {
		p.findings(same)
	}
	for _, f := range a.Findings {
		if f.Accepted != nil {
			p.line("%s  %s  %s: %s", p.paint("dim", "ACCEPTED"), safe(f.ID), safe(f.Object), acceptedText(f.Accepted.By, f.Accepted.Until, f.Accepted.Reason))
		}
	}
	if len(a.Unchecked) > 0 {
		p.line("\nNot checked (unknown is not good news):")
		for _, u := range a.Unchecked {
			p.wrapped("  ", safe(u.Rule)+"  "+safe(u.Object)+": "+safe(u.Why))
		}
	}
	p.line("\n%s", p.totals(a.Summary))
	if len(a.Model.TenantColumns) == 0 {
		p.wrapped("", "No tenant key was found, so nothing here says whether tenants are kept apart. Name it by --tenant-column, or in the file that ringfence init writes.")
	}
	if len(a.Findings) > 0 {
		p.line("%s", p.paint("dim", "ringfence explain ID tells more about a finding; ringfence plan writes the steps that mend them."))
	}
}

// heading says what was looked at and how it was understood, since every finding rests on that.
func (p *printer) heading(s Server, m Model) {
	p.line("%s  PostgreSQL %d.%d%s", p.paint("bold", safe(s.Database)), s.VersionNum/10000, s.VersionNum%10000, map[bool]string{true: ", from a file"}[s.Offline])
	p.line("  tenant key  %s", orNone(m.TenantColumns))
	p.line("  context     %s", orNone(m.Contexts))
	var roles []string
	for _, r := range m.Roles {
		roles = append(roles, fmt.Sprintf("%s (%s)", safe(r.Name), safe(string(r.Kind))))
	}
	p.line("  roles       %s", orNone(roles))
	p.line("  tables      %s\n", orNone(m.classes()))
	for _, q := range m.Questions {
		which := ""
		if len(q.Candidates) > 0 {
			which = " (" + strings.Join(q.Candidates, ", ") + ")"
		}
		p.wrapped("  ? ", safe(fmt.Sprintf("%s: %s%s; say which in ringfence.yaml", q.About, q.Why, which)))
	}
}

// classes counts the tables of each class, in words.
func (m Model) classes() []string {
	count := map[tenancy.Class]int{}
	for _, t := range m.Tables {
		count[t.Class]++
	}
	var out []string
	for _, c := range []tenancy.Class{tenancy.Root, tenancy.Owned, tenancy.Child, tenancy.Global, tenancy.Infrastructure, tenancy.Unclassified} {
		if count[c] > 0 {
			out = append(out, fmt.Sprintf("%d %s", count[c], c))
		}
	}
	return out
}

// alike groups findings of one rule and severity that stand together, accepted ones left out.
func alike(all []audit.Finding) [][]audit.Finding {
	var out [][]audit.Finding
	for _, f := range all {
		if f.Accepted != nil {
			continue
		}
		last := len(out) - 1
		if last >= 0 && out[last][0].ID == f.ID && out[last][0].Severity == f.Severity {
			out[last] = append(out[last], f)
			continue
		}
		out = append(out, []audit.Finding{f})
	}
	return out
}

// findings writes what one rule found: its title once, a line for each object, and one fix as the example of all.
func (p *printer) findings(same []audit.Finding) {
	first := same[0]
	count := ""
	if len(same) > 1 {
		count = fmt.Sprintf(" (%d)", len(same))
	}
	p.line("%s  %s  %s%s", p.paint(string(first.Severity), fmt.Sprintf("%-8s", strings.ToUpper(safe(string(first.Severity))))), safe(first.ID), p.paint("bold", safe(first.Title)), count)
	p.places(same)
	for _, f := range same {
		if fix := fixText(f); fix != "" {
			p.line("    %s %s", p.paint("dim", "fix:"), fix)
			break
		}
	}
	p.line("")
}

// A terminal is given so many objects of one detail, and so many details of one thing; other formats have all.
const (
	mostObjects = 40
	mostPlaces  = 20
	listsAll    = "--format json or html lists all"
)

// shorten leaves the first words of a list, and says how many more there are and where.
func shorten(words []string, most int, where string) []string {
	if len(words) <= most {
		return words
	}
	return append(slices.Clone(words[:most]), fmt.Sprintf("and %d more (%s)", len(words)-most, where))
}

// places writes where one rule found something: an object and its detail each; many objects with one detail share it.
func (p *printer) places(same []audit.Finding) {
	sites := sitesOf(same)
	for i, s := range sites {
		if i == mostPlaces {
			p.line("    and %d more (%s)", len(sites)-i, listsAll)
			return
		}
		shown := shorten(s.Objects, mostObjects, listsAll)
		if len(shown) > 3 {
			p.wrapped("    ", safe(strings.Join(shown, ", ")))
			p.site(s)
			continue
		}
		for _, object := range shown {
			p.line("    %s", p.paint("bold", safe(object)))
			p.site(s)
		}
	}
}

// site writes what was found at a site, under its objects.
func (p *printer) site(s site) {
	p.wrapped("      ", safe(s.Detail))
	if s.Way != "" {
		p.wrapped("      ", "way: "+s.Way)
	}
}

// way writes a path as a reader follows it.
func way(role string, path []reach.Hop, command string) string {
	parts := []string{safe(role)}
	for _, h := range path {
		parts = append(parts, safe(strings.ReplaceAll(h.Via, "_", " "))+" "+safe(h.Name))
	}
	if command != "" {
		parts = append(parts, safe(command))
	}
	return strings.Join(parts, " → ")
}

func (p *printer) totals(summary map[string]int) string {
	var parts []string
	for _, s := range []string{"critical", "high", "medium", "low", "info", "accepted", "unchecked"} {
		if summary[s] > 0 {
			parts = append(parts, p.paint(s, fmt.Sprintf("%d %s", summary[s], s)))
		}
	}
	if len(parts) == 0 {
		return p.paint("good", "Nothing found.")
	}
	return strings.Join(parts, ", ")
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "none found"
	}
	if len(words) > 8 {
		words = append(slices.Clone(words[:8]), fmt.Sprintf("and %d more", len(words)-8))
	}
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = safe(w)
	}
	return strings.Join(out, ", ")
}

// sorted returns the words in order, as a new slice.
func sorted(words []string) []string { return slices.Sorted(slices.Values(words)) }

// unique returns the words without repeats, in order.
func unique(words []string) []string { return slices.Compact(sorted(words)) }
