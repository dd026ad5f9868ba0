package tenancy

import (
	"slices"
	"sort"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// A candidate is a group of columns, of one stem or tied to one root, that may be the tenant key.
type candidate struct {
	stem      string
	columns   map[string]int  // spelling → tables
	tables    map[string]bool // identities
	compared  int             // tables whose policies hold it against a tenant context, by an equality
	mixed     int             // … in another way
	principal int             // … against a person
	weight    int             // of the name, the best spelling's
	written   int             // columns in which somebody wrote a name down: no key, no index and no reference
	targets   map[string]int  // tables that its foreign keys refer to
	refers    map[string]bool // the columns that they refer to there
	nested    bool            // its own root is inside another candidate's tenant
}

// score says how much speaks for a candidate.
func (c *candidate) score() int {
	n := len(c.tables)
	refs := 0
	for _, k := range c.targets {
		refs += k
	}
	mixed := 800
	if c.weight == 0 {
		mixed = 30 // a path, a list of permissions: its name says nothing, and it does not equal the context
	}
	return 2000*c.compared + mixed*c.mixed + 30*c.principal + c.weight*n + 20*refs*min(c.weight, 1) + 5*n
}

// names are the candidate's spellings, most common first.
func (c *candidate) names() []string { return byCount(c.columns) }

// keys decides which columns are the tenant key.
func (in *inference) keys() {
	if in.given {
		return
	}
	in.spellings = make(map[string]bool)
	all := in.candidates()
	if len(all) == 0 {
		if !in.hub() {
			in.leading(nil)
		}
		return
	}
	best := in.outermost(all)
	if best.compared+best.mixed == 0 && best.weight < surelyTenant && in.overshadowed(best) {
		return
	}
	if best.compared+best.mixed == 0 && len(best.targets) == 0 && in.leading(best) {
		return
	}
	for _, other := range all {
		if other != best && equallyGood(best, other) {
			in.ask("tenant_column", []string{best.names()[0], other.names()[0]},
				"%s stands in %d tables, %s in %d, and nothing says which of them is the tenant", best.names()[0], len(best.tables), other.names()[0], len(other.tables))
			return
		}
	}
	in.accept(best)
	defer in.tenantReads()
	for _, other := range all {
		if other != best && in.sameKey(best, other) {
			in.accept(other)
		}
	}
}

// outermost returns the best candidate or, where each of its rows lies in the tenant of another one that policies hold against the
// context as well, that other one: engagements of an organisation. Where every table of the best, a region or a status, has a column
// that hardly means anything but the tenant, it is that column: policies that do not ask for it are the fault.
func (in *inference) outermost(all []*candidate) *candidate {
	best := all[0]
	for _, other := range all[1:] {
		if best.weight < saysNothing && other.weight >= surelyTenant && best.inside(other) {
			return other
		}
		if other.compared > 0 && other.weight > 0 && in.liesIn(best, other) {
			return other
		}
	}
	return best
}

// inside reports whether every table of c has a column of other as well.
func (c *candidate) inside(other *candidate) bool {
	for t := range c.tables {
		if !other.tables[t] {
			return false
		}
	}
	return true
}

// liesIn reports whether every table that inner's foreign keys refer to lies in outer's tenant.
func (in *inference) liesIn(inner, outer *candidate) bool {
	for target := range inner.targets {
		if !in.leadsInto(target, func(column string) bool { return outer.columns[column] > 0 }, map[string]bool{}) {
			return false
		}
	}
	return len(inner.targets) > 0
}

// leadsInto reports whether a table carries a column that is a key and refers on to another table, or refers to a table that does; none
// of the columns on the way may be NULL.
func (in *inference) leadsInto(table string, key func(column string) bool, seen map[string]bool) bool {
	t := in.model.byRelation[table]
	if t == nil || seen[table] {
		return false
	}
	seen[table] = true
	for i := range t.Relation.Columns {
		c := &t.Relation.Columns[i]
		to, _, refers := refersTo(t.Relation, c.Name)
		if refers && c.NotNull && to != table && (key(c.Name) || in.leadsInto(to, key, seen)) {
			return true
		}
	}
	return false
}

func (in *inference) accept(c *candidate) {
	for name := range c.columns {
		in.spellings[name] = true
	}
}

// tenantReads notes what the tenant key is compared with: a column of another name that is compared with the same is a key too. Where
// that is only ever a person, each person is a tenant, and what names the person is what counts.
func (in *inference) tenantReads() {
	in.readsTenant = make(map[string]bool)
	for _, persons := range []bool{false, true} {
		for i := range in.found.comparisons {
			c := &in.found.comparisons[i]
			if !in.spellings[c.column] || c.principal() != persons || c.member != "" {
				continue
			}
			for _, r := range c.reads {
				in.readsTenant[r.key()] = true
			}
		}
		if len(in.readsTenant) > 0 {
			in.perPerson = persons
			return
		}
	}
}

// comparedAlike reports whether rel's policies hold a column, by an equality, against what the tenant key is held against.
func (in *inference) comparedAlike(rel *catalog.Relation, column string) bool {
	for _, c := range in.compared[rel.Identity()] {
		if c.column != column || !c.exact || c.member != "" || c.principal() && !in.perPerson {
			continue
		}
		for _, r := range c.reads {
			if in.readsTenant[r.key()] {
				return true
			}
		}
	}
	return false
}

// equallyGood reports whether two candidates are as good as each other and stand side by side in the same tables, so that
// one of them must be chosen.
func equallyGood(a, b *candidate) bool {
	if a.compared+a.mixed != b.compared+b.mixed && a.compared+a.mixed > 0 || a.nested != b.nested {
		return false
	}
	if b.score()*100 < a.score()*85 || b.weight*100 < a.weight*75 {
		return false
	}
	both := 0
	for t := range b.tables {
		if a.tables[t] {
			both++
		}
	}
	return both*2 > min(len(a.tables), len(b.tables))
}

// sameKey reports whether other is another spelling of best: compared with a tenant context too, tied to the same root, or of
// a name that says tenant in tables that best is not in.
func (in *inference) sameKey(best, other *candidate) bool {
	if in.liesIn(other, best) {
		return false
	}
	if other.compared > 0 && best.compared > 0 && other.weight > 0 && !other.inside(best) {
		return true
	}
	for column := range other.refers {
		if best.refers[column] && other.weight > 0 {
			return true
		}
	}
	overlap := 0
	for t := range other.tables {
		if best.tables[t] {
			overlap++
		}
	}
	if overlap > 0 || len(other.targets) > 0 {
		return false
	}
	return other.weight >= 80 || other.compared+other.mixed > 0 && other.weight > 0
}

// candidates returns the groups of columns that may be the tenant key, best first.
func (in *inference) candidates() []*candidate {
	groups := make(map[string]*candidate)
	for _, t := range in.model.Tables {
		for i := range t.Relation.Columns {
			in.vote(groups, t.Relation, &t.Relation.Columns[i])
		}
	}
	var out []*candidate
	for _, c := range groups {
		in.nesting(c)
		if c.weight == 0 && c.compared+c.mixed+c.principal == 0 || in.onlyWritten(c) {
			continue
		}
		out = append(out, c)
	}
	sort.Slice(out, func(i, j int) bool {
		if a, b := out[i].score(), out[j].score(); a != b {
			return a > b
		}
		return out[i].stem < out[j].stem
	})
	return out
}

// vote counts one column for its group.
func (in *inference) vote(groups map[string]*candidate, rel *catalog.Relation, col *catalog.Column) {
	weight := 0
	if in.keyType(col) {
		weight = tenantWeight(col.Name)
	}
	exact, mixed, principal := in.heldAgainst(rel, col.Name)
	if weight == 0 && !exact && !mixed && !principal || in.freeText(rel, col) && !exact {
		return
	}
	if soleID(rel, col.Name) && stem(col.Name) == "" && !exact || !exact && !in.keyType(col) {
		return
	}
	name := stem(col.Name)
	if name == "" {
		name = "\x00" + col.Name
	}
	c := groups[name]
	if c == nil {
		c = &candidate{stem: name, columns: make(map[string]int), tables: make(map[string]bool), targets: make(map[string]int), refers: make(map[string]bool)}
		groups[name] = c
	}
	if stem(col.Name) == "" && soleID(rel, col.Name) {
		return // a root's own id, compared with the context: it says which table is the root, not what the key is called
	}
	c.columns[col.Name]++
	c.tables[rel.Identity()] = true
	c.weight = max(c.weight, weight)
	if in.writtenDown(rel, col) {
		c.written++
	}
	switch {
	case exact:
		c.compared++
	case mixed:
		c.mixed++
	case principal:
		c.principal++
	}
	if target, column, ok := refersTo(rel, col.Name); ok && target != rel.Identity() {
		c.targets[target]++
		c.refers[target+"\x00"+column] = true
	}
}

// freeText reports whether somebody wrote down a tenant's name beside a person's own entry: an address book's organization.
func (in *inference) freeText(rel *catalog.Relation, col *catalog.Column) bool {
	return in.writtenDown(rel, col) && stem(col.Name) == singular(strings.ToLower(col.Name)) && slices.ContainsFunc(rel.Columns, func(c catalog.Column) bool {
		_, _, refers := refersTo(rel, c.Name)
		return refers && c.NotNull && personal(c.Name)
	})
}

// writtenDown reports whether a column is a text that names no tenant: it may be left out and no index and no key knows it, or it is what
// the rows of a table are called by themselves, as property_name in property.
func (in *inference) writtenDown(rel *catalog.Relation, col *catalog.Column) bool {
	_, _, refers := refersTo(rel, col.Name)
	if t := in.snap.TypeByOID(in.model.Reader.BaseType(col.TypeOID)); refers || t == nil || t.Category != "S" {
		return false
	}
	if ws := words(col.Name); ws[len(ws)-1] == "name" && stem(col.Name) == stem(rel.Name) {
		return true
	}
	if col.NotNull {
		return false
	}
	for i := range rel.Indexes {
		if slices.ContainsFunc(rel.Indexes[i].Keys, func(k catalog.IndexKey) bool { return k.Column == col.Name }) {
			return false
		}
	}
	return true
}

// onlyWritten reports whether a candidate's columns were all written down, in fewer than half of the tables, and are not called as
// nothing but a tenant is.
func (in *inference) onlyWritten(c *candidate) bool {
	return c.written > 0 && c.written == len(c.tables) && c.compared+c.mixed+c.principal == 0 && len(c.tables)*2 < len(in.model.Tables)
}

// heldAgainst says how rel's policies hold a column against the context.
func (in *inference) heldAgainst(rel *catalog.Relation, column string) (exact, mixed, principal bool) {
	for _, c := range in.compared[rel.Identity()] {
		if c.column != column {
			continue
		}
		switch {
		case c.principal():
			principal = true
		case c.exact:
			exact = true
		default:
			mixed = true
		}
	}
	return exact, mixed, principal
}

// nesting marks a candidate whose own root carries another tenant's key: an organisation inside a client.
func (in *inference) nesting(c *candidate) {
	for target := range c.targets {
		t := in.model.byRelation[target]
		if t == nil {
			continue
		}
		for i := range t.Relation.Columns {
			col := &t.Relation.Columns[i]
			if _, mine := c.columns[col.Name]; mine || !in.keyType(col) || tenantWeight(col.Name) < 40 {
				continue
			}
			if other, _, ok := refersTo(t.Relation, col.Name); ok && other != target {
				c.nested = true
				c.weight = c.weight / 2
			}
		}
	}
}

// keyType reports whether a column's type can hold a tenant's name: text, number, UUID and what is made of them.
func (in *inference) keyType(col *catalog.Column) bool {
	t := in.snap.TypeByOID(in.model.Reader.BaseType(col.TypeOID))
	if t == nil {
		return true
	}
	switch t.Category {
	case "S", "N", "E":
		return true
	case "U":
		return !strings.Contains(t.Name, "json") && (t.Name != "bytea" || identifies(col.Name)) && t.Name != "xml" && t.Name != "tsvector"
	default:
		return false
	}
}

// soleID reports whether a column alone is the table's primary key.
func soleID(rel *catalog.Relation, column string) bool {
	for i := range rel.Constraints {
		if c := &rel.Constraints[i]; c.Kind == "primary" {
			return len(c.Columns) == 1 && c.Columns[0] == column
		}
	}
	return false
}

// refersTo returns the table and column that a column's own foreign key refers to, a key of one column before a composite one.
func refersTo(rel *catalog.Relation, column string) (table, refers string, ok bool) {
	width := 0
	for i := range rel.Constraints {
		c := &rel.Constraints[i]
		if c.Kind != "foreign" {
			continue
		}
		for k, name := range c.Columns {
			if name == column && k < len(c.RefColumns) && (!ok || len(c.Columns) < width) {
				table, refers, ok, width = c.RefTable, c.RefColumns[k], true, len(c.Columns)
			}
		}
	}
	return table, refers, ok
}
