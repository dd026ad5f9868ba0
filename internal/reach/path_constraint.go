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
		pairs := make([][2]string, 0, len(x.Keys))
		for _, k := range x.Keys {
			if k.Column != "" && x.Unique { // what an exclusion compares otherwise than by equality is left free
				pairs = append(pairs, [2]string{k.Column, k.Column})
			}
		}
		w.told(app, rel, rel, pairs, x.Name+" on "+rel.Identity())
	}
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
		pairs := make([][2]string, len(c.Columns))
		for k := range c.Columns {
			pairs[k] = [2]string{c.RefColumns[k], c.Columns[k]}
		}
		w.told(app, to, from, pairs, c.Name+" on "+from.Identity())
	}
}

// told yields the way to the existence of rel's rows over a key of the table that is written: pairs are columns of rel and of
// the new row that are equal.
func (w *walker) told(app string, rel, written *catalog.Relation, pairs [][2]string, name string) {
	h := w.m.Rights.Relation(app, written, "INSERT")
	if !h.Held || !w.m.Rights.Schema(app, written.Schema, "USAGE") || unguessable(rel, pairs) {
		return
	}
	f := w.bound(app, written, Insert, "")
	if f.unbound != "" || f.new == nil {
		return // the rows themselves are open
	}
	s := &scope{}
	s.add(source{entry: expr.RangeEntry{Kind: "relation", Relation: rel, RelOID: rel.OID, Alias: rel.Name}, as: app})
	s.add(source{entry: expr.RangeEntry{Kind: "relation", Relation: written, RelOID: written.OID, Alias: "new"}, given: true, chosen: true})
	s.require(moved(f.new, func(*expr.Var) (int, int) { return 0, 2 }), false)
	for _, p := range pairs {
		if e := w.same(rel, written, p); e != nil && (h.Columns == nil || slices.Contains(h.Columns, p[1])) {
			s.require(e, false)
		}
	}
	s.drop()
	way := Way{Role: app, As: app, CurrentUser: app, Relation: rel, Command: Select, Kind: Inference, Privileged: true,
		Path: Path{{Via: "constraint", Name: name}}, Opaque: f.opaque, Old: s.lift(1, false),
		Unbound: "constraints look at every row: an error tells that this one is there"}
	w.emitOnce(way)
}

// same is the condition that a row's column equals the new row's.
func (w *walker) same(rel, written *catalog.Relation, pair [2]string) expr.Expr {
	a, b := rel.ColumnByName(pair[0]), written.ColumnByName(pair[1])
	eq := w.equality(a)
	if b == nil || eq == nil {
		return nil
	}
	column := func(rte int, c *catalog.Column) expr.Expr {
		return &expr.Var{RTE: rte, Num: c.Num, Name: c.Name, TypeOID: c.TypeOID, TypeMod: c.TypeMod}
	}
	return &expr.Operation{Kind: "plain", OID: eq.OID, Op: eq, TypeOID: boolOID, Args: []expr.Expr{column(1, a), column(2, b)}}
}

// uuidOID is the OID of type uuid.
const uuidOID = 2950

// unguessable reports whether a key holds nothing but UUIDs, or a number that the server alone gives.
func unguessable(rel *catalog.Relation, pairs [][2]string) bool {
	for _, p := range pairs {
		c := rel.ColumnByName(p[0])
		if c == nil || c.TypeOID != uuidOID && c.Identity != "always" {
			return false
		}
	}
	return len(pairs) > 0
}
