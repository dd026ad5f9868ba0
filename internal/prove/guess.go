package prove

import (
	"context"
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// maxTrials bounds how many contexts all cells of a run are tried in, many rows at once; maxRaising how many of these rows are tried
// one by one where all together end in an error.
const (
	maxTrials  = 4000
	maxRaising = 8
)

// A trial is a predicate in one context, with the rows it is tried on.
type trial struct {
	cell  *Cell
	rows  []*decide.Witness
	whole attack.Evaluation // of all rows at once
	id    int
}

// guess has PostgreSQL speak on cells that logic left open: it evaluates their predicates on rows of other tenants, by the hundred.
// A predicate that is true of one makes its cell a leak; that none was found proves nothing.
func guess(ctx context.Context, m *tenancy.Model, cells []Cell, connect Connect) error {
	all := newExecution(m)
	trials := all.trials(cells)
	if len(trials) == 0 {
		return nil
	}
	if err := all.run(ctx, connect); err != nil {
		return err
	}
	single := newExecution(m)
	var hits []trial // of one row each
	for _, t := range trials {
		rows := t.rows
		switch all.replies[t.id].Truth {
		case attack.True:
		case attack.Raised: // by one of them, or by the context itself
			rows = rows[:min(len(rows), maxRaising)]
		default:
			continue
		}
		for _, w := range rows {
			one := t.whole
			one.Rows, one.Row = nil, w.Row
			hits = append(hits, trial{cell: t.cell, rows: []*decide.Witness{w}, id: single.add(one)})
		}
	}
	if err := single.run(ctx, connect); err != nil {
		return err
	}
	for _, t := range hits {
		if r := single.replies[t.id]; r.Truth == attack.True && t.cell.Verdict == Unproven {
			t.cell.refute(t.rows[0], r.Statement)
		}
	}
	return nil
}

// trials adds the evaluations of what may be guessed about the cells.
func (x *execution) trials(cells []Cell) []trial {
	var out []trial
	for i := range cells {
		c := &cells[i]
		if c.Verdict != Unproven || c.way == nil || c.decision.Verdict != decide.Undecided {
			continue
		}
		if t := x.trialsOf(c); len(out)+len(t) <= maxTrials {
			out = append(out, t...)
		}
	}
	return out
}

// trialsOf groups the guesses about a cell by predicate and context.
func (x *execution) trialsOf(c *Cell) []trial {
	type place struct {
		e       expr.Expr
		context string
	}
	var out []trial
	at := map[place]int{}
	checks := checked(c.way.Relation)
	for _, g := range c.decider.Guesses(*c.way) {
		settings, ok := settingsOf(g.Witness.Context, c.way.CurrentUser)
		if !ok {
			continue
		}
		p := place{g.Expr, fingerprint(settings)}
		n, seen := at[p]
		if !seen {
			text, written := x.conditions.sql(c.way.Relation, c.way.CurrentUser, g.Expr)
			if !written {
				continue
			}
			text += checks
			n = len(out)
			at[p] = n
			out = append(out, trial{cell: c, whole: attack.Evaluation{Role: c.way.CurrentUser, Relation: c.way.Relation, Expr: text, Context: settings}})
		}
		out[n].rows = append(out[n].rows, g.Witness)
		out[n].whole.Rows = append(out[n].whole.Rows, g.Witness.Row)
	}
	for n := range out {
		out[n].id = x.add(out[n].whole)
	}
	return out
}

// checked is the condition that a row breaks no CHECK of its table, to stand behind another.
func checked(rel *catalog.Relation) string {
	var b strings.Builder
	for i := range rel.Constraints {
		if k := &rel.Constraints[i]; k.Kind == "check" && k.Check != nil && k.Validated {
			fmt.Fprintf(&b, " AND (%s) IS NOT FALSE", k.Check.Text)
		}
	}
	return b.String()
}

// refute makes a cell a leak that PostgreSQL has shown.
func (c *Cell) refute(w *decide.Witness, evaluated string) {
	c.Verdict, c.Makes = Leak, ""
	c.Why = fmt.Sprintf("PostgreSQL lets another tenant's row through where logic could not tell (%s)", c.Why)
	c.Witness = &Witness{Row: w.Row, Context: w.Context, Statement: statement(c.way), Evaluated: evaluated, Executed: "expression"}
}
