package reach

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// A stage says in whose name stored statements run, and what is known of the rows that they were given.
type stage struct {
	way   Way               // role, path and current user; the rest is filled in
	as    string            // whose rights count for the statements' own tables
	given *scope            // OLD and NEW as sources 1 and 2, with what is known of them; nil: none
	on    *catalog.Relation // whose rows they are
	bind  []expr.Expr       // what a call gives for the parameters; nil: the caller of the path chooses them
	// pinned is true where the search_path is one that a function around sets.
	pinned bool
	// silent is true where what the statements read comes out to nobody: a trigger's or a rule's queries.
	silent bool
	// shown is true of an INSERT whose row the caller may read.
	shown bool
	// makes is true of a trigger whose NEW becomes the row.
	makes bool
	// args is true where the caller chooses parameters.
	args bool
	// asks is true where the statement runs under a condition.
	asks bool
}

// statement yields the ways of one stored statement.
func (w *walker) statement(q *expr.Query, st stage) {
	outer := st.given
	if outer == nil {
		outer = &scope{}
	}
	for i := range q.CTEs {
		if c := q.CTEs[i].Query; c != nil && c.Command != "select" {
			w.statement(c, st)
		}
	}
	found, unknown := w.statementReadings(q, st, outer)
	for _, rd := range found {
		way := st.way
		way.As, way.Relation, way.Command, way.Kind, way.Args = rd.as, rd.rel, Select, Isolation, st.args
		way.Path = append(append(Path(nil), st.way.Path...), rd.via...)
		if st.silent || !rd.values {
			way.Kind = Inference
		}
		rd.hard, rd.soft = and(rd.hard, rd.soft), trueExpr
		w.read(&way, rd, unknown)
	}
	switch q.Command {
	case "insert", "update", "delete", "merge":
		w.write(q, st, outer)
	case "utility":
		if q.Utility == expr.TruncateTag {
			w.truncates(q, st)
		}
	}
}

// truncates yields the ways of a TRUNCATE.
func (w *walker) truncates(q *expr.Query, st stage) {
	for i := range q.Range {
		rel := q.Range[i].Relation
		if rel == nil || !w.wanted(rel) || !w.m.Rights.Relation(st.as, rel, "TRUNCATE").Held {
			continue
		}
		way := st.way
		way.As, way.Relation, way.Command, way.Kind, way.Args, way.Privileged = st.as, rel, Truncate, Isolation, st.args, true
		way.Unbound = "row security does not bind TRUNCATE"
		way.Old, way.New = free(Truncate)
		w.emitOnce(way)
	}
}

// statementReadings returns what a statement reads, its target aside.
func (w *walker) statementReadings(q *expr.Query, st stage, outer *scope) ([]reading, []string) {
	read := *q
	values := q.Command == "select" || st.shown
	if q.Command != "select" {
		read.Command = "select"
		if len(q.Returning) == 0 && !st.shown {
			read.Targets = nil
		}
	}
	f := &flattener{w: w, current: st.way.CurrentUser}
	f.query(&read, frame{scope: outer, as: st.as, barrier: true, values: values, rows: st.given != nil}, nil)
	return f.found, f.unknown
}

// write yields the way of a statement that changes rows.
func (w *walker) write(q *expr.Query, st stage, outer *scope) {
	rel := q.Written()
	if rel == nil {
		return
	}
	if q.Command == "merge" {
		for _, part := range mergeParts(q) {
			w.write(part, st, outer)
		}
		return
	}
	command := map[string]Command{"insert": Insert, "update": Update, "delete": Delete}[q.Command]
	v := verb{command: command}
	if q.OnConflict != nil && q.OnConflict.Action == "update" {
		v.variant = "on_conflict"
	}
	way := st.way
	way.As, way.Relation, way.Command, way.Kind, way.Args = st.as, rel, command, Isolation, st.args
	if rel.Kind == catalog.View {
		t := w.updatable(rel, st.way.CurrentUser, command, 0)
		if t == nil || !w.may(st.as, rel, v) || w.replaced(rel, command) {
			return
		}
		way.Path = append(append(append(Path(nil), way.Path...), Hop{Via: "view", Name: rel.Identity()}), t.via...)
		way.Relation, way.As, rel = t.rel, t.as, t.rel
	}
	if !w.wanted(rel) || !w.may(way.As, rel, v) {
		return
	}
	blind := command == Update && !readsTarget(q) || command == Delete && !readsTarget(q)
	if blind {
		v.variant, way.Variant = "blind", "blind"
	}
	way.Variant, way.Privileged = v.variant, true
	way.apply(w.bound(way.As, rel, command, v.variant))
	w.narrow(&way, q, st, outer)
	w.emitOnce(way)
}

// mergeParts writes a MERGE as the statements that its actions are: each needs its own privilege, and meets the policies of its own command.
func mergeParts(q *expr.Query) []*expr.Query {
	var out []*expr.Query
	for _, a := range q.Merge {
		if a.Command == "nothing" {
			continue
		}
		part := *q
		part.Command, part.Targets, part.Merge, part.MergeOn = a.Command, a.Targets, nil, nil
		part.Where = and(q.Where, a.Qual)
		if a.Matched == "matched" {
			part.Where = and(part.Where, q.MergeOn)
		}
		out = append(out, &part)
	}
	return out
}

// readsTarget reports whether an UPDATE or DELETE looks at its own rows, so that SELECT's policies bind as well.
func readsTarget(q *expr.Query) bool {
	reads := len(q.Returning) > 0
	look := func(e expr.Expr) {
		if e != nil {
			vars(e, func(v *expr.Var) { reads = reads || v.RTE == q.Result })
		}
	}
	look(q.Where)
	for _, t := range q.Targets {
		look(t.Expr)
	}
	for _, c := range conditionsFor(q, q.Result) {
		look(c)
	}
	return reads
}

// narrow adds to a way what the statement itself asks of rows and gives to them.
func (w *walker) narrow(way *Way, q *expr.Query, st stage, outer *scope) {
	if way.Relation != q.Written() {
		way.Asked = way.Asked || st.asks
		return // through a view, the statement's own conditions are left out
	}
	q = selected(q)
	s := outer.clone()
	place := make(map[int]int, len(q.Range))
	for i := range q.Range {
		place[i+1] = i + 1 + len(outer.sources)
		s.add(source{entry: q.Range[i], as: st.as})
	}
	in := func(e expr.Expr) expr.Expr { return w.within(e, place, outer) }
	if way.Old != nil && q.Command != "insert" {
		at := s.clone()
		for _, c := range conditionsFor(q, q.Result) {
			if e := in(c); e != nil {
				at.require(e, false)
			}
		}
		at.drop()
		if st.args {
			at.choose()
		}
		way.Old = and(way.Old, at.lift(place[q.Result], false))
	}
	if way.New == nil {
		return
	}
	made := s.clone()
	for _, t := range q.Targets {
		if t.Junk || t.Column == "" {
			continue
		}
		if q.Command == "update" {
			way.Columns = append(way.Columns, t.Column)
		}
		if e := w.assigned(way.Relation, t, place[q.Result], in); e != nil && (q.OnConflict == nil || kept(q.OnConflict, t.Column)) {
			made.require(e, false)
		}
	}
	if way.Old != nil && q.OnConflict != nil && !RewritesRows(way.Relation, "INSERT") {
		w.inConflict(way, q, s.clone(), place[q.Result], in)
	}
	if q.Command == "insert" {
		for _, c := range conditionsFor(q, 0) {
			if e := in(c); e != nil {
				made.require(e, false)
			}
		}
	}
	made.drop()
	if st.args {
		made.choose()
	}
	way.New = and(way.New, made.lift(place[q.Result], false))
	w.carry(way, way.Old)
}

// inConflict adds to the row that ON CONFLICT DO UPDATE changes what it has in common with the one that was to be made.
func (w *walker) inConflict(way *Way, q *expr.Query, at *scope, place int, in func(expr.Expr) expr.Expr) {
	for _, t := range q.Targets {
		if t.Junk || !slices.Contains(q.OnConflict.Arbiter, t.Column) {
			continue
		}
		if e := w.assigned(way.Relation, t, place, in); e != nil {
			at.require(e, false)
		}
	}
	at.drop()
	way.Old = and(way.Old, at.lift(place, false))
}

// kept reports whether a column has the statement's value either way: made, or in the row in conflict and not set anew.
func kept(c *expr.OnConflict, column string) bool {
	return c.Action == "nothing" || slices.Contains(c.Arbiter, column) &&
		!slices.ContainsFunc(c.Set, func(t expr.Target) bool { return !t.Junk && t.Column == column })
}

// within puts a condition of a statement into the scope's places; nil where it looks elsewhere. NEW and OLD of a rule are the
// statement's entries 1 and 2, which the scope holds already.
func (w *walker) within(e expr.Expr, place map[int]int, outer *scope) expr.Expr {
	if escapes(e) {
		return nil
	}
	return moved(e, func(v *expr.Var) (int, int) {
		if len(outer.sources) >= 2 && v.RTE <= 2 {
			return 0, v.RTE
		}
		return 0, place[v.RTE]
	})
}

// assigned is the condition that a made row's column has the value that a statement gives it; nil where that says nothing.
func (w *walker) assigned(rel *catalog.Relation, t expr.Target, place int, in func(expr.Expr) expr.Expr) expr.Expr {
	c := rel.ColumnByName(t.Column)
	eq := w.equality(c)
	value := in(t.Expr)
	if c == nil || eq == nil || value == nil {
		return nil
	}
	own := false
	vars(value, func(v *expr.Var) { own = own || v.RTE == place })
	if own {
		return nil // the old row's value
	}
	return &expr.Operation{Kind: "plain", OID: eq.OID, Op: eq, TypeOID: boolOID, Args: []expr.Expr{
		&expr.Var{RTE: place, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod}, value}}
}

// equality returns PostgreSQL's own = for a column's type, or nil where the snapshot does not hold it.
func (w *walker) equality(c *catalog.Column) *catalog.Operator {
	if c == nil {
		return nil
	}
	return w.equalityOf(c.TypeOID)
}

// equalityOf is equality for a type.
func (w *walker) equalityOf(oid uint32) *catalog.Operator {
	t := w.m.Snapshot.TypeByOID(w.m.Reader.BaseType(oid))
	if t == nil {
		return nil
	}
	name := t.Format
	if name == "character varying" {
		name = "text"
	}
	return w.equalities()[name]
}

// equalities indexes the operators once.
func (w *walker) equalities() map[string]*catalog.Operator {
	if w.eq == nil {
		w.eq = make(map[string]*catalog.Operator)
		for i := range w.m.Snapshot.Operators {
			o := &w.m.Snapshot.Operators[i]
			if o.Schema == "pg_catalog" && o.Name == "=" && o.Left == o.Right && o.BTreeStrategy == 3 {
				w.eq[o.Left] = o
			}
		}
	}
	return w.eq
}
