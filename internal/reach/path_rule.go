package reach

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// rules yields what the rewrite rules of a relation do when a role writes to it: their actions run in the rights of the
// relation's owner, with the role still as current_user.
func (w *walker) rules(app, role string, rel *catalog.Relation, path Path) {
	for i := range rel.Rules {
		r := &rel.Rules[i]
		if r.Event == "SELECT" || r.Enabled == "disabled" || r.Enabled == "replica" || !w.m.Rights.Relation(role, rel, r.Event).Held ||
			!w.m.Rights.Schema(role, rel.Schema, "USAGE") {
			continue
		}
		actions, err := w.m.Reader.Action(&r.Action)
		if err != nil {
			continue
		}
		st := stage{
			as: rel.Owner, args: true, // also on a view that asks as its caller: that goes for its query alone
			way: Way{Role: app, CurrentUser: role, Path: joinPath(path, Hop{Via: "rule", Name: r.Name + " on " + rel.Identity()}, nil)},
			on:  rel,
		}
		given := w.givenRows(role, rel, Command(r.Event), r.Instead)
		for _, q := range actions {
			if st.given = nil; asksRows(q, rel) {
				st.given = given
			}
			st.silent = q.Command != "select" && len(q.Returning) == 0
			w.statement(q, st)
		}
	}
}

// asksRows reports whether a rule's action has OLD and NEW as its entries 1 and 2: one that names neither is stored without them.
func asksRows(q *expr.Query, rel *catalog.Relation) bool {
	return len(q.Range) >= 2 && q.Range[0].Relation == rel && q.Range[0].Alias == "old" && q.Range[1].Relation == rel && q.Range[1].Alias == "new"
}

// givenRows is OLD and NEW of a command on rel as sources 1 and 2, with what row security says of them. Where the command
// itself does not take place (INSTEAD), nothing is known of NEW.
func (w *walker) givenRows(role string, rel *catalog.Relation, c Command, instead bool) *scope {
	s := &scope{}
	entry := expr.RangeEntry{Kind: "relation", Relation: rel, RelOID: rel.OID, Alias: rel.Name}
	s.add(source{entry: entry, given: true})
	s.add(source{entry: entry, given: true, chosen: true})
	if rel.Kind == catalog.View && c != Insert {
		w.viewed(role, rel, s)
	}
	if rel.Kind == catalog.View || instead {
		return s
	}
	f := w.bound(role, rel, c, "blind")
	if f.old != nil && f.unbound == "" && c != Insert {
		s.require(moved(f.old, func(*expr.Var) (int, int) { return 0, 1 }), false)
	}
	if f.new != nil && f.unbound == "" {
		s.require(moved(f.new, func(*expr.Var) (int, int) { return 0, 2 }), false)
	}
	return s
}

// viewed says of the row of a view that is OLD, in place 1 of s, what the view shows: rows of its table that pass the policies there and
// its own filter, as far as its columns tell of them. A view over more than one table says nothing.
func (w *walker) viewed(role string, v *catalog.Relation, s *scope) {
	t := w.updatable(v, role, Select, 0)
	if t == nil {
		return
	}
	shown := make(map[int16]*expr.Var, len(t.project))
	for num, e := range t.project {
		if of, ok := e.(*expr.Var); ok {
			if c := v.Column(num); c != nil {
				shown[of.Num] = &expr.Var{RTE: 1, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod}
			}
		}
	}
	all := t.where
	if f := w.bound(t.as, t.rel, Select, ""); f.unbound == "" {
		all = append([]expr.Expr{f.old}, all...)
	}
	for _, e := range all {
		var each []expr.Expr
		split(e, &each)
		for _, c := range each {
			if e, ok := substituted(c, func(x *expr.Var) expr.Expr {
				if by := shown[x.Num]; by != nil {
					return by
				}
				return nil
			}); ok {
				s.require(e, false)
			}
		}
	}
}
