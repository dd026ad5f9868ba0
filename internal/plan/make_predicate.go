package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// predicate says which rows of the table are the tenant's: by its own key, by the key that the plan adds, or through its parent.
func (p *planner) predicate(t *tenancy.Table, below ...*tenancy.Table) (Predicate, error) {
	if slices.Contains(below, t) {
		return Predicate{}, fmt.Errorf("its way to the tenant leads back to itself")
	}
	if len(t.Key) > 1 {
		return Predicate{}, fmt.Errorf("it has several tenant keys (%s): ringfence.yaml has to say which one", strings.Join(t.Key, ", "))
	}
	if len(t.Key) == 1 {
		return p.keyPredicate(t.Relation.ColumnByName(t.Key[0]))
	}
	if column := p.addedKey(t); column != "" {
		return p.addedPredicate(t, column)
	}
	if t.Parent == nil {
		return Predicate{}, fmt.Errorf("nothing says how its rows belong to a tenant")
	}
	if len(t.Parent.Rivals) > 0 {
		return Predicate{}, fmt.Errorf("%s, and ringfence.yaml has to say which counts", t.Why)
	}
	return p.parentPredicate(t, append(below, t))
}

func (p *planner) keyPredicate(c *catalog.Column) (Predicate, error) {
	if c == nil {
		return Predicate{}, fmt.Errorf("its tenant key is no column of it")
	}
	if p.blursValues(c) {
		return Predicate{}, fmt.Errorf("the collation of its tenant key %s takes different values for equal", c.Name)
	}
	if p.noContext != nil {
		return Predicate{}, p.noContext
	}
	cast, columnCast := p.keyTypes(c)
	return Predicate{Key: &KeyTest{Column: c.Name, ColumnCast: columnCast, Type: cast, Setting: p.setting, Path: p.path, Signed: p.signed}}, nil
}

// keyTypes gives what the setting is cast to, and the column, so that equality is PostgreSQL's own and is identity: text for all
// that is kept as text (without a length, which a cast would cut to), else the base type.
func (p *planner) keyTypes(c *catalog.Column) (setting, column string) {
	base, domain := p.baseType(c.TypeOID)
	switch {
	case base == "text" && !domain:
		return "", ""
	case textual(base) || strings.HasSuffix(base, ".citext"):
		return "", "text"
	case domain:
		return base, base
	}
	return base, ""
}

func textual(base string) bool {
	return base == "text" || base == "character varying" || base == "character" || base == "bpchar" || base == "name"
}

// baseType is the type beneath domains, as format_type prints it without a modifier.
func (p *planner) baseType(oid uint32) (format string, domain bool) {
	t := p.snap.TypeByOID(oid)
	for t != nil && t.Kind == "domain" && t.Base != 0 {
		t, domain = p.snap.TypeByOID(t.Base), true
	}
	if t == nil {
		return "", domain
	}
	return t.Format, domain
}

func (p *planner) blursValues(c *catalog.Column) bool {
	for i := range p.snap.Collations {
		if p.snap.Collations[i].Name == c.Collation {
			return !p.snap.Collations[i].Deterministic
		}
	}
	return false
}

func (p *planner) parentPredicate(t *tenancy.Table, below []*tenancy.Table) (Predicate, error) {
	rows, err := p.predicate(t.Parent.Table, below...)
	if err != nil {
		return Predicate{}, fmt.Errorf("its parent %s: %w", t.Parent.Table.Relation.Identity(), err)
	}
	test := &ParentTest{Table: nameOf(t.Parent.Table.Relation), Rows: rows}
	for i, column := range t.Parent.Columns {
		pair, err := p.pair(t.Relation.ColumnByName(column), t.Parent.Table.Relation.ColumnByName(t.Parent.Refs[i]))
		if err != nil {
			return Predicate{}, err
		}
		test.On = append(test.On, pair)
	}
	return Predicate{Parent: test}, nil
}

// pair makes an equality of two columns, whose types may differ.
func (p *planner) pair(column, ref *catalog.Column) (Pair, error) {
	if column == nil || ref == nil {
		return Pair{}, fmt.Errorf("its way to its parent names a column that is not there")
	}
	left, leftDomain := p.baseType(column.TypeOID)
	right, rightDomain := p.baseType(ref.TypeOID)
	out := Pair{Column: column.Name, Ref: ref.Name}
	switch {
	case integral(left) && integral(right) || left == right && !textual(left) && !strings.HasSuffix(left, ".citext"):
		if leftDomain {
			out.ColumnCast = left
		}
		if rightDomain {
			out.RefCast = right
		}
	default:
		if left != "text" || leftDomain {
			out.ColumnCast = "text"
		}
		if right != "text" || rightDomain {
			out.RefCast = "text"
		}
	}
	return out, nil
}

func integral(format string) bool {
	return format == "smallint" || format == "integer" || format == "bigint"
}

// addedKey is the column that ringfence.yaml asks the plan to add to a child.
func (p *planner) addedKey(t *tenancy.Table) string {
	return p.config.Tables[t.Relation.Identity()].AddKey
}

// addedPredicate is the key test on a column that is not there yet, of the type of the ancestor's key.
func (p *planner) addedPredicate(t *tenancy.Table, column string) (Predicate, error) {
	if c := t.Relation.ColumnByName(column); c != nil {
		return p.keyPredicate(c)
	}
	key := ancestorKey(t)
	if key == nil {
		return Predicate{}, fmt.Errorf("none of its parents has a tenant key to take over")
	}
	asked := *key
	asked.Name = column
	return p.keyPredicate(&asked)
}

// ancestorKey is the tenant key at the end of the way up.
func ancestorKey(t *tenancy.Table) *catalog.Column {
	for up, steps := t.Parent, 0; up != nil && steps < 32; up, steps = up.Table.Parent, steps+1 {
		if len(up.Table.Key) == 1 {
			return up.Table.Relation.ColumnByName(up.Table.Key[0])
		}
	}
	return nil
}
