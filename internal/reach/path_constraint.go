package reach

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
)

// constraints yields what keys give away: unique and exclusion indexes refuse a value that a row of anybody's has, foreign keys
// accept one that a row of anybody's has, row security or not. The predicate says which rows' existence is told: those for
// which the role may make a row that meets them. Keys of UUIDs alone cannot be guessed and are left out.
func (w *walker) constraints(app string, rel *catalog.Relation) {
	t := w.m.Table(rel.Identity())
	if t == nil || !t.Class.Tenant() || rel.Kind == catalog.Foreign {
		return
	}
	for i := range rel.Indexes {
		x := &rel.Indexes[i]
		if !x.Unique && !x.Exclusion || !x.Valid {
			continue
		}
		w.told(app, rel, rel, w.keyPairs(rel, x), x.Name+" on "+rel.Identity(), w.predicate(rel, x)...)
	}
}

// A pair is what two rows have in common where a key tells of one of them: an expression over the row that is looked for, and
// one over the new row, nil where the two need not be equal. Its column is the new row's, "" for an expression.
type pair struct {
	of, new expr.Expr
	column  string
}

// keyPairs returns what rows that meet in an index have in common. What is compared otherwise than by its type's equality, as
// an exclusion constraint may and a collation that takes letters for one another does, is left free.
func (w *walker) keyPairs(rel *catalog.Relation, x *catalog.Index) []pair {
	var operators []uint32
	if x.Exclusion {
		for i := range rel.Constraints {
			if c := &rel.Constraints[i]; c.Kind == "exclusion" && c.Index == x.Name {
				operators = c.Operators
			}
		}
	}
	out := make([]pair, 0, len(x.Keys))
	for i, k := range x.Keys {
		p := pair{column: k.Column}
		if c := rel.ColumnByName(k.Column); c != nil {
			p.of = column(c)
		} else if k.Expression != nil {
			p.of, _ = w.m.Reader.Expression(k.Expression, rel) // what cannot be read is left free
		}
		if p.of != nil && !w.foldsKeys(k) && (!x.Exclusion || i < len(operators) && w.isEquality(operators[i], p.of.Type())) {
			p.new = p.of
		}
		out = append(out, p)
	}
	return out
}

// isEquality reports whether an operator is the one by which a type's values are equal.
func (w *walker) isEquality(operator, typ uint32) bool {
	eq := w.equalityOf(typ)
	return eq != nil && eq.OID == operator
}

// foldsKeys reports whether an index compares a key by a collation that takes different texts for one.
func (w *walker) foldsKeys(k catalog.IndexKey) bool {
	return slices.ContainsFunc(w.m.Snapshot.Collations, func(c catalog.Collation) bool { return !c.Deterministic && c.Name == k.Collation })
}

// predicate returns what a partial index asks of its rows.
func (w *walker) predicate(rel *catalog.Relation, x *catalog.Index) []expr.Expr {
	if x.Predicate == nil {
		return nil
	}
	e, err := w.m.Reader.Expression(x.Predicate, rel)
	if err != nil || e == nil {
		return nil
	}
	return []expr.Expr{e}
}

// column is a relation's column in a predicate over its row.
func column(c *catalog.Column) *expr.Var {
	return &expr.Var{RTE: 1, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod}
}

// references yields what the foreign keys of a table that the role writes tell of the tables that they refer to.
func (w *walker) references(app string, from *catalog.Relation) {
	for i := range from.Constraints {
		c := &from.Constraints[i]
		if c.Kind != "foreign" || c.RefTable == from.Identity() || len(c.Columns) != len(c.RefColumns) {
			continue
		}
		to := w.m.Snapshot.Relation(c.RefTable)
		if to == nil || !w.wanted(to) {
			continue
		}
		if t := w.m.Table(to.Identity()); t == nil || !t.Class.Tenant() {
			continue
		}
		var pairs []pair
		for k := range c.Columns {
			if a, b := to.ColumnByName(c.RefColumns[k]), from.ColumnByName(c.Columns[k]); a != nil && b != nil {
				pairs = append(pairs, pair{column(a), column(b), b.Name})
			}
		}
		w.told(app, to, from, pairs, c.Name+" on "+from.Identity())
	}
}

// told yields the way to the existence of rel's rows over a key of the table that is written: pairs are what the row and the
// new one have in common, both is what is true of both.
func (w *walker) told(app string, rel, written *catalog.Relation, pairs []pair, name string, both ...expr.Expr) {
	h := w.m.Rights.Relation(app, written, "INSERT")
	if !h.Held || !w.m.Rights.Schema(app, written.Schema, "USAGE") || unguessable(rel, pairs) {
		return
	}
	f := w.bound(app, written, Insert, "")
	if f.unbound != "" || f.new == nil {
		return // the rows themselves are open
	}
	way := Way{Role: app, As: app, CurrentUser: app, Relation: rel, Command: Select, Kind: Inference, Privileged: true,
		Path: Path{{Via: "constraint", Name: name}}, Opaque: f.opaque, Old: w.met(app, rel, written, pairs, f.new, h.Columns, both...),
		Unbound: "constraints look at every row: an error tells that this one is there"}
	w.emitOnce(way)
}

// met is what is true of those rows of rel that a new row meets over a key: policy is what new rows must fulfil, columns are those
// that they can be given, nil for all.
func (w *walker) met(as string, rel, written *catalog.Relation, pairs []pair, policy expr.Expr, columns []string, both ...expr.Expr) expr.Expr {
	s := &scope{}
	s.add(source{entry: expr.RangeEntry{Kind: "relation", Relation: rel, RelOID: rel.OID, Alias: rel.Name}, as: as})
	s.add(source{entry: expr.RangeEntry{Kind: "relation", Relation: written, RelOID: written.OID, Alias: "new"}, given: true, chosen: true})
	s.require(ofSource(policy, 2), false)
	for _, p := range pairs {
		given := columns == nil || slices.Contains(columns, p.column)
		if p.column == "" {
			given = p.new != nil && !copied(rel, p.new, policy)
		}
		if e := w.same(p); e != nil && given {
			s.require(e, false)
		}
	}
	partial := false
	for _, e := range both {
		s.require(ofSource(e, 1), false)
		if !copied(rel, e, policy) {
			s.require(ofSource(e, 2), false)
			partial = true
		}
	}
	s.dropChosen()
	if !partial { // else there may be no such new row at all
		s.dropGiven()
	}
	return s.lift(1, false)
}

// copied reports whether a new row is as the one that is looked for, as far as an expression goes, where the caller just copies
// its columns: the policy asks nothing of them, and no constraint ties them to others.
func copied(rel *catalog.Relation, e, policy expr.Expr) bool {
	asked := make(map[string]bool)
	vars(policy, func(v *expr.Var) { asked[v.Name] = true })
	ok := true
	vars(e, func(v *expr.Var) {
		c := rel.ColumnByName(v.Name)
		ok = ok && c != nil && c.Generated == "" && !asked[v.Name] && !slices.ContainsFunc(rel.Constraints, func(k catalog.Constraint) bool {
			return (k.Kind == "check" || k.Kind == "foreign") && len(k.Columns) > 1 && slices.Contains(k.Columns, v.Name)
		})
	})
	return ok
}

// ofSource writes an expression over one row as one over a scope's source.
func ofSource(e expr.Expr, rte int) expr.Expr {
	return moved(e, func(*expr.Var) (int, int) { return 0, rte })
}

// same is the condition that a pair's two sides are equal; nil where the type has no equality that is known.
func (w *walker) same(p pair) expr.Expr {
	if p.new == nil {
		return nil
	}
	eq := w.equalityOf(p.of.Type())
	if eq == nil {
		return nil
	}
	return &expr.Operation{Kind: "plain", OID: eq.OID, Op: eq, TypeOID: boolOID, Args: []expr.Expr{ofSource(p.of, 1), ofSource(p.new, 2)}}
}

// uuidOID is the OID of type uuid.
const uuidOID = 2950

// unguessable reports whether a key holds nothing but UUIDs, or a number that the server alone gives.
func unguessable(rel *catalog.Relation, pairs []pair) bool {
	for _, p := range pairs {
		v, ok := p.of.(*expr.Var)
		if !ok || p.new == nil {
			return false
		}
		c := rel.ColumnByName(v.Name)
		if c == nil || c.TypeOID != uuidOID && c.Identity != "always" {
			return false
		}
	}
	return len(pairs) > 0
}
