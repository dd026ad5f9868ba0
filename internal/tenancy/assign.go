package tenancy

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// assignKeys gives each table with a tenant key its class: root or owned.
func (in *inference) assignKeys() {
	for _, t := range in.model.Tables {
		if id, ok := in.rootOf[t.Relation.Identity()]; ok {
			t.Class, t.Key, t.Confidence = Root, []string{id}, in.rootConfidence(t.Relation)
			t.Why = fmt.Sprintf("one row a tenant: the tenant key refers to its %s", id)
			continue
		}
		in.own(t)
	}
}

func (in *inference) rootConfidence(rel *catalog.Relation) Confidence {
	for _, t := range in.model.Tables {
		for i := range t.Relation.Columns {
			if target, _, ok := refersTo(t.Relation, t.Relation.Columns[i].Name); ok && target == rel.Identity() && in.spellings[t.Relation.Columns[i].Name] {
				return Certain
			}
		}
	}
	return Likely
}

// A claimant is a column of one table that may be its key.
type claimant struct {
	column string
	rank   int // higher is better
	why    string
	sure   Confidence
}

// own looks for the table's own key.
func (in *inference) own(t *Table) {
	var all []claimant
	for i := range t.Relation.Columns {
		if c, ok := in.claim(t.Relation, &t.Relation.Columns[i]); ok {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b claimant) int { return b.rank - a.rank })
	if len(all) > 1 && all[0].rank == all[1].rank {
		in.ask("table "+t.Relation.Identity(), []string{all[0].column, all[1].column}, "either column may say whose a row is")
		t.Why = fmt.Sprintf("%s and %s are equally good as its tenant key", all[0].column, all[1].column)
		return
	}
	t.Class, t.Key, t.Why, t.Confidence = Owned, []string{all[0].column}, all[0].why, all[0].sure
}

// claim says what speaks for a column's being its table's key.
func (in *inference) claim(rel *catalog.Relation, col *catalog.Column) (claimant, bool) {
	c := claimant{column: col.Name}
	spelled := in.spellings[col.Name]
	exact, mixed, _ := in.heldAgainst(rel, col.Name)
	target, _, refers := refersTo(rel, col.Name)
	_, toRoot := in.rootOf[target]
	toRoot = toRoot && refers
	weight := tenantWeight(col.Name)
	switch {
	case in.given && spelled:
		c.rank, c.why, c.sure = 10000, "its column "+col.Name+" was named as the tenant key", Certain
	case in.given && !toRoot:
		return c, false
	case exact && (spelled || weight >= saysNothing):
		c.rank, c.why, c.sure = 8000, "its policy holds "+col.Name+" against the tenant context", Certain
	case exact && in.comparedAlike(rel, col.Name):
		c.rank, c.why, c.sure = 7000, "its policy holds "+col.Name+" against what other tables' tenant key is held against", Certain
	case spelled:
		c.rank, c.why, c.sure = 4000, "it carries the tenant key "+col.Name, Likely
	case in.perPerson && in.comparedAlike(rel, col.Name):
		c.rank, c.why, c.sure = 3500, "its policy holds "+col.Name+" against the person whom other tables' tenant key is held against", Likely
	case toRoot && !col.NotNull && namesWho(col.Name) && !spelled && !exact && !mixed:
		return c, false // changed_by says who dealt with a row, and not whose it is
	case toRoot && !otherName(col.Name):
		c.rank, c.why, c.sure = 3000, col.Name+" refers to the tenants' table", Likely
	case toRoot:
		c.rank, c.why, c.sure = 500, col.Name+" refers to the tenants' table", Guess
	case exact && len(in.spellings) == 0:
		c.rank, c.why, c.sure = 2000, "its policy holds "+col.Name+" against the context", Likely
	default:
		return c, false
	}
	if mixed {
		c.rank += 2000
		c.sure = Certain
		c.why += "; its policy compares it with the context"
	}
	if toRoot {
		c.rank += 300
		if c.sure == Likely {
			c.sure = Certain
		}
	}
	if col.NotNull {
		c.rank += 100
	}
	c.rank += weight
	return c, true
}

// otherName reports whether a name says that it is another's id: parent_org_id, billing_account_id.
func otherName(column string) bool {
	for _, w := range words(column) {
		if otherWords[w] {
			return true
		}
	}
	return false
}

// nullable reports whether some key column may be NULL.
func nullable(rel *catalog.Relation, key []string) bool {
	for _, k := range key {
		if c := rel.ColumnByName(k); c != nil && !c.NotNull {
			return true
		}
	}
	return false
}
