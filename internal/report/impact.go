package report

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/impact"
)

// OfImpact makes the report of who loses what; its document is impact.json itself.
func OfImpact(d *impact.Document) *Report { return &Report{Impact: d} }

// impact tells people who loses what: first what nobody wants to lose, then what is not known, then the aim in one line a table.
func (p *printer) impact(d *impact.Document) {
	if len(d.Impact)+len(d.Revoked) == 0 {
		return
	}
	p.line("\n%s", p.paint("bold", "Who loses what"))
	for i := range d.Impact {
		t := &d.Impact[i]
		for _, l := range t.Losses {
			if l.Unexpected {
				word, colour := "UNEXPECTED", "critical"
				if t.Accepted != nil {
					word, colour = "ACCEPTED", "dim"
				}
				p.line("%s  %s: %s %s", p.paint(colour, word), safe(t.Table), about(t, l.Rows), l.Cause.Words())
				p.wrapped("    ", l.Fix)
			}
		}
		if t.Accepted != nil {
			if t.Unknown != "" {
				p.wrapped(p.paint("dim", "UNKNOWN")+"  ", safe(t.Table)+": "+safe(t.Unknown))
			}
			p.wrapped("    ", fmt.Sprintf("accepted by %s: %s", safe(t.Accepted.By), safe(t.Accepted.Reason)))
		}
	}
	for _, f := range unknowns(d) {
		p.wrapped(p.paint("medium", "UNKNOWN")+"  ", safe(f.key))
		p.objects(f.names)
	}
	for _, f := range append(fates(d), revocations(d)...) {
		p.wrapped("  ", safe(f.key))
		p.objects(f.names)
	}
	s := d.Summary
	p.line("%s: %d with an unexpected loss (%s), %d unknown, %d accepted", english.Count(s.Tables, "table"), s.Unexpected, english.Count(s.Rows, "row"), s.Unknown, s.Accepted)
	if s.Unexpected+s.Unknown > 0 {
		p.wrapped("", fmt.Sprintf("ringfence apply stops at these (exit 4 or 5): correct the data; or accept them in ringfence.yaml with id %s, object, reason, by and until; or --allow %s, --allow %s.",
			impact.AcceptanceID, impact.AllowUnexpected, impact.AllowUnknown))
	}
}

// objects names what shares one line's fate.
func (p *printer) objects(names []string) {
	p.wrapped("      ", safe(strings.Join(shorten(names, mostObjects, "impact.json lists all"), ", ")))
}

// about writes a number of rows: one that comes from a part of the table only is the least.
func about(t *impact.Table, rows int64) string {
	if t.Counted.Exact {
		return english.Count(rows, "row")
	}
	return fmt.Sprintf("at least %s (a part of the table was looked at, %.1f %%)", english.Count(rows, "row"), t.Counted.Share*100)
}

// A fate is what becomes of something, with the tables that share it.
type fate = gathered[string]

// fates tell what becomes of each role's commands.
func fates(d *impact.Document) []fate {
	var l gathering[string]
	for i := range d.Impact {
		for _, words := range effectWords(&d.Impact[i]) {
			l.add(words, d.Impact[i].Table)
		}
	}
	return l.list
}

// unknowns tell of which tables it is not known who loses what, and why, where nobody accepted that.
func unknowns(d *impact.Document) []fate {
	var l gathering[string]
	for i := range d.Impact {
		if t := &d.Impact[i]; t.Unknown != "" && t.Accepted == nil {
			l.add(t.Unknown, t.Table)
		}
	}
	return l.list
}

// effectWords tell what becomes of each role's commands on one table, the ones of one fate in one line.
func effectWords(t *impact.Table) []string {
	var commands gathering[impact.Effect]
	for _, e := range t.Effects {
		key := e
		key.Command, key.Why = "", ""
		commands.add(key, e.Command)
	}
	var out []string
	for _, g := range commands.list {
		e := g.key
		verb, then := e.Change, fmt.Sprintf("%s today, %s then", e.Before, e.After)
		switch e.Change {
		case "none":
			verb, then = "keeps", string(e.Before)
		case "unknown":
			verb, then = "may lose or gain", fmt.Sprintf("%s today, and then it is unknown", e.Before)
		}
		words := fmt.Sprintf("%s %s (%s): %s", e.Role, verb, strings.Join(g.names, ", "), then)
		out = append(out, words)
	}
	return out
}

// revocations tell which privileges go: those of one role that go from the same objects together.
func revocations(d *impact.Document) []fate {
	var goes gathering[[2]string]
	var l gathering[string]
	for _, r := range d.Revoked {
		columns := ""
		if len(r.Columns) > 0 {
			columns = " (" + strings.Join(r.Columns, ", ") + ")"
		}
		for _, privilege := range r.Privileges {
			goes.add([2]string{cmp.Or(r.Role, "PUBLIC"), r.Object}, privilege+columns)
		}
	}
	for _, g := range goes.list {
		role, object := g.key[0], g.key[1]
		l.add(role+": no "+strings.Join(g.names, ", ")+" any more on", object)
	}
	return l.list
}

// impact writes the same as tables.
func (m marker) impact(d *impact.Document) {
	m.title(2, "Who loses what")
	s := d.Summary
	m.line(fmt.Sprintf("%s: %d with an unexpected loss (%s), %d unknown, %d accepted.", english.Count(s.Tables, "table"), s.Unexpected, english.Count(s.Rows, "row"), s.Unknown, s.Accepted))
	var lost, unknown, effects, revoked, tenants [][]string
	for i := range d.Impact {
		t := &d.Impact[i]
		accepted := ""
		if t.Accepted != nil {
			accepted = acceptedText(t.Accepted.By, t.Accepted.Until, t.Accepted.Reason)
		}
		for _, l := range t.Losses {
			if l.Unexpected {
				lost = append(lost, []string{safe(t.Table), about(t, l.Rows), l.Cause.Words(), l.Fix, accepted})
			}
		}
		if t.Unknown != "" {
			unknown = append(unknown, []string{safe(t.Table), safe(t.Unknown), accepted})
		}
		for _, n := range t.Tenants {
			tenants = append(tenants, []string{safe(t.Table), safe(n.Role), safe(n.Tenant), fmt.Sprint(n.Own), fmt.Sprint(n.Before), fmt.Sprint(n.After), fmt.Sprint(n.Lost)})
		}
	}
	for _, f := range fates(d) {
		effects = append(effects, []string{safe(f.key), safe(strings.Join(f.names, ", "))})
	}
	for _, f := range revocations(d) {
		revoked = append(revoked, []string{safe(f.key), safe(strings.Join(f.names, ", "))})
	}
	m.table("Unexpected", []string{"Table", "Rows", "What", "What to do", "Accepted"}, lost)
	m.table("Unknown", []string{"Table", "Why", "Accepted"}, unknown)
	m.table("By role and command", []string{"Role, command, rows", "Tables"}, effects)
	m.table("Privileges taken", []string{"What", "Objects"}, revoked)
	m.table("Sampled tenants, each in its own context; without a name: a session without context",
		[]string{"Table", "Role", "Tenant", "Own rows", "Sees today", "Sees then", "Own rows lost"}, tenants)
}
