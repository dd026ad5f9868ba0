package reach

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A filter is what stands between a role and rows for one command in one variant.
type filter struct {
	old, new expr.Expr
	policies []*catalog.Policy
	unbound  string
	opaque   string
	roles    bool
}

// rowsRelation reports whether a relation holds rows that privileges lead to.
func rowsRelation(r *catalog.Relation) bool {
	switch r.Kind {
	case catalog.Table, catalog.Partitioned, catalog.Foreign, catalog.MatView:
		return !r.System
	default:
		return false
	}
}

// A spot is what was last asked of one role at one relation: verbs ask the same things one after another.
type spot struct {
	role   string
	rel    *catalog.Relation
	exempt string
	known  bool
	sets   [4]*composed // SELECT, INSERT, UPDATE, DELETE
}

// place is a command's place in a spot's sets.
func place(c Command) int {
	switch c {
	case Select:
		return 0
	case Insert:
		return 1
	case Update:
		return 2
	default:
		return 3
	}
}

// spot returns the spot of role and rel.
func (w *walker) spot(role string, rel *catalog.Relation) *spot {
	if w.here.rel != rel || w.here.role != role {
		w.here = spot{role: role, rel: rel}
	}
	return &w.here
}

// policies is the composer's, remembered for the spot.
func (w *walker) policies(rel *catalog.Relation, role string, command Command) *composed {
	at := w.spot(role, rel)
	i := place(command)
	if at.sets[i] == nil {
		at.sets[i] = w.composer.policies(rel, role, command)
	}
	return at.sets[i]
}

// exempt says why row security does not bind role on rel, or "".
func (w *walker) exempt(role string, rel *catalog.Relation) string {
	at := w.spot(role, rel)
	if !at.known {
		at.exempt, at.known = w.whyExempt(role, rel), true
	}
	return at.exempt
}

func (w *walker) whyExempt(role string, rel *catalog.Relation) string {
	switch {
	case rel.Kind == catalog.Foreign:
		return "a foreign table has no row security"
	case rel.Kind == catalog.MatView:
		return "a materialized view has no row security"
	case w.m.Rights.Superuser(role):
		return "superuser"
	case w.m.Rights.Bypass(role):
		return "BYPASSRLS"
	case !rel.RowSecurity && len(rel.Policies) > 0:
		return "row security is off; its policies lie dormant"
	case !rel.RowSecurity:
		return "row security is off"
	case !rel.ForceRLS && w.m.Rights.Owns(role, rel):
		return "the owner is not forced"
	}
	return ""
}

// bound returns what filters one command in one variant, for statements whose rights at rel are role's.
func (w *walker) bound(role string, rel *catalog.Relation, command Command, variant string) filter {
	f := w.boundBefore(role, rel, command, variant)
	if set := w.setByTriggers(rel, command, variant); f.unbound == "" && len(set) > 0 {
		if f.old != nil {
			f.old = or(f.old, w.withSettings(f.old, set)) // by the session's own for the first row, by what the trigger left for the next
		}
		f.new = w.withSettings(f.new, set)
	}
	return f
}

// boundBefore is bound where no trigger has fired yet.
func (w *walker) boundBefore(role string, rel *catalog.Relation, command Command, variant string) filter {
	if why := w.exempt(role, rel); why != "" {
		f := filter{unbound: why}
		f.old, f.new = free(command)
		if variant == "move" {
			f.old = nil
		}
		return f
	}
	switch command {
	case Select:
		s := w.policies(rel, role, Select)
		return filter{old: s.using}.from(s)
	case Insert:
		return w.boundInsert(role, rel, variant)
	case Update:
		return w.boundUpdate(role, rel, variant)
	case Delete:
		d := w.policies(rel, role, Delete)
		if variant == "blind" {
			return filter{old: d.using}.from(d)
		}
		s := w.policies(rel, role, Select)
		return filter{old: and(d.using, s.using)}.from(d, s)
	case Merge:
		return w.boundMerge(role, rel)
	}
	return filter{}
}

// free gives the predicates of a command that nothing filters.
func free(command Command) (old, made expr.Expr) {
	switch command {
	case Select, Delete, Truncate, Trigger:
		return trueExpr, nil
	case Insert:
		return nil, trueExpr
	case Update, Merge:
		return trueExpr, trueExpr
	}
	return nil, nil
}

// from notes what was composed.
func (f filter) from(all ...*composed) filter {
	for _, c := range all {
		for _, p := range c.policies {
			if !containsPolicy(f.policies, p) {
				f.policies = append(f.policies, p)
			}
		}
		f.roles = f.roles || c.roles
		if c.why != "" {
			f.opaque = c.why
		}
	}
	return f
}

func containsPolicy(all []*catalog.Policy, p *catalog.Policy) bool {
	for _, have := range all {
		if have == p {
			return true
		}
	}
	return false
}

// boundInsert: a plain INSERT is checked by INSERT's policies; with RETURNING or ON CONFLICT the new row must be visible too; ON
// CONFLICT DO UPDATE makes the conflicting row pass UPDATE's and SELECT's USING, and the updated row UPDATE's check and SELECT's
// USING (all of them raise). COPY FROM is refused where row security binds.
func (w *walker) boundInsert(role string, rel *catalog.Relation, variant string) filter {
	i := w.policies(rel, role, Insert)
	switch variant {
	case "copy":
		return filter{new: falseExpr}.from(i)
	case "on_conflict":
		u, s := w.policies(rel, role, Update), w.policies(rel, role, Select)
		made := or(and(i.check, s.using), and(u.check, s.using))
		return filter{old: and(u.using, s.using), new: made}.from(i, u, s)
	}
	return filter{new: i.check}.from(i)
}

// boundUpdate: with a column read (WHERE, RETURNING, an expression) SELECT's policies bind the old row and the new one; the
// blind form is UPDATE's alone. A move is the blind form seen from the row that is made.
func (w *walker) boundUpdate(role string, rel *catalog.Relation, variant string) filter {
	u := w.policies(rel, role, Update)
	switch variant {
	case "blind":
		return filter{old: u.using, new: u.check}.from(u)
	case "move":
		if constant(u.using, false) {
			return filter{new: falseExpr}.from(u)
		}
		return filter{new: u.check}.from(u)
	}
	s := w.policies(rel, role, Select)
	return filter{old: and(u.using, s.using), new: and(u.check, s.using)}.from(u, s)
}

// boundMerge: MERGE reads, and does what its actions' own commands allow.
func (w *walker) boundMerge(role string, rel *catalog.Relation) filter {
	s := w.policies(rel, role, Select)
	parts := []*composed{s}
	var old, made []expr.Expr
	if w.m.Rights.Relation(role, rel, "UPDATE").Held {
		u := w.policies(rel, role, Update)
		old, made, parts = append(old, and(u.using, s.using)), append(made, and(u.check, s.using)), append(parts, u)
	}
	if w.m.Rights.Relation(role, rel, "DELETE").Held {
		d := w.policies(rel, role, Delete)
		old, parts = append(old, and(d.using, s.using)), append(parts, d)
	}
	if w.m.Rights.Relation(role, rel, "INSERT").Held {
		i := w.policies(rel, role, Insert)
		made, parts = append(made, i.check), append(parts, i)
	}
	return filter{old: or(old...), new: or(made...)}.from(parts...)
}

// carry adds to the row that an UPDATE of some columns makes what was true of the row that it changed and looks at none of
// these columns. A BEFORE trigger could change others: then nothing is added.
func (w *walker) carry(way *Way, old expr.Expr) {
	if way.Command != Update || way.Columns == nil || way.New == nil || old == nil || RewritesRows(way.Relation, "UPDATE") {
		return
	}
	var all, keep []expr.Expr
	split(old, &all)
	for _, c := range all {
		untouched := true
		vars(c, func(v *expr.Var) {
			col := way.Relation.ColumnByName(v.Name)
			untouched = untouched && col != nil && col.Generated == "" && !slices.Contains(way.Columns, v.Name)
		})
		if untouched {
			keep = append(keep, c)
		}
	}
	way.New = and(append([]expr.Expr{way.New}, keep...)...)
}

// RewritesRows reports whether a trigger may change a row on its way into a relation.
func RewritesRows(rel *catalog.Relation, event string) bool {
	for i := range rel.Triggers {
		if t := &rel.Triggers[i]; t.Timing == "before" && t.EachRow && t.Enabled != "disabled" && slices.Contains(t.Events, event) {
			return true
		}
	}
	return false
}
