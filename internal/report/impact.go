package report

import (
	"fmt"
	"strings"

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
				p.line("%s  %s: %s rows %s", p.paint(colour, word), safe(t.Table), about(t, l.Rows), l.Cause.Words())
				p.wrapped("    ", l.Fix)
			}
		}
		if t.Unknown != "" {
			p.wrapped(p.paint("medium", "UNKNOWN")+"  ", safe(t.Table)+": "+safe(t.Unknown))
		}
		if t.Accepted != nil {
			p.wrapped("    ", fmt.Sprintf("accepted by %s: %s", safe(t.Accepted.By), safe(t.Accepted.Reason)))
		}
	}
	for _, f := range fates(d) {
		p.wrapped("  ", safe(f.words))
		p.wrapped("      ", safe(strings.Join(f.tables, ", ")))
	}
	for _, r := range d.Revoked {
		p.wrapped("  ", safe(revokedWords(r)))
	}
	s := d.Summary
	p.line("%d tables: %d with an unexpected loss (%d rows), %d unknown, %d accepted", s.Tables, s.Unexpected, s.Rows, s.Unknown, s.Accepted)
	if s.Unexpected+s.Unknown > 0 {
		p.wrapped("", fmt.Sprintf("ringfence apply stops at these (exit 4 or 5): correct the data; or accept them in ringfence.yaml with id %s, object, reason, by and until; or --allow %s, --allow %s.",
			impact.AcceptanceID, impact.AllowUnexpected, impact.AllowUnknown))
	}
}

// about writes a number of rows: one that comes from a part of the table only is the least.
func about(t *impact.Table, rows int64) string {
	if t.Counted.Exact {
		return fmt.Sprint(rows)
	}
	return fmt.Sprintf("at least %d (a part of the table was looked at, %.1f %%)", rows, t.Counted.Share*100)
}

// A fate is what becomes of a role's commands, and the tables that share it.
type fate struct {
	words  string
	tables []string
}

// fates tell what becomes of each role's commands, in the order in which each is met first.
func fates(d *impact.Document) []fate {
	var out []fate
	at := map[string]int{}
	for i := range d.Impact {
		for _, words := range effectWords(&d.Impact[i]) {
			n, met := at[words]
			if !met {
				n, at[words] = len(out), len(out)
				out = append(out, fate{words: words})
			}
			out[n].tables = append(out[n].tables, d.Impact[i].Table)
		}
	}
	return out
}

// effectWords tell what becomes of each role's commands on one table, the ones of one fate in one line.
func effectWords(t *impact.Table) []string {
	var order []impact.Effect
	commands := map[impact.Effect][]string{}
	for _, e := range t.Effects {
		key := e
		key.Command, key.Why = "", ""
		if commands[key] == nil {
			order = append(order, key)
		}
		commands[key] = append(commands[key], e.Command)
	}
	var out []string
	for _, e := range order {
		verb, then := e.Change, fmt.Sprintf("%s today, %s then", e.Before, e.After)
		switch e.Change {
		case "none":
			verb, then = "keeps", string(e.Before)
		case "unknown":
			verb, then = "may lose or gain", fmt.Sprintf("%s today, and then it is unknown", e.Before)
		}
		words := fmt.Sprintf("%s %s (%s): %s", e.Role, verb, strings.Join(commands[e], ", "), then)
		out = append(out, words)
	}
	return out
}

// revokedWords say which privilege goes.
func revokedWords(r impact.Revoked) string {
	role := r.Role
	if role == "" {
		role = "PUBLIC"
	}
	columns := ""
	if len(r.Columns) > 0 {
		columns = " (" + strings.Join(r.Columns, ", ") + ")"
	}
	return fmt.Sprintf("%s: no %s%s any more on %s", role, strings.Join(r.Privileges, ", "), columns, r.Object)
}

// impact writes the same as tables.
func (m marker) impact(d *impact.Document) {
	m.title(2, "Who loses what")
	s := d.Summary
	m.line(fmt.Sprintf("%d tables: %d with an unexpected loss (%d rows), %d unknown, %d accepted.", s.Tables, s.Unexpected, s.Rows, s.Unknown, s.Accepted))
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
		effects = append(effects, []string{safe(f.words), safe(strings.Join(f.tables, ", "))})
	}
	for _, r := range d.Revoked {
		revoked = append(revoked, []string{safe(revokedWords(r))})
	}
	m.table("Unexpected", []string{"Table", "Rows", "What", "What to do", "Accepted"}, lost)
	m.table("Unknown", []string{"Table", "Why", "Accepted"}, unknown)
	m.table("By role and command", []string{"Role, command, rows", "Tables"}, effects)
	m.table("Privileges taken", []string{"What"}, revoked)
	m.table("Sampled tenants, each in its own context; without a name: a session without context",
		[]string{"Table", "Role", "Tenant", "Own rows", "Sees today", "Sees then", "Own rows lost"}, tenants)
}
